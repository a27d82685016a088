/** The messages of a call, taken one by one, and the items in them with their values whole. */
import { type Clock, Effect } from "effect"
import type { PublishManyRequest, PublishRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { VALUE_BYTES } from "../../../values/Limits.ts"
import type { ServerCall } from "../ServerCall.ts"

/** A message, or why there is none any more: the client has said all, or the call has to end. */
export type Heard = Buffer | "end" | HeraldError

/** Reads no message before the last was taken. `left`: called once, when the call is over. */
export class Messages {
  readonly #call: Pick<ServerCall, "hear" | "read">
  readonly #clock: Clock.Clock
  #asked: number | undefined
  #came: Buffer | "end" | undefined
  #stopped: HeraldError | undefined
  #wake: (() => void) | undefined
  /** Told when nothing more is to begin. */
  whenStopped: (() => void) | undefined

  constructor(call: Pick<ServerCall, "hear" | "read">, clock: Clock.Clock, left: () => void) {
    this.#call = call
    this.#clock = clock
    const heard = (what: Buffer | "end") => {
      this.#came = what
      this.#wake?.()
    }
    call.hear({ message: heard, end: () => heard("end"), over: left })
  }

  get stopped(): HeraldError | undefined {
    return this.#stopped
  }

  /** Milliseconds for which the client's next message is awaited; 0 while none is. */
  get silentFor(): number {
    return this.#asked === undefined ? 0 : this.#now() - this.#asked
  }

  /** What has not been taken yet is left, for this reason. */
  stop(reason: HeraldError): void {
    this.#stopped ??= reason
    this.#wake?.()
    this.whenStopped?.()
  }

  #now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  }

  readonly next: Effect.Effect<Heard> = Effect.callback((resume) => {
    const look = () => {
      const heard = this.#stopped ?? this.#came
      if (heard === undefined) return false
      this.#came = undefined
      this.#wake = undefined
      this.#asked = undefined
      resume(Effect.succeed(heard))
      return true
    }
    if (look()) return
    this.#wake = look
    this.#asked = this.#now()
    this.#call.read()
  })
}

/** Puts values together that came in several messages. One that is too large is kept as far as shows that it is. */
export class Whole {
  #begun: PublishRequest | undefined

  /** The items that are whole with this message; `InvalidInput` where its parts fit nothing. */
  take({ items, more, rest }: PublishManyRequest): ReadonlyArray<PublishRequest> | HeraldError {
    const begun = this.#begun
    if (begun === undefined) {
      if (rest !== "") return failure("InvalidInput", "rest: no value was said to go on")
      return more ? this.#keep(items) : items
    }
    const left = VALUE_BYTES + 1 - begun.value.length
    if (left > 0) begun.value += rest.slice(0, left)
    if (more && items.length === 0) return []
    this.#begun = undefined
    return more ? [begun, ...this.#keep(items)] : [begun, ...items]
  }

  /** Whether a value waits for its rest. */
  get waits(): boolean {
    return this.#begun !== undefined
  }

  #keep(items: ReadonlyArray<PublishRequest>): ReadonlyArray<PublishRequest> {
    this.#begun = items.at(-1)
    return items.slice(0, -1)
  }
}
