/**
 * A Herald node in memory, as a client sees it: what it says to a hello, a publish, an answer, a second client of one name, and when it is
 * unsure. test/contracts/Conversations.ts holds it to what a real node does over gRPC.
 */

import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import {
  type Ack,
  AckOutcome,
  type ConfigUpdate,
  type SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Ended, Stream, StreamEvents, Transport } from "../../src/client/Transport.ts"
import { FakeStream } from "./FakeStream.ts"

export interface Published {
  readonly key: string
  /** Undefined: deleted. */
  readonly content: string | undefined
  readonly format: string
  readonly strict: boolean
  readonly version: number
  readonly revision: bigint
}

interface Session {
  readonly hello: SubscribeRequest
  readonly stream: FakeStream
  /** What it has of each key: digest, "" for a deletion. */
  readonly told: Map<
    string,
    { readonly digest: string; readonly content: string; readonly revision: bigint; readonly stale: boolean }
  >
}

const TOKEN = "the token"
const none: Ended = { status: 0, message: "", code: undefined, hopeless: false, reconnectAfterMillis: undefined }
const refused = (status: number, code: string, message: string, hopeless: boolean): Ended => ({
  ...none,
  status,
  code,
  message,
  hopeless
})

const covers = (patterns: ReadonlyArray<string>, key: string) =>
  patterns.some((pattern) => (pattern.endsWith(".*") ? key.startsWith(pattern.slice(0, -1)) : pattern === key))

export class FakeNode {
  epoch = "e1"
  revision = 0n
  unsure = false
  readonly heads = new Map<string, Published>()
  readonly acks: Array<Ack & { readonly instance: string }> = []
  readonly sessions = new Map<string, Session>()

  readonly token = TOKEN

  publish(key: string, content: string | undefined, { format = "json", strict = false } = {}): bigint {
    const revision = ++this.revision
    const version = (this.heads.get(key)?.version ?? 0) + 1
    this.heads.set(key, { key, content, format, strict, version, revision })
    for (const session of this.sessions.values()) this.#tell(session, key)
    return revision
  }

