/** Rollouts as a test asks a store for them. */
import { Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import type { Plan, Stage } from "../../src/plans/Plan.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import type { Rollout, Why } from "../../src/rollouts/Rollout.ts"
import type { CandidateWish, MoveWish, StartWish } from "../../src/rollouts/Wish.ts"
import { change, release } from "./Release.ts"

export const stage = (changed: Partial<Stage> = {}): Stage => ({
  where: {},
  share: { percent: 10 },
  bakeMillis: 60_000,
  approval: false,
  ...changed
})

export const plan = (changed: Partial<Plan> = {}): Plan => ({
  stages: [stage(), stage({ share: { percent: 100 } })],
  gates: [],
  deadlineMillis: 600_000,
  late: "pause",
  applied: 0.99,
  lostAfterMillis: 30_000,
  crashes: 3,
  patienceMillis: 60_000,
  windows: [],
  ...changed
})

export const why = (text: string): Why => ({ text, readings: [] })

/** Of a configuration, or of a flag. */
export const candidateOf = (wish: ConfigurationWish | FlagWish, base?: number): CandidateWish => {
  const { kind, key, digest } = wish
  const its = wish as { value?: string | null; definition?: string | null; strict?: boolean; template?: boolean }
  return {
    kind: kind as CandidateWish["kind"],
    key,
    base,
    digest,
    strict: its.strict ?? false,
    template: its.template ?? false,
    wish: JSON.stringify(wish),
    bytes: Buffer.byteLength(its.value ?? its.definition ?? "")
  }
}

export const candidate = (key: string, value: string): CandidateWish => candidateOf(change(key, value))

/** At once, of a configuration, unless it says otherwise. */
export const startWish = (candidates: ReadonlyArray<CandidateWish>, changed: Partial<StartWish> = {}): StartWish => ({
  kind: "rollout",
  environment: "production",
  key: "",
  op: "start",
  plan: plan(),
  candidates,
  salt: "salt",
  at: null,
  why: why("started"),
  ...changed
})

/** By a person, with nothing begun, unless it says otherwise. */
export const moveWish = (
  { environment, key, version, stage }: Rollout,
  to: MoveWish["to"],
  changed: Partial<MoveWish> = {}
): MoveWish => ({
  kind: "rollout",
  environment,
  key,
  op: "move",
  expectedVersion: version,
  fence: null,
  to,
  stage,
  below: null,
  lasts: null,
  due: false,
  bad: null,
  why: why(to),
  ...changed
})

/** Begins the next stage. */
export const stageWish = (rollout: Rollout, changed: Partial<MoveWish> = {}): MoveWish =>
  moveWish(rollout, "deploying", { stage: rollout.stage + 1, below: 2 ** 31, lasts: 600_000, ...changed })

/** What a candidate is committed as by the transition that completes its rollout. */
export const promoted = (of: CandidateWish, { targets }: Rollout): ConfigurationWish | FlagWish => {
  const target = targets.find(({ kind, key }) => kind === of.kind && key === of.key)!
  return { ...JSON.parse(of.wish), candidate: target.version }
}

export const commit = (changes: ReadonlyArray<object>, more: Partial<Release> = {}) =>
  Effect.flatMap(Commits, (commits) =>
    commits.commit<Change>({
      ...release([]),
      action: "rollout",
      ...more,
      changes: changes as Release["changes"]
    })
  )

/** The rollout as it is with this. */
export const rolled = (changes: ReadonlyArray<object>, more: Partial<Release> = {}) =>
  Effect.map(
    commit(changes, more),
    ({ revision }) => revision.changes.find(({ kind }) => kind === "rollout") as Rollout
  )

export const refused = (changes: ReadonlyArray<object>, more: Partial<Release> = {}) =>
  Effect.flip(commit(changes, more))
