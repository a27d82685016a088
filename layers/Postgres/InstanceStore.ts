/** Instances and deliveries in PostgreSQL: one call a batch, one query for the report. */
import { Effect, Layer } from "effect"
import {
  type Batch,
  type DeliveryRow,
  type Elsewhere,
  type HealthRow,
  type InstanceRow,
  InstanceStore,
  type Run
} from "../../src/sessions/InstanceStore.ts"
import { guarded } from "./Failure.ts"
import { asFence, millis } from "./Leases.ts"
import { Pools } from "./Pools.ts"

type Delivery = Pick<DeliveryRow, "key" | "version" | "state" | "reason" | "sentAt" | "answeredAt"> & {
  revision: string
}
type Health = Pick<HealthRow, "health" | "message" | "metrics" | "reportedAt"> & { revision: string }
type Row = InstanceRow & { readonly deliveries: ReadonlyArray<Delivery>; readonly report: Health | null }

/** JSON has no bigint. Copies are cheaper than a replacer, which is called for every field of every row. */
const encode = ({ instances, deliveries, health }: Batch): string => {
  const asText = <A extends { readonly revision: bigint }>(row: A) => ({ ...row, revision: String(row.revision) })
  return JSON.stringify({ instances, deliveries: deliveries.map(asText), health: health.map(asText) })
}

/** Instances that one look marks, and that a node is told of. */
const LOSE_STEP = 10_000

export const layerInstances = Layer.effect(
  InstanceStore,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    return InstanceStore.of({
      write: (batch) =>
        guarded("write what clients answered")(sql`select herald_record(${encode(batch)}::text::jsonb)`).pipe(
          Effect.asVoid
        ),
      list: Effect.fnUntraced(function* ({ environment, service, limit }) {
        // Only what is asked for, so that the index can be used whatever the plan is made for.
        const wanted = sql.and([
          ...(environment === undefined ? [] : [sql`environment = ${environment}`]),
          ...(service === undefined ? [] : [sql`service = ${service}`])
        ])
        const rows = yield* guarded("read the clients")(sql<Row>`
          select i.environment, i.service, i.instance, i.state, i.labels, i.patterns, herald_millis(i.connected_at) as "connectedAt",
            herald_millis(i.last_seen) as "lastSeen", i.ending, i.node, i.session,
            coalesce((
              select jsonb_agg(jsonb_build_object('key', k.key, 'revision', k.revision::text, 'version', k.version, 'state', k.state,
                'reason', k.reason, 'sentAt', coalesce(herald_millis(k.sent_at), 0), 'answeredAt', coalesce(herald_millis(k.answered_at), 0)) order by k.key)
              from instance_keys k where k.instance_id = i.id
            ), '[]') as deliveries,
            (
              select jsonb_build_object('revision', h.revision::text, 'health', h.health, 'message', h.message, 'metrics', h.metrics,
                'reportedAt', herald_millis(h.reported_at))
              from instance_health h where h.instance_id = i.id
            ) as report
          from (
            (select * from instances where state = 'connected' and ${wanted} order by environment, service, instance limit ${limit})
            union all
            (select * from instances where state <> 'connected' and ${wanted} order by environment, service, instance limit ${limit})
            limit ${limit}
          ) i order by i.state <> 'connected', i.environment, i.service, i.instance`)
        return rows.map(({ deliveries, report, ...row }) => {
          const { environment, service, instance } = row
          const id = { environment, service, instance }
          return {
            ...row,
            deliveries: deliveries.map((one) => ({ ...id, ...one, revision: BigInt(one.revision) })),
            health: report === null ? undefined : { ...id, ...report, revision: BigInt(report.revision) }
          }
        })
      }),
      seen: ({ run, node, timeoutMillis }: Run) =>
        guarded("say that this node lives")(sql<{ said: { taken: Array<string>; doubted: Array<string> } }>`
          select herald_node_seen(${run}, ${node}, ${millis(timeoutMillis)}::interval, ${LOSE_STEP}::int) as said`).pipe(
          Effect.map(([row]) => row!.said)
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
