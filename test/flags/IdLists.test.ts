/** Lists of ids of segments: what is in them, how they change, and what a node answers that has them or not. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { NotLoaded } from "../../src/evaluation/Engine.ts"
import type { FlagWritten } from "../../src/flags/FlagDraft.ts"
import { FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { IDS, type Mode } from "../../src/flags/IdList.ts"
import { IdLists, LATE } from "../../src/flags/IdLists.ts"
import type { Segment } from "../../src/flags/Segment.ts"
import { SegmentView } from "../../src/flags/SegmentView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { anybody } from "../../src/updates/Client.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { toggle } from "../support/Definitions.ts"
import { below, kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { elsewhere, gate, many, slow } from "./ListOfIds.ts"

const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
const node = Layer.merge(Flags.layer, FlagStreams.layer({ streams: 10 })).pipe(
  Layer.provide(access),
  Layer.provideMerge(Propagation.layer({ pollInterval: "50 millis", staleAfter: "3 seconds" })),
  Layer.provide([Views.layer(FlagView, SegmentView), kinds]),
  Layer.provideMerge([FlagView.layer, SegmentView.layer])
)
const stores = Layer.suspend(() => below(slow.pipe(Layer.provideMerge(Memory.layer))))
const layer = Layer.suspend(() => node.pipe(Layer.provideMerge(stores)))
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["production"] }
const environment = "production"
const encoder = new TextEncoder()
const text = (...ids: ReadonlyArray<string>) => encoder.encode(ids.join("\n"))

const change = (
  mode: Mode,
  ids: ReadonlyArray<string>,
  more: { readonly expectedVersion?: number; readonly idempotencyKey?: string } = {}
) =>
  Effect.flatMap(Flags, (flags) => flags.changeIds(environment, "beta", mode, text(...ids), { message: "", ...more }))
const publish = (kind: "flag" | "segment", key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish({ kind, environment, key, definition: JSON.stringify(definition) }, { message: "" })
  )
const answer = (targetingKey: string) =>
  Effect.flatMap(Flags, (flags) =>
    Effect.map(
      flags.evaluate(environment, "a", { targetingKey }),
      ({ resolution }) => resolution.variant ?? resolution.errorCode
    )
  )
const keysOf = ({ committed }: FlagWritten): unknown => {
  const { definition } = committed.revision.changes[0]!
  return JSON.parse(definition).ids.keys
}
const definition = Effect.flatMap(Flags, (flags) =>
  Effect.map(flags.segments.get(environment, "beta"), (one) => JSON.parse(one.definition))
)

describe("lists of ids", () => {
  it.live(
    "IL8, FX2 few ids stand in their segment and are told to all; more stay here, and who evaluates by itself is told why it has none",
    () =>
      Effect.gen(function* () {
        const flags = yield* Flags
        const source = yield* flagUpdates
        yield* change("add", ["ann", "bob", "ann"])
        const { warnings } = yield* publish("flag", "a", toggle({ if: [{ $ref: "beta" }, "on", "off"] }))
        const document = Effect.map(
          flags.document(environment, callerOf("flagd-sync", "test")),
          ({ json }) => JSON.parse(json.toString()).flags.a
        )
        assert.deepStrictEqual(yield* definition, { ids: { count: 2, keys: ["ann", "bob"] } })
        assert.deepStrictEqual(warnings, [])
        assert.deepStrictEqual([yield* answer("ann"), yield* answer("zoe")], ["on", "off"])
        assert.include(JSON.stringify(yield* document), '["ann","bob"]')

        const grown = yield* change("add", many(1_500))
        assert.strictEqual(grown.count, 1_502)
        assert.deepStrictEqual(grown.warnings, [
          {
            at: "/ids",
            problem:
              "stay on the server from now on: who evaluates by itself is served the caller's own default by the flag a, which asks for them"
          }
        ])
        assert.deepStrictEqual((yield* change("add", ["one-more"])).warnings, [])
        yield* change("remove", ["one-more"])
        assert.strictEqual((yield* definition).ids.keys, undefined)
        for (const [key, variant] of [
          ["ann", "on"],
          ["user-1499", "on"],
          ["user-1500", "off"]
        ] as const)
          assert.strictEqual(yield* answer(key), variant, key)
        assert.deepInclude(yield* document, {
          state: "DISABLED",
          metadata: { notCompiled: "the ids of the segment beta stay on the server" }
        })
        ;[...source.touched(grown.committed.revision.changes[0]!)]
        assert.include(source.known(anybody(environment), "@flag/a", "")!.content, "notCompiled")
        const again = yield* publish("flag", "a", toggle({ if: [{ $ref: "beta" }, "on", "off"] }, { description: "x" }))
        assert.include(again.warnings[0]!.problem, "the ids of the segment beta, which stay on the server")

        const less = yield* change("remove", [...many(1_500), "nobody"])
        assert.deepStrictEqual([less.count, (yield* definition).ids.keys], [2, ["ann", "bob"]])
        assert.strictEqual((yield* document).state, "ENABLED")
        yield* change("replace", ["zoe"])
        assert.deepStrictEqual([yield* answer("ann"), yield* answer("zoe")], ["off", "on"])
        yield* flags.rollback(environment, "beta", 2, { kind: "segment", message: "" })
        assert.deepStrictEqual([yield* answer("user-7"), yield* answer("zoe")], ["on", "off"])
      }).pipe(as(system), Effect.provide(layer))
  )

  it.live(
    "IL8 a change is made on what is current, whatever else the segment has; what can't be is refused, and writes nothing",
    () =>
      Effect.gen(function* () {
        const flags = yield* Flags
        yield* publish("segment", "beta", { rule: { "==": [{ var: "plan" }, "beta"] }, owner: "team" })
        yield* Effect.all([change("add", many(1_200, "x")), change("add", many(1_200, "y")), change("add", ["z"])], {
          concurrency: 3
        })
        const { ids, ...more } = yield* definition
        assert.strictEqual(ids.count, 2_401)
        assert.deepStrictEqual(more, { rule: { "==": [{ var: "plan" }, "beta"] }, owner: "team" })
        const first = yield* change("remove", ["z"], { idempotencyKey: "key" })
        assert.isTrue((yield* change("remove", ["z"], { idempotencyKey: "key" })).committed.replayed)
        assert.strictEqual(
          (yield* Effect.flip(change("remove", ["x-1"], { idempotencyKey: "key" }))).name,
          "IdempotencyConflict"
        )
        assert.strictEqual(first.count, 2_400)
        assert.strictEqual((yield* Effect.flip(change("add", ["q"], { expectedVersion: 1 }))).name, "VersionConflict")
        assert.strictEqual((yield* Effect.flip(as(viewer)(change("add", ["q"])))).name, "Forbidden")
        assert.include((yield* Effect.flip(change("add", ["q", "a\u0002"]))).message, "line 2 has a control")
        const none = flags.changeIds(environment, "gone", "remove", text("a"), { message: "" })
        assert.strictEqual((yield* Effect.flip(none)).name, "NotFound")
        const unknown = { ids: { count: 5_000, digest: "0".repeat(64) } }
        assert.strictEqual((yield* Effect.flip(publish("segment", "other", unknown))).name, "InvalidSegment")
        for (const wrong of [
          { count: 1 },
          { count: 2, keys: ["a"] },
          { count: IDS + 1, digest: "0".repeat(64) },
          { count: 1, keys: ["a"], digest: "b" }
        ])
          assert.strictEqual((yield* Effect.flip(publish("segment", "other", { ids: wrong }))).name, "InvalidSegment")
        assert.strictEqual((yield* definition).ids.count, 2_400)
      }).pipe(as(system), Effect.provide(layer))
  )

  it.live("IL8 whoever names the version gets the ids of that version changed, also by a node that is behind it", () =>
    Effect.gen(function* () {
      const { revision } = (yield* change("add", ["ann"])).committed
      const first = revision.changes[0] as Segment
      yield* change("add", ["bob"])
      Object.assign(yield* SegmentView, { find: () => first }) // it has not heard of the second
      const added = yield* change("add", ["zoe"], { expectedVersion: 2 })
      assert.deepStrictEqual(keysOf(added), ["ann", "bob", "zoe"])
      const old = yield* Effect.flip(change("add", ["eve"], { expectedVersion: 1 }))
      assert.strictEqual(old.name, "VersionConflict")
      assert.deepStrictEqual(keysOf(yield* change("remove", ["ann"])), ["bob", "zoe"])
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("F4, IL8 a change of ids that comes again is answered as the first time, with how many ids there were", () =>
    Effect.gen(function* () {
      const few = { idempotencyKey: "few" }
      const lots = { idempotencyKey: "many" }
      assert.strictEqual((yield* change("add", ["ann", "bob"], few)).count, 2)
      assert.strictEqual((yield* change("add", many(1_500), lots)).count, 1_502)
      assert.strictEqual((yield* change("add", many(1_500), lots)).count, 1_502)
      const again = yield* change("add", ["ann", "bob"], few)
      assert.deepStrictEqual([again.count, again.committed.replayed], [2, true])
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live(
    "IL5, IL7, FE11, FT5 who is not known to be in a list is answered with an error until it is read, and as before where one takes another's place",
    () =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        const { open } = yield* FlagStreams
        yield* open(environment, { told: (changes) => void heard.push(...(changes?.keys() ?? [])), ended: () => {} })
        const settled = Effect.gen(function* () {
          yield* publish("flag", "last", toggle())
          yield* Effect.promise(() => waitUntil("what was before", () => heard.includes("last")))
          heard.length = 0
        })
        yield* publish("segment", "beta", { targetUsers: [] })
        yield* publish("flag", "a", toggle({ if: [{ $ref: "beta" }, "on", "off"] }))
        gate.wait = yield* Deferred.make<void>()
        yield* publish("segment", "beta", yield* elsewhere(many(1_500)))
        assert.deepStrictEqual([yield* answer("user-3"), yield* answer("zoe")], ["GENERAL", "GENERAL"])
        yield* settled
        yield* Deferred.succeed(gate.wait, undefined)
        yield* Effect.promise(() => waitUntil("the list to be read", () => heard.includes("a")))
        assert.deepStrictEqual([yield* answer("user-3"), yield* answer("zoe")], ["on", "off"])

        gate.wait = yield* Deferred.make<void>()
        yield* publish("segment", "beta", yield* elsewhere([...many(1_500), "zoe"]))
        assert.deepStrictEqual([yield* answer("user-3"), yield* answer("zoe")], ["on", "off"])
        yield* settled
        yield* Deferred.succeed(gate.wait, undefined)
        gate.wait = undefined
        yield* Effect.promise(() => waitUntil("the list to be read", () => heard.includes("a")))
        assert.deepStrictEqual([yield* answer("user-3"), yield* answer("zoe")], ["on", "on"])
      }).pipe(as(system), Effect.provide(layer))
  )

  it.effect("IL5, IL6 a list that is late no longer answers for the next one, and what nothing names is let go", () =>
    Effect.gen(function* () {
      const lists = yield* IdLists
      const { ids } = yield* elsewhere(["ann", ...many(1_200)])
      const never = "f".repeat(64)
      const has = (id: string) => {
        try {
          return lists.has(environment, "beta", id)
        } catch (error) {
          return error instanceof NotLoaded ? "not loaded" : error
        }
      }
      assert.strictEqual(has("ann"), "not loaded")
      yield* lists.read(ids.digest)
      lists.begin([[environment, "beta", ids.digest]])
      assert.deepStrictEqual([has("ann"), has("zoe")], [true, false])
      lists.want(environment, "beta", never)
      assert.deepStrictEqual([has("ann"), has("zoe")], [true, false])
      yield* TestClock.adjust(LATE)
      assert.strictEqual(has("ann"), "not loaded")
      lists.want(environment, "beta", ids.digest)
      assert.isTrue(has("ann"))
      for (const digit of ["a", "b", "c"]) {
        lists.want(environment, "beta", digit.repeat(64))
        yield* TestClock.adjust(LATE / 2)
      }
      assert.strictEqual(has("ann"), "not loaded")
      lists.want(environment, "beta", ids.digest)
      lists.begin([])
      assert.strictEqual(has("ann"), "not loaded")
      assert.isUndefined(yield* lists.read(never))
    }).pipe(Effect.provide(Layer.suspend(() => IdLists.layer.pipe(Layer.provideMerge(Memory.layer)))))
  )
})
