/**
 * Decides which spans are exported.
 *
 *   TE2  A span that failed is exported whatever the ratio says. The caller's decision counts before the ratio, and the flag that is
 *        passed on is the decision, so that other systems keep the same traces.
 *
 *   TE7  A statement to the database that nobody asked for, such as the poll of the log, is exported only if it failed: there would be
 *        several a second, each a trace of its own.
 *
 * The ratio counts trace ids, so every node decides alike:
 * https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased, below
 * https://opentelemetry.io/docs/specs/otel/trace/sdk/#parentbased
 */
import { SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api"
import {
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
  TraceIdRatioBasedSampler
} from "@opentelemetry/sdk-trace-base"

/** Spans outside of `ratio` (0 to 1) are recorded as well: only at their end is it known whether they failed. */
export const recordingSampler = (ratio: number): Sampler => {
  const decide = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  return {
    shouldSample: (...args) => {
      const [context, , , kind, , links] = args
      // TE7
      if (kind === SpanKind.CLIENT && links.length === 0 && trace.getSpanContext(context) === undefined)
        return { decision: SamplingDecision.RECORD }
      const result = decide.shouldSample(...args)
      return result.decision === SamplingDecision.NOT_RECORD ? { ...result, decision: SamplingDecision.RECORD } : result
    },
    toString: () => `Recording{${decide}}`
  }
}

/** The same span with the flag set that processors look at. */
const asSampled = (span: ReadableSpan): ReadableSpan => {
  const context = { ...span.spanContext(), traceFlags: span.spanContext().traceFlags | TraceFlags.SAMPLED }
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan
}

/** Passes on what is sampled, and what failed. TE2 */
export const keepErrors = (next: SpanProcessor): SpanProcessor => ({
  onStart: (span, context) => next.onStart(span, context),
  onEnd: (span) => next.onEnd(span.status.code === SpanStatusCode.ERROR ? asSampled(span) : span),
  forceFlush: () => next.forceFlush(),
  shutdown: () => next.shutdown()
})
