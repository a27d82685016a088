/**
 * An experiment on a flag's variants (decision 0032), as it is stored and told, and how the log and the lanes have it. Pure.
 *
 *   XE1  A flag is in one running experiment at most, and is changed by nobody while it runs: decided where the commit has its turn. What changes it
 *        all the same ends the experiment in the same commit.
 *   XE2  Experiments of one layer that run together have no bucket of it in common, so nobody is in two of them: decided there, too.
 *   XE3  What is compared is written down with the start, and never changes: variants, shares, metrics, which of them decides, how sure is sure.
 *   XE4  An environment runs `RUNNING` experiments at once and has `EXPERIMENTS` names; each has `ARMS` variants and `METRICS` metrics at most.
 */
import type { About } from "../access/Decision.ts"
import type { Wish } from "../commits/Release.ts"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"
import type { Results } from "./Results.ts"

/** What somebody has to be allowed to touch, all of it, to see an experiment on a flag or to begin one. */
export const aboutsOfFlag = (flag: string): ReadonlyArray<About> => [
  { kind: "experiment", key: flag },
  { kind: "flag", key: flag }
]

/** Of one environment at once. */
export const RUNNING = 200
/** Names that an environment has experiments under. */
export const EXPERIMENTS = 5_000
export const ARMS = 10
export const METRICS = 10
/** A layer, and who takes part, is counted in so many buckets. */
export const BUCKETS = 1_000
/** Characters of a name, and of a layer's. */
export const NAME = 100
/** Characters of a rule that says who takes part, as JSON. */
export const WHERE = 16_384

/** One of the variants that are compared, and how many of those who take part it is for, in proportion. */
export interface Arm {
  readonly variant: string
  readonly share: number
}

export const metricKinds = ["conversion", "mean"] as const

/** conversion: how many did it at all; mean: what each brought, summed up over the window. */
export interface Metric {
  readonly name: string
  readonly kind: (typeof metricKinds)[number]
  /** A name of `track` events. */
  readonly event: string
  /** What counts happened within so many milliseconds of the first exposure. */
  readonly windowMillis: number
  /** What one brought counts as this at most; null: as it is. */
  readonly cap: number | null
  readonly better: "more" | "less"
}

/** A stretch of buckets. */
export type Range = readonly [from: number, width: number]

/** XE3 */
export interface Design {
  readonly flag: string
  /** The control is the first. */
  readonly arms: ReadonlyArray<Arm>
  /** The first one decides. */
  readonly metrics: ReadonlyArray<Metric>
  /** What is shown is wrong with at most this probability, whenever anybody looks. */
  readonly alpha: number
  /** "": none. */
  readonly layer: string
  /** Of the layer, or of its own: who takes part. All, unless it says otherwise. */
  readonly buckets: ReadonlyArray<Range>
}

export const states = ["running", "stopped"] as const
export type State = (typeof states)[number]

export interface Experiment extends Change {
  readonly kind: "experiment"
  /** Of its newest change. */
  readonly revision: bigint
  /** From 1, without gaps: each start and each stop is one. */
  readonly version: number
  readonly state: State
  readonly flag: string
  /** The version of the flag that it compares variants of. */
  readonly flagVersion: number
  /** "": none. XE2 */
  readonly layer: string
  readonly buckets: ReadonlyArray<Range>
  /** The `Design`, as JSON. */
  readonly definition: string
  /** SHA-256 (hex) of the definition. */
  readonly digest: string
  /** Milliseconds since 1970 by the clock of the database. */
  readonly startedAt: number
  readonly startedBy: string
  /** What it is to find out. */
  readonly hypothesis: string
  /** null while it is running. */
  readonly endedAt: number | null
  /** "" while it is running. */
  readonly endedBy: string
  /** What was concluded; "" while it is running. */
  readonly conclusion: string
  /** A variant, as whoever stopped it says; null: none. */
  readonly winner: string | null
  /** As they were when it was stopped; null while it is running, and where they could not be had. */
  readonly results: Results | null
}

/** To be started. */
export interface StartWish extends Wish<Experiment> {
  readonly kind: "experiment"
  readonly state: "running"
  readonly flag: string
  /** The version that must be current; null: the release writes one. */
  readonly flagVersion: number | null
  readonly layer: string
  readonly buckets: ReadonlyArray<Range>
  readonly definition: string
  readonly digest: string
}

/** To be stopped. */
export interface StopWish extends Wish<Experiment> {
  readonly kind: "experiment"
  readonly state: "stopped"
  readonly winner: string | null
  readonly results: Results | null
}

export type ExperimentWish = StartWish | StopWish

export const isStart = (wish: ExperimentWish): wish is StartWish => wish.state === "running"

/** As a node wrote it. */
export const designOf = ({ definition }: Pick<Experiment, "definition">): Design => JSON.parse(definition) as Design

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export type ExperimentRow = Omit<Experiment, "kind" | "revision"> & { readonly revision: string }

export const asExperiment = (row: ExperimentRow): Experiment => ({
  kind: "experiment",
  environment: row.environment,
  key: row.key,
  revision: BigInt(row.revision),
  version: row.version,
  state: row.state,
  flag: row.flag,
  flagVersion: row.flagVersion,
  layer: row.layer,
  buckets: row.buckets,
  definition: row.definition,
  digest: row.digest,
  startedAt: row.startedAt,
  startedBy: row.startedBy,
  hypothesis: row.hypothesis,
  endedAt: row.endedAt,
  endedBy: row.endedBy,
  conclusion: row.conclusion,
  winner: row.winner,
  results: row.results
})

const texts = [
  ...(["environment", "key", "flag", "layer", "definition", "digest"] as const),
  ...(["startedBy", "hypothesis", "endedBy", "conclusion"] as const)
]
const numbers = ["version", "flagVersion", "startedAt"] as const

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof ExperimentRow, unknown>>): said is ExperimentRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  states.includes(said.state as State) &&
  (said.endedAt === null || Number.isFinite(said.endedAt)) &&
  (said.winner === null || typeof said.winner === "string") &&
  (said.results === null || typeof said.results === "object") &&
  Array.isArray(said.buckets) &&
  said.buckets.every((range) => Array.isArray(range) && range.length === 2 && range.every(Number.isInteger)) &&
  /^\d{1,19}$/.test(String(said.revision))

/** About how many bytes of memory it takes. */
export const experimentBytes = ({ definition, hypothesis, conclusion, results }: Experiment): number =>
  OVERHEAD + 2 * (definition.length + hypothesis.length + conclusion.length) + (results === null ? 0 : 8_192)

export const experimentKind: Kind<Experiment> = {
  name: "experiment",
  bytes: experimentBytes,
  fromLog: (stored) => asExperiment(stored as ExperimentRow),
  toLane: ({ kind: _, revision, ...experiment }) => ({ ...experiment, revision: String(revision) }),
  fromLane: (said) => (isRow(said) ? asExperiment(said) : undefined),
  word: "experiment",
  /** What was concluded says the message of the revision. */
  touches: ({ flag }) => aboutsOfFlag(flag),
  told: ({ version, state, definition, digest }) => ({
    service: "",
    version,
    deleted: state === "stopped",
    value: state === "stopped" ? null : definition,
    valueType: "json",
    digest: state === "stopped" ? "" : digest
  })
}
