/** herald.distribution.v1.DistributionService: translates, decides nothing. */
import { Clock, Effect, Exit } from "effect"
import {
  DistributionServiceService,
  Health,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type ReportHealthRequest,
  type ReportHealthResponse
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { Access, requirePermission } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { HealthReports } from "../../../sessions/HealthReports.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOfExit } from "../RichStatus.ts"
import { type Admitted, type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { heartbeatRequest, reportHealthRequest } from "./Decode.ts"
import { makeSubscribe } from "./Subscribe.ts"
import { instanceOf } from "./Wire.ts"

const PERMISSION = "subscribe"

const definition = DistributionServiceService
const SERVICE = nameOf({ definition })

const healths = new Map<number, "healthy" | "degraded" | "unhealthy">([
  [Health.HEALTH_HEALTHY, "healthy"],
  [Health.HEALTH_DEGRADED, "degraded"],
  [Health.HEALTH_UNHEALTHY, "unhealthy"]
])

export const makeDistribution = Effect.fnUntraced(function* (admitted: Admitted) {
  const sessions = yield* Sessions
  const healthReports = yield* HealthReports
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const { within } = yield* Access

  const authorised = (identity: Identity, environment: string) =>
    Effect.andThen(
      within(identity, environment, 1),
      Effect.provideService(requirePermission(PERMISSION, environment, "some"), CurrentIdentity, identity)
    )

  const unary =
    <I, O>(
      name: string,
      { decode, encode }: { decode: (bytes: Uint8Array) => I | HeraldError; encode: (answer: O) => Buffer },
      handle: (request: I, identity: Identity) => Effect.Effect<O, HeraldError>
    ): AdmittedHandler =>
    (call, identity) =>
      hearOne(call, (bytes) => {
        const request = decode(bytes)
        const handled = isFailure(request) ? request : handle(request, identity)
        run(traced(`${SERVICE}/${name}`, call, handled)).addObserver((exit) => {
          if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
          call.send(encode(exit.value))
          call.end(OK)
        })
      })

  const reportHealth = unary<ReportHealthRequest, ReportHealthResponse>(
    "ReportHealth",
    { decode: reportHealthRequest, encode: definition.reportHealth.responseSerialize },
    Effect.fnUntraced(function* ({ epoch, revision, health: said, message, metrics, ...request }, caller) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(caller, instance.environment)
      const health = healths.get(said)
      if (health === undefined)
        return yield* failure("InvalidInput", "health must be HEALTH_HEALTHY, HEALTH_DEGRADED or HEALTH_UNHEALTHY")
      yield* healthReports.report({ ...instance, epoch, revision, health, message, metrics }, identity)
      return { accepted: true }
    })
  )

  const heartbeat = unary<HeartbeatRequest, HeartbeatResponse>(
    "Heartbeat",
    { decode: heartbeatRequest, encode: definition.heartbeat.responseSerialize },
    Effect.fnUntraced(function* (request, caller) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(caller, instance.environment)
      const connected = yield* sessions.beat(instance, identity)
      return { serverTimeMs: BigInt(clock.currentTimeMillisUnsafe()), connected }
    })
  )

  return {
    subscribe: yield* makeSubscribe({ ...admitted, method: `${SERVICE}/Subscribe`, authorised }),
    reportHealth,
    heartbeat
  }
})

export const distribution = {
  definition,
  descriptors: "herald",
  permission: PERMISSION,
  serve: Effect.fnUntraced(function* (admitted: Admitted) {
    const { drain } = yield* Sessions
    const handlers = yield* makeDistribution(admitted)
    return { handlers, drain }
  })
} as const satisfies Service
