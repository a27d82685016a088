/** What a node knows of change requests: nothing but that it was one of its own callers who broke the glass, which it counts. What there is, the store says. AQ8 */
import { Context, Effect, Layer } from "effect"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import type { View } from "../propagation/View.ts"
import { counter } from "../telemetry/Metrics.ts"
import type { ChangeRequest } from "./ChangeRequest.ts"

export class ApprovalView extends Context.Service<ApprovalView, View<ChangeRequest>>()(
  "herald/approvals/ApprovalView"
) {
  static readonly layer = Layer.effect(
    ApprovalView,
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const context = yield* Effect.context<never>()
      let counted = 0n
      return ApprovalView.of({
        kind: "approval",
        read: Effect.map(log.head, (at) => ({ from: at, newest: at, catchUp: () => {}, begin: () => {} })),
        apply: () => {},
        committed: ({ state, revision }) => {
          // The answer to an idempotency key that came again is told again.
          if (state !== "review" || revision <= counted) return
          counted = revision
          brokenTotal.updateUnsafe(1, context)
        },
        forget: () => {}
      })
    })
  )
}

const brokenTotal = counter(
  "herald_break_glass_total",
  "commits of callers of this node that changed what is protected without a second person"
)
