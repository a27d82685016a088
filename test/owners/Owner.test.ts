import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Placement from "../../layers/Memory/placement/Placement.ts"
import { State } from "../../layers/Memory/State.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import * as Owners from "../../src/owners/Owners.ts"
import type { WebhookGate } from "../../src/plans/Plan.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { Degraded, makeDegraded } from "../../src/telemetry/Degraded.ts"
import { pass } from "../support/Clock.ts"
import { census, NOW, plan, rollout, stage } from "../support/Rollouts.ts"
import { type Kept, World } from "./World.ts"

const node = (world: World, state = new State()) =>
  Owners.layer.pipe(
    Layer.provide(Placement.layer.pipe(Layer.provide(Layer.succeed(State.service, state)))),
    Layer.provide(world.layer),
    Layer.fresh
  )
const at = Effect.andThen(TestClock.setTime(NOW), Effect.void)
const soon = { until: NOW }
const statesOf = ({ history }: Kept) => history.map(({ state, stage }) => (stage < 0 ? state : `${state} ${stage}`))
const ALL = 2 ** 32

describe("Owner", () => {
  it.effect("OZ1 OG3 OV1 a good change goes through its stages to everybody, each in its time", () => {
    const world = new World()
    world.population = Array.from({ length: 20 }, (_, n) => ({ service: "s", instance: `web-${n}`, labels: {} }))
    return Effect.gen(function* () {
      yield* at
      const kept = world.add(soon)
      yield* Layer.build(node(world))
      yield* pass(1_000)
      assert.deepStrictEqual(statesOf(kept), ["scheduled", "deploying 0"])
      assert.strictEqual(kept.rollout.begun[0]?.below, Math.floor(ALL / 10))
      world.report(kept, { applied: 2 })
      yield* pass(400)
      assert.deepStrictEqual(statesOf(kept).slice(2), ["baking 0"])
      yield* pass(59_000, 59)
      assert.lengthOf(kept.history, 3)
      yield* pass(2_000)
      assert.deepStrictEqual(statesOf(kept).slice(3), ["deploying 1"])
      world.report(kept, { applied: 20 })
      yield* pass(62_000, 62)
      assert.deepStrictEqual(statesOf(kept).slice(4), ["baking 1", "completed 1"])
      const { actor, message, traceparent, changes } = world.revisions.at(-1)!
      assert.strictEqual(actor, "herald")
      assert.strictEqual(message, "rollout r17 is completed: every stage was good: it is the current version now")
      assert.include(traceparent, "a".repeat(32), "the trace that began with the start")
      assert.deepStrictEqual(
        changes.map(({ kind, key }) => `${kind} ${key}`),
        ["rollout r17", "configuration app"]
      )
      assert.isEmpty(world.refusals)
      assert.strictEqual(kept.fence, 1n)
      const { looks, reads } = world
      yield* pass(10_000)
      assert.deepStrictEqual([world.looks, world.reads], [looks, reads], "nobody looks any more")
    })
  })

  it.effect("OZ2 MV1 bad evidence takes it back within a quarter of a second, with why", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...soon, plan: plan({ stages: [stage(50)] }) })
      yield* Layer.build(node(world))
      yield* pass(1_000)
      world.report(kept, { applied: 10 })
      yield* pass(1_000)
      assert.strictEqual(kept.rollout.state, "baking")
      world.report(kept, { unhealthy: 4, applied: 6 })
      yield* pass(250, 25)
      assert.strictEqual(kept.rollout.state, "rolled_back")
      assert.include(kept.rollout.why.text, "unhealthy < 2%: 4 of 4 that are known are unhealthy")
      assert.strictEqual(kept.rollout.why.counts?.unhealthy, 4)
    })
  })

  it.effect("OG1 what became bad between a look and its commit is looked at again, and takes it back", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      world.refuses = ({ changes: [wish] }) => {
        if ((wish as { to?: string } | undefined)?.to === "deploying") world.report(kept, { healthy: 7, unhealthy: 3 })
        return undefined
      }
      yield* Layer.build(node(world))
      yield* pass(61_000, 61)
      assert.deepStrictEqual(world.refusals, ["something became bad"])
      assert.deepStrictEqual(statesOf(kept).slice(1), ["rolled_back 0"])
    })
  })

  it.effect("OG2 RQ5 an owner that takes over in a bake waits no longer and no shorter", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      yield* Effect.scoped(Effect.andThen(Layer.build(node(world)), pass(30_000, 30)))
      yield* Layer.build(node(world))
      yield* pass(29_900, 30)
      assert.strictEqual(kept.rollout.state, "baking")
      yield* pass(300, 30)
      assert.strictEqual(kept.rollout.state, "deploying")
      assert.strictEqual(kept.fence, 2n)
    })
  })

  it.effect(
    "MV4 a clock of the store that jumps in a bake makes nothing happen early, and what is late happens",
    () => {
      const world = new World()
      return Effect.gen(function* () {
        yield* at
        const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
        world.report(kept, { healthy: 10 })
        yield* Layer.build(node(world))
        yield* pass(10_000)
        world.ahead = 3_600_000
        world.report(kept, { healthy: 10 })
        yield* pass(49_000, 49)
        assert.strictEqual(kept.rollout.state, "baking", "its own clock has 50 s to go")
        world.ahead = -20_000
        yield* pass(5_000)
        assert.strictEqual(kept.rollout.state, "baking", "and the store's 15 s")
        yield* pass(30_000, 30)
        assert.strictEqual(kept.rollout.state, "deploying")
        assert.isEmpty(world.refusals, "nothing was tried in vain")
      })
    }
  )

  it.effect("OG4 without the store it waits and says so, and goes on when the store is back", () => {
    const world = new World()
    const degraded = makeDegraded()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      yield* Layer.build(node(world))
      yield* pass(30_000, 30)
      world.away = failure("DatabaseUnavailable", "gone")
      yield* pass(40_000, 40)
      assert.deepStrictEqual([...degraded], ["rollouts"])
      assert.strictEqual(kept.rollout.state, "baking")
      world.away = undefined
      yield* pass(2_000)
      assert.deepStrictEqual([...degraded], [])
      assert.strictEqual(kept.rollout.state, "deploying")
    }).pipe(Effect.provideService(Degraded, degraded))
  })

  it.effect("OG4 nothing is said of rollouts by a node that decides on none", () => {
    const world = new World()
    const degraded = makeDegraded()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      const state = new State()
      yield* Layer.build(node(world, state))
      yield* pass(1_000)
      world.away = failure("DatabaseUnavailable", "gone")
      yield* pass(10_000)
      assert.deepStrictEqual([...degraded], ["rollouts"])
      kept.rollout = { ...kept.rollout, state: "aborted", version: 3 }
      world.tell(kept.rollout)
      yield* pass(2_000)
      assert.deepStrictEqual([...degraded], [])
    }).pipe(Effect.provideService(Degraded, degraded))
  })

  it.effect("MV2 reports that vanish in a bake pause it: nobody promotes what nobody knows", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({
        ...rollout({ state: "baking", until: NOW + 60_000, plan: plan({ gates: [census("unhealthy")] }) })
      })
      world.report(kept, { applied: 10 })
      yield* Layer.build(node(world))
      yield* pass(179_000, 179)
      assert.strictEqual(kept.rollout.state, "baking")
      yield* pass(3_000)
      assert.strictEqual(kept.rollout.state, "paused")
      assert.include(kept.rollout.why.text, "0 of 10 are known")
      world.report(kept, { unhealthy: 3, healthy: 7 })
      yield* pass(1_000)
      assert.strictEqual(kept.rollout.state, "rolled_back", "paused, too")
    })
  })

  it.effect("OG5 what can't be completed pauses and says why", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", stage: 1, until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      world.refuses = ({ changes }) =>
        changes.length > 1 ? failure("InvalidInput", "the flag needs another") : undefined
      yield* Layer.build(node(world))
      yield* pass(61_000, 61)
      assert.strictEqual(kept.rollout.state, "paused")
      assert.strictEqual(kept.rollout.why.text, "it can't be completed: the flag needs another (HRLD-1001)")
    })
  })

  it.effect("AQ24 a pause tells nobody what protects what not everyone may see", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", stage: 1, until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      const details = { kind: "flag", key: "project-x", environment: "production", protection: "secret" }
      world.refuses = ({ changes }) =>
        changes.length > 1
          ? failure("ApprovalRequired", "the flag project-x in production is protected by secret", {
              details: { ...details, needed: 1, have: 0 }
            })
          : undefined
      yield* Layer.build(node(world))
      yield* pass(61_000, 61)
      assert.strictEqual(kept.rollout.state, "paused")
      const { text } = kept.rollout.why
      assert.include(text, "it can't be completed: something in production that not everyone may see")
      assert.notMatch(JSON.stringify(world.revisions.map(({ message }) => message)) + text, /project-x|secret/)
    })
  })

  it.effect("OJ1 a gate outside is asked anew in each stage, and what it said before counts no more", () => {
    const world = new World()
    const webhook: WebhookGate = {
      type: "webhook",
      url: "https://gate",
      everyMillis: 30_000,
      timeoutMillis: 1_000,
      text: "webhook",
      dryRun: false
    }
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...soon, plan: plan({ gates: [webhook] }) })
      yield* Layer.build(node(world))
      yield* pass(1_000)
      world.report(kept, { applied: 10 })
      yield* pass(61_000, 61)
      assert.strictEqual(kept.rollout.stage, 1)
      const asked = world.questions.map(({ body }) => JSON.parse(body!).stage)
      assert.deepStrictEqual(asked.slice(0, 2), [1, 1])
      assert.strictEqual(asked.at(-1), 2, "at once")
      world.answer = { kind: "unreachable", why: "no answer within 1s" }
      world.report(kept, { applied: 10 })
      yield* pass(70_000, 70)
      assert.strictEqual(kept.rollout.state, "baking")
      world.answer = { kind: "answered", status: 200, body: '{"verdict":"bad","reason":"3 carts"}' }
      yield* pass(31_000, 31)
      assert.strictEqual(kept.rollout.state, "rolled_back")
      assert.strictEqual(kept.rollout.why.text, "webhook: 3 carts")
      const { length } = world.questions
      yield* pass(100_000)
      assert.lengthOf(world.questions, length, "nobody is asked of what is over")
    })
  })

  it.effect("OZ1 it moves to another node with its turn, and many are owned at once", () => {
    const world = new World()
    const state = new State()
    return Effect.gen(function* () {
      yield* at
      const those = Array.from({ length: 50 }, (_, n) =>
        world.add({ ...rollout({ key: `r${n + 1}`, state: "baking", until: NOW + 60_000 }) })
      )
      for (const kept of those) world.report(kept, { healthy: 10 })
      const reset: Rollout | undefined = undefined
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Layer.build(node(world, state))
          yield* Layer.build(node(world, state))
          yield* pass(30_000, 30)
          world.tell(reset)
          yield* pass(5_000)
        })
      )
      yield* Layer.build(node(world, state))
      yield* pass(26_000, 26)
      for (const kept of those) assert.strictEqual(kept.rollout.state, "deploying")
      assert.isEmpty(world.refusals)
    })
  })
})
