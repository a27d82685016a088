/** herald.distribution.v1.DistributionService: translates, decides nothing. */
import type { Metadata, ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js"
import { Clock, Effect, Exit } from "effect"
import {
  DistributionServiceService,
  Health,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type ReportHealthRequest,
  type ReportHealthResponse
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { requirePermission } from "../../../access/Access.ts"
import { CurrentIdentity } from "../../../access/Identity.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { HealthReports } from "../../../sessions/HealthReports.ts"
import { Sessions } from "../../../sessions/Sessions.ts"
import { isFailure } from "../Decode.ts"
import { type Admitted, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { statusOfExit } from "../Status.ts"
import { heartbeatRequest, reportHealthRequest } from "./Decode.ts"
import { makeSubscribe } from "./Subscribe.ts"
import { instanceOf } from "./Wire.ts"

const PERMISSION = "subscribe"

const { subscribe, ...unaries } = DistributionServiceService
/** Updates come as bytes that Wire.ts made. G2 */
const definition = { ...unaries, subscribe: { ...subscribe, responseSerialize: (bytes: unknown) => bytes as Buffer } }
const SERVICE = nameOf({ definition })

const healths = new Map<number, "healthy" | "degraded" | "unhealthy">([
  [Health.HEALTH_HEALTHY, "healthy"],
  [Health.HEALTH_DEGRADED, "degraded"],
  [Health.HEALTH_UNHEALTHY, "unhealthy"]
])

/** The handlers, as grpc-js wants them. */
export const makeDistribution = Effect.fnUntraced(function* (admitted: Admitted) {
  const sessions = yield* Sessions
  const healthReports = yield* HealthReports
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const authorised = (metadata: Metadata, environment: string) =>
    Effect.provideService(requirePermission(PERMISSION, environment), CurrentIdentity, admitted.identityOf(metadata))

  const unary =
    <I, O>(
      name: string,
      decode: (bytes: Uint8Array) => I | HeraldError,
      handle: (request: I, metadata: Metadata) => Effect.Effect<O, HeraldError>
    ) =>
    (call: ServerUnaryCall<Buffer, O>, reply: sendUnaryData<O>): void => {
      const request = decode(call.request)
      const handled = isFailure(request) ? request : handle(request, call.metadata)
      run(traced(`${SERVICE}/${name}`, call, handled)).addObserver((exit) =>
        Exit.isSuccess(exit) ? reply(null, exit.value) : reply(statusOfExit(exit))
      )
    }

  const reportHealth = unary<ReportHealthRequest, ReportHealthResponse>(
    "ReportHealth",
    reportHealthRequest,
    Effect.fnUntraced(function* ({ epoch, revision, health: said, message, metrics, ...request }, metadata) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(metadata, instance.environment)
      const health = healths.get(said)
      if (health === undefined)
        return yield* failure("InvalidInput", "health must be HEALTH_HEALTHY, HEALTH_DEGRADED or HEALTH_UNHEALTHY")
      yield* healthReports.report({ ...instance, epoch, revision, health, message, metrics }, identity)
      return { accepted: true }
    })
  )

  const heartbeat = unary<HeartbeatRequest, HeartbeatResponse>(
    "Heartbeat",
    heartbeatRequest,
    Effect.fnUntraced(function* (request, metadata) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(metadata, instance.environment)
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
  without: "subscribes to nothing",
  serve: Effect.fnUntraced(function* (admitted: Admitted) {
    const { drain } = yield* Sessions
    const handlers = yield* makeDistribution(admitted)
    return { handlers: handlers as unknown as UntypedServiceImplementation, drain }
  })
} as const satisfies Service
