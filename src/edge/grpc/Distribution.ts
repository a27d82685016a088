/**
 * herald.distribution.v1.DistributionService: translates, decides nothing.
 *
 *   G3  Acks are handled where they arrive: no fiber and no span a message.
 *   G4  A call that says nothing within `firstMessage` is ended, and so is one that leaves its hello half said, or takes too long for it.
 *   G10 A hello may come in parts; nothing of it is kept before it is known that the client may subscribe, and of all that is kept there is
 *       a limit, as there is of hellos that are half said: in all, and for one identity, which leaves room for others.
 */
import type { Metadata, ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js"
import { Clock, Deferred, Effect, Exit } from "effect"
import {
  type ConfigUpdate,
  Health,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type ReportHealthRequest,
  type ReportHealthResponse,
  type SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { requirePermission } from "../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../access/Identity.ts"
import { Places } from "../../access/Places.ts"
import { ByteBudget } from "../../bounds/ByteBudget.ts"
import { failure, HeraldError } from "../../errors/HeraldError.ts"
import { HealthReports } from "../../fleet/HealthReports.ts"
import { Held } from "../../sessions/Held.ts"
import type { Session, Sink } from "../../sessions/Session.ts"
import { Sessions } from "../../sessions/Sessions.ts"
import type { Slices } from "../../sessions/Slices.ts"
import * as Decode from "./Decode.ts"
import type { Line } from "./Line.ts"
import { traced } from "./Spans.ts"
import { statusOf, statusOfEnding, statusOfExit } from "./Status.ts"
import { answersOf, encode, heldOf, instanceOf, plain, subscriptionOf } from "./Wire.ts"

/** Milliseconds. */
const FIRST_MESSAGE = 5_000
const WHOLE_HELLO = 60_000
/** Bytes that one hello may say of what the client holds, and all together that are not yet compared, and those of one identity. G10 */
const HELLO = 96 * 1024 * 1024
const HELLOS = 256 * 1024 * 1024
const HELLOS_OF_ONE = 192 * 1024 * 1024
/** Hellos that are half said. G10 */
const HALF_SAID: readonly [inAll: number, ofIdentity: number] = [1_024, 512]
const MESSAGE = 1_024
const EPOCH = 64
const NAME = 128

/** What arrives are bytes, see Decode.ts. */
type SubscribeCall = ServerDuplexStream<Buffer, ConfigUpdate>

/** Over the stream of a call that has no line. */
const sinkOf = (call: SubscribeCall): Sink => ({
  // The service is registered with an identity serializer: what is written is already encoded.
  write: (update) => call.writable && (call.write as unknown as (bytes: Buffer) => boolean).call(call, encode(update)),
  drained: (then) => (call.writableNeedDrain ? void call.once("drain", then) : queueMicrotask(then))
})

export interface DistributionOptions {
  /** Who was authenticated when the call began. */
  readonly identityOf: (metadata: Metadata) => Identity | undefined
  /** G12 */
  readonly lineOf?: (metadata: Metadata) => Line | undefined
  /** G11 */
  readonly arrivals: Pick<Slices, "soon">
}

/** The handlers, as grpc-js wants them. */
export const makeDistribution = Effect.fnUntraced(function* (options: DistributionOptions) {
  const { identityOf, lineOf = () => undefined, arrivals } = options
  const sessions = yield* Sessions
  const healthReports = yield* HealthReports
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  const hellos = new ByteBudget(HELLOS, HELLOS_OF_ONE)
  const halfSaid = new Places(HALF_SAID)

  const authorised = Effect.fnUntraced(function* (metadata: Metadata, environment: string) {
    return yield* requirePermission("subscribe", environment).pipe(
      Effect.provideService(CurrentIdentity, identityOf(metadata))
    )
  })

  /** Who says hello, once it is known that it may. */
  const greeted = Effect.fnUntraced(function* (call: SubscribeCall, first: SubscribeRequest) {
    const instance = instanceOf(first)
    if (instance instanceof HeraldError) return yield* instance
    return yield* authorised(call.metadata, instance.environment)
  })

  const open = Effect.fnUntraced(function* (
    call: SubscribeCall,
    { first, identity, held }: { readonly first: SubscribeRequest; readonly identity: Identity; readonly held: Held }
  ) {
    const subscription = subscriptionOf(first, identity, held)
    if (subscription instanceof HeraldError) return yield* subscription
    return yield* sessions.open(subscription, lineOf(call.metadata)?.sink(call) ?? sinkOf(call))
  })

  /** What one part of a hello adds; an error when it is too much. G10 */
  const hold = (held: Held, part: SubscribeRequest): HeraldError | undefined => {
    const entries = heldOf(part.held)
    if (entries instanceof HeraldError) return entries
    if (!held.add(entries))
      return failure("ServerFull", "clients that say what they hold take all the room there is for it; try again")
    return held.bytes > HELLO
      ? failure("InvalidInput", `held has ${held.size} entries, which is more than a client may hold`)
      : undefined
  }

  const subscribe = (call: SubscribeCall): void => {
    let session: Session | undefined
    let over = false
    let first: SubscribeRequest | undefined
    let identity: Identity | undefined
    let held: Held | undefined
    /** Of a hello that is half said: gives its place back. */
    let whole: (() => void) | undefined
    const forget = () => {
      clearTimeout(timer)
      whole?.()
      held?.drop()
    }
    const fail = (error: HeraldError) => finish(statusOf(error))
    const finish = (status: ReturnType<typeof statusOfEnding>) => {
      if (over) return
      over = true
      forget()
      if (status === undefined) call.end()
      else call.emit("error", status)
    }
    const leave = (reason: string) => {
      over = true
      forget()
      if (session !== undefined) sessions.end(session, { name: "Closed", reason })
    }
    const late = (what: string) => setTimeout(() => fail(failure("InvalidInput", what)), FIRST_MESSAGE) // G4
    let timer = late("no SubscribeRequest came within 5 s")

    const opened = (exit: Exit.Exit<Session, HeraldError>) => {
      if (Exit.isFailure(exit)) return finish(statusOfExit(exit))
      session = exit.value
      if (over) return leave("the client left")
      call.resume()
      run(Effect.flatMap(Deferred.await(session.ended), (ending) => Effect.sync(() => finish(statusOfEnding(ending)))))
    }

    /** A place for a hello that is half said, and a time by which it must be whole. G4, G10 */
    const beginParts = (identity: Identity): HeraldError | undefined => {
      const place = halfSaid.take("", identity.name)
      if (typeof place === "number")
        return failure("ServerFull", "too many clients are in the middle of saying what they hold; try again")
      const tooLong = setTimeout(
        () => fail(failure("InvalidInput", "the hello was not whole within 60 s")),
        WHOLE_HELLO
      )
      whole = () => {
        clearTimeout(tooLong)
        place()
      }
      return undefined
    }

    /** A part of the hello; the session begins with the last. Until then no more is read than is asked for. G10 */
    const greet = (first: SubscribeRequest, identity: Identity, part: SubscribeRequest) => {
      held ??= new Held(hellos, identity.name)
      const wrong = hold(held, part) ?? (part.heldMore && whole === undefined ? beginParts(identity) : undefined)
      if (wrong !== undefined) return fail(wrong)
      if (part.heldMore) {
        timer = late("the next part of a hello did not come within 5 s")
        return void call.resume()
      }
      whole?.()
      run(traced("Subscribe", call, open(call, { first, identity, held }), true)).addObserver(opened)
    }

    const hear = (session: Session, bytes: Buffer): void => {
      const message = Decode.subscribeRequest(bytes)
      const answers = Decode.isFailure(message) ? message : answersOf(message.acks)
      if (answers instanceof HeraldError) fail(answers)
      else sessions.heard(session, answers) // G3
    }

    /** What comes past the stream, as soon as nothing waits in that. */
    const direct = (bytes: Buffer): void => {
      if (!over && session !== undefined) hear(session, bytes)
    }

    /** The call is paused: nothing else of it comes meanwhile. */
    const begin = (bytes: Buffer): void => {
      if (over) return
      const message = Decode.subscribeRequest(bytes)
      if (Decode.isFailure(message)) fail(message)
      else if (first !== undefined && identity !== undefined) greet(first, identity, message)
      else {
        first = message
        run(greeted(call, message)).addObserver((exit) => {
          if (Exit.isFailure(exit)) return finish(statusOfExit(exit))
          if (over) return
          identity = exit.value
          greet(message, identity, message)
        })
      }
    }

    call.on("data", (bytes: Buffer) => {
      if (over) return
      if (session !== undefined) {
        hear(session, bytes)
        if (call.readableLength === 0) lineOf(call.metadata)?.hear(direct)
        return
      }
      clearTimeout(timer)
      call.pause()
      arrivals.soon(() => begin(bytes)) // G11
    })
    // One that knows the protocol closes its half to leave. A simple one (grpcurl) has only said all it has to say, and listens on.
    call.on("end", () => {
      if (over || session?.subscription.control !== true) return
      leave("the client left")
      call.end()
    })
    call.on("error", () => leave("the transport failed"))
    call.on("cancelled", () => leave("the client left"))
  }

  const unary =
    <I, O>(
      name: string,
      decode: (bytes: Uint8Array) => I | HeraldError,
      handle: (request: I, metadata: Metadata) => Effect.Effect<O, HeraldError>
    ) =>
    (call: ServerUnaryCall<Buffer, O>, reply: sendUnaryData<O>): void => {
      const request = decode(call.request)
      const handled = Decode.isFailure(request) ? request : handle(request, call.metadata)
      run(traced(name, call, handled)).addObserver((exit) =>
        Exit.isSuccess(exit) ? reply(null, exit.value) : reply(statusOfExit(exit))
      )
    }

  const reportHealth = unary<ReportHealthRequest, ReportHealthResponse>(
    "ReportHealth",
    Decode.reportHealthRequest,
    Effect.fnUntraced(function* (request, metadata) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(metadata, instance.environment)
      const health = healths.get(request.health)
      if (health === undefined)
        return yield* failure("InvalidInput", "health must be HEALTH_HEALTHY, HEALTH_DEGRADED or HEALTH_UNHEALTHY")
      const metrics = Object.entries(request.metrics)
      const report = {
        ...instance,
        epoch: plain(request.epoch, EPOCH),
        revision: request.revision,
        health,
        message: plain(request.message, MESSAGE),
        metrics: Object.fromEntries(
          metrics.filter(([, value]) => Number.isFinite(value)).map(([name, value]) => [plain(name, NAME), value])
        ),
        reportedAt: clock.currentTimeMillisUnsafe()
      }
      yield* healthReports.report(report, identity)
      return { accepted: true }
    })
  )

  const heartbeat = unary<HeartbeatRequest, HeartbeatResponse>(
    "Heartbeat",
    Decode.heartbeatRequest,
    Effect.fnUntraced(function* (request, metadata) {
      const instance = instanceOf(request)
      if (instance instanceof HeraldError) return yield* instance
      const identity = yield* authorised(metadata, instance.environment)
      const connected = yield* sessions.beat(instance, identity)
      return { serverTimeMs: BigInt(clock.currentTimeMillisUnsafe()), connected }
    })
  )

  return { subscribe, reportHealth, heartbeat }
})

const healths = new Map<number, "healthy" | "degraded" | "unhealthy">([
  [Health.HEALTH_HEALTHY, "healthy"],
  [Health.HEALTH_DEGRADED, "degraded"],
  [Health.HEALTH_UNHEALTHY, "unhealthy"]
])

export type Distribution = Effect.Success<typeof makeDistribution>
