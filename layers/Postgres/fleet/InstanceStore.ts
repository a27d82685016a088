/** Keeps instances and what is known of their keys in PostgreSQL: writes a batch by one call, reads a page by one query. */
import { Effect, Layer } from "effect"
import { type Fact, shown } from "../../../src/fleet/Facts.ts"
import type { Batch, HealthRow, InstanceRow, KeyFacts, Speaker } from "../../../src/fleet/Instance.ts"
import {
  type Elsewhere,
  InstanceStore,
  type ListOptions,
  type NodeReport,
  type Run
} from "../../../src/fleet/InstanceStore.ts"
import { guarded, refusing } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { nameTouched } from "../connection/Touched.ts"
import { asFence, millis } from "../leases/Fence.ts"
import { count, subscribesTo } from "./Counts.ts"

/** [epoch, revision, version, at, reason] */
type Told = readonly [string, string, number, number, string] | null
type Key = readonly [
  key: string,
  sent: Told,
  applied: Told,
  rejected: Told,
  problem: Told,
  life: number,
  lacked: number
]
type Health = Pick<HealthRow, "epoch" | "health" | "message" | "metrics" | "reportedAt"> & { revision: string }
type Row = InstanceRow & {
  readonly emptied: number
  readonly present: string
  readonly keys: ReadonlyArray<Key>
  readonly troubled: number
  readonly report: Health | null
}

/** A batch as JSON, which has no bigint. Each speaker, epoch and name of a field is in it once. */
const encode = ({ instances, deliveries, held, health }: Batch): string => {
  const who: Array<Speaker> = []
  const epochs = new Map<string, number>()
  const places = new Map<string, number>()
  const place = (id: string, { environment, service, instance, session }: Speaker): number => {
    const known = places.get(id)
    if (known !== undefined) return known
    places.set(id, who.length)
    return who.push({ environment, service, instance, session }) - 1
  }
  const same = (one: Speaker, { environment, service, instance }: Speaker) =>
    one.instance === instance && one.service === service && one.environment === environment
  /** Found by the session's name, as a session has one instance; without one, or with another instance, by all fields. */
  const speaker = (row: Speaker): number => {
    const known = place(row.session, row)
    if (same(who[known]!, row)) return known
    return place(`${row.session}\u0000${row.environment}\u0000${row.service}\u0000${row.instance}`, row)
  }
  const epoch = (of: string): number => {
    const place = epochs.get(of) ?? epochs.size
    epochs.set(of, place)
    return place
  }
  const rows = deliveries.map((row) => {
    const { key, version, state, reason, lacks, sentAt, answeredAt } = row
    const revision = String(row.revision)
    return [speaker(row), epoch(row.epoch), key, revision, version, state, reason, lacks, sentAt, answeredAt]
  })
  const holdings = held.map((row) => ({
    w: speaker(row),
    e: epoch(row.epoch),
    at: row.at,
    keys: row.keys.map(({ key }) => key),
    revisions: row.keys.map(({ revision }) => String(revision)),
    versions: row.keys.map(({ version }) => version)
  }))
  return JSON.stringify({
    instances,
    who,
    epochs: [...epochs.keys()],
    deliveries: rows,
    held: holdings,
    health: health.map((row) => ({ ...row, revision: String(row.revision) }))
  })
}

const fact = (told: Told): Fact | undefined =>
  told === null
    ? undefined
    : { epoch: told[0], revision: BigInt(told[1]), version: told[2], at: told[3], reason: told[4] }

const keyOf =
  ({ emptied, present }: Row) =>
  ([key, sent, applied, rejected, problem, appliedLife, lackedLife]: Key): KeyFacts => ({
    key,
    ...shown(
      {
        sent: fact(sent),
        applied: fact(applied),
        rejected: fact(rejected),
        problem: fact(problem),
        appliedLife,
        lackedLife
      },
      emptied,
      present
    )
  })

const NODES = 100
/** Instances that one look marks as lost, and tells the node of. */
const LOSE_STEP = 10_000

