/**
 * One connected client: what it wants, what it was told, what it answered. The actor that owns it is in Sessions.ts.
 *
 *   S1  At most one pending update a key: a slow client skips versions, never the latest.
 *   S2  Updates of a key reach the sink with increasing revisions; after a lost history (a new epoch) counting starts again.
 *   S3  Only the client's own traffic keeps it alive; what is sent to it does not.
 */
import type { Deferred } from "effect"
import { Effect } from "effect"
import type { Ending } from "./Ending.ts"
import { type Answer, instanceKey, type Subscription } from "./Subscription.ts"
import type { Update, ValueUpdate } from "./Update.ts"

/** The transport of one client. */
export interface Sink {
  /** False when the transport is full: wait for `drained` before the next write. Never blocks. */
  readonly write: (update: Update) => boolean
  /** Calls back once, when the transport takes more. */
  readonly drained: (then: () => void) => void
}

export class Session {
  readonly id: string
  /** Unique in the cluster: `<run>/<number>`. */
  readonly ref: string
  readonly subscription: Subscription
  readonly sink: Sink
  readonly ended: Deferred.Deferred<Ending>
  readonly connectedAt: number
  /** Keys whose newest update is not yet sent, in order. S1 */
  readonly pending = new Set<string>()
  /** The last update sent of each key. S2 */
  readonly sent = new Map<string, { readonly update: ValueUpdate; applied: boolean }>()
  /** Keys of which it did not apply what it was sent last. */
  behind = 0
  /** How often there were none of them any more. */
  caughtUp = 0
  /** Monotonic nanoseconds. S3 */
  heardAt: bigint
  /** The client speaks after its first message, so its silence means something. */
  answers: boolean
  synced = false
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

  /** The key has news. Never blocks. */
  push(key: string): void {
    this.pending.add(key)
    this.wake()
  }

  /** The base that the client can patch: the last update of the key, if it confirmed that one. */
  base(key: string): ValueUpdate | undefined {
    const last = this.sent.get(key)
    return this.subscription.acceptsDelta && last?.applied === true && last.update.kind === "value"
      ? last.update
      : undefined
  }

  /** The update that an answer is about; undefined when nothing like it was sent. */
  answered({ key, revision, applied }: Answer): ValueUpdate | undefined {
    const last = this.sent.get(key)
    if (last === undefined || last.update.revision !== revision) return undefined
    this.#mark(last.applied, applied)
    last.applied = applied
    return last.update
  }

  /** It was sent this, or has it already. */
  told(update: ValueUpdate, applied: boolean): void {
    this.#mark(this.sent.get(update.key)?.applied ?? true, applied)
    this.sent.set(update.key, { update, applied })
  }

  #mark(before: boolean, applied: boolean): void {
    if (before === applied) return
    this.behind += applied ? -1 : 1
    if (this.behind === 0) this.caughtUp++
  }
}
