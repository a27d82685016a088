/**
 * Serves one call of `Read`, from its first message to its end.
 *
 *   TF3  A call that says nothing within 5 s is ended. Whoever closes its half listens on: it grants nothing more.
 *   TF4  Once a reader grants bytes it is sent what was granted, counted from the beginning: while any of it is left, one message more. What was
 *        granted is never taken back.
 *   TF5  Who is over its rate opens nothing, and is heard no further, until it isn't.
 */
import { Effect, Exit } from "effect"
import type { ReadRequest } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { makePacing } from "../../../access/Pacing.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Told } from "../../../fanout/Batch.ts"
import { Fanout } from "../../../fanout/Fanout.ts"
import type { Sink } from "../../../fanout/Reader.ts"
import { isFailure } from "../Decode.ts"
import { costOfReading } from "../publishing/Publish.ts"
import { richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { CallStatus, ServerCall } from "../ServerCall.ts"
import type { Admitted, AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { encodeRead, readRequest, wishOf } from "./ReadWire.ts"

/** Milliseconds until the first message. TF3 */
const FIRST_MESSAGE = 5_000
/** Requests that opening a reader counts as, with the one that its call did. */
const OPEN = 4

/** Sends over a call, as far as its client granted. TF4 */
class Granted implements Sink {
  readonly #call: ServerCall
  readonly end: Sink["end"]
  #sent = 0
  #granted: number
  #then: (() => void) | undefined

  constructor(call: ServerCall, granted: bigint, end: Sink["end"]) {
    this.#call = call
    this.end = end
    this.#granted = granted === 0n ? Number.POSITIVE_INFINITY : Number(granted)
  }

  write(told: Told): boolean {
    const bytes = encodeRead(told)
    this.#sent += bytes.length
    return this.#call.send(bytes) && this.#sent < this.#granted
  }

  drained(then: () => void): void {
    if (this.#sent < this.#granted) this.#call.whenClear(then)
    else this.#then = then
  }

  grant(granted: bigint): void {
    if (granted === 0n) return
    this.#granted = Number.isFinite(this.#granted) ? Math.max(this.#granted, Number(granted)) : Number(granted)
    const then = this.#then
    if (then === undefined || this.#sent >= this.#granted) return
    this.#then = undefined
    this.#call.whenClear(then)
  }
}

export const makeRead = Effect.fnUntraced(function* ({ arrivals, method }: Admitted & { readonly method: string }) {
  const fanout = yield* Fanout
  const paced = yield* makePacing
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const read: AdmittedHandler = (call, identity) => {
    let over = false
    let sink: Granted | undefined
    let close: (() => void) | undefined
    const left = (): void => {
      over = true
      clearTimeout(late)
      close?.()
      close = undefined
    }
    const finish = (status: CallStatus): void => {
      if (over) return
      left()
      call.end(status)
    }
    const fail = (error: HeraldError): void => finish(richStatusOf(error))
    const late = setTimeout(() => fail(failure("InvalidInput", "no ReadRequest came within 5 s")), FIRST_MESSAGE) // TF3

    const opened = (exit: Exit.Exit<() => void, HeraldError>) => {
      if (Exit.isFailure(exit)) return finish(richStatusOfExit(exit))
      close = exit.value
      if (over) return left()
      call.read()
    }
    const isOver = () => over
    const begin = (bytes: Buffer, as: Identity) => {
      if (over) return
      const request = readRequest(bytes)
      const wish = isFailure(request) ? request : wishOf(request)
      if (wish instanceof HeraldError) return fail(wish)
      sink = new Granted(call, (request as ReadRequest).grantedBytes, fail)
      call.begin({})
      const cost = OPEN - 1 + costOfReading(bytes.length)
      const open = Effect.provideService(
        Effect.andThen(paced(as, cost, isOver), fanout.open(wish, sink)),
        CurrentIdentity,
        as
      )
      run(traced(method, call, open, true)).addObserver(opened)
    }

    call.hear({
      message: (bytes) => {
        if (over) return
        if (sink === undefined) {
          clearTimeout(late)
          return arrivals.soon(() => begin(bytes, identity)) // G11
        }
        const request = readRequest(bytes)
        if (isFailure(request)) return fail(request)
        sink.grant(request.grantedBytes)
        // TF5
        run(paced(identity, 1 + costOfReading(bytes.length), isOver)).addObserver(() => {
          if (!over) call.read()
        })
      },
      end: () => {
        if (sink === undefined) fail(failure("InvalidInput", "no ReadRequest came"))
      },
      over: left
    })
    call.read()
  }
  return read
})