export const layer = Layer.effect(
  InstanceStore,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    return InstanceStore.of({
      write: (batch) =>
        guarded("write what clients answered")(
          sql<{ refused: Array<string> }>`select herald_record(${encode(batch)}::text::jsonb) as refused`
        ).pipe(
          Effect.map(([row]) => row!.refused),
          Effect.mapError(refusing)
        ),
      list: Effect.fnUntraced(function* (options: ListOptions) {
        const { environment, service, instance, after, limit, keys, afterKey = "", key, troubled, scope } = options
        const ofKey = sql.and([
          ...(key === undefined ? [sql`true`] : [sql`k.key = ${key}`]),
          ...(scope === undefined ? [] : [nameTouched(sql, scope, "k.key")])
        ])
        // Only conditions that are asked for, so that every plan can use the index.
        const asked = [
          ...(environment === undefined ? [] : [sql`environment = ${environment}`]),
          ...(service === undefined ? [] : [sql`service = ${service}`]),
          ...(instance === undefined ? [] : [sql`instance = ${instance}`]),
          ...(key === undefined ? [] : [subscribesTo(sql, key)]),
          ...(troubled === true
            ? [sql`exists (select from instance_keys k where k.instance_id = instances.id and k.troubled and ${ofKey})`]
            : [])
        ]
        const beyond =
          after === undefined
            ? []
            : [sql`(environment, service, instance) > (${after.environment}, ${after.service}, ${after.instance})`]
        const connected = sql.and([
          ...asked,
          ...(after?.connected === false || options.connected === false ? [sql`false`] : beyond)
        ])
        const away = sql.and([
          ...asked,
          ...(options.connected === true ? [sql`false`] : after?.connected === true ? [] : beyond)
        ])
        const rows = yield* guarded("read the clients")(sql<Row>`
          select i.environment, i.service, i.instance, i.state, i.labels, i.patterns, herald_millis(i.connected_at) as "connectedAt",
            herald_millis(i.last_seen) as "lastSeen", i.ending, i.node, i.session, i.owner, i.emptied::float8 as emptied, e.epoch as present,
            coalesce((
              select jsonb_agg(jsonb_build_array(k.key,
                case when k.sent_epoch is not null
                  then jsonb_build_array(k.sent_epoch, k.sent_revision::text, k.sent_version, coalesce(herald_millis(k.sent_at), 0), '') end,
                case when k.applied_epoch is not null
                  then jsonb_build_array(k.applied_epoch, k.applied_revision::text, k.applied_version, coalesce(herald_millis(k.applied_at), 0), '') end,
                case when k.rejected_epoch is not null then jsonb_build_array(k.rejected_epoch, k.rejected_revision::text, k.rejected_version,
                  coalesce(herald_millis(k.rejected_at), 0), k.rejected_reason) end,
                case when k.problem_epoch is not null then jsonb_build_array(k.problem_epoch, k.problem_revision::text, 0,
                  coalesce(herald_millis(k.problem_at), 0), k.problem_reason) end,
                k.applied_life, k.lacked_life) order by k.key)
              from (
                (select * from instance_keys k where k.instance_id = i.id and k.key > ${afterKey} and ${ofKey} order by k.key limit ${keys})
                union
                (select * from instance_keys k where k.instance_id = i.id and k.key > ${afterKey} and k.troubled and ${ofKey} order by k.key limit ${keys})
              ) k
            ), '[]') as keys,
            (select count(*)::int from (select from instance_keys k where k.instance_id = i.id and k.troubled and ${ofKey} limit 1000) t) as troubled,
            (
              select jsonb_build_object('epoch', h.epoch, 'revision', h.revision::text, 'health', h.health, 'message', h.message,
                'metrics', h.metrics, 'reportedAt', herald_millis(h.reported_at))
              from instance_health h where h.instance_id = i.id
            ) as report
          from (
            (select * from instances where state = 'connected' and ${connected} order by environment, service, instance limit ${limit})
            union all
            (select * from instances where state <> 'connected' and ${away} order by environment, service, instance limit ${limit})
            limit ${limit}
          ) i cross join herald_epoch e order by i.state <> 'connected', i.environment, i.service, i.instance`)
        return rows.map((row) => {
          const { keys: told, report, present, emptied, ...rest } = row
          const { environment, service, instance } = rest
          const id = { environment, service, instance }
          return {
            ...rest,
            keys: told.map(keyOf(row)),
            health: report === null ? undefined : { ...id, ...report, revision: BigInt(report.revision) }
          }
        })
      }),
      count: count(sql),
      nodes: guarded("read the nodes")(sql<NodeReport>`
        select n.node, n.run, herald_millis(n.since) as since, herald_millis(n.seen_at) as "seenAt",
          (select count(*)::int from instances i where i.run = n.run and i.state = 'connected') as clients
        from nodes n order by n.seen_at desc, n.run limit ${NODES}`),
      seen: ({ run, node, timeoutMillis }: Run) =>
        guarded("say that this node lives")(sql<{
          said: { taken: Array<string>; owners: Array<string>; doubted: Array<string> }
        }>`
          select herald_node_seen(${run}, ${node}, ${millis(timeoutMillis)}::interval, ${LOSE_STEP}::int) as said`).pipe(
          Effect.map(([row]) => {
            const { taken, owners, doubted } = row!.said
            return { taken: taken.map((session, index) => ({ session, owner: owners[index]! })), doubted }
          })
        ),
      lose: (lease, leaseMillis, timeoutMillis) =>
        guarded("look for dead nodes")(sql<{ gone: number | null }>`
          select herald_lose(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${millis(timeoutMillis)}::interval,
            ${LOSE_STEP}::int) as gone`).pipe(Effect.map(([row]) => row!.gone ?? undefined)),
      elsewhere: ({ environment, run, limit }) =>
        guarded("read the clients of other nodes")(sql<Elsewhere>`
          select jsonb_build_object('environment', environment, 'service', service, 'instance', instance, 'labels', labels) as client, patterns
          from instances where environment = ${environment} and state = 'connected' and run <> ${run} limit ${limit}`)
    })
  })
)
