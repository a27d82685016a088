/** How an environment puts people into buckets, and who moves when that changes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { told } from "../../src/evaluation/Definition.ts"
import { disagreeing } from "../../src/flags/Bucketing.ts"
import { readFlagSettings, SETTINGS_KEY } from "../../src/flags/FlagSettings.ts"
import { FlagSettingsView } from "../../src/flags/FlagSettingsView.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { bucketsIn, EVALUATIONS, FEWEST, MOST, madeUpBy, peopleFor } from "../../src/flags/Moving.ts"
import { SegmentView } from "../../src/flags/SegmentView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { anybody } from "../../src/updates/Client.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Usage } from "../../src/usage/Usage.ts"
import { how, toggle } from "../support/Definitions.ts"
import { below, kinds } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Flags.layer.pipe(
    Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
    Layer.provide([Views.layer(FlagView, SegmentView, FlagSettingsView), kinds]),
    Layer.provideMerge([FlagView.layer, SegmentView.layer, FlagSettingsView.layer]),
    Layer.provideMerge(below(Memory.layer))
  )
)
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["production"] }
const environment = "production"

const publish = (key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish({ environment, key, definition: JSON.stringify(definition) }, { message: "" })
  )
const say = (bucketing: string) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(
      { kind: "flag_settings", environment, key: SETTINGS_KEY, definition: JSON.stringify({ bucketing }) },
      { message: "" }
    )
  )
const halves = {
  fractional: [
    ["on", 50],
    ["off", 50]
  ]
}
const people = Array.from({ length: 400 }, (_, n) => ({
  targetingKey: `user-${n}`,
  country: n % 2 === 0 ? "de" : "fr"
}))

describe("bucketing", () => {
  it("WB1 what is not known of it is refused; what is not said is as by default", () => {
    const refusals = (given: unknown) => {
      const read = readFlagSettings(JSON.stringify(given))
      return read._tag === "Failure" ? read.failure.map(told) : read.success
    }
    assert.deepStrictEqual(refusals({ bucketting: "v3", bucketing: "v4" }), [
      "/bucketting is not known; is bucketing meant?",
      '/bucketing is "v4" and has to be one of v2, v3'
    ])
    assert.deepStrictEqual(refusals({}), { bucketing: "v2" })
    assert.deepStrictEqual(refusals({ bucketing: "v3" }), { bucketing: "v3" })
  })

  it.live("FV6, FV7, WB2, FK4 it decides at once over all flags, in every form, and each answer says so", () =>
    Effect.gen(function* () {
      const { evaluate, resolveAll, document } = yield* Flags
      const source = yield* flagUpdates
      yield* publish("a", toggle(halves))
      yield* publish("plain", toggle())
      const variants = Effect.forEach(people, (context) =>
        Effect.map(evaluate(environment, "a", context), ({ resolution }) => resolution.variant)
      )
      const before = yield* variants
      const first = source.known(anybody(environment), "@flag/a", "")!
      assert.notInclude(first.content, "bucketing")
      const { committed } = yield* say("v3")
      const after = yield* variants

      const moved = after.filter((variant, n) => variant !== before[n]).length
      assert.isAbove(moved, 120)
      assert.isBelow(moved, 280)
      const { resolution, steps } = yield* evaluate(environment, "a", people[0]!)
      assert.deepStrictEqual(resolution.metadata, { bucketing: "v3" })
      assert.include(steps.at(-1)!.because!, "bucketing v3")
      assert.deepStrictEqual(
        (yield* resolveAll(environment, people[0]!, callerOf("ofrep-bulk", ""))).map(([key, { metadata }]) => [
          key,
          metadata
        ]),
        [
          ["a", { bucketing: "v3" }],
          ["plain", {}]
        ]
      )
      assert.deepStrictEqual(
        JSON.parse((yield* document(environment, callerOf("flagd-sync", "test"))).json.toString()).flags.a.metadata,
        {
          bucketing: "v3"
        }
      )
      assert.deepStrictEqual(
        [...source.touched(committed.revision.changes[0]!)].map(({ key }) => key),
        ["@flag/a", "@flag/plain"]
      )
      const next = source.known(anybody(environment), "@flag/a", "")!
      assert.strictEqual(next.revision, committed.revision.revision)
      assert.include(next.content, '"bucketing":"v3"')

      const back = yield* say("v2")
      assert.strictEqual([...source.touched(back.committed.revision.changes[0]!)].length, 2)
      assert.deepStrictEqual(yield* variants, before)
      assert.strictEqual(source.known(anybody(environment), "@flag/a", "")!.content, first.content)
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("WB3 a dry run counts who moves as it then happens: of people that are given, and of whom it makes up", () =>
    Effect.gen(function* () {
      const { evaluate, moving } = yield* Flags
      yield* publish("a", toggle({ if: [{ "==": [{ var: "country" }, "de"] }, halves, "off"] }))
      yield* publish("b", toggle({ fractional: [{ var: "org.key" }, ["on", 10], ["off", 90]] }))
      yield* publish("disabled", toggle(halves, { state: "DISABLED" }))
      yield* publish("plain", toggle())
      const variants = Effect.forEach(people, (context) =>
        Effect.map(evaluate(environment, "a", context), ({ resolution }) => resolution.variant)
      )
      const given = yield* moving(environment, '{"bucketing":"v3"}', people)
      const madeUp = yield* moving(environment, '{"bucketing":"v3"}', undefined)
      const none = yield* moving(environment, "{}", undefined)
      const before = yield* variants
      yield* say("v3")
      const after = yield* variants

      const really = after.filter((variant, n) => variant !== before[n]).length
      assert.deepStrictEqual(given.moved, [{ flag: "a", people: people.length, moved: really }])
      assert.deepInclude(given, { from: "v2", to: "v3", flags: 2, counted: 2, madeUp: false })
      assert.isBelow(really, 150) // half of them are not put into buckets at all
      assert.deepStrictEqual(
        madeUp.moved.map(({ flag, people }) => [flag, people]),
        [
          ["a", MOST],
          ["b", MOST]
        ]
      )
      const [a, b] = madeUp.moved.map(({ moved }) => moved / MOST)
      assert.closeTo(a!, 0.5, 0.03)
      assert.closeTo(b!, 0.18, 0.03)
      assert.closeTo(madeUp.wouldMove / madeUp.asked, 0.34, 0.03)
      assert.deepInclude(none, { from: "v2", to: "v2", moved: [], wouldMove: 0 })
    }).pipe(as(system), Effect.provide(layer))
  )

  it("WB4 what is counted is bounded, and people who can't be asked don't move", () => {
    assert.strictEqual(peopleFor(1), MOST)
    assert.strictEqual(peopleFor(1_000), EVALUATIONS / 1_000)
    assert.strictEqual(peopleFor(1_000_000), FEWEST)
    assert.strictEqual(peopleFor(1, 7), 7)
    assert.strictEqual(bucketsIn({ if: [{ var: "a" }, { fractional: [[halves, 1]] }, [halves]] } as never).length, 3)
    const fails = madeUpBy("a", { fractional: [{ "+": ["x", { var: "a" }] }, ["on", 1]] } as never, "v2", "v3", how())
    assert.isFalse(fails?.(0) ?? false)
  })

  it.live("WB5 programs that put people into other buckets are named; who may not write may look and no more", () =>
    Effect.gen(function* () {
      const { buckets, moving, validate, publish: write } = yield* Flags
      const { follow } = yield* Usage
      const left = follow(environment, callerOf("flagd-sync", "grpc-python/1.70.0"))
      follow(environment, callerOf("flagd-sync", "grpc-node-js/1.14.0"))
      follow(environment, callerOf("flagd-sync", "grpc-node-js/1.13.0"))
      follow("staging", callerOf("flagd-sync", "grpc-go/1"))
      const found = yield* as(viewer)(buckets(environment))
      assert.deepStrictEqual(found, {
        version: 0,
        bucketing: "v2",
        evaluating: [
          { sdk: "grpc-python", streams: 1, bucketing: "v3" },
          { sdk: "grpc-node-js", streams: 2, bucketing: "v2" }
        ]
      })
      assert.deepStrictEqual(disagreeing("v2", found.evaluating), ["grpc-python"])
      assert.deepStrictEqual(disagreeing("v3", found.evaluating), ["grpc-node-js"])
      left()
      yield* say("v3")
      assert.deepInclude(yield* buckets(environment), { version: 1, bucketing: "v3" })

      const draft = { kind: "flag_settings", environment, key: SETTINGS_KEY, definition: '{"bucketing":"v2"}' } as const
      assert.strictEqual((yield* Effect.flip(as(viewer)(moving(environment, "{}", undefined)))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(as(viewer)(write(draft, { message: "" })))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(as(viewer)(validate([draft])))).name, "Forbidden")
      assert.strictEqual((yield* validate([draft]))[0]!.difference.kind, "json")
      for (const wrong of [
        { ...draft, definition: null },
        { ...draft, key: "other" }
      ])
        assert.strictEqual((yield* Effect.flip(write(wrong, { message: "" }))).name, "InvalidInput")
      assert.strictEqual((yield* Effect.flip(say("v4"))).name, "InvalidFlag")
      assert.strictEqual(
        (yield* Effect.flip(write({ ...draft, expectedVersion: 0 }, { message: "" }))).name,
        "VersionConflict"
      )
    }).pipe(as(system), Effect.provide(layer))
  )
})
