/** Reads scheduled changes in PostgreSQL. */
import { Effect, Layer } from "effect"
import { asSchedule, type Expected, nameOf, type ScheduleRow, type Touch } from "../../../src/schedules/Schedule.ts"
import { DUE, type DueOne, ScheduleStore } from "../../../src/schedules/ScheduleStore.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { allTouched } from "../connection/Touched.ts"

interface DueRow {
  readonly now: number
  readonly next: number | null
  readonly pending: number
  readonly due: ReadonlyArray<
    Omit<DueOne, "made" | "touches"> & { readonly made: string; readonly touches: ReadonlyArray<Touch> }
  > | null
}
interface Found {
  readonly schedule: ScheduleRow
}

export const layer = Layer.effect(
  ScheduleStore,
  Effect.map(Pools, ({ reads: sql }) =>
    ScheduleStore.of({
      due: (after) =>
        guarded("look for scheduled changes")(sql<DueRow>`
          select herald_millis(c.now) as now,
            (select herald_millis(s.due_at) from schedules s where s.state = 'pending' and s.due_at > c.now order by s.due_at limit 1) as next,
            (select count(*)::int from schedules s where s.state = 'pending') as pending,
            (select jsonb_agg(jsonb_build_object('environment', environment, 'key', id, 'dueAt', herald_millis(due_at),
                'made', made_revision::text,
                'touches', touches) order by due_at, made_revision) from (
              select * from schedules s where s.state = 'pending' and s.due_at <= c.now
                and (s.due_at, s.made_revision) > (herald_at(${after?.dueAt ?? 0}), ${String(after?.made ?? 0n)}::bigint)
              order by s.due_at, s.made_revision limit ${DUE}
            ) few) as due
          from (select clock_timestamp() as now) c`).pipe(
          Effect.map(([row]) => {
            const { now, next, pending, due } = row!
            return {
              now,
              next: next ?? undefined,
              pending,
              due: (due ?? []).map(({ made, touches, ...one }) => ({
                ...one,
                made: BigInt(made),
                touches: touches.map(nameOf)
              }))
            }
          })
        ),
      find: (environment, key) =>
        Effect.map(
          guarded(`read the scheduled change ${key}`)(sql<
            Found & { keyId: string | null; expected: Expected; body: string }
          >`
            select herald_schedule_json(s) as schedule, key_id as "keyId", expected, body from schedules s
            where environment = ${environment} and id = ${key}`),
          ([found]) =>
            found && {
              schedule: asSchedule(found.schedule),
              keyId: found.keyId ?? undefined,
              expected: found.expected,
              body: found.body
            }
        ),
      list: (environment, { limit, after, state, touching, scope }) =>
        Effect.map(
          guarded("list scheduled changes")(sql<Found>`
            select herald_schedule_json(s) as schedule from (
              select s, made_revision, sum(bytes) over (order by made_revision) - bytes as bytes_before from (
                select s, made_revision, octet_length(touches::text) + octet_length(message) as bytes from schedules s
                where environment = ${environment} and made_revision > ${String(after)}::bigint
                  and (${state ?? ""} = '' or state = ${state ?? ""})
                  and (${touching === undefined} or touches @> ${JSON.stringify(touching === undefined ? [] : [touching])}::text::jsonb)
                  and ${allTouched(sql, scope, "touches")}
                order by made_revision limit ${limit}
              ) s
            ) sized where bytes_before < ${PAGE_BYTES} order by made_revision`),
          (rows) => rows.map(({ schedule }) => asSchedule(schedule))
        )
    })
  )
)
