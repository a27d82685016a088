/** One simulated `EventSource`: GET /v1/events on a connection of its own, by HTTP/1.1. It answers nothing, and is there once the stream began. */

import { Connected } from "./Connected.ts"
import type { Crowd } from "./Crowd.ts"
import type { WebOpening } from "./WebClient.ts"
import * as Wire from "./Wire.ts"

const nothing: Wire.Seen = { kind: 0, key: "", version: 0, revision: 0, stale: false, at: 0, digest: "", epoch: "" }
const synced: Wire.Seen = { ...nothing, kind: Wire.SYNCED }

let last: { readonly text: string; readonly seen: Wire.Seen | undefined } = { text: "", seen: undefined }
/** An event of a change; the same text goes to all. */
const read = (text: string): Wire.Seen | undefined => {
  if (text !== last.text) {
    const data = /^data: (.*)$/m.exec(text)?.[1]
    const change = text.startsWith("event: change") && data !== undefined ? JSON.parse(data) : undefined
    const { key, version, revision, epoch = "", digest = "" } = change ?? {}
    last = { text, seen: change && { ...nothing, key, version, revision, epoch, digest, at: change.value?.at ?? 0 } }
  }
  return last.seen
}

export class EventClient extends Connected {
  #head = ""
  #isOpen = false
  #bytes: Buffer = Buffer.alloc(0)
  #text = ""

  constructor(crowd: Crowd, { token, keys, ...meeting }: WebOpening) {
    const query = [`environment=production`, ...keys.map((key) => `pattern=${key}`)].join("&")
    super(
      crowd,
      meeting,
      `GET /v1/events?${query} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`
    )
  }

  protected override read(chunk: Buffer): void {
    if (this.#isOpen) {
      this.#chunks(chunk)
      return
    }
    this.#head += chunk.toString("latin1")
    const end = this.#head.indexOf("\r\n\r\n")
    if (end < 0) return
    this.#isOpen = this.#head.startsWith("HTTP/1.1 200")
    if (!this.#isOpen) this.end(this.#head.slice(0, 600))
    else {
      this.#chunks(Buffer.from(this.#head.slice(end + 4), "latin1"))
      this.crowd.received(this, synced)
    }
  }

  /** RFC 9112 §7.1 */
  #chunks(chunk: Buffer): void {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    let at = 0
    while (at < bytes.length) {
      const line = bytes.indexOf("\r\n", at)
      if (line < 0) break
      const length = Number.parseInt(bytes.toString("latin1", at, line), 16)
      if (length === 0) this.end("the stream ended")
      if (length === 0 || line + 4 + length > bytes.length) break
      this.#text += bytes.toString("utf8", line + 2, line + 2 + length)
      at = line + 4 + length
    }
    this.#bytes = bytes.subarray(at)
    const events = this.#text.split("\n\n")
    this.#text = events.pop()!
    for (const event of events) {
      const seen = read(event)
      if (seen !== undefined) this.crowd.received(this, seen)
    }
  }
}
