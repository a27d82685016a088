/** Logs to stderr as JSON or for people; traces, metrics and logs by OTLP where an endpoint is set. */
import { Layer, Logger, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"

export interface TelemetryOptions {
  readonly format: "auto" | "json" | "pretty"
  readonly level: "debug" | "info" | "warn" | "error"
  readonly otlpEndpoint: string | undefined
  readonly node: string
  readonly version: string
}

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

/** stdout stays free for what the server says to a person. */
const toStderr = (logger: Logger.Logger<unknown, string>) =>
  Logger.make<unknown, void>((options) => void process.stderr.write(`${logger.log(options)}\n`))

export const layer = (options: TelemetryOptions) => {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stderr.isTTY === true)
  const logs = Layer.mergeAll(
    Logger.layer([toStderr(pretty ? Logger.formatLogFmt : Logger.formatJson)]),
    Layer.succeed(References.MinimumLogLevel, levels[options.level])
  )
  if (options.otlpEndpoint === undefined) return logs
  const otlp = Otlp.layerJson({
    baseUrl: options.otlpEndpoint,
    resource: {
      serviceName: "herald",
      serviceVersion: options.version,
      attributes: { "service.instance.id": options.node }
    },
    loggerMergeWithExisting: true
  }).pipe(Layer.provide(FetchHttpClient.layer))
  return Layer.provideMerge(otlp, logs)
}
