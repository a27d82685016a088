import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { flagKind } from "../../src/flags/FeatureFlag.ts"
import { type Changes, FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import type { ChangeOfFlag } from "../../src/flags/Recent.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { below } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const good = { value: true }
const access = Layer.mock(Access, {
  stillValid: ({ keyId }) => Effect.succeed(keyId === "system" || good.value)
})
const layer = (streams = 10) =>
  Layer.suspend(() =>
    Layer.merge(Flags.layer, FlagStreams.layer({ streams })).pipe(
      Layer.provide(access),
      Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
      Layer.provide([Views.layer(FlagView), Kinds.layer(configurationKind, flagKind)]),
      Layer.provideMerge(FlagView.layer),
      Layer.provideMerge(below(Memory.layer))
    )
  )
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const publish = (key: string, definition: unknown = { enabled: true }, environment = "production") =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(
      { environment, key, definition: definition === null ? null : JSON.stringify(definition) },
      { message: "" }
    )
  )
const open = Effect.fnUntraced(function* (environment = "production", asks = false) {
  const told: Array<Changes> = []
  const ended: Array<HeraldError> = []
  const { open } = yield* FlagStreams
  const close = yield* open(environment, {
    told: (changes) => void told.push(changes),
    ended: (error) => void ended.push(error),
    asks
  })
  return { told, ended, close, all: () => told.flatMap((changes) => [...(changes ?? [])]) }
})

