/**
 * Makes metrics, each with a name and a description.
 *
 *   MT1  Every metric says what it means. A counter and a histogram are there from the start, at zero, with each label value that is known:
 *        the first event of a kind is a rise that an alert sees, not a series that appears.
 */
import { type Context, Metric } from "effect"

type Labels = Readonly<Record<string, string>>

/** Every metric that this program declares, whichever node counts it. */
const declared: Array<Metric.Metric<never, unknown>> = []

const declare = <M extends Metric.Metric<never, unknown>>(metric: M, labels: ReadonlyArray<Labels> | undefined): M => {
  if (labels === undefined) declared.push(metric)
  else for (const one of labels) declared.push(Metric.withAttributes(metric, one) as typeof metric)
  return metric
}

/** Only rises. `labels`: the values that are known from the start, `[]` when none is; left out for a metric without labels. */
export const counter = (name: string, description: string, labels?: ReadonlyArray<Labels>) =>
  declare(Metric.counter(name, { description, incremental: true }), labels)

/** Of seconds, unless its name says otherwise. `boundaries`: upper bounds of the buckets, ascending, without infinity. */
export const histogram = (
  name: string,
  description: string,
  boundaries: ReadonlyArray<number>,
  labels?: ReadonlyArray<Labels>
) => declare(Metric.histogram(name, { description, boundaries: [...boundaries] }), labels)

/** Appears once it is measured: until then zero would be a lie. */
export const gauge = (name: string, description: string) => Metric.gauge(name, { description })

/** Each value of one label. */
export const each = (label: string, values: ReadonlyArray<string>): ReadonlyArray<Labels> =>
  values.map((value) => ({ [label]: value }))

/** Puts the declared metrics into the registry in `context`, at zero. MT1 */
export const present = (
  context: Context.Context<never>,
  metrics: ReadonlyArray<Metric.Metric<never, unknown>> = declared
) => {
  for (const metric of metrics) metric.valueUnsafe(context)
}
