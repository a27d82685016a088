/** What a `State` has of protections and change requests: the counterpart of the tables of migration 0045. */
import { createHash } from "node:crypto"
import type { ChangeRequest, Touch } from "../../../src/approvals/ChangeRequest.ts"
import { type Kept, stateOf, voidOf, type World } from "../../../src/approvals/Limits.ts"
import { missing } from "../../../src/approvals/Missing.ts"
import type { Protection, Touched } from "../../../src/approvals/Protection.ts"
import { touchedOf } from "../../../src/approvals/Touched.ts"
import type { Release } from "../../../src/commits/Release.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { FeatureFlag } from "../../../src/flags/FeatureFlag.ts"
import type { KeptKind } from "../../../src/flags/FlagDraft.ts"
import { shapeOf } from "../../../src/flags/Others.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { ExperimentTables } from "../experiments/ExperimentTables.ts"
import { Tables } from "../flags/Tables.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
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

/** Where a key is: the commit of its newest version, as `herald_base`. */
export const baseOf = (state: State, environment: string, { kind, key }: Touch): bigint => {
  const id = `${environment}/${key}`
  switch (kind) {
    case "configuration":
      return state.versions.get(id)?.at(-1)?.revision ?? 0n
    case "flag":
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

/** Everything that is reached from there. */
const reached = (from: string, next: (name: string) => Iterable<string>): ReadonlySet<string> => {
  const found = new Set([from])
  for (const one of found) for (const other of next(one)) found.add(other)
  return found
}

const touchedIn = (state: State, environment: string, touch: Touch): ReadonlyArray<Touched> => {
  const own = touchedOf(touch)
  const live = (kind: KeptKind) =>
    state
      .tables(Tables)
      .of(kind)
      .live()
      .filter((one) => one.environment === environment) as ReadonlyArray<FeatureFlag>
  if (touch.kind === "flag") {
    const flags = live("flag")
    const needing = (name: string) =>
      flags.flatMap((one) => (shapeOf(one).prerequisites.some(({ flag }) => flag === name) ? [one.key] : []))
    return [...reached(touch.key, needing)].map((key) => ({ kind: "flag", key }))
  }
  if (touch.kind !== "segment") return own
  const segments = live("segment")
  const naming = reached(touch.key, (name) =>
    segments.flatMap(({ key, uses = [] }) => (uses.includes(name) ? [key] : []))
  )
  const flags = live("flag").filter(({ uses = [] }) => uses.some((name) => naming.has(name)))
  return [...own, ...flags.map(({ key }): Touched => ({ kind: "flag", key }))]
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
    touched: (environment, touch) => touchedIn(state, environment, touch),
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
