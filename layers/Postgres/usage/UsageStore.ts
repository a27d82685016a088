/** Keeps how flags are used, in PostgreSQL: writes by one call of `herald_record_usage`. */
import { Effect, Layer } from "effect"
import { GIVES_ALL } from "../../../src/usage/Caller.ts"
import { REMEMBERED, ROWS_A_DAY, SDKS, type SweptUsage, UsageStore } from "../../../src/usage/UsageStore.ts"
import type { Exposed, LastUse, Recorded, Track, UsageBatch, Use } from "../../../src/usage/Use.ts"
import { guarded, refusing } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

/** Rows of each that one step removes. */
const STEP = 5_000

/** In the order of their environments, as `herald_record_usage` wants them, and the place of each. */
const ordered = (batches: ReadonlyArray<UsageBatch>): ReadonlyArray<readonly [UsageBatch, number]> =>
  batches
    .map((batch, place) => [batch, place] as const)
    .sort(([a], [b]) => (a.environment < b.environment ? -1 : a.environment > b.environment ? 1 : 0))

const encode = (batches: ReadonlyArray<readonly [UsageBatch, number]>): string =>
  JSON.stringify(
    batches.map(([{ uses, ...batch }]) => ({
      ...batch,
      uses: uses.map((use) => ({ ...use, all: GIVES_ALL.has(use.door) }))
    }))
  )

interface LastRow {
  readonly flag: string
  readonly askedAt: number | null
  readonly door: NonNullable<LastUse["asked"]>["door"]
  readonly sdk: string
  readonly givenAt: number | null
}

const lastOf = ({ flag, askedAt, door, sdk, givenAt }: LastRow): LastUse => ({
  flag,
  asked: askedAt === null ? undefined : { at: askedAt, door, sdk },
  givenAt: givenAt ?? undefined
})

export const layer = Layer.effect(
  UsageStore,
  Effect.map(Pools, ({ other: sql }) => {
    const columns = sql`flag_name as flag, herald_millis(asked_at) as "askedAt", asked_door as door, asked_sdk as sdk,
      herald_millis(given_at) as "givenAt"`
    return UsageStore.of({
      record: (batches, perDay) => {
        const sent = ordered(batches)
        return guarded("write how flags are used")(sql<{ answers: ReadonlyArray<Recorded> }>`
          select herald_record_usage(${encode(sent)}::text::jsonb, ${String(perDay)}::text::bigint, ${ROWS_A_DAY}::int, ${SDKS}::int) as answers`).pipe(
          Effect.map(([row]) => {
            const answers = new Array<Recorded>(batches.length)
            for (const [index, [, place]] of sent.entries()) answers[place] = row!.answers[index]!
            return answers
          }),
          Effect.mapError(refusing)
        )
      },
      last: (environment, { prefix, after, limit, scope }) =>
        Effect.map(
          guarded("read when flags were used")(sql<LastRow>`
            select ${columns} from flag_last_use
            where environment = ${environment} and flag_name > ${after} and flag_name <> '' and starts_with(flag_name, ${prefix})
              and (${scope === undefined} or flag_name = any (${[...(scope?.names ?? [])]}::text[])
                or exists (select from unnest(${[...(scope?.prefixes ?? [])]}::text[]) p where starts_with(flag_name, p)))
            order by flag_name limit ${limit}`),
          (rows) => rows.map(lastOf)
        ),
      lastOf: (environment, flag) =>
        Effect.map(
          guarded("read when a flag was used")(sql<LastRow>`
            select ${columns} from flag_last_use where environment = ${environment} and flag_name = ${flag}`),
          ([row]) => row && lastOf(row)
        ),
      counts: (environment, flag, { from, limit }) =>
        guarded("read how a flag is used")(sql<Use>`
          select flag_name as flag, variant, outcome, door, sdk, version, count::float8 as count, herald_millis(last_at) as at
          from flag_usage where environment = ${environment} and flag_name = ${flag} and day >= herald_day(${from}::float8)
          order by day desc, flag_usage.count desc, door, sdk, variant, outcome limit ${limit}`),
      since: Effect.map(
        guarded("read since when use is counted")(sql<{ since: number }>`
          select herald_millis(since) as since from usage_since`),
        ([row]) => row!.since
      ),
      exposures: (environment, flag, { from, until, limit }) =>
        guarded("read exposures")(sql<Exposed>`
          select flag_name as flag, variant, version, encode(unit, 'hex') as unit, (day - '1970-01-01'::date) as day,
            herald_millis(first_at) as "firstAt", herald_millis(last_at) as "lastAt"
          from flag_exposures where environment = ${environment} and flag_name = ${flag}
            and day between herald_day(${from}::float8) and herald_day(${until - 1}::float8)
          order by day, unit, variant, version limit ${limit}`),
      tracks: (environment, name, { from, until, limit }) =>
        guarded("read tracks")(sql<Track>`
          select name, encode(unit, 'hex') as unit, value, herald_millis(at) as at, details from track_events
          where environment = ${environment} and name = ${name} and at >= herald_at(${from}::float8) and at < herald_at(${until}::float8)
          order by at, unit limit ${limit}`),
      sweep: (lease, leaseMillis, { keepMillis, keepReportsMillis }) =>
        Effect.map(
          guarded("sweep how flags were used")(sql<{ swept: SweptUsage | null }>`
            select herald_sweep_usage(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${millis(keepMillis)}::interval,
              ${millis(keepReportsMillis)}::interval, ${millis(REMEMBERED)}::interval, ${STEP}::int) as swept`),
          ([row]) => row!.swept ?? undefined
        )
    })
  })
)
