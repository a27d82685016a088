/** WebhookQueue over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { WebhookQueue } from "../../../src/webhooks/WebhookQueue.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { WebhookTables } from "./WebhookTables.ts"

const DAY = 86_400_000

export const layer = Layer.effect(
  WebhookQueue,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const now = () => clock.currentTimeMillisUnsafe()
    const { webhooks, targets: known } = state.tables(WebhookTables)
    const keyOf = (target: string, id: string) => `${target} ${id}`
    const held = (target: string) => [...webhooks.values()].filter((one) => one.target === target)
    const open = (target: string) => held(target).filter(({ settledAt }) => settledAt === undefined)
    return WebhookQueue.of({
      introduce: (targets) =>
        Effect.sync(() => {
          for (const target of targets) if (!known.has(target)) known.set(target, now())
        }),
      add: (added, targets) =>
        Effect.sync(() => {
          let fresh = 0
          for (const { id, millis, record, again } of added)
            for (const target of targets) {
              const since = known.get(target)
              if (since === undefined) continue
              if (again === null ? millis <= Math.max(since, now() - 7 * DAY) : again !== target) continue
              const before = webhooks.get(keyOf(target, id))
              if (before !== undefined && !(again === target && before.state === "dead")) continue
              const times = { dueAt: now(), createdAt: now(), settledAt: undefined }
              const fields = { id, target, record, state: "waiting", attempts: 0, problem: "" } as const
              webhooks.set(keyOf(target, id), { ...fields, ...times })
              fresh++
            }
          return fresh
        }),
      claim: (target, limit, leaseMillis) =>
        Effect.sync(() =>
          open(target)
            .filter(({ dueAt }) => dueAt <= now())
            .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
            .slice(0, limit)
            .map((one) => {
              one.attempts++
              one.dueAt = now() + leaseMillis
              const { id, record, attempts, problem, createdAt } = one
              return { id, record, attempts, ageMillis: now() - createdAt, failed: one.state === "failed", problem }
            })
        ),
      settle: (target, { id, attempts }, settled) =>
        Effect.sync(() => {
          const one = webhooks.get(keyOf(target, id))
          if (one === undefined) return
          if (settled.state === "delivered") {
            if (one.state !== "delivered") Object.assign(one, { state: "delivered", problem: "", settledAt: now() })
            return
          }
          if (one.attempts !== attempts || one.settledAt !== undefined) return
          if (settled.state === "dead") Object.assign(one, { state: "dead", settledAt: now() })
          else {
            const after = settled.state === "waiting" ? settled.afterMillis : 0
            Object.assign(one, { state: settled.state, problem: settled.problem, dueAt: now() + after })
          }
        }),
      standing: (targets) =>
        Effect.sync(() =>
          targets
            .filter((target) => known.has(target))
            .map((target) => {
              const waiting = open(target)
              const oldest = Math.min(now(), ...waiting.map(({ createdAt }) => createdAt))
              return { target, waiting: waiting.length, age: (now() - oldest) / 1_000 }
            })
        ),
      sweep: (lease, leaseMillis) =>
        Effect.sync(() => {
          if (!fenced(state, lease, leaseMillis, now())) return undefined
          let abandoned = 0
          for (const [key, { settledAt, createdAt }] of webhooks)
            if ((settledAt ?? createdAt) < now() - 8 * DAY) {
              webhooks.delete(key)
              if (settledAt === undefined) abandoned++
            }
          return { abandoned, more: false }
        })
    })
  })
)
