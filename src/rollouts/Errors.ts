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
  InRollout: {
    code: "HRLD-2040",
    title: "A rollout is changing this",
    cause:
      "While a rollout is active, what it changes is changed by the rollout alone, so that what it is compared with and goes back to stays.",
    fix: "See how far it is: `herald rollout status <id>`; wait for its end, end it with `herald rollout abort <id>`, or publish with --force, which ends it in the same commit.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  RolloutOver: {
    code: "HRLD-2041",
    title: "The rollout is over",
    cause: "It was completed, taken back or aborted meanwhile.",
    fix: "See what became of it: `herald rollout status <id>`; begin another if the change is still wanted.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  RolloutsFull: {
    code: "HRLD-2042",
    title: "Too many rollouts are active",
    cause: "An environment may have 100 active rollouts, with 64 MiB of candidates together.",
    fix: "Put changes that belong together into one rollout, or end those that nobody needs: `herald rollout list`, `herald rollout abort <id>`.",
    grpc: 8,
    http: 409,
    exit: 5
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
