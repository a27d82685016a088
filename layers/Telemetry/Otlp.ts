/**
 * Sends traces, metrics and logs by OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/), with the OpenTelemetry SDK (decision 0007).
 *
 *   TE3  A receiver that refuses or hangs costs its data and nothing else: each signal has a bounded queue that drops what comes when it is
 *        full, and one export at a time, with a time limit; at shutdown that is waited for at most `LEAVING`.
 *   TE4  An outage is logged once when it begins and once when it is over.
 */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import * as OtelLogger from "@effect/opentelemetry/OtelLogger"
import { context, TraceFlags, trace } from "@opentelemetry/api"
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto"
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto"
import { BatchLogRecordProcessor } from "@opentelemetry/sdk-logs"
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics"
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { ATTR_DEPLOYMENT_ENVIRONMENT_NAME, ATTR_SERVICE_INSTANCE_ID } from "@opentelemetry/semantic-conventions"
import { Context, Effect, Layer, Logger, Tracer } from "effect"
import { notice } from "../../src/telemetry/Degraded.ts"
import { withoutTokens } from "../../src/text/Secrets.ts"
import { lineOf } from "./Lines.ts"
import { keepErrors, recordingSampler } from "./Sampling.ts"
import { named } from "./SpanNames.ts"

export interface OtlpOptions {
  /** Base URL; `/v1/traces`, `/v1/metrics` and `/v1/logs` are added. */
  readonly endpoint: string
  /** 0 to 1. */
  readonly sampleRatio: number
  readonly node: string
  readonly version: string
  /** Where this deployment runs, such as "production"; it has nothing to do with the environments of configurations. */
  readonly deployment?: string | undefined
}

/** Milliseconds for each signal at shutdown; they end one after the other. */
const LEAVING = 800
/** TE3: waiting spans, and log records. */
const queue = { maxQueueSize: 2_048, maxExportBatchSize: 512, scheduledDelayMillis: 1_000, exportTimeoutMillis: 5_000 }
const sending = { timeoutMillis: 4_000, concurrencyLimit: 4 }

/** Milliseconds without a failure after which an outage is over: longer than an export may take. TE4 */
const SETTLED = 6_000

type Signal = "traces" | "metrics" | "logs"
interface Exporter {
  export: (items: never, done: (result: { readonly code: number; readonly error?: Error }) => void) => void
}

/** Calls `ended` with how each export ended. */
const watched = <E extends Exporter>(exporter: E, ended: (error: Error | undefined) => void): E => {
  const send = exporter.export.bind(exporter)
  exporter.export = (items, done) =>
    send(items, (result) => {
      ended(result.code === 0 ? undefined : (result.error ?? new Error("the export failed")))
      done(result)
    })
  return exporter
}

interface Leaving {
  forceFlush: () => Promise<void>
  shutdown: () => Promise<void>
}

/** TE3: what can't be sent at shutdown is no defect of the server. */
const calm = <P extends Leaving>(part: P): P => {
  const [flush, end] = [part.forceFlush.bind(part), part.shutdown.bind(part)]
  part.forceFlush = () => flush().catch(() => undefined)
  part.shutdown = () => end().catch(() => undefined)
  return part
}

/** The same lines as on stderr (LL1), with fields as attributes; an error's by its names in the conventions. */
const logger = (node: string, version: string) =>
  Effect.map(OtelLogger.OtelLoggerProvider, (provider) => {
    const log = provider.getLogger("herald", version)
    return Logger.make<unknown, void>((options) => {
      const { time: _, level, message, node: __, trace_id, span_id, error, stack, ...fields } = lineOf(options, node)
      const span = Context.getOrUndefined(options.fiber.context, Tracer.ParentSpan)
      const attributes = Object.entries({ ...fields, "exception.message": error, "exception.stacktrace": stack })
      log.emit({
        body: withoutTokens(String(message)), // TU1
        severityText: String(level),
        severityNumber: OtelLogger.logLevelToSeverityNumber(options.logLevel),
        timestamp: options.date,
        attributes: Object.fromEntries(
          attributes.flatMap(([name, value]) => {
            if (value === undefined) return []
            const plain = typeof value === "number" || typeof value === "boolean"
            return [[name, plain ? value : withoutTokens(typeof value === "string" ? value : JSON.stringify(value))]]
          })
        ),
        context:
          span === undefined
            ? context.active()
            : trace.setSpanContext(context.active(), {
                traceId: String(trace_id),
                spanId: String(span_id),
                traceFlags: span.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
              })
      })
    })
  })

export const layer = ({ endpoint, sampleRatio, node, version, deployment }: OtlpOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const log = Effect.runForkWith(yield* Effect.context<never>())
      const exported = yield* notice("telemetry", {
        source: "otlp",
        began: "telemetry can't be exported",
        ended: "telemetry is exported again"
      })
      const failing = new Set<Signal>()
      let over: NodeJS.Timeout | undefined
      let outage = false
      /** TE4: it is over when no signal has failed for a while; an export that began before may still end badly. */
      const ended = (signal: Signal) => (error: Error | undefined) => {
        if (error === undefined) failing.delete(signal)
        else failing.add(signal)
        if (failing.size > 0) {
          clearTimeout(over)
          over = undefined
          if (!outage) log(exported.fails(`${signal}: ${error?.message}`))
          outage = true
        } else if (outage && over === undefined) {
          over = setTimeout(() => {
            outage = false
            over = undefined
            log(exported.works)
          }, SETTLED).unref()
        }
      }
      const base = endpoint.replace(/\/+$/, "")
      const to = (signal: Signal) => ({ url: `${base}/v1/${signal}`, ...sending })
      const logs = calm(
        new BatchLogRecordProcessor({ exporter: watched(new OTLPLogExporter(to("logs")), ended("logs")), ...queue })
      )
      const logging = Logger.layer([logger(node, version)], { mergeWithExisting: true }).pipe(
        Layer.provide(OtelLogger.layerLoggerProvider(logs, { shutdownTimeout: LEAVING }))
      )
      const sdk = NodeSdk.layer(() => ({
        resource: {
          serviceName: "herald",
          serviceVersion: version,
          attributes: {
            [ATTR_SERVICE_INSTANCE_ID]: node,
            ...(deployment === undefined ? {} : { [ATTR_DEPLOYMENT_ENVIRONMENT_NAME]: deployment })
          }
        },
        tracerConfig: { sampler: recordingSampler(sampleRatio) },
        spanProcessor: calm(
          keepErrors(
            named(new BatchSpanProcessor(watched(new OTLPTraceExporter(to("traces")), ended("traces")), queue))
          )
        ),
        metricReader: calm(
          new PeriodicExportingMetricReader({
            exporter: watched(new OTLPMetricExporter(to("metrics")), ended("metrics")),
            exportIntervalMillis: 5_000,
            exportTimeoutMillis: 5_000
          })
        ),
        shutdownTimeout: LEAVING
      }))
      return Layer.provideMerge(logging, sdk)
    })
  )
