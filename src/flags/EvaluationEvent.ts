/**
 * An evaluation as OpenTelemetry has it: https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/ Pure.
 *
 *   UE1  Neither the value nor anything of whom it was evaluated for is in a span, and no words of an error, which may quote a context.
 */
import type { Resolution } from "../evaluation/Resolution.ts"

export const evaluationEvent = (
  environment: string,
  key: string,
  version: number | undefined,
  { variant, reason, errorCode }: Resolution
): Readonly<Record<string, unknown>> => ({
  "feature_flag.key": key,
  "feature_flag.provider.name": "Herald",
  "feature_flag.set.id": environment,
  "feature_flag.result.reason": reason.toLowerCase(),
  ...(version === undefined ? {} : { "feature_flag.version": String(version) }),
  ...(variant === undefined ? {} : { "feature_flag.result.variant": variant }),
  ...(errorCode === undefined ? {} : { "error.type": errorCode.toLowerCase() })
})
