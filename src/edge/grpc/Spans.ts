/**
 * Makes the span of a call: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
 *
 *   TE9  A span is named by the call's full method and says how the call ended; only what is the server's own fault makes it an error.
 *
 * The span of a stream ends once the stream is open, as it may stay open for days.
 */
import { Clock, Effect, Exit, Metric, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { HeraldError } from "../../errors/HeraldError.ts"
import { histogram } from "../../telemetry/Metrics.ts"
import { Code, codeName } from "./Code.ts"
import type { CallMetadata, ServerCall } from "./ServerCall.ts"
import { statusOfExit } from "./Status.ts"

/** Statuses that are the server's own fault, as the convention has it. */
const ours = new Set<number>([
  Code.UNKNOWN,
  Code.DEADLINE_EXCEEDED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
  Code.DATA_LOSS
])

/** Names under which a trace may come. */
const TRACES = ["traceparent", "b3", "x-b3-traceid"]
const ROOT = { root: true as const, parent: undefined }

const parentOf = (metadata: CallMetadata) => {
  if (!TRACES.some((name) => metadata.get(name).length > 0)) return ROOT
  const parent = HttpTraceContext.fromHeaders(Headers.fromInput(metadata.getMap() as Record<string, string>))
  return parent._tag === "Some" ? { parent: parent.value } : ROOT
}

/** Gives what a stream does later the trace of its caller, if that has one. */
export const childOf = <A, E, R>(metadata: CallMetadata, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const { parent } = parentOf(metadata)
  return parent === undefined ? work : Effect.withParentSpan(work, parent)
}

const seconds = histogram(
  "herald_grpc_request_seconds",
  "from a call's first message to its answer; of a stream, until it is open",
  [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  []
)

/** By method and code, so there are only a few. */
const timers = new Map<string, typeof seconds>()
const timerOf = (method: string, code: string) => {
  const id = `${method} ${code}`
  let timer = timers.get(id)
  if (timer === undefined) timers.set(id, (timer = Metric.withAttributes(seconds, { method, code }) as typeof seconds))
  return timer
}

const timed = <A>(method: string, handled: Effect.Effect<Exit.Exit<A, HeraldError>>) =>
  Effect.clockWith((clock) => {
    const startedAt = clock.monotonicTimeNanosUnsafe()
    return Effect.tap(handled, (exit) => {
      const took = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
      const code = Exit.isSuccess(exit) ? "OK" : codeName(statusOfExit(exit).code)
      return Metric.update(timerOf(method, code), took)
    })
  })

/** For calls that are answered without a fiber: where spans are kept there are none, or one would be missing. */
export const makeCounting = Effect.map(
  Effect.all([Effect.context<never>(), Clock.Clock, Tracer.Tracer]),
  ([context, clock, tracer]) => ({
    keepsSpans: tracer !== Tracer.nativeTracer,
    now: () => clock.monotonicTimeNanosUnsafe(),
    /** An answer, as the span of its call would time it. `startedAt`: nanoseconds of `now`. */
    answered: (method: string, startedAt: bigint): void =>
      timerOf(method, "OK").updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9, context)
  })
)

/** `method`: its full name. `stream`: success means that it is open, and its status is not known yet. TE9 */
export const traced = <A>(
  method: string,
  { metadata, peer, system = "grpc" }: Pick<ServerCall, "metadata" | "peer" | "system">,
  handled: Effect.Effect<A, HeraldError>,
  stream = false
): Effect.Effect<A, HeraldError> => {
  const ended = (exit: Exit.Exit<A, HeraldError>): Effect.Effect<Exit.Exit<A, HeraldError>, HeraldError> => {
    if (Exit.isSuccess(exit))
      return Effect.as(stream ? Effect.void : Effect.annotateCurrentSpan("rpc.response.status_code", "OK"), exit)
    const { code } = statusOfExit(exit)
    const said = codeName(code)
    const fault = ours.has(code)
    return Effect.annotateCurrentSpan({
      "rpc.response.status_code": said,
      ...(fault ? { "error.type": said } : {})
    }).pipe(
      Effect.andThen(
        fault
          ? Effect.logError("a call failed", exit.cause, { method: method.slice(method.lastIndexOf("/") + 1) })
          : Effect.void
      ), // TE9
      Effect.andThen(fault ? Effect.failCause(exit.cause) : Effect.succeed(exit))
    )
  }
  return timed(method, Effect.exit(handled)).pipe(
    Effect.flatMap(ended),
    Effect.withSpan(
      method,
      {
        kind: "server",
        attributes: {
          "rpc.system.name": system,
          "rpc.method": method,
          ...(peer.port === undefined ? {} : { "client.address": peer.address })
        },
        ...parentOf(metadata)
      },
      { captureStackTrace: false }
    ),
    Effect.flatten
  )
}
