/** UsageStore over a `State`, by the rules of migration 0025. */
import { Clock, Effect, Layer } from "effect"
import { inKeyScope } from "../../../src/access/KeyScope.ts"
import { Unkeepable } from "../../../src/errors/Unkeepable.ts"
import { GIVES_ALL } from "../../../src/usage/Caller.ts"
import { BEHIND, REMEMBERED, ROWS_A_DAY, SDKS, UsageStore } from "../../../src/usage/UsageStore.ts"
import { ALL, type Exposed, type LastUse, type Recorded, type UsageBatch, type Use } from "../../../src/usage/Use.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { dayOf, UsageTables } from "./UsageTables.ts"

const OTHER = "other"
const hex = /^([0-9a-f]{2})*$/

/** What PostgreSQL would refuse for what it is. */
const isUnkeepable = ({ uses, exposures, tracks }: UsageBatch): boolean =>
  [...exposures, ...tracks].some(({ unit }) => !hex.test(unit)) ||
  /\\u0000/.test(JSON.stringify([uses, exposures, tracks]))

export const layer = Layer.effect(
  UsageStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(UsageTables)
    const now = () => clock.currentTimeMillisUnsafe()
    tables.since ??= now()

    const countUses = (environment: string, uses: ReadonlyArray<Use>): number => {
      const totals = tables.totalsOf(environment, dayOf(now()))
      const { sdks } = tables.of(environment)
      const fresh = [...new Set(uses.map(({ sdk }) => sdk))].filter((sdk) => !sdks.has(sdk)).sort()
      for (const sdk of fresh.slice(0, Math.max(0, SDKS - sdks.size))) sdks.add(sdk)
      let leftOut = 0
      for (const said of uses) {
        const use = { ...said, sdk: sdks.has(said.sdk) ? said.sdk : OTHER }
        const { flag, door, sdk, variant, outcome, at } = use
        const id = JSON.stringify([environment, flag, dayOf(at), door, sdk, variant, outcome])
        const before = tables.counts.get(id)
        if (before === undefined && totals.counts >= ROWS_A_DAY) leftOut++
        else {
          if (before === undefined) totals.counts++
          tables.counts.set(id, {
            ...use,
            environment,
            version: Math.max(use.version, before?.version ?? 0),
            count: use.count + (before?.count ?? 0),
            at: Math.max(at, before?.at ?? 0)
          })
        }
        const last: LastUse = tables.lastOf(environment, flag) ?? { flag, asked: undefined, givenAt: undefined }
        const { asked, givenAt } = last
        tables.last.set(
          `${environment}/${flag}`,
          GIVES_ALL.has(door)
            ? { ...last, givenAt: Math.max(at, givenAt ?? 0) }
            : { ...last, asked: asked === undefined || at >= asked.at ? { at, door, sdk } : asked }
        )
      }
      return leftOut
    }

    const record = (batch: UsageBatch, perDay: number): Recorded => {
      const { environment, principal, batch: name, uses, exposures, tracks } = batch
      const id = JSON.stringify([environment, principal, name])
      const before = tables.batches.get(id)
      if (before !== undefined) return { ...before.became, replayed: true } // UT1
      const totals = tables.totalsOf(environment, dayOf(now()))
      let overLimit = 0
      for (const { at, ...exposure } of exposures) {
        const { flag, unit, variant, version } = exposure
        const day = dayOf(at)
        const place = JSON.stringify([environment, flag, day, unit, variant, version]) // UT4
        const known = tables.exposures.get(place)
        if (known === undefined && totals.exposures >= perDay) overLimit++
        else if (known === undefined) {
          totals.exposures++
          tables.exposures.set(place, { ...exposure, environment, day, firstAt: at, lastAt: at })
        } else if (at < known.firstAt || at > known.lastAt + BEHIND)
          tables.exposures.set(place, {
            ...known,
            firstAt: Math.min(at, known.firstAt),
            lastAt: Math.max(at, known.lastAt)
          })
      }
      for (const track of tracks)
        if (totals.tracks >= perDay) overLimit++
        else {
          totals.tracks++
          tables.tracks.push({ ...track, environment })
        }
      const became = { replayed: false, overLimit, leftOut: countUses(environment, uses) }
      tables.batches.set(id, { at: now(), became })
      return became
    }

    const without = ({ environment: _, ...exposed }: Exposed & { readonly environment: string }): Exposed => exposed

    return UsageStore.of({
      record: (batches, perDay) =>
        Effect.suspend(() =>
          batches.some(isUnkeepable)
            ? Effect.fail(new Unkeepable({ message: "could not write how flags are used" }))
            : Effect.succeed(batches.map((batch) => record(batch, perDay)))
        ),
      last: (environment, { prefix, after, limit, scope }) =>
        Effect.sync(() =>
          [...tables.last]
            .filter(
              ([id, { flag }]) =>
                id === `${environment}/${flag}` && flag !== ALL && flag > after && inKeyScope(scope, flag)
            )
            .map(([, last]) => last)
            .filter(({ flag }) => flag.startsWith(prefix))
            .sort((a, b) => (a.flag < b.flag ? -1 : 1))
            .slice(0, limit)
        ),
      lastOf: (environment, flag) => Effect.sync(() => tables.lastOf(environment, flag)),
      counts: (environment, flag, { from, limit }) =>
        Effect.sync(() =>
          [...tables.counts.values()]
            .filter((one) => one.environment === environment && one.flag === flag && dayOf(one.at) >= dayOf(from))
            .map(({ environment: _, ...use }): Use => use)
            .sort((a, b) => dayOf(b.at) - dayOf(a.at) || b.count - a.count || (a.sdk < b.sdk ? -1 : 1))
            .slice(0, limit)
        ),
      since: Effect.sync(() => tables.since!),
      exposures: (environment, flag, { from, until, limit }) =>
        Effect.sync(() =>
          [...tables.exposures.values()]
            .filter((one) => one.environment === environment && one.flag === flag)
            .filter(({ day }) => day >= dayOf(from) && day <= dayOf(until - 1))
            .sort(
              (a, b) => a.day - b.day || (a.unit < b.unit ? -1 : a.unit > b.unit ? 1 : a.variant < b.variant ? -1 : 1)
            )
            .slice(0, limit)
            .map(without)
        ),
      tracks: (environment, name, { from, until, limit }) =>
        Effect.sync(() =>
          tables.tracks
            .filter((one) => one.environment === environment && one.name === name && one.at >= from && one.at < until)
            .sort((a, b) => a.at - b.at || (a.unit < b.unit ? -1 : 1))
            .slice(0, limit)
            .map(({ environment: _, ...track }) => track)
        ),
      sweep: (lease, leaseMillis, { keepMillis, keepReportsMillis }) =>
        Effect.sync(() => {
          if (!fenced(state, lease, leaseMillis, now())) return undefined
          const oldest = dayOf(now() - keepMillis)
          const oldestReport = dayOf(now() - keepReportsMillis)
          const remove = <A>(rows: Map<string, A>, old: (row: A) => boolean): number => {
            let gone = 0
            for (const [id, row] of rows) if (old(row) && rows.delete(id)) gone++
            return gone
          }
          remove(tables.batches, ({ at }) => at < now() - REMEMBERED)
          const before = tables.tracks.length
          tables.tracks = tables.tracks.filter(({ at }) => at >= now() - keepReportsMillis)
          return {
            counts: remove(tables.counts, ({ at }) => dayOf(at) < oldest),
            exposures: remove(tables.exposures, ({ day }) => day < oldestReport),
            tracks: before - tables.tracks.length,
            more: false
          }
        })
    })
  })
)
