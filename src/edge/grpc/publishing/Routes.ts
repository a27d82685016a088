/** herald.publishing.v1.PublishingService: translates, decides nothing. */
import { Clock, Effect, Exit } from "effect"
import {
  PublishingServiceService,
  type PublishResponse
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../../access/Access.ts"
import type { Identity } from "../../../access/Identity.ts"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOfExit } from "../RichStatus.ts"
import type { ServerCall } from "../ServerCall.ts"
import { type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { publishRequest } from "./Decode.ts"
import { costOf, makePublish, PERMISSION, untilOf } from "./Publish.ts"
import { makePublishMany } from "./PublishMany.ts"
import { bytesOf, targetOf } from "./Wire.ts"

const definition = PublishingServiceService
const SERVICE = nameOf({ definition })

export const makePublishing = Effect.gen(function* () {
  const access = yield* Access
  const toPublish = yield* makePublish
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const handled = (
    call: ServerCall,
    bytes: Buffer,
    identity: Identity
  ): Effect.Effect<PublishResponse, HeraldError> => {
    const item = publishRequest(bytes)
    if (isFailure(item)) return item
    const asking = { identity, until: untilOf(clock, call) }
    // The call itself counted as one. PX2
    const cost = costOf(item, bytesOf(item))
    return access
      .within(identity, targetOf(item).environment, cost)
      .pipe(Effect.andThen(access.spend(identity, cost - 1)), Effect.andThen(toPublish(item, asking)))
  }

  const publish: AdmittedHandler = (call, identity) => {
    let leave = () => {}
    hearOne(
      call,
      (bytes) => {
        const working = run(traced(`${SERVICE}/Publish`, call, handled(call, bytes, identity)))
        leave = () => working.interruptUnsafe() // PX3
        working.addObserver((exit) => {
          if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
          call.send(definition.publish.responseSerialize(exit.value))
          call.end(OK)
        })
      },
      () => leave()
    )
  }

  const { publishMany, drain } = yield* makePublishMany(`${SERVICE}/PublishMany`)
  return { handlers: { publish, publishMany }, drain }
})

export const publishing = {
  definition,
  descriptors: "herald",
  permission: PERMISSION,
  serve: () => makePublishing
} as const satisfies Service
