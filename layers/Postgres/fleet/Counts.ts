/** Counts instances and what they have, a page at a time: by one query, which looks at the keys of the page's instances. */

import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { Counted, Has } from "../../../src/fleet/Instance.ts"
import type { CountOptions } from "../../../src/fleet/InstanceStore.ts"
import { patternsOf } from "../../../src/keys/Pattern.ts"
import { guarded } from "../connection/Failure.ts"

/** [epoch, revision, version] */
type Told = readonly [string, string, number] | null
type Of = readonly [environment: string, service: string]
interface Row {
  readonly services: ReadonlyArray<readonly [...Of, connected: number, away: number]>
  readonly patterns: ReadonlyArray<readonly [...Of, patterns: ReadonlyArray<string>, clients: number]>
  readonly keys: ReadonlyArray<
    readonly [...Of, key: string, applied: Told, rejected: Told, problem: Told, clients: number]
  >
  readonly last: readonly [string, string, string] | null
  readonly looked: number
}

const has = (told: Told): Has | undefined =>
  told === null ? undefined : { epoch: told[0], revision: BigInt(told[1]), version: told[2] }

/** The condition that an instance subscribes to the key. */
export const subscribesTo = (sql: SqlClient.SqlClient, key: string) =>
  sql`patterns ?| array(select jsonb_array_elements_text(${JSON.stringify(patternsOf(key))}::text::jsonb))`

export const count = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* ({ environment, service, key, after, limit }: CountOptions) {
    const asked = sql.and([
      ...(environment === undefined ? [] : [sql`environment = ${environment}`]),
      ...(service === undefined ? [] : [sql`service = ${service}`]),
      ...(key === undefined ? [] : [subscribesTo(sql, key)]),
      ...(after === undefined
        ? []
        : [sql`(environment, service, instance) > (${after.environment}, ${after.service}, ${after.instance})`])
    ])
    const ofKey = key === undefined ? sql`true` : sql`k.key = ${key}`
    const [row] = yield* guarded("count the clients")(sql<Row>`
      with page as materialized (
        select id, environment, service, instance, state = 'connected' as connected, patterns, emptied
        from instances where ${asked} order by environment, service, instance limit ${limit}
      ), facts as (
        select p.environment, p.service, k.key,
          case when k.applied_epoch is not null and k.applied_life >= greatest(k.lacked_life, p.emptied)
              and not coalesce(k.rejected_epoch = k.applied_epoch and k.rejected_revision = k.applied_revision and k.rejected_at > k.applied_at, false)
            then jsonb_build_array(k.applied_epoch, k.applied_revision::text, k.applied_version) end as applied,
          case when k.rejected_epoch is not null and not herald_outranks(k.applied_epoch, k.applied_revision, k.applied_at,
              k.rejected_epoch, k.rejected_revision, k.rejected_at, e.epoch)
            then jsonb_build_array(k.rejected_epoch, k.rejected_revision::text, k.rejected_version) end as rejected,
          case when k.problem_epoch is not null
              and not herald_outranks(k.sent_epoch, k.sent_revision, k.sent_at, k.problem_epoch, k.problem_revision, k.problem_at, e.epoch)
              and not herald_outranks(k.applied_epoch, k.applied_revision, k.applied_at, k.problem_epoch, k.problem_revision, k.problem_at, e.epoch)
            then jsonb_build_array(k.problem_epoch, k.problem_revision::text, 0) end as problem
        from page p join instance_keys k on k.instance_id = p.id cross join herald_epoch e
        where p.connected and ${ofKey}
      )
      select
        coalesce((select jsonb_agg(jsonb_build_array(environment, service, connected, away) order by environment, service)
          from (select environment, service, count(*) filter (where connected) as connected, count(*) filter (where not connected) as away
            from page group by environment, service) s), '[]') as services,
        coalesce((select jsonb_agg(jsonb_build_array(environment, service, patterns, clients) order by environment, service, patterns)
          from (select environment, service, patterns, count(*) as clients from page where connected
            group by environment, service, patterns) s), '[]') as patterns,
        coalesce((select jsonb_agg(jsonb_build_array(environment, service, key, applied, rejected, problem, clients))
          from (select environment, service, key, applied, rejected, problem, count(*) as clients from facts
            group by environment, service, key, applied, rejected, problem) s), '[]') as keys,
        (select jsonb_build_array(environment, service, instance) from page
          order by environment desc, service desc, instance desc limit 1) as last,
        (select count(*)::int from page) as looked`)
    const { services, patterns, keys, last, looked } = row!
    return {
      services: services.map(([environment, service, connected, away]) => ({ environment, service, connected, away })),
      patterns: patterns.map(([environment, service, patterns, clients]) => ({
        environment,
        service,
        patterns,
        clients
      })),
      keys: keys.map(([environment, service, key, applied, rejected, problem, clients]) => ({
        environment,
        service,
        key,
        applied: has(applied),
        rejected: has(rejected),
        problem: has(problem),
        clients
      })),
      next: looked < limit || last === null ? undefined : { environment: last[0], service: last[1], instance: last[2] }
    } satisfies Counted
  })
