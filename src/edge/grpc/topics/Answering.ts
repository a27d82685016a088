/** Answers calls of one message with what becomes of it, as whoever calls. */
import { Effect, Exit } from "effect"
import type { Access } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import { isFailure } from "../Decode.ts"
import { costOfReading } from "../publishing/Publish.ts"
import { richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { MethodDefinition, ServerCall } from "../ServerCall.ts"
import type { AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { hearOne } from "../Unary.ts"

/** `cost`: requests that a call counts as, besides that of its bytes. */
export interface Method<A> {
  readonly definition: Pick<MethodDefinition, "path" | "responseSerialize">
  readonly decode: (bytes: Buffer) => A | HeraldError
  readonly cost: number
  /** Asked before anything of the call is read. Gives what is called once when the call is over, or why it is refused. */
  readonly admit?: (identity: Identity) => (() => void) | HeraldError
  readonly handle: (request: A, call: ServerCall) => Effect.Effect<unknown, HeraldError>
}

/** The call itself counted as one. */
export const makeAnswering = (access: Access["Service"]) =>
  Effect.map(Effect.context<never>(), (context) => {
    const run = Effect.runForkWith(context)
    return <A>({ definition, decode, cost, admit, handle }: Method<A>): AdmittedHandler => {
      const name = definition.path.slice(1)
      const handled = (call: ServerCall, bytes: Buffer, identity: Identity) => {
        const request = decode(bytes)
        if (isFailure(request)) return Effect.fail(request)
        const work = Effect.provideService(handle(request, call), CurrentIdentity, identity)
        return Effect.andThen(access.spend(identity, cost - 1 + costOfReading(bytes.length)), work)
      }
      return (call, identity) => {
        const place = admit?.(identity)
        if (isFailure(place)) return call.end(richStatusOf(place))
        let leave = () => {}
        hearOne(
          call,
          (bytes) => {
            const working = run(traced(name, call, handled(call, bytes, identity)))
            leave = () => working.interruptUnsafe()
            working.addObserver((exit) => {
              if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
              call.send(definition.responseSerialize(exit.value))
              call.end(OK)
            })
          },
          () => {
            leave()
            place?.()
          }
        )
      }
    }
  })
