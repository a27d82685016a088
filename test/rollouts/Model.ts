/**
 * A rollout in a world without time: a store with two clocks' worth of time, three owners that look and commit whenever they are told to, people, and
 * evidence that comes and goes. Every transition that the store takes is judged here by what is true in the world, not by what was decided.
 */
import { assert } from "vitest"
import type { Plan, PrometheusGate } from "../../src/plans/Plan.ts"
import type { Counts, Evidence, Reading } from "../../src/rollouts/Evidence.ts"
import { readingsOf, unknown } from "../../src/rollouts/Gates.ts"
import { moveProblem } from "../../src/rollouts/Limits.ts"
import { decide } from "../../src/rollouts/Machine.ts"
import { isOver, type Rollout } from "../../src/rollouts/Rollout.ts"
import { type Asked, askedStep, edges, type Step } from "../../src/rollouts/Step.ts"
import type { MoveWish } from "../../src/rollouts/Wish.ts"
import { census, counts, evidence, NOW, plan, rollout, stage } from "../support/Rollouts.ts"

const outside: PrometheusGate = {
  type: "prometheus",
  url: "https://p",
  query: "up",
  is: "<",
  limit: 1,
  everyMillis: 10_000,
  timeoutMillis: 1_000,
  text: "outside",
  dryRun: false
}

/** What a run is about, by a number. */
export const planOf = (nth: number): Plan =>
  plan({
    stages: [stage(1), stage(10, { approval: nth % 3 === 0 }), nth % 4 === 0 ? stage(50) : stage(100)],
    gates: [
      ...(nth % 6 === 5
        ? []
        : [
            census("rejected"),
            census("unhealthy", { coverage: nth % 2 === 0 ? 0 : 0.9 }),
            census("lost"),
            census("slow")
          ]),
      outside
    ],
    late: nth % 5 < 2 ? "roll back" : "pause"
  })

/** What may be known of the instances. The numbers are what is true, whether a gate says so or not. */
export const situations = {
  none: {},
  offered: { offered: 10 },
  some: { applied: 5, offered: 5 },
  applied: { applied: 10 },
  healthy: { healthy: 10 },
  "one bad": { healthy: 9, unhealthy: 1 },
  unhealthy: { healthy: 6, unhealthy: 4 },
  rejected: { applied: 7, rejected: 3 },
  lost: { applied: 8, gone: 2, lost: 2 },
  gone: { applied: 5, gone: 5 },
  slow: { applied: 5, offered: 5, slow: { "30000": 5 } }
} as const satisfies Record<string, Partial<Counts>>
export type Situation = keyof typeof situations
export const names = Object.keys(situations) as ReadonlyArray<Situation>
/** Those that take a rollout back, whatever its plan. */
export const BAD: ReadonlyArray<Situation> = ["unhealthy", "rejected", "lost", "slow"]

interface Pending {
  readonly rollout: Rollout
  readonly step: Step
  readonly fence: bigint
  readonly evidence: Evidence | undefined
  readonly outside: Reading["verdict"]
  /** Of the world, when its evidence was read. */
  readonly version: number
  /** Since when, by true time, this owner saw the version that it was decided on, and what the store's clock said was left then. */
  readonly since: number
  readonly left: number
}

/** What an owner has in its memory. */
class Owner {
  known: Rollout | undefined
  fence: bigint | undefined
  seen = { version: 0, at: 0, left: 0 }
  missingSince: number | undefined
  pending: Pending | undefined
}

export class Model {
  rollout: Rollout
  fence = 0n
  /** What is true; `complete` is what nodes have told since the newest transition. */
  situation: Situation = "none"
  known: Evidence = evidence({})
  /** Whether evidence can be read. */
  readable = true
  outside: Reading["verdict"] = "good"
  /** True time, milliseconds, and what the store's clock adds to it. */
  time = 0
  ahead = 0
  owners = [new Owner(), new Owner(), new Owner()]
  readonly edges = new Set<string>()

  constructor(plan: Plan) {
    this.rollout = rollout({ state: "scheduled", stage: -1, begun: [], version: 1, until: NOW + 5_000, plan })
  }

  get now(): number {
    return NOW + this.time + this.ahead
  }

  becomes(situation: Situation): void {
    const next = counts(situations[situation])
    const { counts: before, bad } = this.known
    const grew = (["unhealthy", "rejected", "lost"] as const).reduce(
      (sum, name) => sum + Math.max(0, next[name] - before[name]),
      0
    )
    this.situation = situation
    this.known = { ...this.known, counts: next, bad: bad + BigInt(grew) }
  }

  told(): void {
    this.known = { ...this.known, complete: true }
  }

  /** An owner looks: at the newest rollout, or at what it knew, if its view lags. */
  look(of: number, lags: boolean): void {
    const owner = this.owners[of]!
    if (owner.pending !== undefined) return // it is frozen between look and commit
    if (!lags || owner.known === undefined) owner.known = this.rollout
    const { known } = owner
    if (isOver(known.state)) return
    owner.fence ??= ++this.fence
    if (owner.seen.version !== known.version) {
      owner.seen = { version: known.version, at: this.time, left: (known.until ?? 0) - this.now }
      owner.missingSince = undefined
    }
    const read = this.readable ? { ...this.known, now: this.now } : undefined
    const readings = readingsOf(known.plan, read, {
      rate: (gate) => unknown(gate, ""),
      external: () => ({ gate: outside.text, verdict: this.outside, text: "", dryRun: false })
    })
    const decision = decide(
      known,
      { evidence: read, readings, freezes: [] },
      {
        now: this.now,
        left: owner.seen.left - (this.time - owner.seen.at),
        missing: owner.missingSince === undefined ? 0 : this.time - owner.missingSince
      }
    )
    const missing = decision.type === "wait" && decision.missing
    owner.missingSince = missing ? (owner.missingSince ?? this.time) : undefined
    if (decision.type !== "move") return
    const { version } = this.rollout
    const { outside: said } = this
    const { at: since, left } = owner.seen
    const { step } = decision
    owner.pending = { rollout: known, step, fence: owner.fence, evidence: read, outside: said, version, since, left }
  }

