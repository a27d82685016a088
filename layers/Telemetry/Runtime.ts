/**
 * What the process tells of itself: `process_*` and `nodejs_*` as prom-client names and measures them, so that dashboards for Node fit, and
 * what was built.
 *
 *   RM1  A gauge with a counter's name, such as `nodejs_active_handles_total`, is left out: it is the sum of `nodejs_active_handles`.
 */
import { Effect, Layer, Metric } from "effect"
import { collectDefaultMetrics, Histogram, Registry } from "prom-client"
import { gauge } from "../../src/telemetry/Metrics.ts"
import { type Family, Runtime } from "../../src/telemetry/Runtime.ts"

export interface Build {
  readonly version: string
  /** Of git; "unknown" where nobody wrote it down. */
  readonly commit: string
}

/** Of collections, as prom-client calls them: there from the start, at zero. */
const KINDS = ["major", "minor", "incremental", "weakcb"]

/** One for the process, however many nodes run in it: measuring twice would cost twice. */
let measured: Registry | undefined
const registryOf = (): Registry => {
  if (measured === undefined) {
    measured = new Registry()
    collectDefaultMetrics({ register: measured })
    const collections = measured.getSingleMetric("nodejs_gc_duration_seconds")
    if (collections instanceof Histogram) for (const kind of KINDS) collections.zero({ kind })
  }
  return measured
}

interface Told {
  readonly name: string
  readonly help: string
  readonly type: unknown
  readonly values: ReadonlyArray<{
    readonly metricName?: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }>
}

const familyOf = ({ name: told, help, type, values }: Told): Family => ({
  name: told,
  help: help.replace(/\.$/, ""),
  kind: type as Family["kind"],
  samples: values.map(({ metricName = told, labels, value }) => ({ name: metricName, labels, value }))
})

export const layer = ({ version, commit }: Build) =>
  Layer.effect(
    Runtime,
    Effect.gen(function* () {
      const registry = registryOf()
      yield* Metric.update(Metric.withAttributes(build, { version, commit, node: process.version }), 1)
      const families = Effect.map(
        Effect.promise(() => registry.getMetricsAsJSON()),
        (told) =>
          (told as unknown as ReadonlyArray<Told>)
            .filter(({ name, type }) => type !== "gauge" || !name.endsWith("_total")) // RM1
            .map(familyOf)
      )
      return { families }
    })
  )

const build = gauge("herald_build_info", "1, with what is running")
