/**
 * Which spans are exported.
 *
 *   TE2  A span that failed is exported whatever the ratio says. The caller's decision counts before the ratio, and the flag that is
 *        passed on is the decision, so that other systems keep the same traces.
 *
 * The ratio counts trace ids, so every node decides alike:
 * https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased, below
 * https://opentelemetry.io/docs/specs/otel/trace/sdk/#parentbased
 */
import { SpanStatusCode, TraceFlags } from "@opentelemetry/api"
import {
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
  TraceIdRatioBasedSampler
} from "@opentelemetry/sdk-trace-base"

/** Spans outside of `ratio` (0 to 1) are recorded, too: only at their end it is known whether they failed. */
export const recordingSampler = (ratio: number): Sampler => {
  const decide = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  return {
    shouldSample: (...args) => {
      const result = decide.shouldSample(...args)
      return result.decision === SamplingDecision.NOT_RECORD ? { ...result, decision: SamplingDecision.RECORD } : result
    },
    toString: () => `Recording{${decide}}`
  }
}

/** The span as it was, but for the flag that processors look at. */
const asSampled = (span: ReadableSpan): ReadableSpan => {
  const context = { ...span.spanContext(), traceFlags: span.spanContext().traceFlags | TraceFlags.SAMPLED }
  return Object.create(span, { spanContext: { value: () => context } }) as ReadableSpan
}

/** Hands on what is sampled, and what failed. TE2 */
export const keepErrors = (next: SpanProcessor): SpanProcessor => ({
  onStart: (span, context) => next.onStart(span, context),
  onEnd: (span) => next.onEnd(span.status.code === SpanStatusCode.ERROR ? asSampled(span) : span),
  forceFlush: () => next.forceFlush(),
  shutdown: () => next.shutdown()
})
