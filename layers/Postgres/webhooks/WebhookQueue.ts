/** Keeps webhooks that wait, in PostgreSQL. */
import { Effect, Layer } from "effect"
import { type Claimed, type Settled, type Standing, WebhookQueue } from "../../../src/webhooks/WebhookQueue.ts"
import { guarded, refusing } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

const SWEEP_STEP = 5_000

export const layer = Layer.effect(
  WebhookQueue,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    const list = (targets: ReadonlyArray<string>) => JSON.stringify(targets)

    const settle = (target: string, id: string, attempts: number, settled: Settled) => {
      if (settled.state === "delivered")
        return sql`update webhooks set state = 'delivered', problem = '', settled_at = clock_timestamp()
          where event_id = ${id} and target = ${target} and state <> 'delivered'`
      if (settled.state === "dead")
        return sql`update webhooks set state = 'dead', settled_at = clock_timestamp()
          where event_id = ${id} and target = ${target} and attempts = ${attempts} and settled_at is null`
      const after = settled.state === "waiting" ? settled.afterMillis : 0
      return sql`update webhooks set state = ${settled.state}, problem = ${settled.problem.slice(0, 1_000)},
          due_at = clock_timestamp() + make_interval(secs => ${after / 1_000}::float8)
        where event_id = ${id} and target = ${target} and attempts = ${attempts} and settled_at is null`
    }

    return WebhookQueue.of({
      introduce: (targets) =>
        Effect.asVoid(
          guarded("note the receivers of webhooks")(
            sql`insert into webhook_targets (target) select jsonb_array_elements_text(${list(targets)}::text::jsonb) order by 1
              on conflict (target) do nothing`
          )
        ),
      add: (webhooks, targets) =>
        guarded("queue webhooks")(
          sql<{ fresh: number }>`
            select herald_webhooks_add(${JSON.stringify(webhooks)}::text::jsonb, ${list(targets)}::text::jsonb) as fresh`
        ).pipe(
          Effect.map(([row]) => row!.fresh),
          Effect.mapError(refusing)
        ),
      claim: (target, limit, leaseMillis) =>
        guarded("claim webhooks")(sql<Claimed>`
          with due as (
            select event_id from webhooks where target = ${target} and settled_at is null and due_at <= statement_timestamp()
            order by due_at, event_id limit ${limit} for update skip locked
          )
          update webhooks w set attempts = w.attempts + 1,
            due_at = clock_timestamp() + make_interval(secs => ${leaseMillis / 1_000}::float8)
          from due where w.target = ${target} and w.event_id = due.event_id
          returning w.event_id as id, w.record, w.attempts, w.state = 'failed' as failed, w.problem,
            (extract(epoch from clock_timestamp() - w.created_at) * 1000)::float8 as "ageMillis"`),
      settle: (target, { id, attempts }, settled) =>
        Effect.asVoid(guarded("note what became of a webhook")(settle(target, id, attempts, settled))),
      standing: (targets) =>
        guarded("count webhooks that wait")(sql<Standing>`
          select t.target, count(w.event_id)::int as waiting,
            coalesce(extract(epoch from clock_timestamp() - min(w.created_at)), 0)::float8 as age
          from webhook_targets t left join webhooks w on w.target = t.target and w.settled_at is null
          where ${list(targets)}::text::jsonb ? t.target group by t.target`),
      sweep: (lease, leaseMillis) =>
        guarded("sweep webhooks")(sql<{ swept: { abandoned: number; more: boolean } | null }>`
          select herald_sweep_webhooks(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${SWEEP_STEP}::int) as swept`).pipe(
          Effect.map(([row]) => row!.swept ?? undefined)
        )
    })
  })
)
