/** What a server answers of rollouts, for tests of verbs. */
import { NOW } from "../../../support/Terminal.ts"

export const START = "POST /v1/rollouts"
export const ONE = "/v1/rollouts/r17"
export const POLICY = "/v1/config/herald.rollouts"

export const stage = (text: string, begunAt: number | null, approval = false) => ({
  text,
  bakeMillis: 300_000,
  approval,
  begunAt,
  below: null
})
export const rollout = (changed: object = {}) => ({
  id: "r17",
  environment: "production",
  version: 3,
  revision: 20,
  state: "baking",
  stage: 2,
  stages: [stage("1%", 0), stage("10%", 1), stage("50%", null, true), stage("100%", null)],
  salt: "salt",
  targets: [{ kind: "configuration", key: "user-service", base: 41, version: 42, digest: "d" }],
  gates: ["unhealthy < 2%", "rejected < 1%"],
  deadlineMillis: 600_000,
  windows: [],
  plan: null,
  file: null,
  untilAt: NOW + 192_000,
  reason: "enough of stage 2 of 4 (10 %) have applied it",
  counts: {
    offered: 0,
    delivered: 1,
    applied: 3,
    healthy: 96,
    unhealthy: 0,
    rejected: 0,
    gone: 0,
    left: 0,
    lost: 0,
    slow: {}
  },
  readings: [
    {
      gate: "unhealthy < 2%",
      verdict: "good",
      text: "0 of 96 that are known are unhealthy (0 %), limit 2 %",
      dryRun: false
    },
    { gate: "rejected < 1%", verdict: "unknown", text: "0 of 99 refused it", dryRun: false }
  ],
  by: "herald",
  at: NOW - 108_000,
  startedBy: "ann",
  startedAt: NOW - 600_000,
  message: "the new checkout",
  ...changed
})
export const look = (changed: object = {}) => ({
  ...rollout(),
  now: NOW,
  nowTime: new Date(NOW).toISOString(),
  complete: true,
  waits: "",
  examples: [],
  seen: "3.1",
  ...changed
})
export const started = (changed: object = {}) => ({
  ...rollout({ state: "scheduled", stage: 0, untilAt: NOW }),
  replayed: false,
  ...changed
})
export const back = look({
  state: "rolled_back",
  version: 4,
  seen: "4.2",
  untilAt: null,
  reason: "unhealthy < 2%: 3 of 96 that are known are unhealthy (3.1 %), limit 2 %",
  examples: [{ service: "user-service", instance: "web-3", is: "unhealthy", reason: "no route to db" }]
})
export const completed = look({
  state: "completed",
  version: 5,
  stage: 4,
  seen: "5.0",
  untilAt: null,
  reason: "every stage was good"
})

export const config = (value: object, version: number) => ({
  key: "herald.rollouts",
  environment: "production",
  version,
  revision: 9,
  value: JSON.stringify(value),
  type: "json",
  deleted: false,
  schema: null,
  strict: false,
  template: false,
  digest: "d",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: "",
  stale: false
})
export const published = (version: number) => ({
  key: "herald.rollouts",
  environment: "production",
  version,
  type: "json",
  digest: "d",
  deleted: false,
  revision: 10,
  epoch: "e",
  committedAt: 0,
  replayed: false
})
