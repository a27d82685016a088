/** Logs to stderr as JSON or for people; traces, metrics and logs by OTLP where an endpoint is set. */
import { hostname } from "node:os"
import { Effect, Layer, Logger, References } from "effect"
import { Evidence } from "../../src/telemetry/Evidence.ts"
import { printable } from "../../src/text/Printable.ts"
import { withoutTokens } from "../../src/text/Secrets.ts"
import { jsonOf, lineOf, plainOf } from "./Lines.ts"
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

/** How to log until the settings are read. */
export const early = (env: Readonly<Record<string, string | undefined>>) => ({
  format: ({ json: "json", pretty: "pretty" } as const)[env["LOG_FORMAT"] ?? ""] ?? ("auto" as const),
  level: "info" as const,
  node: env["HERALD_NODE"] || hostname()
})

/** Whether lines are for people: when asked for, or on a terminal. Whatever else reads the stream gets JSON. */
export const forPeople = (format: TelemetryOptions["format"]): boolean =>
  format === "pretty" || (format === "auto" && process.stderr.isTTY === true)

/** Stdout stays free for what the server says to a person. */
const toStderr = ({ format, level, node }: TelemetryOptions) => {
  const line = forPeople(format) ? plainOf : jsonOf
  return Logger.make<unknown, void>((options) => {
    if (level !== "debug" && process.stderr.isTTY === true && options.fiber.getRef(Evidence)) return // AC4
    process.stderr.write(`${withoutTokens(printable(line(lineOf(options, node)), true))}\n`) // PR1, TU1
  })
}

export const layer = (options: TelemetryOptions) => {
  const logs = Layer.mergeAll(
    Logger.layer([toStderr(options)]),
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
