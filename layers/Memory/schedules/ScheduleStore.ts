/** ScheduleStore over a `State`, and the table that commits write: the rules of migration 0026. */
import { Clock, Effect, Layer } from "effect"
import { inTouchScope } from "../../../src/access/About.ts"
import type { Release } from "../../../src/commits/Release.ts"
import type { KeptKind } from "../../../src/flags/FlagDraft.ts"
import { dueOf, endProblem, newProblem } from "../../../src/schedules/Limits.ts"
import {
  type EndWish,
  type Expected,
  isNew,
  type NewWish,
  nameOf,
  type Schedule,
  type ScheduleWish,
  scheduleBytes,
  type Touch
} from "../../../src/schedules/Schedule.ts"
import { DUE, type DueOne, ScheduleStore } from "../../../src/schedules/ScheduleStore.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { Tables } from "../flags/Tables.ts"
import { State } from "../State.ts"
import { type Row, ScheduleTables } from "./ScheduleTables.ts"

const idOf = ({ environment, key }: Pick<Schedule, "environment" | "key">) => `${environment}/${key}`
const inOrder = (a: DueOne, b: DueOne) => a.dueAt - b.dueAt || (a.made < b.made ? -1 : 1)

export const layer = Layer.effect(
  ScheduleStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(ScheduleTables)
    const now = () => clock.currentTimeMillisUnsafe()
    state.tables(KindTables).kinds.set("schedule", tableOf(state, tables, now))
    return ScheduleStore.of({
      due: (after) =>
        Effect.sync(() => {
          const pending = tables
            .pending()
            .map(
              ({ schedule: { environment, key, dueAt, touches }, made }): DueOne => ({
                environment,
                key,
                dueAt,
                made,
                touches: touches.map(nameOf)
              })
            )
            .sort(inOrder)
          const at = now()
          return {
            now: at,
            next: pending.find(({ dueAt }) => dueAt > at)?.dueAt,
            pending: pending.length,
            due: pending
              .filter((one) => one.dueAt <= at && (after === undefined || inOrder({ ...one, ...after }, one) < 0))
              .slice(0, DUE)
          }
        }),
      find: (environment, key) => Effect.sync(() => tables.rows.get(idOf({ environment, key }))),
      list: (environment, { limit, after, state, touching, scope }) =>
        Effect.sync(() => {
          const rows = [...tables.rows.values()].filter(
            ({ schedule, made }) =>
              schedule.environment === environment &&
              made > after &&
              (state === undefined || schedule.state === state) &&
              schedule.touches.every((touch) => inTouchScope(scope, touch)) &&
              (touching === undefined || schedule.touches.some((touch) => nameOf(touch) === nameOf(touching)))
          )
          return pageOf(rows, limit, ({ schedule }) => scheduleBytes(schedule)).map(({ schedule }) => schedule)
        })
    })
  })
)

const tableOf = (state: State, tables: ScheduleTables, now: () => number): Table => {
  const versionsOf = (environment: string, { kind, key }: Pick<Touch, "kind" | "key">) =>
    kind === "configuration"
      ? (state.versions.get(`${environment}/${key}`) ?? [])
      : state
          .tables(Tables)
          .of(kind as KeptKind)
          .of({ environment, key })
  /** 0: it is not there. */
  const versionOf = (environment: string, touch: Pick<Touch, "kind" | "key">): number => {
    const current = versionsOf(environment, touch).at(-1)
    return current === undefined || current.deleted ? 0 : current.version
  }

  const make = (wish: NewWish, { actor, revision, now, message }: At, keyId: string | undefined): Row => {
    const touches = wish.touches.map(
      (touch): Touch => ({
        ...touch,
        expected: touch.expected === "current" ? versionOf(wish.environment, touch) : touch.expected
      })
    )
    const { environment, digest, bytes, body } = wish
    const schedule: Schedule = {
      kind: "schedule",
      environment,
      key: `s${revision}`,
      revision,
      state: "pending",
      dueAt: Math.floor(dueOf(wish, now)),
      madeAt: now,
      madeBy: actor,
      message,
      touches,
      digest,
      bytes,
      endedAt: null,
      endedBy: "",
      reason: ""
    }
    const expected = Object.fromEntries(
      touches.flatMap((touch) => (touch.expected === null ? [] : [[nameOf(touch), touch.expected]]))
    )
    return { schedule, keyId, expected, body, made: revision }
  }

  /** DU3 */
  const moveOn = (environment: string, { schedule, expected, made }: Row) => {
    for (const touch of schedule.touches) {
      const name = nameOf(touch)
      const before = expected[name]
      if (before === undefined) continue
      for (const row of tables.pending()) {
        if (row.schedule.environment !== environment || row.made <= made || row.expected[name] !== before) continue
        const moved: Expected = { ...row.expected, [name]: versionsOf(environment, touch).at(-1)?.version ?? 0 }
        tables.rows.set(idOf(row.schedule), { ...row, expected: moved })
      }
    }
  }

  const end = ({ state, reason, ...wish }: EndWish, { actor, revision, now }: At): Row => {
    const held = tables.rows.get(idOf(wish))!
    const row = { ...held, schedule: { ...held.schedule, revision, state, endedAt: now, endedBy: actor, reason } }
    if (state === "committed") moveOn(wish.environment, row)
    return row
  }

  /** A table is not told which key acts: the release that asks for a change is, just before it is written. */
  let asking: string | undefined

  return {
    problem: (wish, release: Release) => {
      const its = wish as ScheduleWish
      if (!isNew(its)) return endProblem(its, tables.rows.get(idOf(its)), now())
      asking = release.keyId
      const pending = tables.pending().map(({ schedule }) => schedule)
      return newProblem(its, release.actor, now(), pending, (touch) => versionOf(its.environment, touch))
    },
    write: (wish, at) => {
      const its = wish as ScheduleWish
      const row = isNew(its) ? make(its, at, asking) : end(its, at)
      const { schedule } = row
      tables.rows.set(idOf(schedule), row)
      tables.history.set(`${idOf(schedule)}/${at.revision}`, schedule)
      return schedule
    },
    at: (change, revision) => tables.history.get(`${idOf(change)}/${revision}`),
    sweep: (horizon) => {
      let swept = 0
      for (const [id, { schedule }] of tables.rows) {
        if (schedule.state === "pending" || schedule.revision > horizon) continue
        tables.rows.delete(id)
        swept++
      }
      return swept
    }
  }
}
