/** ExperimentStore over a `State`, and the table that commits write: the rules of migration 0035. */
import { Effect, Layer } from "effect"
import { inKeyScope } from "../../../src/access/KeyScope.ts"
import {
  type Experiment,
  type ExperimentWish,
  experimentBytes,
  isStart,
  type StartWish,
  type StopWish
} from "../../../src/experiments/Experiment.ts"
import { ExperimentStore } from "../../../src/experiments/ExperimentStore.ts"
import { startProblem, stopProblem } from "../../../src/experiments/Limits.ts"
import { type Asked, LARGEST, type Summed } from "../../../src/experiments/Sums.ts"
import { inRollout } from "../../../src/rollouts/Limits.ts"
import type { Sample } from "../../../src/statistics/Sample.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { Tables } from "../flags/Tables.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
import { State } from "../State.ts"
import { dayOf, UsageTables } from "../usage/UsageTables.ts"
import { ExperimentTables, stopsOf } from "./ExperimentTables.ts"

const place = ({ environment, key }: Pick<Experiment, "environment" | "key">): string => `${environment}\u0000${key}`
const PAGE = 200

export const layer = Layer.effect(
  ExperimentStore,
  Effect.gen(function* () {
    const state = yield* State.service
    const tables = state.tables(ExperimentTables)
    const usage = state.tables(UsageTables)
    state.tables(KindTables).kinds.set("experiment", tableOf(state, tables))
    const inOrder = (those: ReadonlyArray<Experiment>) => those.toSorted((a, b) => (place(a) < place(b) ? -1 : 1))

    return ExperimentStore.of({
      find: (environment, key) => Effect.sync(() => tables.of({ environment, key }).at(-1)),
      running: (environment) => Effect.sync(() => inOrder(tables.running(environment))),
      page: (after) =>
        Effect.sync(() =>
          pageOf(
            inOrder(tables.running().filter((one) => after === undefined || place(one) > place(after))),
            PAGE,
            experimentBytes
          )
        ),
      list: (environment, { limit, after, state, flag, scope }) =>
        Effect.sync(() =>
          pageOf(
            inOrder(
              tables
                .newest(environment)
                .filter(
                  (one) =>
                    one.key > after &&
                    inKeyScope(scope, one.flag) &&
                    (state === undefined || one.state === state) &&
                    (flag === undefined || one.flag === flag)
                )
            ),
            limit,
            experimentBytes
          )
        ),
      history: (environment, key, { limit, before }) =>
        Effect.sync(() =>
          pageOf(
            tables
              .of({ environment, key })
              .filter(({ version }) => before === undefined || version < before)
              .toReversed(),
            limit,
            experimentBytes
          )
        ),
      sum: (environment, asked) => Effect.sync(() => summed(usage, environment, asked))
    })
  })
)

const tableOf = (state: State, tables: ExperimentTables): Table => {
  const flagOf = (environment: string, key: string) => state.tables(Tables).of("flag").of({ environment, key }).at(-1)
  const made = (wish: StartWish | StopWish, last: Experiment | undefined, at: At): Experiment => {
    const { revision, now, actor, message } = at
    const version = (last?.version ?? 0) + 1
    if (!isStart(wish)) {
      const { state, winner, results } = wish
      return { ...last!, revision, version, state, endedAt: now, endedBy: actor, conclusion: message, winner, results }
    }
    const { environment, key, flag, layer, buckets, definition, digest } = wish
    return {
      ...{ kind: "experiment", environment, key, revision, version, state: "running", flag },
      ...{ flagVersion: flagOf(environment, flag)!.version, layer, buckets, definition, digest },
      ...{ startedAt: now, startedBy: actor, hypothesis: message },
      ...{ endedAt: null, endedBy: "", conclusion: "", winner: null, results: null }
    }
  }
  return {
    problem: (wish, release) => {
      const its = wish as ExperimentWish
      const { environment, key } = its
      if (!isStart(its)) return stopProblem(its, tables.of({ environment, key }).at(-1))
      const flag = flagOf(environment, its.flag)
      const rollout = state.tables(RolloutTables).active(environment, { kind: "flag", key: its.flag })
      return startProblem(its, {
        experiments: tables.newest(environment),
        flagVersion: flag === undefined || flag.deleted ? 0 : flag.version,
        stops: stopsOf(release, environment),
        rollout: rollout && inRollout({ kind: "flag", key: its.flag }, rollout)
      })
    },
    write: (wish, at) => {
      const its = wish as ExperimentWish
      const versions = tables.of(its)
      const change = made(its, versions.at(-1), at)
      tables.versions.set(`${its.environment}/${its.key}`, [...versions, change])
      return change
    },
    at: (change, revision) => tables.of(change).find((one) => one.revision === revision),
    sweep: () => 0
  }
}

interface First {
  at: number
  variant: string
  mixed: boolean
}

/** XE8, XE9 */
const summed = (usage: UsageTables, environment: string, asked: Asked): Summed => {
  const { flag, flagVersion, variants, from, until, metrics } = asked
  const firsts = new Map<string, First>()
  for (const one of usage.exposures.values()) {
    if (one.environment !== environment || one.flag !== flag || !variants.includes(one.variant)) continue
    if ((one.version !== 0 && one.version !== flagVersion) || one.lastAt < from || one.firstAt >= until) continue
    if (one.day < dayOf(from) || one.day > dayOf(until)) continue
    const at = Math.max(one.firstAt, from)
    const held = firsts.get(one.unit)
    if (held === undefined) firsts.set(one.unit, { at, variant: one.variant, mixed: false })
    else {
      held.at = Math.min(held.at, at)
      held.mixed ||= held.variant !== one.variant
    }
  }
  const units = variants.map(() => 0)
  let mixed = 0
  for (const { variant, mixed: twice } of firsts.values()) {
    if (twice) mixed++
    else units[variants.indexOf(variant)]!++
  }
  const samples = metrics.map(({ event, windowMillis, cap, kind }) => {
    const brought = new Map<string, number>()
    for (const { environment: of, name, unit, at, value } of usage.tracks) {
      const first = firsts.get(unit)
      if (of !== environment || name !== event || first === undefined || first.mixed) continue
      if (at < first.at || at >= Math.min(until, first.at + windowMillis)) continue
      brought.set(unit, (brought.get(unit) ?? 0) + Math.max(-LARGEST, Math.min(value ?? 0, LARGEST)))
    }
    const sums = units.map((n) => ({ n, sum: 0, sumSquares: 0 }))
    for (const [unit, total] of brought) {
      const x = kind === "conversion" ? 1 : Math.max(-LARGEST, Math.min(total, cap ?? LARGEST))
      const its = sums[variants.indexOf(firsts.get(unit)!.variant)]!
      its.sum += x
      its.sumSquares += x * x
    }
    return sums as ReadonlyArray<Sample>
  })
  return { units, mixed, samples }
}