  commit(of: number): void {
    const owner = this.owners[of]!
    const { pending } = owner
    owner.pending = undefined
    if (pending === undefined) return
    if (this.move(pending.rollout, pending.step, pending.fence, pending)) owner.known = this.rollout
    else {
      owner.known = undefined
      owner.fence = undefined
    }
  }

  /** It lost all that it had in memory. */
  die(of: number): void {
    this.owners[of] = new Owner()
  }

  person(asked: Asked): void {
    const step = askedStep(this.rollout, asked, this.now, "why")
    if (typeof step !== "string") assert.isTrue(this.move(this.rollout, step, null, undefined))
  }

  move(of: Rollout, step: Step, fence: bigint | null, decided: Pending | undefined): boolean {
    const { begins, ...rest } = step
    const { environment, key } = of
    const below = begins ? 2 ** 32 : null
    const wish: MoveWish = {
      kind: "rollout",
      environment,
      key,
      op: "move",
      expectedVersion: of.version,
      fence,
      below,
      ...rest
    }
    const { targets } = this.rollout
    const candidates = targets.map(({ kind, key, version, digest }) => ({
      kind,
      environment,
      key,
      candidate: version,
      digest
    }))
    const changes = step.to === "completed" ? [wish, ...candidates] : [wish]
    const held = { rollout: this.rollout, fence: this.fence, bad: this.known.bad }
    if (moveProblem(wish, changes, held, this.now) !== undefined) return false
    this.#judge(step, decided)
    const { rollout: before } = this
    const revision = before.revision + 1n
    this.rollout = {
      ...before,
      version: before.version + 1,
      revision,
      state: step.to,
      stage: step.stage,
      begun: below === null ? before.begun : [...before.begun, { revision, at: this.now, below }],
      until: step.lasts === null ? null : this.now + step.lasts,
      why: step.why,
      at: this.now
    }
    this.known = { ...this.known, complete: false }
    return true
  }

  /** Whether what the store takes is right, by what is true. */
  #judge({ to, stage, begins }: Step, decided: Pending | undefined): void {
    const { state, plan, begun } = this.rollout
    const by = decided === undefined ? "person" : "herald"
    const edge = `${by}: ${state} → ${to}`
    this.edges.add(edge)
    assert.isFalse(isOver(state), `${edge}: it is over`)
    assert.isTrue(
      edges.some((one) => one.from === state && one.to === to && one.by === by),
      `${edge} is not in the table`
    )
    assert.strictEqual(begun.length, this.rollout.stage + 1, "each stage so far was begun")
    assert.strictEqual(stage, this.rollout.stage + (begins ? 1 : 0), "no stage is skipped")
    if (decided === undefined) return
    assert.strictEqual(decided.version, this.rollout.version, "its evidence is of this version")
    const goesOn = to === "completed" || (begins && state !== "scheduled")
    const { evidence: read, outside: said } = decided
    if (goesOn) {
      assert.strictEqual(state, "baking", edge)
      assert.isFalse(plan.stages[stage - (begins ? 1 : 0)]!.approval, "a person promotes it")
      const { share } = plan.stages[stage]!
      const everybody = stage + 1 === plan.stages.length && "percent" in share && share.percent === 100
      assert.isTrue(to !== "completed" || everybody, "after its last stage, that has everybody")
      assert.isTrue(read?.complete, "every node had told")
      assert.strictEqual(said, "good", "what is outside said so")
      const { healthy, applied, unhealthy, rejected, lost } = read!.counts
      const counted = plan.gates.some(({ type }) => type === "census")
      assert.isAtLeast(healthy + applied + unhealthy, 9, "they had it")
      if (counted) assert.strictEqual(unhealthy + rejected + lost, 0)
      assert.strictEqual(read!.bad, this.known.bad, "nothing became bad since")
      assert.isFalse(
        counted && (["unhealthy", "rejected", "lost"] as const).some((one) => one === this.situation),
        "what is bad now is known to be"
      )
      if (plan.gates.some((gate) => gate.type === "census" && gate.of === "unhealthy" && gate.coverage > 0))
        assert.isAtLeast(healthy, 9, "they said how they are")
      assert.isAtLeast(this.now, this.rollout.until!, "its bake is over by the store's clock")
      assert.isAtLeast(this.time - decided.since, decided.left, "and by the owner's own, for what it saw")
    }
    if (to === "baking") {
      assert.isTrue(read?.complete)
      assert.isAtLeast(read!.counts.healthy + read!.counts.applied + read!.counts.unhealthy, 9)
    }
    if (to === "rolled_back" && plan.late === "pause") {
      const bad = BAD.some((one) => JSON.stringify(counts(situations[one])) === JSON.stringify(read?.counts))
      assert.isTrue(bad || said === "bad", `it is taken back for a reason: ${decided.step.why.text}`)
    }
  }
}