  /** Clients are told at once; what was withheld follows when the node is sure again. */
  become(unsure: boolean): void {
    if (this.unsure === unsure) return
    this.unsure = unsure
    for (const session of this.sessions.values()) {
      if (!unsure) for (const key of this.heads.keys()) this.#tell(session, key)
      this.#say(session, {
        kind: UpdateKind.UPDATE_KIND_HEARTBEAT,
        stale: unsure,
        epoch: this.epoch,
        revision: this.revision
      })
    }
  }

  /** The history is lost: streams end, and clients that come back are compared anew. */
  lose(epoch: string): void {
    this.epoch = epoch
    for (const session of [...this.sessions.values()])
      this.#end(session, refused(14, "HRLD-4001", "the history is another", false))
  }

  drain(millis: number): void {
    for (const session of [...this.sessions.values()]) {
      this.#say(session, { kind: UpdateKind.UPDATE_KIND_DRAIN, reconnectAfterMs: millis })
      this.#end(session, refused(14, "HRLD-5001", "the server is leaving", false))
    }
  }

  cut(): void {
    for (const session of [...this.sessions.values()]) this.#end(session, refused(14, "", "gone", false))
  }

  /** For a client with this token. */
  transport(token: string | undefined = TOKEN): Transport {
    return {
      open: (first, events) => this.#open(first, events, token),
      reportHealth: async () => true,
      close: () => {}
    }
  }

  #open(first: SubscribeRequest, events: StreamEvents, token: string | undefined): Stream {
    let session: Session | undefined
    let hello: SubscribeRequest | undefined
    const heard = (request: SubscribeRequest) => {
      if (!stream.open) return
      if (token !== TOKEN) stream.end(refused(16, "HRLD-3001", "the token is not known", false))
      else if (first.serviceName === "" || first.instanceId === "")
        stream.end(refused(3, "HRLD-1001", "a name is missing", false))
      else if (session !== undefined) this.#answer(session, request)
      else {
        hello = hello === undefined ? request : { ...hello, held: [...hello.held, ...request.held] }
        if (!request.heldMore) session = this.#begin(hello, stream)
      }
    }
    const stream = new FakeStream(first, events, { heard, left: () => session !== undefined && this.#forget(session) })
    queueMicrotask(() => stream.begin())
    return stream
  }

  #begin(hello: SubscribeRequest, stream: FakeStream): Session {
    const name = `${hello.environment}\0${hello.serviceName}\0${hello.instanceId}`
    const former = this.sessions.get(name)
    if (former !== undefined) this.#end(former, refused(10, "HRLD-5002", "another client took this name", true))
    const session: Session = { hello, stream, told: new Map() }
    this.sessions.set(name, session)
    for (const { key, digest, revision, sha256: bytes } of hello.held) {
      const hex = digest !== "" ? digest : Buffer.from(bytes).toString("hex")
      const content = this.heads.get(key)?.content
      session.told.set(key, {
        digest: hex,
        content: content !== undefined && digestOf(content) === hex ? content : "",
        revision,
        stale: false
      })
    }
    for (const key of this.heads.keys()) this.#tell(session, key, true)
    for (const { key } of hello.held) {
      const about = { key, epoch: this.epoch, revision: this.revision }
      if (!this.heads.has(key)) this.#say(session, { ...about, kind: UpdateKind.UPDATE_KIND_DELETED })
    }
    this.#say(session, {
      kind: UpdateKind.UPDATE_KIND_SYNCED,
      stale: this.unsure,
      epoch: this.epoch,
      revision: this.revision
    })
    return session
  }

  #tell(session: Session, key: string, first = false): void {
    const { hello, told } = session
    const patterns = hello.keys.length > 0 ? hello.keys : [hello.serviceName, `${hello.serviceName}.*`]
    const head = this.heads.get(key)
    if (head === undefined || !session.stream.open || !covers(patterns, key)) return
    if (head.strict && this.unsure) {
      return
    }
    const before = told.get(key)
    const about = {
      key,
      epoch: this.epoch,
      revision: head.revision,
      version: BigInt(head.version),
      strict: head.strict,
      stale: this.unsure
    }
    if (head.content === undefined) {
      const { position } = hello
      const behind =
        position !== undefined &&
        position.epoch === this.epoch &&
        position.revision > 0n &&
        position.revision < head.revision
      if (before?.digest === "" || (before === undefined && first && !behind)) return
      told.set(key, { digest: "", content: "", revision: head.revision, stale: this.unsure })
      this.#say(session, { ...about, kind: UpdateKind.UPDATE_KIND_DELETED })
      return
    }
    const missing = [...head.content.matchAll(/\{\{client\.(\w+)\}\}/g)].find(
      ([, label]) => hello.metadata[label!] === undefined
    )
    if (missing !== undefined) {
      this.#say(session, {
        ...about,
        kind: UpdateKind.UPDATE_KIND_PROBLEM,
        message: `the label ${missing[1]} is missing`
      })
      return
    }
    const content = head.content.replaceAll(/\{\{client\.(\w+)\}\}/g, (_, label) => hello.metadata[label] ?? "")
    const digest = digestOf(content)
    const same = before !== undefined && before.digest === digest
    if (same && (first || (before.revision === head.revision && !(before.stale && !this.unsure)))) return
    told.set(key, { digest, content, revision: head.revision, stale: this.unsure })
    const patch = JSON.stringify([
      { op: "replace", path: "", value: head.format === "json" ? JSON.parse(content) : null }
    ])
    const delta =
      hello.acceptsDelta &&
      head.format === "json" &&
      before !== undefined &&
      before.content !== "" &&
      patch.length < content.length
    this.#say(session, {
      ...about,
      format: head.format,
      digest,
      content: Buffer.from(delta ? patch : content),
      deltaBase: delta ? before.digest : ""
    })
  }

  #answer(session: Session, { acks }: SubscribeRequest): void {
    for (const ack of acks) {
      if (ack.outcome !== AckOutcome.ACK_OUTCOME_APPLIED && ack.outcome !== AckOutcome.ACK_OUTCOME_REJECTED) {
        this.#end(session, refused(3, "HRLD-1001", "an answer has no outcome", false))
        return
      }
      const told = session.told.get(ack.key)
      const counts = told?.revision === ack.revision && (ack.epoch === "" || ack.epoch === this.epoch)
      if (counts) this.acks.push({ ...ack, instance: session.hello.instanceId })
    }
  }

  #say(session: Session, update: Partial<ConfigUpdate>): void {
    queueMicrotask(() => session.stream.say(update))
  }

  #end(session: Session, ended: Ended): void {
    this.#forget(session)
    queueMicrotask(() => session.stream.end(ended))
  }

  #forget(session: Session): void {
    for (const [name, one] of this.sessions) if (one === session) this.sessions.delete(name)
  }
}