describe("FlagStreams", () => {
  it.live("FT1 a reader hears of changes of its environment, once they are in the view", () =>
    Effect.gen(function* () {
      const view = yield* FlagView
      const { told, all, close } = yield* open()
      const staging = yield* open("staging")
      yield* publish("a")
      yield* publish("a", { enabled: false })
      yield* publish("b")
      yield* publish("b", null)
      yield* Effect.promise(() => waitUntil("all to be told", () => all().at(-1)?.[1] === "delete"))

      assert.deepStrictEqual(
        new Map(all()),
        new Map([
          ["a", all().some(([key, type]) => key === "a" && type === "update") ? "update" : "write"],
          ["b", "delete"]
        ])
      )
      assert.strictEqual(all()[0]![0], "a")
      assert.deepStrictEqual(staging.told, [])
      assert.strictEqual(yield* view.document("production"), yield* view.document("production"))
      close()
      const before = told.length
      yield* publish("c")
      yield* publish("c", { enabled: true }, "staging")
      yield* Effect.promise(() => waitUntil("staging to be told", () => staging.told.length > 0))
      assert.strictEqual(told.length, before)
      assert.strictEqual((yield* FlagStreams).size(), 1)
    }).pipe(as(system), Effect.provide(layer()))
  )

  it.live(
    "FY1 the document is the same until a flag changes, and is written anew only of what changed and what needs it",
    () =>
      Effect.gen(function* () {
        const view = yield* FlagView
        const document = view.document("production")
        const flags = Effect.map(document, ({ json }) => JSON.parse(json.toString()).flags)
        assert.strictEqual((yield* document).json.toString(), '{"flags":{}}')
        yield* publish("base")
        yield* publish("next", { enabled: true, prerequisites: [{ flag: "base", variant: "on" }] })
        const first = yield* document
        assert.strictEqual(yield* document, first)
        yield* publish("base", { enabled: false })
        const second = yield* flags
        assert.strictEqual(second.base.state, "DISABLED")
        assert.deepStrictEqual(second.next.targeting.if[0], { and: [false] })
        yield* publish("next", null)
        assert.deepStrictEqual(Object.keys(yield* flags), ["base"])
      }).pipe(as(system), Effect.provide(layer()))
  )

  it.live("FT3 streams are limited in all, and a principal leaves room for others", () =>
    Effect.gen(function* () {
      const other: Identity = { ...system, name: "other" }
      for (let n = 0; n < 4; n++) yield* open().pipe(as(system))
      assert.strictEqual((yield* Effect.flip(open().pipe(as(system)))).name, "TooManySubscriptions")
      const { close } = yield* open().pipe(as(other))
      assert.strictEqual((yield* Effect.flip(open().pipe(as(other)))).name, "ServerFull")
      close()
      close()
      yield* open().pipe(as(other))
      assert.strictEqual((yield* Effect.flip(open())).name, "Unauthenticated")
    }).pipe(Effect.provide(layer(5)))
  )

  it.live("FT3, OK2 an address without a key leaves room to others without one, and all of them to keys", () =>
    Effect.gen(function* () {
      const from = (address?: string): Identity => ({
        ...{ name: "anonymous", keyId: "", role: "subscriber", environments: ["production"] },
        ...(address === undefined ? {} : { address })
      })
      for (let n = 0; n < 4; n++) yield* open().pipe(as(from("10.0.0.1")))
      const refused = yield* Effect.flip(open().pipe(as(from("10.0.0.1"))))
      assert.strictEqual(refused.name, "TooManySubscriptions")
      assert.include(refused.message, "this address")
      yield* open().pipe(as(from("10.0.0.2")))
      for (let n = 0; n < 3; n++) yield* open().pipe(as(from()))
      assert.strictEqual((yield* Effect.flip(open().pipe(as(from("10.0.0.3"))))).name, "TooManySubscriptions")
      // A key of that name is no stranger.
      yield* open().pipe(as({ ...system, name: "anonymous" }))
    }).pipe(Effect.provide(layer(10)))
  )

  it.effect("FT9 who asks is told once more, when a node that lagged behind has the change", () =>
    Effect.gen(function* () {
      const asking = yield* open("production", true)
      const { told } = yield* open()
      yield* publish("a")
      yield* publish("b")
      while (asking.all().length < 2) yield* TestClock.adjust(0)
      const before = told.length
      asking.told.length = 0
      yield* TestClock.adjust("3900 millis")
      assert.deepStrictEqual(asking.told, [])
      yield* TestClock.adjust("2100 millis")
      assert.deepStrictEqual(asking.told, [
        new Map<string, ChangeOfFlag>([
          ["a", "write"],
          ["b", "write"]
        ])
      ])
      yield* TestClock.adjust("20 seconds")
      assert.lengthOf(asking.told, 1)
      assert.strictEqual(told.length, before)
    }).pipe(as(system), Effect.provide(layer()))
  )

  it.effect("FT4 a stream ends when its key is no longer good, and all when the node leaves", () =>
    Effect.gen(function* () {
      good.value = true
      const revoked = yield* open().pipe(as({ ...system, keyId: "other" }))
      const stays = yield* open().pipe(as(system))
      good.value = false
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        revoked.ended.map(({ name }) => name),
        ["KeyRevoked"]
      )
      assert.deepStrictEqual(stays.ended, [])
      const { drain, size } = yield* FlagStreams
      yield* drain
      assert.deepStrictEqual(
        stays.ended.map(({ name }) => name),
        ["Draining"]
      )
      assert.strictEqual(size(), 0)
      assert.strictEqual((yield* Effect.flip(open().pipe(as(system)))).name, "Draining")
    }).pipe(Effect.provide(layer()))
  )

  it.live("FT6 it knows whose flags changed after a position, and since when, and nothing of before it began", () =>
    Effect.gen(function* () {
      const { changed, advanced } = yield* FlagStreams
      const propagation = yield* Propagation
      const began = propagation.position()
      const soon = Date.now() + 600_000
      assert.isFalse(changed.after("production", began))
      assert.isTrue(changed.since("production", 0))
      const step = advanced()
      yield* publish("a")
      yield* step
      assert.deepStrictEqual(
        ["production", "staging"].map((environment) => changed.after(environment, began)),
        [true, false]
      )
      assert.isFalse(changed.after("production", propagation.position()))
      assert.isTrue(changed.after("production", { epoch: "another", revision: 9n }))
      assert.deepStrictEqual([changed.since("production", 0), changed.since("production", soon)], [true, false])
    }).pipe(as(system), Effect.provide(layer()))
  )
})
