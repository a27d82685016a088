/** What is said of rollouts. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidPlan: {
    code: "HRLD-1040",
    title: "The plan of the rollout can't be read",
    cause: "A stage, a gate, a time or a window is none, or two parts of the plan can't be true together.",
    fix: "Correct what the message names; `herald rollout start --help` has an example of each, and --dry-run writes nothing.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  RolloutState: {
    code: "HRLD-2050",
    title: "The rollout is not where that could be done",
    cause: "It is over, paused already, or has moved on since it was looked at.",
    fix: "Look at where it is: `herald rollout status <id>`.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  RolloutDiffers: {
    code: "HRLD-2051",
    title: "Another rollout of that name is under way",
    cause: "The file has changed since it was applied, and what was applied is not over.",
    fix: "Wait for its end, or end it (`herald rollout abort <id>`), and apply the file again.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  PlanRequired: {
    code: "HRLD-2052",
    title: "That is changed by a rollout only",
    cause: "The environment requires a plan for such keys: nobody changes them for everyone at once.",
    fix: 'Publish with --rollout and the name of the plan; in an emergency with --break-glass "why", which the audit log keeps.',
    grpc: 9,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
