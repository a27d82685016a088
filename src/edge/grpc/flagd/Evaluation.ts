/**
 * flagd.evaluation: what providers of OpenFeature ask that evaluate on the server. The second version, and the first of older ones and of browsers.
 *
 *   FP8  Whoever opens a stream is told of flags that changed of late: what a provider asked for and keeps since its last stream broke off may be
 *        older.
 *   FP10 One evaluation is answered without a fiber, where nobody keeps spans: what is answered so is what would be answered otherwise, and counted
 *        alike.
 */
import { Effect, Exit, Result } from "effect"
import { ServiceService as FirstService } from "../../../../proto/generated/flagd/evaluation/v1/evaluation.ts"
import { EventStreamResponse, ServiceService } from "../../../../proto/generated/flagd/evaluation/v2/evaluation.ts"
import type { Identity } from "../../../access/Identity.ts"
import { scopeOf } from "../../../access/KeyScope.ts"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import type { Context, Resolution } from "../../../evaluation/Resolution.ts"
import { type Changes, FlagStreams } from "../../../flags/FlagStreams.ts"
import { Flags } from "../../../flags/Flags.ts"
import { FlagView } from "../../../flags/FlagView.ts"
import { environmentOfFlags } from "../../../flags/Selector.ts"
import type { CountIn } from "../../../limits/Counting.ts"
import { Slices } from "../../../work/Slices.ts"
import { makeCalling } from "../Calling.ts"
import { isFailure } from "../Decode.ts"
import type { CallStatus, ServerCall } from "../ServerCall.ts"
import { type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { makeCounting, traced } from "../Spans.ts"
import { OK, statusOfExit } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { eventStreamRequest, resolveAllRequest, resolveRequest } from "./Decode.ts"
import { inFirst, memberOfAll, partOfAll } from "./FirstVersion.ts"
import { callerOfCall, environmentOfCall, selectorOf } from "./Meant.ts"
import { strangers } from "./Stranger.ts"
import { follow } from "./Stream.ts"
import { fits, isStatus, type Resolved, resolved, type Wanted } from "./Wire.ts"

/** Milliseconds between two signs of life of a stream. */
const KEEP_ALIVE = 20_000

/** As the messages of the first version are, too. */
const event = (type: string, data?: object): Buffer =>
  Buffer.from(EventStreamResponse.encode({ type, data: data as Record<string, unknown> | undefined }).finish())
const READY = event("provider_ready")
const ALIVE = event("keep_alive")

interface Asked {
  readonly flagKey: string
  readonly context?: Context | undefined
}

interface Version {
  readonly definition: typeof ServiceService | typeof FirstService
  readonly said: (key: string, resolution: Resolution, wanted: Wanted) => Resolved | CallStatus
}

const make = Effect.fnUntraced(function* ({ definition, said }: Version) {
  const SERVICE = nameOf({ definition })
  const flags = yield* Flags
  const streams = yield* FlagStreams
  const { as, countOf } = yield* makeCalling
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const { keepsSpans, now, answered } = yield* makeCounting

  /** Of one batch, for all streams of its environment that may have the same. */
  const messages = new WeakMap<NonNullable<Changes>, Buffer>()
  const changed = (changes: NonNullable<Changes>): Buffer => {
    let message = messages.get(changes)
    if (message === undefined) {
      const flags = Object.fromEntries(Array.from(changes, ([key, type]) => [key, { type }]))
      messages.set(changes, (message = event("configuration_change", { flags })))
    }
    return message
  }

  /** FP10. Undefined: the long way says why not. */
  const atOnce = (
    call: ServerCall,
    identity: Identity,
    { flagKey, context = {} }: Asked,
    fitting: ReturnType<typeof fits>,
    count: CountIn | undefined
  ): Resolution | undefined => {
    const environment = environmentOfFlags(selectorOf(call), identity.environments)
    return Result.isFailure(environment) || count?.count(identity, environment.success) !== undefined
      ? undefined
      : flags.resolveNow(identity, environment.success, flagKey, context, callerOfCall("flagd-rpc", call), fitting)
  }

  const resolving =
    (method: string, wanted: Wanted, encode: (answer: never) => Buffer, fitting = fits(wanted)): AdmittedHandler =>
    (call, identity) =>
      hearOne(call, (bytes) => {
        const startedAt = now()
        const name = `${SERVICE}/${method}`
        const request = resolveRequest(bytes)
        const answer = (one: Resolved | CallStatus): void => {
          const failed = isStatus(one)
          if (!failed) call.send(encode(one as never))
          call.end(failed ? one : OK)
        }
        const count = countOf(identity)
        if (!isFailure(request) && !keepsSpans) {
          const found = atOnce(call, identity, request, fitting, count)
          if (found !== undefined) {
            answer(said(request.flagKey, found, wanted))
            return answered(name, startedAt)
          }
        }
        const handled: Effect.Effect<Resolved | CallStatus, HeraldError> = isFailure(request)
          ? Effect.fail(request)
          : environmentOfCall(call, identity).pipe(
              Effect.flatMap((environment) =>
                flags.resolve(
                  environment,
                  request.flagKey,
                  request.context ?? {},
                  callerOfCall("flagd-rpc", call),
                  fitting
                )
              ),
              Effect.map((resolution) => said(request.flagKey, resolution, wanted))
            )
        run(traced(name, call, as(identity, handled, count))).addObserver((exit) => {
          if (Exit.isFailure(exit)) return call.end(statusOfExit(exit))
          answer(exit.value)
        })
      })

  const eventStream: AdmittedHandler = (call, identity) =>
    follow({
      ...{ call, identity, as, method: `${SERVICE}/EventStream`, run },
      decode: (bytes) => {
        const request = eventStreamRequest(bytes)
        return isFailure(request) ? request : environmentOfCall(call, identity)
      },
      open: streams.open,
      first: (environment, arrive) => {
        const recent = streams.recent(environment, scopeOf(identity, "flag"))
        if (recent.size === 0) return READY
        return arrive(READY) ? changed(recent) : undefined // FP8
      },
      // What it can't be told one by one, it finds out when it comes again.
      next: (changes) => (changes === undefined ? "again" : changed(changes)),
      asks: true,
      alive: { every: KEEP_ALIVE, message: ALIVE }
    })

  return {
    resolveBoolean: resolving("ResolveBoolean", "boolean", definition.resolveBoolean.responseSerialize),
    resolveString: resolving("ResolveString", "string", definition.resolveString.responseSerialize),
    resolveFloat: resolving("ResolveFloat", "float", definition.resolveFloat.responseSerialize),
    resolveInt: resolving("ResolveInt", "int", definition.resolveInt.responseSerialize),
    resolveObject: resolving("ResolveObject", "object", definition.resolveObject.responseSerialize),
    eventStream
  }
})

/** What the first version has alone: all flags of an environment. */
const makeResolveAll = Effect.gen(function* () {
  const flags = yield* Flags
  const view = yield* FlagView
  const { as } = yield* makeCalling
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const slices = new Slices()
  const method = `${nameOf({ definition: FirstService })}/ResolveAll`

  const answer = Effect.fnUntraced(function* (call: ServerCall, identity: Identity, context: Context) {
    const environment = yield* environmentOfCall(call, identity)
    const inJson = call.sendJson !== undefined
    const parts: Array<Buffer> = []
    const members: Array<string> = []
    for (const [key, resolution] of yield* flags.resolveAll(
      environment,
      context,
      callerOfCall("flagd-rpc-all", call)
    )) {
      if (slices.over()) yield* slices.turn
      const type = view.flag(environment, key)?.definition.type
      if (!inJson) parts.push(partOfAll(key, resolution, type))
      else {
        const member = memberOfAll(key, resolution, type)
        if (member !== undefined) members.push(member)
      }
    }
    return inJson ? Buffer.from(`{"flags":{${members.join(",")}}}`) : Buffer.concat(parts)
  })

  return (call: ServerCall, identity: Identity): void =>
    hearOne(call, (bytes) => {
      const request = resolveAllRequest(bytes)
      const handled = isFailure(request) ? Effect.fail(request) : answer(call, identity, request.context ?? {})
      run(traced(method, call, as(identity, handled))).addObserver((exit) => {
        if (Exit.isFailure(exit)) return call.end(statusOfExit(exit))
        if (call.sendJson === undefined) call.send(exit.value)
        else call.sendJson(exit.value)
        call.end(OK)
      })
    })
})

const common = {
  descriptors: "herald",
  connect: true,
  permission: "config.read"
} as const

export const evaluation = {
  ...common,
  definition: ServiceService,
  serve: () =>
    Effect.map(
      Effect.all([make({ definition: ServiceService, said: resolved }), FlagStreams, strangers]),
      ([handlers, { drain }, nobody]) => ({ handlers, drain, nobody })
    )
} as const satisfies Service

export const firstEvaluation = {
  ...common,
  definition: FirstService,
  serve: () =>
    Effect.map(
      Effect.all([
        make({
          definition: FirstService,
          said: (key, resolution, wanted) => inFirst(key, resolved(key, resolution, wanted), wanted)
        }),
        makeResolveAll,
        strangers
      ]),
      ([handlers, resolveAll, nobody]) => ({
        handlers: { ...handlers, resolveAll },
        ...{ nobody, drain: Effect.void } // the second version ends the streams of both
      })
    )
} as const satisfies Service
