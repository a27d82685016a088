/**
 * A stream that is opened again when it ends, until somebody has to act.
 *
 *   QL1  One stream at a time; nothing of an older one is heard.
 *   QL2  What another try can't change ends it: the stream is not opened again.
 *   QL3  A delay that the server asks for is honoured, up to 10 minutes; without one each wait is longer, up to the cap.
 */
import { Backoff, type BackoffOptions } from "../Backoff.ts"
import { TopicError } from "../ClientError.ts"
import type { Clock } from "../Clock.ts"
import { errors } from "../Errors.ts"
import type { Call, CallEvents, Ended } from "../Transport.ts"

export interface Reconnecting extends BackoffOptions {
  /** A stream that lasted so many milliseconds starts the backoff over. */
  readonly stableMillis: number
}

/** Milliseconds. QL3 */
const longestAway = 600_000
/**
 * INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED:
 * https://grpc.io/docs/guides/status-codes/
 */
const refusals = new Set([3, 5, 7, 9, 11, 12, 16])

/** QL2 */
export const isFinal = ({ status, hopeless }: Ended): boolean => hopeless || refusals.has(status)

/** Somebody else has an exclusive subscription. Of whoever had it, the server may not know yet that its stream broke. */
export const isTaken = ({ code }: Ended): boolean => code === "HRLD-2082"

/** `what`: what did not work, for people. */
export const errorOf = (what: string, { status, code, message }: Ended): TopicError =>
  new TopicError(code ?? errors.NotConnected.code, `${what}: ${message}.`, { status })

export interface LastingEvents<O> {
  readonly message: (response: O) => void
  readonly writable: () => void
  /** Whether another try can't change it; left out: as `isFinal` has it. */
  readonly final?: (ended: Ended) => boolean
  /** A stream is over. `final`: no other follows. */
  readonly ended: (ended: Ended, final: boolean) => void
}

export class Lasting<I, O> {
  readonly #open: (attempt: number, events: CallEvents<O>) => Call<I>
  readonly #clock: Clock
  readonly #options: Reconnecting
  readonly #backoff: Backoff
  readonly #events: LastingEvents<O>
  #attempt: number
  #call: Call<I> | undefined
  #cancel = () => {}
  #over = false

  /** `open`: begins a stream; its events come later, never before it returned. */
  constructor(
    open: (attempt: number, events: CallEvents<O>) => Call<I>,
    clock: Clock,
    options: Reconnecting,
    events: LastingEvents<O>
  ) {
    this.#open = open
    this.#clock = clock
    this.#options = options
    this.#backoff = new Backoff(clock, options)
    this.#events = events
    this.#attempt = Math.floor(clock.random() * 1_024)
  }

  /** The stream, while there is one. */
  get call(): Call<I> | undefined {
    return this.#call
  }

  begin(): void {
    if (this.#over) return
    const since = this.#clock.now()
    const heard =
      <A>(hear: (what: A) => void) =>
      (what: A) => {
        if (this.#call === call) hear(what) // QL1
      }
    const call: Call<I> = this.#open(this.#attempt++, {
      message: heard(this.#events.message),
      writable: heard<void>(this.#events.writable),
      ended: heard((ended: Ended) => {
        this.#call = undefined
        if (this.#clock.now() - since >= this.#options.stableMillis) this.#backoff.reset()
        this.#after(ended)
      })
    })
    this.#call = call
  }

  /** Cuts the stream, and opens another at once. */
  again(): void {
    this.#cancel()
    this.#call?.drop()
    this.#call = undefined
    this.begin()
  }

  /** No event follows. `drop`: what was sent need not arrive. */
  async close(drop = false): Promise<void> {
    this.#over = true
    this.#cancel()
    const call = this.#call
    this.#call = undefined
    if (drop) call?.drop()
    else await call?.finish()
  }

  #after(ended: Ended): void {
    const final = (this.#events.final ?? isFinal)(ended)
    this.#over ||= final
    this.#events.ended(ended, final)
    if (this.#over) return
    const asked = Math.min(longestAway, ended.reconnectAfterMillis ?? 0)
    this.#cancel = this.#clock.after(Math.max(asked, this.#backoff.next()), () => this.begin())
  }
}
