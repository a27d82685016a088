/** Commits what an owner decided, and tells of it: in the log of the node, as a metric, as a span (OV1). */
import { Effect, Metric } from "effect"
import { system } from "../access/Identity.ts"
import { makeMoving } from "../rollouts/Moving.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import type { Step } from "../rollouts/Step.ts"
import { makeTraced } from "../rollouts/Traced.ts"
import { transitionsTotal } from "./Measured.ts"

export const makeTransition = Effect.gen(function* () {
  const move = yield* makeMoving
  const traced = yield* makeTraced

  /** Returns what it became, and when by the store's clock. Fails as `Commits.commit`. */
  return Effect.fnUntraced(function* (rollout: Rollout, step: Step, fence: bigint) {
    const { environment, key } = rollout
    const { to, stage, why } = step
    const moved = move({ rollout, step, fence, identity: system, options: { message: "" }, request: undefined })
    const { revision } = yield* traced(rollout, step, "herald", moved)
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
