/**
 * One connected client: what it wants, what it was told, what it answered. The actor that owns it is in Sessions.ts.
 *
 *   S1  At most one pending update a key: a slow client skips versions, never the latest.
 *   S2  Updates of a key reach the sink with increasing revisions; after a lost history (a new epoch) counting starts again.
 *   S3  Only the client's own traffic keeps it alive; what is sent to it does not.
 *   S7  An answer counts for exactly the update that it names, by epoch and revision.
 *   S8  What is remembered of a key is a mark that all clients share, never its content.
 */
import type { Deferred } from "effect"
import { Effect } from "effect"
import { baseOf } from "../delta/Delta.ts"
import { instanceKey } from "../fleet/Instance.ts"
import { samePosition } from "../propagation/Position.ts"
import type { ControlUpdate, Mark, Update } from "../updates/Update.ts"
import type { Ending } from "./Ending.ts"
import type { HeldEntry } from "./Held.ts"
import type { Answer, Subscription } from "./Subscription.ts"

/** The transport of one client. */
export interface Sink {
  /** False when the transport is full: wait for `drained` before the next write. Never blocks. */
  readonly write: (update: Update) => boolean
  /** Calls back once, when the transport takes more. */
  readonly drained: (then: () => void) => void
}

/** A key to be compared with the view. `held`: what the client said of it, when that was not compared yet. */
export interface Look {
  readonly key: string
  readonly held: HeldEntry | undefined
}

/** Unanswered updates of one key that are remembered; an answer to an older one is ignored. */
const UNANSWERED = 4

export class Session {
  readonly id: string
  /** Unique in the cluster: `<run>/<number>`. */
  readonly ref: string
  readonly subscription: Subscription
  readonly sink: Sink
  readonly ended: Deferred.Deferred<Ending>
  readonly connectedAt: number
  /** It came without holding anything. */
  readonly empty: boolean
  /** Keys whose newest update is not yet sent, in order. S1 */
  readonly pending = new Set<string>()
  /** Keys that come after those that are pending, found bit by bit; undefined is a step without one. */
  work: Iterator<Look | undefined, void> | undefined
  /** Keys to look at again when the view is confirmed: they were sent as stale, or not at all. */
  readonly unsure = new Set<string>()
  /** What the client said of keys of which it was told nothing yet, as they were withheld or can't be read. */
  readonly claims = new Map<string, HeldEntry>()
  /** The client has to hear whether the view is confirmed, as soon as nothing waits for it any more. */
  owes = false
  /** The last update of each key that it was sent or said that it holds. S2, S8 */
  readonly told = new Map<string, Mark>()
  /** What it was sent of a key and did not apply, ascending; the last is the newest. */
  readonly #open = new Map<string, Array<Mark>>()
  /** How often it had, in the end, applied all that it was sent. */
  caughtUp = 0
  /** Monotonic nanoseconds. S3 */
  heardAt: bigint
  /** The client speaks after its first message, so its silence means something. */
  answers: boolean
  synced = false
  /** What it was last told of the whole. DV4 */
  said: ControlUpdate | undefined
  /** Wall-clock milliseconds of the last stored sign of life. */
  notedAt = 0
  /** Its first note has been taken down. */
  noted = false

  constructor(options: {
    readonly ref: string
    readonly subscription: Subscription
    readonly sink: Sink
    readonly ended: Deferred.Deferred<Ending>
    readonly connectedAt: number
    readonly now: bigint
  }) {
    this.ref = options.ref
    this.id = instanceKey(options.subscription.client)
    this.subscription = options.subscription
    this.sink = options.sink
    this.ended = options.ended
    this.connectedAt = options.connectedAt
    this.empty = options.subscription.held.size === 0
    this.heardAt = options.now
    this.answers = options.subscription.control
  }

  #news: Effect.Effect<void> | undefined
  #resume: ((news: Effect.Effect<void>) => void) | undefined

  /** The actor waits here for news: a mailbox of one place, as what is new is in `pending`. */
  readonly woken = Effect.callback<void>((resume) => {
    const news = this.#news
    this.#news = undefined
    if (news === undefined) this.#resume = resume
    else resume(news)
  })

  /** The actor runs on at once, within this call and up to its next wait; `first` comes before it looks at what is pending. */
  wake(first: Effect.Effect<void> = Effect.void): void {
    const resume = this.#resume
    this.#resume = undefined
    if (resume === undefined) this.#news ??= first
    else resume(first)
  }

  /** The client has all that it was due, and its actor waits. */
  idle(): boolean {
    return this.#resume !== undefined && this.synced
  }

  /** Something is not yet sent, or not yet compared. */
  waits(): boolean {
    return this.pending.size > 0 || this.work !== undefined
  }

  /** Keys of which it did not apply what it was sent last. */
  get behind(): number {
    return this.#open.size
  }

  /** The key has news. Never blocks. */
  push(key: string): void {
    this.pending.add(key)
    this.wake()
  }

  /** What to look at next: what changed comes before what is only compared. "step": nothing yet, but there may be more. */
  next(): Look | "step" | undefined {
    for (const key of this.pending) {
      this.pending.delete(key) // before the build: what commits meanwhile is pending again
      return { key, held: this.claims.get(key) }
    }
    const found = this.work?.next()
    if (found === undefined) return undefined
    if (!found.done) {
      const look = found.value
      if (look === undefined) return "step"
      if (look.held === undefined) return { key: look.key, held: this.claims.get(look.key) }
      this.claims.set(look.key, look.held)
      return look
    }
    this.work = undefined
    return undefined
  }

  /** Digest of what the client can patch, or "". DT2 */
  base(key: string): string {
    return baseOf(this.subscription.acceptsDelta, !this.#open.has(key), this.told.get(key))
  }

  /** The update that an answer is about; undefined when nothing like it was sent. S7 */
  answered({ key, revision, epoch, applied }: Answer): Mark | undefined {
    const newest = this.told.get(key)
    if (newest === undefined) return undefined
    const mark =
      newest.revision === revision && (epoch === "" || newest.epoch === epoch)
        ? newest
        : epoch === ""
          ? undefined
          : this.#open.get(key)?.find((one) => samePosition(one, { epoch, revision }))
    if (mark === undefined) return undefined
    if (applied) {
      this.#close(key, mark)
      return mark
    }
    const open = this.#open.get(key)
    if (mark === newest) {
      if (open === undefined) this.#open.set(key, [mark])
    } else open?.splice(open.indexOf(mark), 1)
    return mark
  }

  /** It was sent this. */
  sent(mark: Mark): void {
    const open = this.#open.get(mark.key)
    this.#tell(mark)
    if (open === undefined) this.#open.set(mark.key, [mark])
    else {
      open.push(mark)
      if (open.length > UNANSWERED) open.shift()
    }
  }

  /** It has this already. */
  holds(mark: Mark): void {
    this.#tell(mark)
    if (this.#open.delete(mark.key) && this.#open.size === 0) this.caughtUp++
  }

  #tell(mark: Mark): void {
    this.told.set(mark.key, mark)
    this.claims.delete(mark.key)
  }

  /** It applied `mark`: it does not wait for that or anything before it any more. */
  #close(key: string, mark: Mark): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    const place = open.indexOf(mark)
    if (place < open.length - 1) {
      open.splice(0, place + 1)
      return
    }
    this.#open.delete(key)
    if (this.#open.size === 0) this.caughtUp++
  }
}
