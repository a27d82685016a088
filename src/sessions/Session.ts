/**
 * The state of one connected client: its stage of life, and what it still has to be told. Its actor is in Actor.ts.
 *
 *   S1  At most one pending update a key: a slow client skips versions, never the latest.
 *   S2  Updates of a key reach the sink with increasing revisions; after a lost history (a new epoch) counting starts again.
 *   S3  Only the client's own traffic keeps it alive; what is sent to it does not.
 *   SG1 in Stage.ts, S7 and S8 in Told.ts
 */
import { Deferred, Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { baseOf } from "../delta/Delta.ts"
import { instanceKey } from "../fleet/Instance.ts"
import type { Mark, Update } from "../updates/Update.ts"
import type { Ending } from "./Ending.ts"
import type { HeldEntry } from "./Held.ts"
import { Mailbox } from "./Mailbox.ts"
import type { Keys, Look, Place, Stage } from "./Stage.ts"
import type { Answer, Subscription } from "./Subscription.ts"
import { Told } from "./Told.ts"

/** The transport of one client. */
export interface Sink {
  /**
   * False when the transport is full, and then it has taken it nevertheless: wait for `drained` before the next write. False also when the
   * call is over. Never blocks; throws for what it can't carry.
   */
  readonly write: (update: Update) => boolean
  /** Calls back once, never within this call, when the transport takes more; perhaps never when the call is over. One waits at a time. */
  readonly drained: (then: () => void) => void
}

export class Session {
  readonly id: string
  /** Unique in the cluster: `<run>/<number>`. */
  readonly ref: string
  readonly subscription: Subscription
  readonly sink: Sink
  /** How it ends, as soon as that is decided. */
  readonly ended = Deferred.makeUnsafe<Ending>()
  /** Milliseconds since 1970. */
  readonly connectedAt: number
  /** It connected without holding anything. */
  readonly empty: boolean
  /** Keys whose newest update is not yet sent, in order. S1 */
  readonly pending = new Set<string>()
  /** Keys to look at again when the view is confirmed: they were sent as stale, or not at all. */
  readonly unsure = new Set<string>()
  /** What the client said it holds of keys that it was told nothing of yet, because they are withheld or can't be read. */
  readonly claims = new Map<string, HeldEntry>()
  readonly told = new Told()
  readonly mailbox = new Mailbox()
  /** When the client was last heard, in monotonic nanoseconds. S3 */
  heardAt: bigint
  /** The client is known to send more than its first message, so its silence means something. */
  answers: boolean
  /** Up to this key, values that it comes to were asked for. DV5 */
  readTo = ""
  /** When its last sign of life was noted, in milliseconds since 1970. */
  notedAt = 0
  readonly #tell: Array<(ending: Ending) => void> = []
  #stage: Stage

  constructor(options: {
    readonly ref: string
    readonly subscription: Subscription
    readonly sink: Sink
    readonly connectedAt: number
    /** Monotonic nanoseconds. */
    readonly now: bigint
  }) {
    const { client, held, control } = options.subscription
    this.ref = options.ref
    this.id = instanceKey(client)
    this.subscription = options.subscription
    this.sink = options.sink
    this.connectedAt = options.connectedAt
    this.empty = held.size === 0
    this.heardAt = options.now
    this.answers = control
    this.#stage = { name: "opening", hello: held }
  }

  /** Who opened it. */
  get identity(): Identity {
    return this.subscription.identity
  }

  get stage(): Stage {
    return this.#stage
  }

  /** opening → comparing: it has taken its place. */
  begin(place: Place, keys: Keys): void {
    if (this.#stage.name === "opening") this.#stage = { name: "comparing", place, hello: this.#stage.hello, keys }
    this.mailbox.wake()
  }

  /** Compares all keys, from the beginning. Does nothing when the session is leaving. */
  compare(keys: Keys): void {
    if (this.#stage.name === "comparing" || this.#stage.name === "live") this.#stage.keys = keys
    this.mailbox.wake()
  }

  /** comparing → live: nothing is left to send, and the client is about to hear so. */
  settle(): void {
    if (this.#stage.name !== "comparing") return
    const { place, hello } = this.#stage
    hello.drop()
    this.#stage = { name: "live", place, keys: undefined, owes: false, said: undefined }
  }

  /** → leaving: decides how it ends, once, and stops its actor. SG1 */
  end(ending: Ending): void {
    if (this.#leave(ending)) this.#decided(ending)
  }

  /** Calls back with how it ends, as soon as that is decided: within `end`, or within this call if it was before. */
  whenEnded(tell: (ending: Ending) => void): void {
    const stage = this.#stage
    if (stage.name === "leaving" || stage.name === "over") tell(stage.ending)
    else this.#tell.push(tell)
  }

  #decided(ending: Ending): void {
    Deferred.doneUnsafe(this.ended, Effect.succeed(ending))
    for (const tell of this.#tell.splice(0)) tell(ending)
  }

  /** → over: its actor has stopped. `ending` counts unless another was decided before. SG1 */
  close(ending: Ending): { readonly ending: Ending; readonly hadInstance: boolean } {
    this.#leave(ending)
    if (this.#stage.name !== "leaving") return { ending, hadInstance: false }
    const { place, ending: decided } = this.#stage
    this.#stage = { name: "over", ending: decided }
    const hadInstance = place?.give() ?? false
    this.#decided(decided)
    return { ending: decided, hadInstance }
  }

  /** False when it was leaving already. */
  #leave(ending: Ending): boolean {
    const left = this.#stage
    switch (left.name) {
      case "opening":
        left.hello.drop()
        this.#stage = { name: "leaving", place: undefined, ending }
        return true
      case "comparing":
        left.hello.drop()
        this.#stage = { name: "leaving", place: left.place, ending }
        return true
      case "live":
        this.#stage = { name: "leaving", place: left.place, ending }
        return true
      default:
        return false
    }
  }

  /** The client has all that it was due, and its actor waits. */
  idle(): boolean {
    return this.mailbox.waits && this.#stage.name === "live"
  }

  /** Something is not yet sent, or not yet compared. */
  waits(): boolean {
    const stage = this.#stage
    return this.pending.size > 0 || ((stage.name === "comparing" || stage.name === "live") && stage.keys !== undefined)
  }

  /** All that the client said it holds when it connected is compared. */
  compared(): boolean {
    const stage = this.#stage
    return stage.name === "comparing" || stage.name === "opening" ? stage.hello.size === 0 : stage.name === "live"
  }

  /** The client gave a sign of life. `now`: monotonic nanoseconds. S3 */
  heard(now: bigint): void {
    this.heardAt = now
    this.answers = true
  }

  /** The key has news. Never blocks. */
  push(key: string): void {
    this.pending.add(key)
    this.mailbox.wake()
  }

  /** The next key to look at: changed ones come before those that are only compared. "step": none this time, but there may be more. */
  next(): Look | "step" | undefined {
    const stage = this.#stage
    if (stage.name !== "comparing" && stage.name !== "live") return undefined
    for (const key of this.pending) {
      this.pending.delete(key) // before its update is built: a commit meanwhile makes it pending again
      return { key, held: this.claims.get(key) }
    }
    const found = stage.keys?.next()
    if (found === undefined) return undefined
    if (!found.done) {
      const look = found.value
      if (look === undefined) return "step"
      if (look.withdrawn) return look
      if (look.held === undefined) return { key: look.key, held: this.claims.get(look.key) }
      this.claims.set(look.key, look.held)
      return look
    }
    stage.keys = undefined
    return undefined
  }

  /** Digest of what the client can patch, or "". DT2 */
  base(key: string): string {
    return baseOf(this.subscription.acceptsDelta, this.told.isDone(key), this.told.get(key))
  }

  /** It was sent this. */
  sent(mark: Mark): void {
    this.told.sent(mark)
    this.claims.delete(mark.key)
  }

  /** It has this already. */
  holds(mark: Mark): void {
    this.told.holds(mark)
    this.claims.delete(mark.key)
  }

  /** The update that an answer is about; undefined when nothing like it was sent. S7 */
  answered(answer: Answer): Mark | undefined {
    return this.told.answered(answer)
  }

  /** Keys of which it has not applied what it was sent last. */
  get behind(): number {
    return this.told.behind
  }

  /** How often it has caught up: applied all that it was sent. */
  get caughtUp(): number {
    return this.told.caughtUp
  }
}
