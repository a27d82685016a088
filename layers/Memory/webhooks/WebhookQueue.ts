/** WebhookQueue and ClientAudit over a `State`, and a receiver of webhooks that a test can look into. */
import { Clock, Effect, Layer } from "effect"
import { ClientAudit } from "../../../src/consumers/ClientAudit.ts"
import type { Answer } from "../../../src/webhooks/Webhook.ts"
import { type Post, WebhookPost } from "../../../src/webhooks/WebhookPost.ts"
import { WebhookQueue } from "../../../src/webhooks/WebhookQueue.ts"
import { fenced } from "../leases/Leases.ts"
import type { State } from "../State.ts"

const DAY = 86_400_000

export const layerClientAudit = (state: State) =>
  Layer.effect(
    ClientAudit,
    Effect.map(Clock.Clock, (clock) =>
      ClientAudit.of({
        append: (entries) =>
          Effect.sync(() => {
            let fresh = 0
            for (const { id, action, environment, service, instance, node, reason, at } of entries) {
              if (state.audit.some(({ details }) => details["event"] === id)) continue
              state.append({
                configId: `${environment}/${service}`,
                action,
                performedBy: `client:${service}/${instance}`,
                details: { event: id, node, reason, at },
                createdAt: clock.currentTimeMillisUnsafe()
              })
              fresh++
            }
            return fresh
          })
      })
    )
  )

export const layerWebhookQueue = (state: State) =>
  Layer.effect(
    WebhookQueue,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      const { webhooks, webhookTargets } = state
      const keyOf = (target: string, id: string) => `${target} ${id}`
      const held = (target: string) => [...webhooks.values()].filter((one) => one.target === target)
      const open = (target: string) => held(target).filter(({ settledAt }) => settledAt === undefined)
      return WebhookQueue.of({
        introduce: (targets) =>
          Effect.sync(() => {
            for (const target of targets) if (!webhookTargets.has(target)) webhookTargets.set(target, now())
          }),
        add: (added, targets) =>
          Effect.sync(() => {
            let fresh = 0
            for (const { id, millis, record, again } of added)
              for (const target of targets) {
                const since = webhookTargets.get(target)
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
              .filter((target) => webhookTargets.has(target))
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

/** Receivers in memory: what each URL was sent, and what it answers. */
export class ReceiversMemory {
  readonly posts: Array<Post> = []
  answer: (post: Post) => Effect.Effect<Answer> = () =>
    Effect.succeed({ kind: "answered", status: 204, retryAfterMillis: undefined })

  readonly layer = Layer.succeed(WebhookPost, {
    timeout: 10_000,
    post: (post) =>
      Effect.suspend(() => {
        this.posts.push(post)
        return this.answer(post)
      })
  })
}
