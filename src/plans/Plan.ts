/**
 * What a rollout is asked to do: who is to have the change, in which order, and what has to be true before it goes on. Pure.
 *
 *   PQ1  Who is in a stage is in every later one: a stage adds instances, and takes none away.
 *   PQ2  A plan is whole: whatever was left out has its default in it, so that an old rollout is read as it was meant.
 *   PQ3  Reading one takes time in proportion to its text, and of what is longer than a plan may be nothing is read.
 */

/** Entries, and characters of a plan as JSON. */
export const limits = {
  stages: 50,
  gates: 20,
  /** Windows of one plan; a text of days counts as one a day. */
  windows: 100,
  /** Of one list of instances. */
  instances: 1_000,
  /** What one rollout changes. */
  targets: 100,
  plan: 65_536,
  /** Active ones of an environment. */
  active: 100,
  /** Bytes of the candidates of all active ones of an environment. */
  candidates: 67_108_864,
  /** Characters of what was known and decided, as JSON. */
  why: 65_536
} as const

export type Share =
  /** Of those whom the stage names, 0 < percent ≤ 100; one of them at least. */
  | { readonly percent: number }
  /** So many of those that are connected when the stage begins, 1 at least; fixed from then on. */
  | { readonly count: number }

/** One step: adds a part of those whom it names to the cohort. PQ1 */
export interface Stage {
  /** Labels that an instance must have, all of them. Empty: any instance. */
  readonly where: Readonly<Record<string, string>>
  /** Names of instances; undefined: any. */
  readonly instances?: ReadonlyArray<string> | undefined
  readonly share: Share
  /** How long its gates have to hold after the cohort has applied the change. */
  readonly bakeMillis: number
  /** A person has to promote it before the next one begins. */
  readonly approval: boolean
}

/** `slow`: neither applied nor refused within `withinMillis` since it was offered. */
export type Census = "rejected" | "unhealthy" | "lost" | "slow"

interface OfEach {
  /** As it was written, for people: `unhealthy < 2%`. */
  readonly text: string
  /** Its readings are shown and kept, and decide nothing. */
  readonly dryRun: boolean
}

/** Counts instances of the cohort: exact, no statistics. */
export interface CensusGate extends OfEach {
  readonly type: "census"
  readonly of: Census
  /** Share of those that are known, 0 ≤ limit < 1: more are too many. */
  readonly limit: number
  /** Distinct instances that have to be bad, whatever their share; all of a cohort that is smaller. */
  readonly atLeast: number
  /** Share of the cohort that has to be known, for it to be good; 0: nobody has to report. */
  readonly coverage: number
  /** Of `slow`. */
  readonly withinMillis: number
}

/** A rate of what clients count in the metrics of their health reports, by a test that may be looked at after each report. */
export interface RateGate extends OfEach {
  readonly type: "rate"
  /** Counters, since the process began: `errors` and `requests`. */
  readonly numerator: string
  readonly denominator: string
  /** Of these is to be true: rate ≤ limit, or rate ≤ factor × the control's. */
  readonly against: { readonly limit: number } | { readonly control: number }
  /** How often a change that is good is taken back by this gate, at most. */
  readonly alpha: number
  /** Of the denominator, in the cohort, before it is good. */
  readonly minimum: number
}

/** Asks Prometheus; good while the comparison holds for each value of the answer. */
export interface PrometheusGate extends OfEach {
  readonly type: "prometheus"
  readonly url: string
  readonly query: string
  readonly is: "<" | "<=" | ">" | ">="
  readonly limit: number
  readonly everyMillis: number
  readonly timeoutMillis: number
}

/** Posts what is known to a URL; it answers `{"verdict": "good" | "bad" | "unknown", "reason": …}`. */
export interface WebhookGate extends OfEach {
  readonly type: "webhook"
  readonly url: string
  readonly everyMillis: number
  readonly timeoutMillis: number
}

/** Of a raised variant: how many of those who were shown it did something afterwards, since the stage began. */
export interface TrackGate extends OfEach {
  readonly type: "track"
  /** As it is tracked: `checkout`. */
  readonly event: string
  /**
   * Of these is to be true: share ≤ limit, or ≤ or ≥ factor × the share of those who were shown another variant. At least a limit can't be asked for:
   * whoever was shown it just now has not done anything yet.
   */
  readonly is: "<=" | ">="
  readonly against: { readonly limit: number } | { readonly control: number }
  /** How often a variant that is good is taken back by this gate, at most. */
  readonly alpha: number
  /** Of those who were shown the variant, before it is good. */
  readonly minimum: number
  readonly everyMillis: number
}

export type Gate = CensusGate | RateGate | PrometheusGate | WebhookGate | TrackGate

/** By minutes of UTC since Monday 00:00; a window that ends before it begins goes over the end of the week. */
export interface Window {
  readonly from: number
  readonly until: number
}

export interface Plan {
  readonly stages: ReadonlyArray<Stage>
  readonly gates: ReadonlyArray<Gate>
  /** How long a stage may take until enough of its cohort have applied the change. */
  readonly deadlineMillis: number
  /** What happens then. */
  readonly late: "pause" | "roll back"
  /** Share of the cohort that has to have applied it before it bakes. */
  readonly applied: number
  /** An instance that got the change and is gone for so long is lost. */
  readonly lostAfterMillis: number
  /** An instance that got the change and was gone and back so often is lost, too: a crash loop. */
  readonly crashes: number
  /** Evidence that is missing for longer pauses the rollout. */
  readonly patienceMillis: number
  /** When stages may begin; empty: at any time. */
  readonly windows: ReadonlyArray<Window>
  /**
   * Undefined: instances of the cohort get the candidates. Otherwise each stage makes a version of the one flag that it is of, by which its share
   * of evaluation contexts (by targeting key) gets `variant`.
   */
  readonly raise?: { readonly variant: string } | undefined
  /** The environment's plan that it was made of, by its name; undefined: it was written for this rollout. */
  readonly named?: string | undefined
  /** The file that it was applied from: its name, and the digest (SHA-256, hex) of all that it asks for. */
  readonly file?: { readonly name: string; readonly digest: string } | undefined
}
