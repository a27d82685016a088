/**
 * Makes spans of work that is done for several publishers at once: a commit, a batch for Kafka, a message that tells of a revision.
 *
 *   TE6  Work for one trace is a span of that trace; work for several is a trace of its own with a link to each that is sampled, at
 *        most `LINKS`.
 *   TE11 Where nobody keeps spans, which is with Effect's own tracer, a step inside of a span makes none, and neither does what has happened.
 *
 * Names and attributes of messages: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
import { Clock, Context, Effect, Exit, Option, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"

/** Links that the SDK keeps of a span. */
const LINKS = 128

/** The contexts that these W3C `traceparent`s name: each trace once, and no more than can be linked. "" names none. */
export const contextsOf = (traceparents: Iterable<string>): ReadonlyArray<Tracer.ExternalSpan> => {
  const found = new Map<string, Tracer.ExternalSpan>()
  for (const traceparent of new Set(traceparents)) {
    if (traceparent === "") continue
    const context = HttpTraceContext.fromHeaders(Headers.fromInput({ traceparent }))
    if (Option.isSome(context)) found.set(context.value.traceId, context.value)
    if (found.size === LINKS) break
  }
  return [...found.values()]
}

/** W3C trace context of the span that this is done in, for what carries it on; "" without one. */
export const currentTraceparent = Effect.currentSpan.pipe(
  Effect.map((span) => HttpTraceContext.toHeaders(span)["traceparent"] ?? ""),
  Effect.orElseSucceed(() => "")
)

const linked = (contexts: ReadonlyArray<Tracer.AnySpan>) => contexts.filter(({ sampled }) => sampled).slice(0, LINKS)

/** Makes the spans of `work` belong to these. TE6 */
export const within = (spans: ReadonlyArray<Tracer.AnySpan>) => {
  const contexts = [...new Map(spans.map((span) => [span.traceId, span])).values()]
  return <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    contexts.length === 1 ? Effect.withParentSpan(work, contexts[0]!) : Effect.linkSpans(work, linked(contexts))
}

export interface Message {
  readonly system: "kafka" | "redis"
  /** Topic or channel. */
  readonly destination: string
  readonly operation: "send" | "publish" | "process"
  readonly attributes?: Readonly<Record<string, unknown>>
}

export const nameOf = ({ operation, destination }: Message) => `${operation} ${destination}`

export const optionsOf = ({ system, destination, operation, attributes }: Message) => {
  const process = operation === "process"
  return {
    kind: process ? "consumer" : "producer",
    attributes: {
      "messaging.system": system,
      "messaging.destination.name": destination,
      "messaging.operation.name": operation,
      "messaging.operation.type": process ? "process" : "send",
      ...attributes
    }
  } as const
}

const inSpan = (context: Context.Context<never>): boolean =>
  context.mapUnsafe.get(Tracer.ParentSpan.key)?._tag === "Span"

/** A span for a step inside of a request. TE11 */
export const step =
  (name: string) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer && inSpan(fiber.context)
        ? work
        : Effect.withSpan(work, name, { captureStackTrace: false })
    )

/** Notes in the span of this fiber what happened, where somebody keeps that span. TE11 */
export const happened = (name: string, attributes: () => Readonly<Record<string, unknown>>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const span: Tracer.AnySpan | undefined = fiber.context.mapUnsafe.get(Tracer.ParentSpan.key)
    if (span?._tag === "Span" && span.sampled && fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer)
      span.event(name, fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), attributes())
    return Effect.void
  })

export interface Mark {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly attributes: Readonly<Record<string, unknown>>
  readonly traceparents: Iterable<string>
  /** Milliseconds since 1970. */
  readonly from: number
  /** Milliseconds since 1970. */
  readonly to: number
}

/** Makes a span of what has happened, where no effects run; none when no trace of it is sampled. TE6 */
export const makeMark = Effect.map(Effect.tracer, (tracer) => (mark: Mark): void => {
  if (tracer === Tracer.nativeTracer) return // TE11
  const contexts = contextsOf(mark.traceparents)
  const sampled = linked(contexts)
  if (sampled.length === 0) return
  const one = contexts.length === 1
  const span = tracer.span({
    name: mark.name,
    kind: mark.kind,
    parent: one ? Option.some(contexts[0]!) : Option.none(),
    annotations: Context.empty(),
    links: one ? [] : sampled.map((context) => ({ span: context, attributes: {} })),
    startTime: BigInt(Math.min(mark.from, mark.to)) * 1_000_000n,
    root: !one,
    sampled: true
  })
  for (const [name, value] of Object.entries(mark.attributes)) span.attribute(name, value)
  span.end(BigInt(mark.to) * 1_000_000n, Exit.void)
})
