/** What operators see of rollouts, as metrics. */

import { isOver, states } from "../rollouts/Rollout.ts"
import { counter, each, gauge, histogram } from "../telemetry/Metrics.ts"

export const transitionsTotal = counter(
  "herald_rollout_transitions_total",
  "transitions of rollouts that this node decided on and committed, by what the rollout became",
  each(
    "to",
    states.filter((state) => state !== "scheduled" && state !== "aborted")
  )
)
export const decisionSeconds = histogram(
  "herald_rollout_decision_seconds",
  "how long it took to read what is known of a rollout and to decide, without the commit",
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
)
export const rolledBackSeconds = histogram(
  "herald_rollout_rolled_back_seconds",
  "from when this node saw the first instance that was bad until the rollout was taken back",
  [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300, 3_600]
)
export const activeGauge = gauge(
  "herald_rollouts_active",
  "rollouts that are active, by state, as this node knows them"
)
export const ownedGauge = gauge("herald_rollouts_owned", "active rollouts that this node decides on")
export const missingGauge = gauge(
  "herald_rollout_evidence_missing_seconds",
  "for how long evidence has been missing, of the rollout of this node that has waited longest; 0: of none"
)

/** Those whose numbers are shown, at zero too. */
export const active = states.filter((state) => !isOver(state))
