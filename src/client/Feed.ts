/**
 * Stands between the wire and the values: says what we hold when a stream opens, and takes each message for what it means.
 *
 *   FD1  A delta that does not give the digest it names is never used: everything is asked for again, whole.
 *   FD2  A key of which the server sent nothing before a sync is as we said at the start of the stream (a value or nothing), whatever came
 *        earlier and is still waiting or was refused; unless the server is behind us or unsure.
 *   FD3  We always say what we hold, however much it is (a refused version is not held): the server decides by that. The position speaks
 *        for the keys that we do not mention, that is, for deletions.
 *   FD4  Revisions of what we hold are of the position's epoch. What we hold of a lost history has none there, so we send 0.
 */
import type { ConfigUpdate, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { SubscribeRequest as Request } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { coveredBy } from "../keys/Pattern.ts"
import type { Checked } from "./CheckedOptions.ts"
import { sameMark, type Version } from "./Entry.ts"
import { hello } from "./Held.ts"
import { incoming } from "./Incoming.ts"
import type { Snapshot } from "./KeptFile.ts"
import type { ClientEvent } from "./Options.ts"
import { hexBytes } from "./Platform.ts"
import type { Updates } from "./Updates.ts"
import type { Values } from "./Values.ts"

export interface FeedEvents {
  readonly rejected: (version: Version, reason: string) => void
  readonly restart: (why: string) => void
  readonly event: (event: ClientEvent) => void
  /** The server has become unsure, or sure again, whether what it has sent is the newest. */
  readonly unsure: (unsure: boolean) => void
}

export class Feed {
  readonly #checked: Checked
  readonly #values: Values
  readonly #updates: Updates
  readonly #events: FeedEvents
  /** On the next stream we ask for everything, and for no deltas. FD1 */
  #whole = false
  /** What we said we hold when the current stream began. */
  #said = new Map<string, Version>()
  #mentioned = new Set<string>()

  constructor(checked: Checked, values: Values, updates: Updates, events: FeedEvents) {
    this.#checked = checked
    this.#values = values
    this.#updates = updates
    this.#events = events
  }

  /** Starts from what was on disk. */
  resume({ versions, epoch, revision }: Snapshot): void {
    const wanted = versions.filter(({ key }) => coveredBy(this.#checked.patterns, key))
    this.#values.fromDisk(wanted, epoch, revision)
  }

  /** The messages that a stream begins with. */
  hello(): Iterator<SubscribeRequest, void, void> {
    const { service, instance, environment, labels, keys } = this.#checked
    const deltas = !this.#whole
    const held = this.#whole ? [] : this.#values.held() // FD3
    this.#whole = false
    this.#said = new Map(held.map((version) => [version.key, version]))
    this.#mentioned = new Set()
    const position = this.#values.position()
    const first = Request.fromPartial({
      serviceName: service,
      instanceId: instance,
      environment,
      metadata: { ...labels },
      keys: [...keys],
      version: BigInt(this.#said.get(service)?.version ?? 0),
      ...(held.length === 0 || position.epoch === "" ? {} : { position }),
      acceptsDelta: deltas,
      control: true
    })
    const said = held.map(({ key, digest, revision, epoch }) => ({
      key,
      digest,
      revision: epoch === position.epoch ? revision : 0n // FD4
    }))
    return hello(first, this.#checked.helloBytes, said, () => Request.fromPartial({}), hexBytes)
  }

  update(update: ConfigUpdate, live: boolean): void {
    this.#mentioned.add(update.key)
    const read = incoming(update, (digest) => this.#values.base(update.key, digest))
    if (read.kind === "mismatch") {
      this.#whole = true // FD1
      this.#values.forgetBases()
      this.#events.event({ type: "resync", key: update.key, reason: read.reason })
      this.#events.restart(`the delta of "${update.key}" can't be used: ${read.reason}`)
      return
    }
    if (read.kind === "broken") {
      this.#values.slot(update.key).problem = read.reason
      this.#events.rejected(read.version, read.reason)
      this.#updates.told(update.key)
      return
    }
    this.#updates.receive(read.version)
    if (live) this.#values.advance(update.epoch, update.revision)
  }

  problem({ key, message }: ConfigUpdate): void {
    this.#mentioned.add(key)
    this.#values.slot(key).problem = message
    this.#updates.told(key)
    this.#events.event({ type: "problem", key, reason: message })
  }

  heartbeat({ stale }: ConfigUpdate): void {
    this.#freshness(stale)
  }

  synced({ epoch, revision, stale }: ConfigUpdate): void {
    this.#freshness(stale)
    for (const [key, { newest }] of [...this.#values.slots()]) {
      if (this.#mentioned.has(key) || newest === undefined) continue
      const said = this.#said.get(key)
      const behind = newest.epoch === epoch && revision < newest.revision
      if (said !== undefined && sameMark(said, newest)) this.#values.promote(key)
      else if (!stale && !behind && newest.digest !== (said?.digest ?? "")) {
        this.#updates.receive({ ...(said ?? gone(key)), epoch, revision, source: "live" }) // FD2
      }
    }
    this.#values.advance(epoch, revision)
  }

  #freshness(unsure: boolean): void {
    if (this.#values.said(unsure)) this.#events.unsure(unsure)
  }
}

const gone = (key: string): Version => ({
  key,
  version: 0,
  revision: 0n,
  epoch: "",
  format: "string",
  content: "",
  digest: "",
  deleted: true,
  strict: false,
  unconfirmed: false,
  source: "live",
  traceparent: ""
})
