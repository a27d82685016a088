/** Values that every route takes, for tests that put wrong ones in their places. */

/** What is right, so that one wrong value at a time gets as far as it can. */
export const right: Readonly<Record<string, string>> = {
  environment: "production",
  key: "svc",
  flag: "flg",
  segment: "seg",
  rollout: "r1",
  experiment: "exp",
  topic: "top",
  permission: "config.read",
  kind: "config",
  subscription: "sub",
  route: "rou",
  repository: "github.com/acme/shop",
  branch: "main",
  version: "1",
  from: "1",
  to: "1",
  code: "HRLD-1001",
  id: "0123456789abcdef"
}
export const rightBodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "/v1/config/{key}": { value: "1", type: "string" },
  "/v1/config/{key}/validate": { value: "1", type: "string" },
  "/v1/config/{key}/rollback": { version: 1 },
  "/v1/releases": {
    changes: [{ key: "svc", environment: "production", value: "1" }],
    flags: [{ flag: "flg", environment: "production", value: { enabled: true } }]
  },
  "/v1/flags/{flag}": { value: { enabled: true, percentage: 25 } },
  "/v1/flags/{flag}/validate": { value: { enabled: true } },
  "/v1/flags/{flag}/rollback": { version: 1 },
  "/v1/segments/{segment}": { value: { targetUsers: ["ann"] } },
  "/v1/segments/{segment}/validate": { value: { targetUsers: ["ann"] } },
  "/v1/segments/{segment}/ids": {}, // text, which has no fields
  "/v1/segments/{segment}/rollback": { version: 1 },
  "/v1/topics": { name: "top", partitions: 2, retention: "7d" },
  "/v1/topics/{topic}": { description: "of tests" },
  "/v1/topics/{topic}/producers": { producer: "p" },
  "/v1/topics/{topic}/events": { events: [{ key: "k", value: "v" }] },
  "/v1/topics/{topic}/route-test": { value: "v" },
  "/v1/routes": { name: "rou", source: "from/*", target: "top", condition: "total > 1", key: "{customer}" },
  "/v1/routes/{route}": { enabled: false },
  "/v1/subscriptions": { topic: "top", name: "sub", type: "shared", from: "earliest" },
  "/v1/subscriptions/{topic}/{subscription}": { maxAttempts: 3 },
  "/v1/subscriptions/{topic}/{subscription}/seek": { to: "earliest" },
  "/v1/subscriptions/{topic}/{subscription}/pause": { forMillis: 1 },
  "/v1/subscriptions/{topic}/{subscription}/stop": { message: "why" },
  "/v1/subscriptions/{topic}/{subscription}/resume": { message: "why" },
  "/v1/subscriptions/{topic}/{subscription}/dead-letters/replay": { ids: [1] },
  "/v1/subscriptions/{topic}/{subscription}/dead-letters/drop": { ids: [1] },
  "/v1/schedules": {
    at: "+2h",
    changes: [{ key: "svc", environment: "production", value: "1" }],
    flags: [{ flag: "flg", environment: "production", value: { enabled: true } }]
  },
  "/v1/protections/{id}": { keys: ["payments.*"], approvals: 2, kinds: ["config"] },
  "/v1/changes/{id}/approve": { digest: "0".repeat(64) },
  "/v1/changes/{id}/reject": { reason: "why" },
  "/v1/changes/{id}/review": { reason: "why" },
  "/v1/rollouts": {
    environment: "production",
    plan: { stages: "10%,100%", gates: ["unhealthy < 2%"] },
    changes: [{ key: "svc", value: "1" }]
  },
  "/v1/rollouts/{rollout}/pause": { message: "why" },
  "/v1/rollouts/{rollout}/resume": { message: "why" },
  "/v1/rollouts/{rollout}/promote": { message: "why", everyone: false },
  "/v1/rollouts/{rollout}/abort": { message: "why" },
  "/v1/experiments/{experiment}/start": {
    flag: "flg",
    arms: [
      { variant: "off", share: 50 },
      { variant: "on", share: 50 }
    ],
    split: true,
    metrics: [{ kind: "conversion", event: "checkout" }]
  },
  "/v1/experiments/{experiment}/stop": { message: "enough" },
  "/v1/refs": { commit: "c1", refs: [{ flag: "flg", file: "src/x.ts", line: 1 }] },
  "/v1/track": { events: [{ name: "checkout", unit: "ann", value: 59.9 }] },
  "/v1/reports": {
    batchId: "b1",
    evaluations: [{ flag: "flg", variant: "on", reason: "STATIC", count: 1 }]
  },
  "/v1/flag-settings": { value: { bucketing: "v2" } },
  "/v1/flag-settings/validate": { value: { bucketing: "v3" }, people: ["ann"] },
  "/v1/flags/{flag}/evaluate": { context: { targetingKey: "ann" } },
  "/ofrep/v1/evaluate/flags": { context: { targetingKey: "ann" } },
  "/ofrep/v1/evaluate/flags/{flag}": { context: { targetingKey: "ann" } },
  "/v1/keys": { name: "edge", role: "viewer", environments: ["production"], keys: ["svc.*"], kinds: ["config"] },
  "/v1/token": { lifeMillis: 60_000, role: "viewer", environments: ["production"], keys: ["svc.*"], kinds: ["config"] },
  "/v1/keys/{id}/rotate": { graceMillis: 60_000 }
}
