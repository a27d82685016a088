/** Logs to stderr as JSON or for people; traces, metrics and logs by OTLP where an endpoint is set. */
import { Context, Effect, Layer, Logger, References, Tracer } from "effect"
import { printable } from "../../src/text/Printable.ts"
import { withoutTokens } from "../../src/text/Secrets.ts"
import type { OtlpOptions } from "./Otlp.ts"

export interface TelemetryOptions {
  readonly format: "auto" | "json" | "pretty"
  readonly level: "debug" | "info" | "warn" | "error"
  readonly node: string
  readonly version: string
  /** Undefined: nothing is exported. */
  readonly otlp?: Omit<OtlpOptions, "node" | "version"> | undefined
}

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

/** A JSON line says which trace it belongs to. */
const json = Logger.make<unknown, string>((options) => {
  const line = Logger.formatJson.log(options)
  const span = Context.getOrUndefined(options.fiber.context, Tracer.ParentSpan)
  return span === undefined ? line : `${line.slice(0, -1)},"traceId":"${span.traceId}","spanId":"${span.spanId}"}`
})

/** stdout stays free for what the server says to a person. */
const toStderr = (logger: Logger.Logger<unknown, string>) =>
  Logger.make<unknown, void>(
    (options) => void process.stderr.write(`${withoutTokens(printable(logger.log(options), true))}\n`)
  ) // PR1, TU1

export const layer = (options: TelemetryOptions) => {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stderr.isTTY === true)
  const logs = Layer.mergeAll(
    Logger.layer([toStderr(pretty ? Logger.formatLogFmt : json)]),
    Layer.succeed(References.MinimumLogLevel, levels[options.level])
  )
  const { otlp: exporting, node, version } = options
  if (exporting === undefined) return logs
  // The SDK takes a fifth of a second to load: only for those who use it.
  const otlp = Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./Otlp.ts")),
      (Otlp) => Otlp.layer({ ...exporting, node, version })
    )
  )
  return Layer.provideMerge(otlp, logs)
}
