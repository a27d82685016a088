/**
 * Serves one stream of changes, of either of flagd's protocols.
 *
 *   FP4  A stream ends with an error, never with OK: providers do not come again after that.
 *   FP5  A client that reads slowly costs one message: while one waits in the transport, it is only noted that there is more, and then it is sent the
 *        newest, or asked to come again.
 */
import { Effect, Exit } from "effect"
import type { Identity } from "../../../access/Identity.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Changes, FlagReader } from "../../../flags/FlagStreams.ts"
import type { Calling } from "../Calling.ts"
import type { ServerCall } from "../ServerCall.ts"
import { traced } from "../Spans.ts"
import { statusOf, statusOfExit } from "../Status.ts"
import { hearOne } from "../Unary.ts"

/** False: it was not sent, and the client asks again when it can take one, if it ever can. */
export type Arrive = (message: Buffer) => boolean

export interface Following {
  readonly call: ServerCall
  readonly identity: Identity
  readonly as: Calling["as"]
  readonly method: string
  readonly run: <A, E>(
    effect: Effect.Effect<A, E>
  ) => { readonly addObserver: (told: (exit: Exit.Exit<A, E>) => void) => unknown }
  /** The environment that the request means. */
  readonly decode: (bytes: Uint8Array) => HeraldError | Effect.Effect<string, HeraldError>
  readonly open: (environment: string, reader: FlagReader) => Effect.Effect<() => void, HeraldError>
  /** Undefined: `then` is called when it is there. */
  readonly first: (environment: string, then: Arrive) => Buffer | undefined
  /**
   * What is sent of changes; undefined stands for several batches that came while one waited. "again": the client has to come again. Undefined: nothing, or
   * `then` is called when it is there.
   */
  readonly next: (changes: Changes, environment: string, then: Arrive) => Buffer | "again" | undefined
  /** Whether the client asks for what it is told of. FT9 */
  readonly asks?: boolean
  readonly alive?: { readonly every: number; readonly message: Buffer }
}

export const follow = (following: Following): void => {
  const { call, identity, as, method, run, decode, open, first, next, asks = false, alive } = following
  let over = false
  let close: (() => void) | undefined
  let timer: ReturnType<typeof setInterval> | undefined
  /** A message waits in the transport. FP5 */
  let waits = false
  let more = false
  let its = ""

  const end = (error: HeraldError): void => {
    left()
    call.end(statusOf(error)) // FP4
  }
  const left = (): void => {
    over = true
    close?.()
    close = undefined
    clearInterval(timer)
  }
  const send = (message: Buffer): void => {
    if (call.send(message)) return
    waits = true
    call.whenClear(() => {
      waits = false
      if (over || !more) return
      more = false
      tell(undefined)
    })
  }
  const tell = (changes: Changes): void => {
    if (over) return
    if (waits) {
      more = true
      return
    }
    const message = next(changes, its, arrive)
    if (message === "again") end(failure("Draining", "more has changed than is told one by one; come again"))
    else if (message !== undefined) send(message)
  }

  const arrive: Arrive = (message) => {
    if (over) return false
    if (waits) {
      more = true
      return false
    }
    send(message)
    return true
  }

  const opened = (environment: Effect.Effect<string, HeraldError>) =>
    as(
      identity,
      Effect.flatMap(environment, (found) => {
        its = found
        return open(found, { told: tell, ended: end, asks })
      })
    )

  hearOne(
    call,
    (bytes) => {
      const asked = decode(bytes)
      run(traced(method, call, asked instanceof HeraldError ? Effect.fail(asked) : opened(asked), true)).addObserver(
        (exit) => {
          if (Exit.isFailure(exit)) {
            if (!over) call.end(statusOfExit(exit))
            return
          }
          close = exit.value
          if (over) return left()
          call.begin({})
          const message = first(its, arrive)
          if (message !== undefined) send(message)
          if (alive === undefined) return
          timer = setInterval(() => {
            if (!waits && !over) send(alive.message)
          }, alive.every)
          timer.unref()
        }
      )
    },
    left
  )
}
