/**
 * Writes the metric registry as text: OpenMetrics 1.0 with exemplars, which Prometheus asks for by itself, or the older format. Pure.
 *
 *   OM1  Every name, label and number is written as the format wants it, and the text ends with `# EOF`, so that a scraper never takes a
 *        half for the whole: https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import type { Metric } from "effect"
import type { Exemplar, ExemplarsShape } from "../../telemetry/Exemplars.ts"
import type { Family } from "../../telemetry/Runtime.ts"

export const CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

/** Whether a scraper can read OpenMetrics; `q=0` says that it can't. */
export const accepted = (accept: string | undefined): boolean =>
  (accept ?? "")
    .split(",")
    .some((one) => /^\s*application\/openmetrics-text\b/.test(one) && !/;\s*q=0(\.0*)?\s*(;|$)/.test(one))

type Snapshot = Metric.Metric.Snapshot
type Labels = ReadonlyArray<readonly [name: string, value: string]>

const escaped = (text: string) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")

const labelled = (labels: Labels) =>
  labels.length === 0 ? "" : `{${labels.map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`

const plain = (value: number | bigint): string => {
  if (typeof value === "number" && Number.isNaN(value)) return "NaN"
  if (value === Number.POSITIVE_INFINITY) return "+Inf"
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)
}

/** Scrapers compare bounds as text, so whole ones end with `.0`. */
const bound = (value: number) => (Number.isInteger(value) ? `${value}.0` : plain(value))

const labelsOf = (snapshot: Snapshot): Labels => Object.entries(snapshot.attributes ?? {})

const exemplarOf = (exemplar: Exemplar | undefined) =>
  exemplar === undefined
    ? ""
    : ` # ${labelled([
        ["trace_id", exemplar.traceId],
        ["span_id", exemplar.spanId]
      ])} ${plain(exemplar.value)} ${(exemplar.at / 1_000).toFixed(3)}`

const histogram = (
  name: string,
  labels: Labels,
  { buckets, count, sum }: Metric.HistogramState,
  exemplars: ReadonlyArray<Exemplar | undefined>
) => {
  const finite = buckets.filter(([boundary]) => boundary !== Number.POSITIVE_INFINITY)
  const lines = [...finite.map(([boundary, below]) => [bound(boundary), below] as const), ["+Inf", count] as const].map(
    ([le, below], bucket) =>
      `${name}_bucket${labelled([...labels, ["le", le]])} ${below}${exemplarOf(exemplars[bucket])}`
  )
  return [...lines, `${name}_sum${labelled(labels)} ${plain(sum)}`, `${name}_count${labelled(labels)} ${count}`]
}

/** A family's name and kind. A counter's samples must end with `_total`; a counter whose name does not is written as "unknown". */
const familyOf = ({ id, type, ...rest }: Snapshot): readonly [name: string, kind: string] => {
  if (type === "Gauge") return [id, "gauge"]
  if (type === "Histogram") return [id, "histogram"]
  const rises = type === "Counter" && (rest.state as { readonly incremental: boolean }).incremental
  return rises && id.endsWith("_total") ? [id.slice(0, -"_total".length), "counter"] : [id, "unknown"]
}

const samplesOf = (snapshot: Snapshot, exemplars: ExemplarsShape): ReadonlyArray<string> => {
  const { id } = snapshot
  const labels = labelsOf(snapshot)
  switch (snapshot.type) {
    case "Histogram":
      return histogram(id, labels, snapshot.state, exemplars.of(id))
    case "Gauge":
      return [`${id}${labelled(labels)} ${plain(snapshot.state.value)}`]
    case "Counter":
      return [`${id}${labelled(labels)} ${plain(snapshot.state.count)}`]
    case "Frequency":
      return [...snapshot.state.occurrences].map(([key, n]) => `${id}${labelled([...labels, ["key", key]])} ${n}`)
    case "Summary":
      return [`${id}${labelled(labels)} ${plain(snapshot.state.sum)}`]
  }
}

/** Lines of the process's own metrics. In the older format a counter's family has the name of its samples. */
const runtimeLines = (families: ReadonlyArray<Family>, open: boolean): ReadonlyArray<string> =>
  families.flatMap(({ name, help, kind, samples }) => {
    const family = open && kind === "counter" ? name.replace(/_total$/, "") : name
    const lines = samples.map((sample) => {
      const labels = Object.entries(sample.labels).map(
        ([label, value]) =>
          [label, open && label === "le" && typeof value === "number" ? bound(value) : String(value)] as const
      )
      return `${sample.name}${labelled(labels)} ${plain(sample.value)}`
    })
    return [`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${kind}`, ...lines]
  })

/** The text format 0.0.4. */
export const text = (families: ReadonlyArray<Family>): string =>
  runtimeLines(families, false)
    .map((line) => `${line}\n`)
    .join("")

/** OM1 */
export const format = (
  snapshots: ReadonlyArray<Snapshot>,
  exemplars: ExemplarsShape,
  runtime: ReadonlyArray<Family> = []
): string => {
  const families = new Map<string, Array<Snapshot>>()
  for (const snapshot of snapshots) {
    const name = familyOf(snapshot)[0]
    families.set(name, [...(families.get(name) ?? []), snapshot])
  }
  const lines = [...families].flatMap(([name, all]) => {
    const { description } = all[0]!
    const help = description === undefined ? [] : [`# HELP ${name} ${escaped(description)}`]
    return [`# TYPE ${name} ${familyOf(all[0]!)[1]}`, ...help, ...all.flatMap((one) => samplesOf(one, exemplars))]
  })
  return `${[...lines, ...runtimeLines(runtime, true), "# EOF"].join("\n")}\n`
}
