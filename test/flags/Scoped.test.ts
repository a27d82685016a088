/** Flags and segments, for whoever may touch some of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { scopeOf } from "../../src/access/KeyScope.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import type { FlagDraft, KeptKind } from "../../src/flags/FlagDraft.ts"
import { SETTINGS_KEY } from "../../src/flags/FlagSettings.ts"
import { type Changes, FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagUses } from "../../src/flags/FlagUses.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { Named } from "../../src/flags/Named.ts"
import { Reports } from "../../src/flags/Reports.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { toggle } from "../support/Definitions.ts"
import { below, propagation } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { many } from "./ListOfIds.ts"

const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
const layer = Layer.suspend(() =>
  Layer.mergeAll(
    ...([Flags.layer, FlagUses.layer, FlagStreams.layer({ streams: 20 })] as const),
    Reports.layer({ pepper: "p" }).pipe(Layer.provide(KeyHash.layer))
  ).pipe(Layer.provide(access), Layer.provideMerge(propagation()), Layer.provideMerge(below(Memory.layer)))
)
const as =
  (identity: Identity) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provideService(effect, CurrentIdentity, identity)
const pay = as({ name: "pay", keyId: "p", role: "publisher", environments: ["production"], keys: ["pay.*"] })
const others: Identity = { name: "o", keyId: "o", role: "publisher", environments: ["production"], keys: ["other"] }
const values: Identity = { ...others, name: "v", keys: ["*"], kinds: ["config"] }
const environment = "production"
const draft = (kind: KeptKind, key: string, definition: unknown): FlagDraft => ({
  ...{ kind, environment, key },
  definition: definition === null ? null : JSON.stringify(definition)
})
const publish = (kind: KeptKind, key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) => flags.publish(draft(kind, key, definition), { message: "" }))
const refusal = <A, R>(effect: Effect.Effect<A, HeraldError, R>) =>
  Effect.map(Effect.flip(effect), ({ name, details }) => `${name} ${details?.["rule"] ?? ""}`.trim())
const page = { prefix: "", after: "", limit: 10 }
const caller = callerOf("ofrep-bulk", "node")
const needing = (flag: string) => ({
  ...toggle({ if: [{ var: "vip" }, "on", "off"] }),
  prerequisites: [{ flag, variant: "on" }]
})

const begun = Effect.gen(function* () {
  for (const key of ["other", "pay", "pay.a", "pay.b", "payx", "zoo"]) yield* publish("flag", key, toggle())
  for (const key of ["other", "pay.s"]) yield* publish("segment", key, { targetUsers: ["ann"] })
}).pipe(as(system))

describe("flags for whoever may touch some of them", () => {
  it.live("IL11 a list of ids is named by who sends it or may read it, by its digest alone by nobody", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      const text = new TextEncoder().encode(many(1_200).join("\n"))
      const sent = (key: string) => flags.changeIds(environment, key, "replace", text, { message: "" })
      yield* as(system)(sent("other"))
      const { definition } = yield* as(system)(flags.segments.get(environment, "other"))
      const named = JSON.parse(definition)
      const refused = yield* Effect.flip(pay(publish("segment", "pay.s", named)))
      const unknown = { ids: { count: 1_200, digest: "0".repeat(64) } }
      const absent = yield* Effect.flip(pay(publish("segment", "pay.s", unknown)))
      assert.deepStrictEqual([refused.name, refused.message], [absent.name, absent.message], "as if it was not there")
      assert.strictEqual(
        (yield* Effect.flip(pay(flags.validate([draft("segment", "pay.s", named)])))).name,
        "InvalidSegment"
      )
      const elsewhere = as({ ...others, environments: ["staging"], keys: ["*"] })
      const there = { ...draft("segment", "other", named), environment: "staging" }
      assert.strictEqual((yield* Effect.flip(elsewhere(flags.publish(there, { message: "" })))).name, "InvalidSegment")
      // Whoever reads it, or has its ids.
      yield* as({ ...others, keys: ["other", "mine"] })(publish("segment", "mine", named))
      yield* pay(sent("pay.s"))
      yield* pay(publish("segment", "pay.t", named))
    }).pipe(Effect.provide(layer))
  )

  it("FU6 a page has what is in the scope, in order, and goes on behind it", () => {
    const named = new Named()
    const keys = ["a", "a.b", "a.b.c", "a.c", "ab", "b", "c.d", "c.e"]
    for (const key of keys) named.set({ key, definition: "{}", deleted: false, revision: 1n } as never)
    const patterns = [["a.*", "c.e"], ["b", "a"], ["c.*", "a.b.*"], ["*"], [], ["nothing", "zz.*"]]
    for (const grant of patterns) {
      const scope = scopeOf({ keys: grant }, "flag")
      const right = keys.filter((key) =>
        grant.some((one) => one === "*" || one === key || (one.endsWith(".*") && key.startsWith(one.slice(0, -1))))
      )
      for (const prefix of ["", "a", "a.b", "c."])
        for (const after of ["", "a", "a.b", "a.b.c", "ab", "c.d"])
          for (const limit of [1, 2, 10])
            assert.deepStrictEqual(
              named.page({ prefix, after, limit, scope }).map(({ key }) => key),
              right.filter((key) => key.startsWith(prefix) && key > after).slice(0, limit),
              `${grant} ${prefix} ${after} ${limit}`
            )
      assert.strictEqual(named.count(scope), right.length)
    }
  })

  it.effect("FU6 reads, lists and evaluates these, and of others not even whether they are there", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* begun
      const names = (yield* pay(flags.list(environment, page))).map(({ key }) => key)
      assert.deepStrictEqual(names, ["pay.a", "pay.b"])
      assert.deepStrictEqual(
        (yield* pay(flags.segments.list(environment, page))).map(({ key }) => key),
        ["pay.s"]
      )
      const all = yield* pay(flags.resolveAll(environment, {}, caller))
      assert.deepStrictEqual(
        all.map(([key]) => key),
        ["pay.a", "pay.b"]
      )
      for (const key of ["other", "pay", "payx", "nowhere"]) {
        for (const asked of [
          flags.get(environment, key),
          flags.version(environment, key, 1),
          flags.history(environment, key, { limit: 1, before: undefined }),
          flags.evaluate(environment, key, {}),
          flags.resolve(environment, key, {}, caller),
          flags.segments.get(environment, key)
        ])
          assert.strictEqual(yield* refusal(pay(asked as Effect.Effect<unknown, HeraldError>)), "Forbidden keys", key)
        assert.isUndefined(flags.resolveNow({ ...others, keys: ["pay.*"] }, environment, key, {}, caller))
      }
      assert.isDefined(flags.resolveNow({ ...others, keys: ["pay.*"] }, environment, "pay.a", {}, caller))
      assert.strictEqual(flags.count(environment, { ...others, keys: ["pay.*"] }), 2)
      const near = yield* Effect.flip(pay(flags.get(environment, "pay.aa")))
      assert.deepStrictEqual(near.details?.["near"], ["pay.a", "pay.b"])
      const far = yield* Effect.flip(as({ ...others, keys: ["pays.*"] })(flags.get(environment, "pays.a")))
      assert.deepStrictEqual(far.details?.["near"], [])
      assert.strictEqual(yield* refusal(as(values)(flags.list(environment, page))), "Forbidden kinds")
      assert.strictEqual(yield* refusal(as(values)(flags.document(environment, caller))), "Forbidden kinds")
    }).pipe(Effect.provide(layer))
  )

  it.effect("FU6 changes these alone; what is said of all flags is for whoever may change all of them", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* begun
      yield* pay(publish("flag", "pay.c", toggle()))
      yield* pay(publish("segment", "pay.s", { targetUsers: ["bob"] }))
      yield* pay(flags.rollback(environment, "pay.s", 1, { kind: "segment", message: "" }))
      yield* pay(flags.changeIds(environment, "pay.ids", "add", new TextEncoder().encode("ann\n"), { message: "" }))
      const settings = draft("flag_settings", SETTINGS_KEY, { bucketing: "v2" })
      for (const asked of [
        publish("flag", "other", toggle()),
        publish("flag", "other", null),
        publish("segment", "other", { targetUsers: ["eve"] }),
        flags.rollback(environment, "other", 1, { message: "" }),
        flags.changeIds(environment, "other", "add", new Uint8Array(), { message: "" }),
        flags.validate([draft("flag", "pay.a", toggle()), draft("flag", "other", toggle())]),
        flags.beside([draft("flag", "pay.a", toggle()), draft("flag", "other", toggle())]),
        flags.publish(settings, { message: "" }),
        flags.moving(environment, '{"bucketing":"v3"}', undefined)
      ])
        assert.strictEqual(yield* refusal(pay(asked as Effect.Effect<unknown, HeraldError, Flags>)), "Forbidden keys")
      yield* pay(flags.buckets(environment))
      const allFlags = as({ ...others, keys: ["*"], kinds: ["flag"] })
      yield* allFlags(flags.publish(settings, { message: "" }))
      assert.strictEqual(yield* refusal(allFlags(publish("segment", "other", null))), "Forbidden kinds")
    }).pipe(Effect.provide(layer))
  )

  it.effect("FU7 makes no flag that stands on what it may not see, and goes on with what stood there", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* begun
      yield* pay(publish("flag", "pay.b", needing("pay.a")))
      assert.strictEqual(yield* refusal(pay(publish("flag", "pay.a", needing("other")))), "Forbidden keys")
      assert.strictEqual(
        yield* refusal(pay(flags.validate([draft("flag", "pay.new", needing("nowhere"))]))),
        "Forbidden keys"
      )
      const by = toggle({ if: [{ $ref: "other" }, "on", "off"] })
      assert.strictEqual(yield* refusal(pay(publish("flag", "pay.a", by))), "Forbidden keys")
      const rule = { rule: { $ref: "other" } }
      assert.strictEqual(yield* refusal(pay(publish("segment", "pay.s", rule))), "Forbidden keys")
      yield* as(system)(publish("flag", "pay.a", { ...needing("other"), targeting: by.targeting }))
      yield* pay(publish("flag", "pay.a", { ...needing("other"), targeting: by.targeting, metadata: { owner: "pay" } }))
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "FY4, FY5 the document has these alone, is the same until one of them changes, and its digest is their own",
    () =>
      Effect.gen(function* () {
        const [flags, view] = [yield* Flags, yield* FlagView]
        yield* begun
        const scope = scopeOf({ keys: ["pay.*"] }, "flag")
        const document = view.document(environment, scope)
        const first = yield* document
        assert.deepStrictEqual(Object.keys(JSON.parse(first.json.toString()).flags), ["pay.a", "pay.b"])
        yield* as(system)(publish("flag", "other", toggle({ if: [true, "on", "off"] })))
        assert.strictEqual(yield* document, first)
        yield* pay(publish("flag", "pay.b", toggle({ if: [true, "on", "off"] })))
        assert.notStrictEqual(yield* document, first)
        const digestAs = (keys: ReadonlyArray<string>) =>
          Effect.map(as({ ...others, keys })(flags.document(environment, caller)), ({ digest }) => digest)
        const digests = yield* Effect.forEach([["pay.*"], ["pay.a", "pay.b"], ["none"], ["nil"], ["*"]], digestAs)
        assert.strictEqual(new Set(digests).size, 5)
        assert.strictEqual(yield* digestAs(["pay.*", "pay.a"]), digests[0])
        assert.strictEqual((yield* pay(flags.document(environment, caller))).json, (yield* document).json)
      }).pipe(Effect.provide(layer))
  )

  it.effect("FU6 sees how these are used, and which of them are stale", () =>
    Effect.gen(function* () {
      const [flags, uses] = [yield* Flags, yield* FlagUses]
      yield* begun
      for (const key of ["other", "pay.a", "zoo"])
        yield* as(system)(flags.resolve(environment, key, {}, callerOf("ofrep", "node")))
      assert.deepStrictEqual(
        (yield* pay(uses.last(environment, page))).uses.map(({ flag }) => flag),
        ["pay.a"]
      )
      assert.strictEqual((yield* pay(uses.last(environment, { ...page, limit: 1 }))).next, "pay.a")
      assert.strictEqual(yield* refusal(pay(uses.of(environment, "other", 1))), "Forbidden keys")
      yield* pay(uses.of(environment, "pay.a", 1))
      yield* TestClock.adjust("2 seconds")
      const { stale, next } = yield* pay(uses.stale(environment, { days: 0, after: "" }))
      assert.deepStrictEqual([stale.map(({ flag }) => flag), next], [["pay.a", "pay.b"], undefined])
    }).pipe(Effect.provide(layer))
  )

  it.effect("FU6 reports of these count, and of others as of flags that are not there", () =>
    Effect.gen(function* () {
      const { report } = yield* Reports
      yield* begun
      const said = (flag: string) =>
        ({ flag, variant: "off", version: 1, reason: "STATIC", errorCode: "", count: 1, lastAt: 0 }) as const
      const evaluations = ["pay.a", "other", "nowhere"].map(said)
      const batch = { environment, batchId: "batch-000001", sdk: "node", evaluations, exposures: [], tracks: [] }
      const { accepted, refused } = yield* pay(report(batch))
      assert.strictEqual(accepted, 1)
      assert.deepStrictEqual(
        refused.map(({ problem }) => problem.replaceAll('"', "")),
        ["there is no flag other", "there is no flag nowhere"]
      )
      assert.strictEqual(yield* refusal(as(values)(report(batch))), "Forbidden kinds")
    }).pipe(Effect.provide(layer))
  )

  it.live("FT10 a stream is told of these, and of those that need others which changed", () =>
    Effect.gen(function* () {
      const streams = yield* FlagStreams
      yield* begun
      yield* as(system)(publish("flag", "pay.b", needing("other")))
      const open = Effect.fnUntraced(function* (identity: Identity) {
        const told: Array<Changes> = []
        yield* as(identity)(streams.open(environment, { told: (changes) => void told.push(changes), ended: () => {} }))
        return () => told.flatMap((changes) => [...(changes ?? [["?", "update"] as const])].map(([key]) => key))
      })
      const [mine, same] = [yield* open({ ...others, keys: ["pay.*"] }), yield* open({ ...others, keys: ["pay.*"] })]
      const [theirs, all] = [yield* open({ ...others, keys: ["zoos", "oth.*"] }), yield* open(system)]
      yield* as(system)(publish("flag", "other", toggle({ if: [true, "on", "off"] })))
      yield* as(system)(publish("flag", "payx", toggle({ if: [true, "on", "off"] })))
      yield* as(system)(publish("flag", "pay.a", toggle({ if: [true, "on", "off"] })))
      yield* Effect.promise(() => waitUntil("all to be told", () => all().at(-1) === "pay.a"))
      assert.deepStrictEqual(new Set(mine()), new Set(["pay.b", "pay.a"]))
      assert.deepStrictEqual(same(), mine())
      assert.deepStrictEqual(theirs(), [])
      const scope = scopeOf({ keys: ["pay.*"] }, "flag")
      assert.deepStrictEqual(new Set(streams.recent(environment, scope).keys()), new Set(["pay.a", "pay.b"]))
      assert.strictEqual(streams.recent(environment, scope), streams.recent(environment, scope))
      assert.strictEqual(
        yield* refusal(as(values)(streams.open(environment, { told: () => {}, ended: () => {} }))),
        "Forbidden kinds"
      )
    }).pipe(Effect.provide(layer))
  )
})
