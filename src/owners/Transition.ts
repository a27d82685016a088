/**
 * Commits what an owner decided, and tells of it: in the log of the node, as a metric, as a span.
 *
 *   OV1  What Herald decides on a rollout belongs to the trace in which it was begun, for as long as the log has its beginning.
 */
import { Effect, Metric } from "effect"
import { system } from "../access/Identity.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { makeMoving, messageOf } from "../rollouts/Moving.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import type { Step } from "../rollouts/Step.ts"
import { contextsOf, within } from "../telemetry/Traces.ts"
import { transitionsTotal } from "./Measured.ts"

export const makeTransition = Effect.gen(function* () {
  const log = yield* RevisionLog
  const move = yield* makeMoving

  /** Its key has the revision by which it was begun. OV1 */
  const startOf = Effect.fnUntraced(
    function* ({ key }: Rollout) {
      const revision = BigInt(key.slice(1))
      const [start] = (yield* log.after(revision - 1n, 1)) ?? []
      return start?.revision === revision ? contextsOf([start.traceparent]) : []
    },
    Effect.orElseSucceed(() => [])
  )

  /** Returns what it became, and when by the store's clock. Fails as `Commits.commit`. */
  return Effect.fnUntraced(function* (rollout: Rollout, step: Step, fence: bigint) {
    const { environment, key } = rollout
    const { to, stage, why } = step
    const contexts = yield* startOf(rollout)
    const attributes = { "herald.rollout": key, "herald.environment": environment, "herald.stage": stage + 1 }
    const options = { message: messageOf(rollout, step) }
    const moved = move({ rollout, step, fence, identity: system, options, request: undefined }).pipe(
      Effect.withSpan(`rollout ${to}`, { attributes })
    )
    const { revision } = yield* contexts.length === 0 ? moved : within(contexts)(moved)
    const line = { environment, rollout: key, state: to, stage: stage + 1, reason: why.text }
    const more = { ...line, revision: String(revision.revision) }
    yield* Metric.update(Metric.withAttributes(transitionsTotal, { to }), 1)
    yield* to === "rolled_back" || to === "paused"
      ? Effect.logWarning("a rollout does not go on", more)
      : Effect.logInfo("a rollout goes on", more)
    const became = revision.changes.find((one): one is Rollout => one.kind === "rollout" && one.key === key)
    return { became, at: revision.committedAt }
  })
})
