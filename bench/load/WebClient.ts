/** One simulated page: a WebSocket by hand (RFC 6455), one stream of `/v1/stream` in JSON, an answer to every update, as the SDK says it. */

import { Connected, type Meeting } from "./Connected.ts"
import type { Crowd } from "./Crowd.ts"
import { PeerAway } from "./Simulated.ts"
import * as Wire from "./Wire.ts"

const MASK = 0x37fa213d
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10] as const

/** A client's frame. All who say the same share it: one mask is as good as another here. */
const framed = (opcode: number, payload: Buffer): Buffer => {
  const head = payload.length < 126 ? 2 : 4
  const bytes = Buffer.alloc(head + 4 + payload.length)
  bytes[0] = 0x80 | opcode
  bytes[1] = 0x80 | (head === 2 ? payload.length : 126)
  if (head === 4) bytes.writeUInt16BE(payload.length, 2)
  bytes.writeUInt32BE(MASK, head)
  for (let i = 0; i < payload.length; i++) bytes[head + 4 + i] = payload[i]! ^ bytes[head + (i & 3)]!
  return bytes
}
const said = (message: unknown): Buffer => framed(TEXT, Buffer.from(JSON.stringify(message)))

export const beat = said({ subscribe: { heartbeat: true } })
export const applied = ({ key, revision, epoch }: Wire.Seen): Buffer =>
  said({ subscribe: { acks: [{ key, revision: String(revision), outcome: "ACK_OUTCOME_APPLIED", epoch }] } })

const kinds = ["VALUE", "DELETED", "SYNCED", "HEARTBEAT"].map((name) => `UPDATE_KIND_${name}`)

/** What the last message of all said: the same bytes go to all who are sent a change, and none of them is timed for reading them again. */
let last: { readonly bytes: Buffer; readonly seen: Wire.Seen | "welcome" | undefined } = {
  ...{ bytes: Buffer.alloc(0), seen: undefined }
}
const read = (bytes: Buffer): Wire.Seen | "welcome" | undefined => {
  if (!bytes.equals(last.bytes)) {
    const { welcome, update, problem } = JSON.parse(bytes.toString())
    if (problem !== undefined) throw new PeerAway(`the server said ${JSON.stringify(problem)}`)
    const content = update?.content === undefined ? "" : Buffer.from(update.content, "base64").toString()
    const seen: Wire.Seen | undefined = update && {
      kind: Math.max(0, kinds.indexOf(update.kind ?? kinds[0])),
      key: update.key ?? "",
      version: Number(update.version ?? 0),
      revision: Number(update.revision ?? 0),
      stale: update.stale === true,
      at: Wire.timeOf(content),
      digest: update.digest ?? "",
      epoch: update.epoch ?? ""
    }
    last = { bytes: Buffer.from(bytes), seen: welcome === undefined ? seen : "welcome" }
  }
  return last.seen
}

export interface WebOpening extends Meeting {
  readonly token: string
  readonly service: string
  readonly keys: ReadonlyArray<string>
}

export class WebClient extends Connected {
  readonly #opening: WebOpening
  #rest: Buffer | undefined
  #isOpen = false

  constructor(crowd: Crowd, opening: WebOpening) {
    const headers = [
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${Buffer.alloc(16, opening.number).toString("base64")}`
    ]
    super(
      crowd,
      opening,
      `GET /v1/stream HTTP/1.1\r\nHost: bench\r\n${headers.join("\r\n")}\r\nSec-WebSocket-Protocol: herald.v1.json\r\n\r\n`
    )
    this.#opening = opening
  }

  override beat(): void {
    super.beat()
    this.socket.write(beat)
  }

  protected override read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = this.#isOpen ? 0 : this.#opened(bytes)
    while (this.#isOpen && bytes.length - at >= 2) {
      const short = bytes[at + 1]!
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (bytes.length - at < head) break
      const length =
        head === 2 ? short : head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
      const end = at + head + length
      if (end > bytes.length) break
      this.#hear(bytes[at]! & 15, bytes.subarray(at + head, end))
      at = end
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
  }

  /** Bytes of the answer that opened it; 0: it is not whole. */
  #opened(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n")
    if (end < 0) return 0
    const first = bytes.toString("latin1", 0, bytes.indexOf("\r"))
    if (!first.startsWith("HTTP/1.1 101")) this.end(first)
    else {
      this.#isOpen = true
      this.socket.write(said({ hello: { token: this.#opening.token } }))
    }
    return end + 4
  }

  #hear(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.socket.write(framed(PONG, payload))
    else if (opcode === CLOSE) this.end(`the server said goodbye: ${payload.toString("latin1", 2)}`)
    if (opcode !== TEXT) return
    try {
      const seen = read(payload)
      if (seen === "welcome") this.#subscribe()
      else if (seen !== undefined) {
        const answer = this.crowd.received(this, seen)
        if (answer !== undefined) this.socket.write(answer)
      }
    } catch (error) {
      this.end((error as Error).message)
    }
  }

  #subscribe(): void {
    const { service, number, keys } = this.#opening
    this.socket.write(said({ subscribe: { serviceName: service, instanceId: `page-${number}`, keys, control: true } }))
  }
}
