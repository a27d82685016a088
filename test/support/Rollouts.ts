/** Rollouts and evidence for tests, each with what a test says of it. */

import type { CensusGate, Plan, Stage } from "../../src/plans/Plan.ts"
import type { Counts, Evidence } from "../../src/rollouts/Evidence.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"

export const stage = (percent: number, more: Partial<Stage> = {}): Stage => ({
  where: {},
  share: { percent },
  bakeMillis: 60_000,
  approval: false,
  ...more
})

export const census = (of: CensusGate["of"], more: Partial<CensusGate> = {}): CensusGate => ({
  type: "census",
  of,
  limit: 0.02,
  atLeast: 2,
  coverage: 0.9,
  withinMillis: 30_000,
  text: `${of} < 2%`,
  dryRun: false,
  ...more
})

export const plan = (more: Partial<Plan> = {}): Plan => ({
  stages: [stage(10), stage(100)],
  gates: [census("rejected"), census("unhealthy", { coverage: 0 }), census("lost")],
  deadlineMillis: 600_000,
  late: "pause",
  applied: 0.9,
  lostAfterMillis: 30_000,
  crashes: 3,
  patienceMillis: 120_000,
  windows: [],
  ...more
})

export const NOW = Date.UTC(2026, 10, 26, 12)

export const rollout = (more: Partial<Rollout> = {}): Rollout => ({
  kind: "rollout",
  environment: "production",
  key: "r17",
  version: 2,
  revision: 18n,
  state: "deploying",
  stage: 0,
  begun: [{ revision: 18n, at: NOW, below: 2 ** 32 / 10 }],
  targets: [
    { kind: "configuration", key: "app", base: 1, version: 2, digest: "d", strict: false, template: false, since: 0n }
  ],
  plan: plan(),
  salt: "s",
  until: NOW + 600_000,
  why: { text: "", readings: [] },
  by: "herald",
  at: NOW,
  startedBy: "ann",
  startedAt: NOW,
  message: "",
  ...more
})

/** Of one key, baking since this revision. */
export const rolloutOf = (key: string, revision: number): Rollout => {
  const targets = rollout().targets.map((target) => ({ ...target, key }))
  return rollout({ key: `r${revision}`, revision: BigInt(revision), state: "baking", targets })
}

export const counts = (more: Partial<Counts> = {}): Counts => ({
  offered: 0,
  delivered: 0,
  applied: 0,
  healthy: 0,
  unhealthy: 0,
  rejected: 0,
  gone: 0,
  left: 0,
  lost: 0,
  slow: {},
  ...more
})

export const evidence = (of: Partial<Counts> = {}, more: Partial<Evidence> = {}): Evidence => ({
  now: NOW,
  counts: counts(of),
  complete: true,
  bad: 0n,
  examples: [],
  metrics: {},
  ...more
})
