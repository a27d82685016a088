/** How rollouts stand in the log and on lanes, and what other systems are told of them. Pure. */
import { type Happened, type Kind, OVERHEAD } from "../propagation/Kind.ts"
import { aboutsOfTargets, type Begun, isOver, OWNER, type Rollout, states, type Target } from "./Rollout.ts"

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export interface RolloutRow extends Omit<Rollout, "kind" | "revision" | "begun" | "targets"> {
  readonly revision: string
  readonly begun: ReadonlyArray<Omit<Begun, "revision"> & { readonly revision: string }>
  readonly targets: ReadonlyArray<Omit<Target, "since"> & { readonly since: string }>
}

export const asRollout = (row: RolloutRow): Rollout => ({
  kind: "rollout",
  environment: row.environment,
  key: row.key,
  version: row.version,
  revision: BigInt(row.revision),
  state: row.state,
  stage: row.stage,
  begun: row.begun.map(({ revision, at, below, also }) => ({
    revision: BigInt(revision),
    at,
    below,
    ...(also === undefined ? {} : { also })
  })),
  targets: row.targets.map(({ kind, key, base, version, digest, strict, template, since }) => ({
    kind,
    key,
    base,
    version,
    digest,
    strict,
    template,
    since: BigInt(since)
  })),
  plan: row.plan,
  salt: row.salt,
  until: row.until,
  why: row.why,
  by: row.by,
  at: row.at,
  startedBy: row.startedBy,
  startedAt: row.startedAt,
  message: row.message
})

export const rowOf = ({ kind: _, revision, begun, targets, ...rollout }: Rollout): RolloutRow => ({
  ...rollout,
  revision: String(revision),
  begun: begun.map((one) => ({ ...one, revision: String(one.revision) })),
  targets: targets.map((one) => ({ ...one, since: String(one.since) }))
})

type Said<A> = Partial<Record<keyof A, unknown>> | null | undefined

const texts = ["environment", "key", "salt", "by", "startedBy", "message"] as const
const numbers = ["version", "stage", "at", "startedAt"] as const
const isRevision = (said: unknown): boolean => /^\d{1,19}$/.test(String(said))
const all = <A>(said: unknown, is: (one: Said<A>) => boolean): boolean => Array.isArray(said) && said.every(is)

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof RolloutRow, unknown>>): said is RolloutRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  states.includes(said.state as never) &&
  isRevision(said.revision) &&
  (said.until === null || Number.isFinite(said.until)) &&
  all<Begun>(said.begun, isBegun) &&
  all<Target>(said.targets, isTarget) &&
  isPlan(said.plan as Said<Rollout["plan"]>, (said.begun as ReadonlyArray<unknown>).length) &&
  isWhy(said.why as Said<Rollout["why"]>)

const isBegun = (said: Said<Begun>): boolean =>
  isRevision(said?.revision) &&
  Number.isFinite(said?.at) &&
  Number.isFinite(said?.below) &&
  (said?.also === undefined || all<string>(said.also, (one) => typeof one === "string"))

const isTarget = (said: Said<Target>): boolean =>
  (said?.kind === "configuration" || said?.kind === "flag") &&
  typeof said.key === "string" &&
  typeof said.digest === "string" &&
  typeof said.strict === "boolean" &&
  typeof said.template === "boolean" &&
  isRevision(said.since) &&
  Number.isInteger(said.base) &&
  Number.isInteger(said.version)

/** As much as decides who is in it: a lane is sealed, and the rest is for people. */
const isPlan = (said: Said<Rollout["plan"]>, begun: number): boolean =>
  Array.isArray(said?.gates) &&
  Array.isArray(said.stages) &&
  all<Rollout["plan"]["stages"][number]>(
    said.stages,
    (stage) =>
      typeof stage?.where === "object" &&
      stage.where !== null &&
      (stage.instances === undefined || Array.isArray(stage.instances))
  ) &&
  said.stages.length >= begun

const isWhy = (said: Said<Rollout["why"]>): boolean => typeof said?.text === "string" && Array.isArray(said.readings)

/** About how many bytes of memory it takes. */
export const rolloutBytes = ({ plan, why, targets, begun, message }: Rollout): number =>
  OVERHEAD +
  2 * (message.length + why.text.length) +
  targets.reduce((sum, { key }) => sum + 400 + 2 * key.length, 0) +
  begun.reduce((sum, { also = [] }) => sum + 100 + 100 * also.length, 0) +
  plan.stages.reduce(
    (sum, { instances = [], where }) => sum + 300 + textBytes(instances) + textBytes(Object.entries(where).flat()),
    0
  ) +
  plan.gates.reduce(
    (sum, gate) => sum + 300 + 2 * gate.text.length + ("query" in gate ? 2 * gate.query.length : 0),
    0
  ) +
  why.readings.reduce((sum, { text }) => sum + 200 + 2 * text.length, 0)

const textBytes = (texts: ReadonlyArray<string>): number => texts.reduce((sum, text) => sum + 50 + 2 * text.length, 0)

/** What became of it with this transition, as other systems are told. */
const happenedTo = ({ state, version, begun, revision, by }: Rollout): Happened => {
  if (version === 1) return "started"
  if (isOver(state) || state === "paused") return state as Happened
  if (begun.at(-1)?.revision === revision) return by === OWNER ? "stage" : "promoted"
  return state === "baking" ? "stage" : "resumed"
}

/** Characters of a reason, of a gate and of what it says, in what other systems are told: an event is far below what a broker takes. */
const REASON = 1_000
const GATE = 200
const SAYS = 400

const cut = (text: string, most: number): string => text.slice(0, most).toWellFormed()

export const rolloutKind: Kind<Rollout> = {
  name: "rollout",
  bytes: rolloutBytes,
  fromLog: (stored) => asRollout(stored as RolloutRow),
  toLane: rowOf,
  fromLane: (said) => (isRow(said) ? asRollout(said) : undefined),
  word: "rollout",
  touches: ({ targets }) => aboutsOfTargets(targets),
  told: (rollout) => {
    const { version, state, stage, plan, targets, why, by } = rollout
    // As people count them: 0 before the first.
    const detail = {
      state,
      stage: stage + 1,
      stages: plan.stages.length,
      reason: cut(why.text, REASON),
      by,
      counts: why.counts ?? null,
      readings: why.readings.map(({ gate, verdict, text, dryRun }) => ({
        gate: cut(gate, GATE),
        verdict,
        text: cut(text, SAYS),
        dryRun
      }))
    }
    return {
      service: "",
      version,
      deleted: false,
      value: JSON.stringify({ ...detail, targets: targets.map(({ kind, key, version }) => ({ kind, key, version })) }),
      valueType: "json",
      digest: "",
      event: happenedTo(rollout),
      about: targets.map(({ key }) => key),
      detail
    }
  }
}
