import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { State } from "../../layers/Memory/State.ts"
import type { Identity } from "../../src/access/Identity.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { POLICY_KEY } from "../../src/plans/Policy.ts"
import type { Asked } from "../../src/rollouts/ByHand.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { Schedules } from "../../src/schedules/Schedules.ts"
import { as, asSystem, draft, node, publish, wanted } from "./Node.ts"

const why = { message: "why" }
const start = (more: Parameters<typeof wanted>[0]) =>
  Effect.flatMap(Rollouts, (rollouts) => rollouts.start(wanted(more), why))
const current = (key: string) =>
  Effect.flatMap(Configurations, (configurations) =>
    Effect.map(configurations.get("production", key, "strong"), ({ configuration }) => configuration)
  )
const names = (error: { readonly name: string }) => error.name

describe("Policies", () => {
  const say = (policy: unknown) => publish(draft(POLICY_KEY, JSON.stringify(policy), { type: "json" }))
  const careful = {
    plans: { careful: { stages: "1%,100%" } },
    required: [{ keys: "pay.*", plan: "careful" }, { keys: "@flag/pay.*" }]
  }

  it.effect("PY1 what can't be read is refused where it is written, at whatever door", () =>
    Effect.gen(function* () {
      for (const policy of [
        [],
        { plan: {} },
        { plans: { "Bad Name": { stages: "1%" } } },
        { plans: { a: { stages: "x" } } },
        { required: [{ keys: "pay.*", plan: "none" }] },
        { required: [{ keys: "a b" }] },
        { freezes: [{ from: "2026-12-20T00:00:00Z", until: "2026-12-19T00:00:00Z" }] },
        { freezes: [{ from: "2026-12-20", until: "2026-12-21T00:00:00Z" }] }
      ])
        assert.strictEqual(names(yield* Effect.flip(say(policy))), "InvalidPlan", JSON.stringify(policy))
      assert.strictEqual(names(yield* Effect.flip(publish(draft(POLICY_KEY, "x", { type: "string" })))), "InvalidPlan")
      yield* say({
        ...careful,
        freezes: [{ from: "2026-12-20T00:00:00Z", until: "2026-12-27T00:00:00+01:00", message: "holidays" }]
      })
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "PY3 keys that ask for a plan are changed by a rollout of it only: not published, deleted, rolled back, nor in a release",
    () =>
      Effect.gen(function* () {
        const [configurations, flags, rollouts] = [yield* Configurations, yield* Flags, yield* Rollouts]
        const schedules = yield* Schedules
        yield* publish(draft("pay.a", "one"), draft("free", "one"))
        yield* publish(draft("pay.a", "two"))
        yield* say(careful)
        yield* publish(draft("free", "two"))
        const refused = [
          publish(draft("pay.a", "three")),
          publish(draft("free", "three"), draft("pay.b", "one")),
          publish(draft("pay.a", null)),
          configurations.rollback("production", "pay.a", 1, why),
          flags.publish({ environment: "production", key: "pay.f", definition: '{"enabled":true}' }, why),
          schedules.make(
            {
              when: { dueAt: null, afterMillis: 1_000 },
              changes: [draft("pay.a", "three")],
              flags: [],
              evenIfChanged: false
            },
            why
          ),
          start({ changes: [draft("pay.a", "three")] }),
          start({ changes: [draft("pay.a", "three")], plan: { stages: "1%,100%" } })
        ]
        for (const one of refused)
          assert.strictEqual(
            names(yield* Effect.flip(one as Effect.Effect<unknown, { readonly name: string }>)),
            "PlanRequired"
          )
        const { rollout } = yield* start({ changes: [draft("pay.a", "three")], plan: "careful" })
        assert.deepStrictEqual([rollout.plan.named, rollout.plan.stages.length], ["careful", 2])
        yield* rollouts.move("production", rollout.key, "promote to all", { ...why, breakGlass: "down" })
        assert.strictEqual((yield* current("pay.a")).value, "three")
      }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("RH2 what asks for a plan goes on by it, and past it when somebody breaks the glass", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      yield* say(careful)
      const { rollout } = yield* start({ changes: [draft("pay.a", "three")], plan: "careful" })
      const person = as({ name: "pub", keyId: "p", role: "publisher", environments: ["*"] })
      const move = (asked: Asked, breakGlass?: string) =>
        person(rollouts.move("production", rollout.key, asked, { ...why, breakGlass }))
      assert.strictEqual(names(yield* Effect.flip(move("promote to all"))), "PlanRequired")
      yield* move("promote")
      assert.strictEqual(names(yield* Effect.flip(move("promote"))), "PlanRequired")
      yield* move("pause")
      assert.strictEqual(names(yield* Effect.flip(move("promote"))), "PlanRequired")
      yield* move("resume")
      const { rollout: promoted } = yield* move("promote to all", "down")
      assert.strictEqual(promoted.state, "completed")
      assert.include(promoted.why.text, "(broke the glass: down)")
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("PY3 who breaks the glass says why, and it is kept", () => {
    const state = new State()
    return Effect.gen(function* () {
      const configurations = yield* Configurations
      yield* say(careful)
      const mute = yield* Effect.flip(configurations.publish([draft("pay.a", "now")], { message: "", breakGlass: " " }))
      assert.strictEqual(mute.name, "InvalidInput")
      yield* configurations.publish([draft("pay.a", "now")], { message: "fix", breakGlass: "the site is down" })
      assert.strictEqual(state.revisions.at(-1)!.message, "fix (broke the glass: the site is down)")
      assert.strictEqual((yield* current("pay.a")).changeLog, "fix (broke the glass: the site is down)")
    }).pipe(asSystem, Effect.provide(node({ state })))
  })

  it.effect("PY3 a release is committed only while what it was judged by is what the environment says", () => {
    const state = new State()
    return Effect.gen(function* () {
      const store = yield* ConfigurationStore
      yield* say({ required: [{ keys: "other" }] })
      yield* publish(draft("pay.a", "one"))
      assert.isDefined(yield* store.current("production", "pay.a"))
      // Another node says so, and this one has not heard of it.
      yield* Effect.provide(say({ required: [{ keys: "pay.*" }] }), node({ state })).pipe(asSystem)
      assert.strictEqual(names(yield* Effect.flip(publish(draft("pay.a", "two")))), "PlanRequired")
    }).pipe(asSystem, Effect.provide(node({ state })))
  })

  it.effect("PY5 who publishes may make plans and freezes, and changes nothing of what binds him", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const publisher: Identity = { name: "pub", keyId: "p", role: "publisher", environments: ["*"] }
      const others = { plans: { ...careful.plans, mine: { stages: "5,100%" } } }
      const asPublisher = as(publisher)
      assert.strictEqual(names(yield* Effect.flip(asPublisher(say(careful)))), "Forbidden")
      yield* asPublisher(say({ plans: others.plans }))
      yield* asSystem(say(careful))
      yield* asPublisher(
        say({ ...careful, ...others, freezes: [{ from: "2026-12-20T00:00:00Z", until: "2026-12-27T00:00:00Z" }] })
      )
      for (const policy of [
        { ...careful, required: [] },
        { ...careful, plans: { careful: { stages: "100%" } } },
        { ...careful, required: [...careful.required, { keys: "a" }] }
      ])
        assert.strictEqual(names(yield* Effect.flip(asPublisher(say(policy)))), "Forbidden")
      for (const gone of [publish(draft(POLICY_KEY, null)), configurations.rollback("production", POLICY_KEY, 1, why)])
        assert.strictEqual(names(yield* Effect.flip(asPublisher(gone))), "Forbidden")
      yield* asSystem(publish(draft(POLICY_KEY, null)))
    }).pipe(Effect.provide(node()))
  )

  it.effect("PY4 what is changed by force ends the rollout that has it, in the same commit", () => {
    const state = new State()
    return Effect.gen(function* () {
      const [configurations, rollouts] = [yield* Configurations, yield* Rollouts]
      yield* publish(draft("a", "one"))
      const { rollout } = yield* start({ changes: [draft("a", "two"), draft("b", "two")] })
      const head = state.head
      const changes = [draft("a", "three"), draft("b", "three")]
      assert.strictEqual(names(yield* Effect.flip(configurations.publish(changes, why))), "InRollout")
      assert.strictEqual(state.head, head)
      yield* configurations.publish(changes, { message: "", force: true })
      assert.strictEqual(state.head, head + 1n)
      const { rollout: over } = yield* rollouts.get("production", rollout.key)
      assert.deepStrictEqual([over.state, over.why.text], ["aborted", "herald changed a by force"])
      assert.deepStrictEqual([(yield* current("a")).value, (yield* current("a")).version], ["three", 3])
      yield* configurations.publish([draft("free", "one")], { message: "", force: true })
    }).pipe(asSystem, Effect.provide(node({ state })))
  })

  it.effect("WJ1 who looks at a rollout is told that it waits for the end of a freeze", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { rollout } = yield* start({ changes: [draft("a", "one")] })
      assert.strictEqual((yield* rollouts.get("production", rollout.key)).waits, "")
      yield* say({ freezes: [{ from: "1969-12-31T00:00:00Z", until: "2026-12-27T00:00:00Z", message: "holidays" }] })
      assert.strictEqual(
        (yield* rollouts.get("production", rollout.key)).waits,
        "the environment is frozen until 2026-12-27T00:00:00.000Z: holidays"
      )
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("PY2 of several rules the most exact one counts", () =>
    Effect.gen(function* () {
      yield* say({
        plans: { a: { stages: "1%,100%" }, b: { stages: "2%,100%" }, c: { stages: "3%,100%" } },
        required: [
          { keys: "*", plan: "a" },
          { keys: "pay.x", plan: "c" },
          { keys: "pay.*", plan: "b" }
        ]
      })
      const by = (key: string) =>
        Effect.map(Effect.flip(start({ changes: [draft(key, "x")] })), ({ details }) => details?.["plan"])
      assert.deepStrictEqual([yield* by("q"), yield* by("pay.y"), yield* by("pay.x")], ["a", "b", "c"])
      yield* publish(draft("herald.variables", '{"x":"y"}', { type: "json" }))
      yield* say({})
    }).pipe(asSystem, Effect.provide(node()))
  )
})
