/** What a `State` has of protections and change requests: the counterpart of the tables of migration 0045. */
import { createHash } from "node:crypto"
import { type ChangeRequest, STANDS, type Touch } from "../../../src/approvals/ChangeRequest.ts"
import { type Kept, stateOf, voidOf, type World } from "../../../src/approvals/Limits.ts"
import { missing } from "../../../src/approvals/Missing.ts"
import type { Protection } from "../../../src/approvals/Protection.ts"
import { nameOfTouch, reached, type Standing, standsOn } from "../../../src/approvals/Touched.ts"
import type { Release } from "../../../src/commits/Release.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { FeatureFlag, FlagWish } from "../../../src/flags/FeatureFlag.ts"
import type { KeptKind } from "../../../src/flags/FlagDraft.ts"
import { shapeOf } from "../../../src/flags/Others.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { ExperimentTables } from "../experiments/ExperimentTables.ts"
import { Tables } from "../flags/Tables.ts"
import { type Candidate, RolloutTables } from "../rollouts/RolloutTables.ts"
import type { State } from "../State.ts"
import { ScheduleTables } from "../schedules/ScheduleTables.ts"

export class ApprovalTables {
  /** The newest version of each, by "<environment>/<name>". */
  readonly protections = new Map<string, Protection>()
  /** By "<environment>/<id>", in the order in which they were made. */
  readonly requests = new Map<string, Kept>()
  /** What the log told of each, by kind, name and revision. */
  readonly history = new Map<string, Protection | ChangeRequest>()

  live(environment: string): ReadonlyArray<Protection> {
    return [...this.protections.values()]
      .filter((one) => one.environment === environment && !one.deleted)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** As `herald_approval_json`. */
  shown(kept: Kept, world: World): ChangeRequest {
    const { request, approvals } = kept
    return {
      ...request,
      state: stateOf(kept, world),
      approvals: approvals.map(({ by, at }) => ({ by, at })),
      reason: request.reason === "" ? (voidOf(kept, world) ?? "") : request.reason
    }
  }

  /** As `herald_approval_missing`. */
  missing(state: State, release: Release, now: number): HeraldError | undefined {
    const concerned = release.changes.some(({ kind }) => kind === "approval") || this.protections.size > 0
    return concerned ? missing(release, worldOf(state, this, now)) : undefined
  }
}

const newest = (a = 0n, b = 0n): bigint => (a > b ? a : b)

/** Where a key is: the commit of its newest version or candidate, as `herald_bases`. */
export const baseOf = (state: State, environment: string, { kind, key }: Touch): bigint => {
  const id = `${environment}/${key}`
  const candidate = state
    .tables(RolloutTables)
    .candidatesOf(environment, { kind: kind as "flag", key })
    .at(-1)?.revision
  switch (kind) {
    case "configuration":
      return newest(state.versions.get(id)?.at(-1)?.revision, candidate)
    case "flag":
      return newest(state.tables(Tables).of(kind).of({ environment, key }).at(-1)?.revision, candidate)
    case "segment":
    case "flag_settings":
      return (
        state
          .tables(Tables)
          .of(kind as KeptKind)
          .of({ environment, key })
          .at(-1)?.revision ?? 0n
      )
    case "experiment":
      return state.tables(ExperimentTables).of({ environment, key }).at(-1)?.revision ?? 0n
    case "rollout":
      return state.tables(RolloutTables).rows.get(id)?.revision ?? 0n
    case "schedule":
      return state.tables(ScheduleTables).rows.get(id)?.schedule.revision ?? 0n
    case "protection":
      return state.tables(ApprovalTables).protections.get(id)?.revision ?? 0n
    default:
      return 0n
  }
}

interface Stands extends Standing {
  readonly key: string
}

/** Flags and segments of an environment, with the candidates of flags, each with what it stands on by itself. */
const standing = (state: State, environment: string): ReadonlyArray<Stands> => {
  const live = (kind: KeptKind) =>
    state
      .tables(Tables)
      .of(kind)
      .live()
      .filter((one) => one.environment === environment)
  const flags = (live("flag") as ReadonlyArray<FeatureFlag>).map((one) => ({
    ...{ kind: "flag", key: one.key, uses: one.uses },
    prerequisites: shapeOf(one).prerequisites
  }))
  const candidates = candidatesIn(state, environment).map(({ key, wish }) => ({
    ...(JSON.parse(wish) as FlagWish),
    ...{ kind: "flag", key }
  }))
  return [...live("segment"), ...flags, ...candidates]
}

const candidatesIn = (state: State, environment: string): ReadonlyArray<Candidate> =>
  [...state.tables(RolloutTables).candidates.values()]
    .flat()
    .filter(
      (one) => one.environment === environment && one.kind === "flag" && one.state === "candidate" && one.wish !== ""
    )

/** As the walk of herald_touched. */
const hangingIn = (
  state: State,
  environment: string
): World["hanging"] extends (environment: string) => infer N ? N : never => {
  const found = new Map<string, Array<Touch>>()
  for (const { kind, key, ...on } of standing(state, environment))
    for (const one of standsOn(on)) {
      const name = nameOfTouch(one)
      found.set(name, [...(found.get(name) ?? []), { kind, key }])
    }
  return (touch) => found.get(nameOfTouch(touch)) ?? []
}

/** As herald_stands_on. */
export const standingIn = (
  state: State,
  environment: string,
  named: ReadonlyArray<Touch>,
  touched: ReadonlyArray<Touch>
): ReadonlyArray<Touch> => {
  const found = new Map<string, Array<Touch>>()
  const add = (touch: Touch, on: Omit<Standing, "kind">) =>
    found.set(nameOfTouch(touch), [...(found.get(nameOfTouch(touch)) ?? []), ...standsOn(on)])
  for (const { kind, key, ...on } of standing(state, environment)) add({ kind, key }, on)
  for (const { rollout, wish } of candidatesIn(state, environment))
    add({ kind: "rollout", key: rollout }, JSON.parse(wish) as FlagWish)
  const own = new Set(touched.map(nameOfTouch))
  return [...reached([...named, ...touched], (touch) => found.get(nameOfTouch(touch)) ?? [])]
    .flatMap(([touch]) => (own.has(nameOfTouch(touch)) ? [] : [touch]))
    .slice(0, STANDS + 1)
    .sort((a, b) => (a.kind < b.kind || (a.kind === b.kind && a.key < b.key) ? -1 : 1))
}

export const worldOf = (state: State, tables: ApprovalTables, now: number): World => {
  const rollouts = state.tables(RolloutTables)
  return {
    now,
    epoch: state.epoch,
    keys: [...state.tables(AccessTables).keys.values()],
    protections: (environment) => tables.live(environment),
    requests: [...tables.requests.values()],
    base: (environment, touch) => baseOf(state, environment, touch),
    hanging: (environment) => hangingIn(state, environment),
    flagOf: (environment, key) => state.tables(ExperimentTables).of({ environment, key }).at(-1)?.flag,
    rollout: (environment, id) => {
      const found = rollouts.rows.get(`${environment}/${id}`)
      return found && { ...found, began: BigInt(id.slice(1)) }
    },
    schedule: (environment, id) => {
      const found = state.tables(ScheduleTables).rows.get(`${environment}/${id}`)
      return found && { made: found.made, touches: found.schedule.touches }
    },
    digestOf: (text) => createHash("sha256").update(text).digest("hex")
  }
}
