/** Checks what an experiment is to be, before anything is looked up for it. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { WEIGHT } from "../evaluation/Fractional.ts"
import type { Json } from "../evaluation/Json.ts"
import { wrongKey } from "../keys/Key.ts"
import { excerpt } from "../text/Excerpt.ts"
import { TRACK_NAME } from "../usage/Report.ts"
import { ARMS, type Arm, BUCKETS, METRICS, type Metric, metricKinds, NAME, WHERE } from "./Experiment.ts"
import { OUTSIDE } from "./Split.ts"

/** Milliseconds of a metric's window, unless it says so; and from what to what it may be. */
export const [WINDOW, SHORTEST, LONGEST] = [7 * 86_400_000, 60_000, 60 * 86_400_000]
/** Unless it says so; and from what to what it may be. */
export const [ALPHA, SUREST, LEAST_SURE] = [0.05, 0.0001, 0.2]

/** What is said of a metric. */
export interface SaidMetric {
  readonly name?: string | undefined
  readonly kind: string
  readonly event: string
  readonly windowMillis?: number | undefined
  readonly cap?: number | null | undefined
  readonly better?: string | undefined
}

export interface Wanted {
  readonly environment: string
  readonly key: string
  readonly flag: string
  /** The control first. Undefined: as the flag has them. */
  readonly arms: ReadonlyArray<Arm> | undefined
  /** The flag is published so that it splits people by these shares. */
  readonly split: boolean
  /** Of a hundred people how many take part; with three digits in all. */
  readonly traffic: number
  /** A rule that is true for who may take part. */
  readonly where: Json | undefined
  /** "": none. */
  readonly layer: string
  readonly metrics: ReadonlyArray<SaidMetric>
  readonly alpha: number
}

const wrong = (message: string): HeraldError => failure("InvalidExperiment", message)

const nameProblem = (what: string, name: string): HeraldError | undefined => {
  const problem = wrongKey(name) ?? (name.length > NAME ? `has more than ${NAME} characters` : undefined)
  return problem === undefined ? undefined : wrong(`${what}: ${excerpt(name)} ${problem}`)
}

const within = (value: number, least: number, most: number): boolean =>
  Number.isFinite(value) && value >= least && value <= most

export const armsProblem = (arms: ReadonlyArray<Arm>): HeraldError | undefined => {
  if (arms.length < 2 || arms.length > ARMS) return wrong(`an experiment has 2 to ${ARMS} variants, not ${arms.length}`)
  const twice = arms.find(({ variant }, at) => arms.findIndex((one) => one.variant === variant) < at)
  if (twice !== undefined) return wrong(`the variant ${excerpt(twice.variant)} is there twice`)
  if (arms.some(({ variant }) => variant === OUTSIDE || variant === ""))
    return wrong(`a variant that is compared is not called ${OUTSIDE}, nor nothing: that is who does not take part`)
  const bad = arms.find(({ share }) => !Number.isInteger(share) || share < 1)
  if (bad !== undefined) return wrong(`the share of ${excerpt(bad.variant)} is no whole number from 1`)
  return arms.reduce((sum, { share }) => sum + share, 0) > WEIGHT
    ? wrong(`the shares are more than ${WEIGHT} together`)
    : undefined
}

const metricProblem = (said: SaidMetric): HeraldError | undefined => {
  const { name, kind, event, windowMillis = WINDOW, cap = null, better = "more" } = said
  const it = `the metric ${excerpt(name ?? event)}`
  if (!metricKinds.includes(kind as never)) return wrong(`${it} is of no kind: ${metricKinds.join(" or ")}`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!/^[^\u0000-\u001f\u007f-\u009f]{1,100}$/.test(event) || event.length > TRACK_NAME || !event.isWellFormed())
    return wrong(`${it} has no event: a text of 1 to ${TRACK_NAME} characters`)
  if (name !== undefined && nameProblem("metric", name) !== undefined) return nameProblem("metric", name)
  if (!Number.isInteger(windowMillis) || !within(windowMillis, SHORTEST, LONGEST))
    return wrong(`${it} has no window from a minute to 60 days`)
  if (cap !== null && (kind === "conversion" || !within(cap, Number.MIN_VALUE, 1e12)))
    return wrong(`${it} has no cap: a number above 0, up to 1e12, of a mean`)
  return better === "more" || better === "less" ? undefined : wrong(`${it} gets better with more or with less`)
}

export const wantedProblem = (wanted: Wanted): HeraldError | undefined => {
  const { key, arms, split, traffic, where, layer, metrics, alpha } = wanted
  const named = nameProblem("name", key) ?? (layer === "" ? undefined : nameProblem("layer", layer))
  if (named !== undefined) return named
  if (!split && (layer !== "" || traffic !== 100 || where !== undefined))
    return wrong("who takes part (layer, traffic, where) stands in the flag's rule: it is said with a split alone")
  if (split && arms === undefined) return wrong("a split says for which variant how many are")
  const problem = arms === undefined ? undefined : armsProblem(arms)
  if (problem !== undefined) return problem
  if (!within(traffic, 0.1, 100) || !Number.isInteger(Math.round(traffic * 1e6) / (1e8 / BUCKETS)))
    return wrong("traffic is from 0.1 to 100, of a hundred people, with one digit behind the point")
  if (where !== undefined && JSON.stringify(where).length > WHERE)
    return wrong(`who may take part is said in more than ${WHERE} characters; make a segment of it`)
  if (!within(alpha, SUREST, LEAST_SURE)) return wrong(`alpha is from ${SUREST} to ${LEAST_SURE}`)
  if (metrics.length < 1 || metrics.length > METRICS)
    return wrong(`an experiment has 1 to ${METRICS} metrics, not ${metrics.length}`)
  for (const metric of metrics) {
    const its = metricProblem(metric)
    if (its !== undefined) return its
  }
  const names = metrics.map(nameOf)
  const twice = names.find((name, at) => names.indexOf(name) < at)
  return twice === undefined ? undefined : wrong(`the metric ${excerpt(twice)} is there twice; give one another name`)
}

const nameOf = ({ name, event, kind }: SaidMetric): string => name ?? (kind === "mean" ? `${event}-value` : event)

/** Of what is right. */
export const metricOf = (said: SaidMetric): Metric => {
  const { kind, event, windowMillis = WINDOW, cap = null, better = "more" } = said
  return {
    name: nameOf(said),
    kind: kind as Metric["kind"],
    event,
    windowMillis,
    cap,
    better: better as Metric["better"]
  }
}
