/** Segments, and what flags make of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { told } from "../../src/evaluation/Definition.ts"
import { type Changes, FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { readSegment } from "../../src/flags/Segment.ts"
import { SegmentView } from "../../src/flags/SegmentView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { anybody } from "../../src/updates/Client.ts"
import { toggle } from "../support/Definitions.ts"
import { below, kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
const layer = Layer.suspend(() =>
  Layer.merge(Flags.layer, FlagStreams.layer({ streams: 10 })).pipe(
    Layer.provide(access),
    Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
    Layer.provide([Views.layer(FlagView, SegmentView), kinds]),
    Layer.provideMerge([FlagView.layer, SegmentView.layer]),
    Layer.provideMerge(below(Memory.layer))
  )
)
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["production"] }

const draft = (kind: "flag" | "segment", key: string, definition: unknown) => ({
  kind,
  environment: "production",
  key,
  definition: definition === null ? null : JSON.stringify(definition)
})
const publish = (kind: "flag" | "segment", key: string, definition: unknown, idempotencyKey?: string) =>
  Effect.flatMap(Flags, (flags) => flags.publish(draft(kind, key, definition), { message: "test", idempotencyKey }))
const variantOf = (key: string, context = {}) =>
  Effect.flatMap(Flags, (flags) =>
    Effect.map(flags.evaluate("production", key, context), ({ resolution }) => resolution.variant)
  )
const by = (name: string) => toggle({ if: [{ $ref: name }, "on", "off"] })
const people = (...targetUsers: ReadonlyArray<string>) => ({ targetUsers })

describe("segments", () => {
  it("GM1, FG2 a segment that can't be evaluated is refused with each of its mistakes", () => {
    const refusals = (given: unknown) => {
      const read = readSegment(typeof given === "string" ? given : JSON.stringify(given))
      return read._tag === "Failure" ? read.failure.map(told) : []
    }
    assert.deepStrictEqual(refusals({ rule: { iff: [] }, targetUser: ["a"], owner: 1 }), [
      "/targetUser is not known; is targetUsers meant?",
      "/rule/iff is no operator; is if meant?",
      "/owner has to be a text of at most 100 characters"
    ])
    assert.deepStrictEqual(refusals({}), ["it has neither a rule nor targetUsers nor ids"])
    assert.deepStrictEqual(refusals({ rule: "a", targetUsers: [""] }), [
      "/rule has to be an object: an operator and what it is given",
      "/targetUsers has to be a list of texts: targeting keys"
    ])
    assert.match(refusals({ targetUsers: Array.from({ length: 1_001 }, (_, n) => `u${n}`) })[0]!, /1000 are the most/)
    assert.match(refusals({ rule: { and: Array.from({ length: 17 }, (_, n) => ({ $ref: `s${n}` })) } })[0]!, /16 are/)
    assert.match(refusals("[1]")[0]!, /is no object/)
    assert.match(refusals('{"rule":{"var":"a"},"rule":{"var":"b"}}')[0]!, /twice/)
    assert.deepStrictEqual(refusals({ rule: { ">": [{ var: "age" }, 17] }, targetUsers: ["ann"], tags: ["x"] }), [])
  })

  it.live("FV6, FX1 who evaluates by itself is told of a segment's change by the flags that need its flags, too", () =>
    Effect.gen(function* () {
      yield* publish("segment", "staff", people("ann"))
      yield* publish("flag", "base", by("staff"))
      yield* publish("flag", "next", { enabled: true, prerequisites: [{ flag: "base", variant: "on" }] })
      const view = yield* FlagView
      const next = Effect.map(view.document("production"), ({ json }) =>
        JSON.stringify(JSON.parse(json.toString()).flags.next)
      )
      assert.include(yield* next, '"ann"')
      yield* publish("segment", "staff", people("zoe"))
      assert.include(yield* next, '"zoe"')
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live(
    "FV6, GM3 flags are evaluated with their segments as these are now, over others, too, and in both forms",
    () =>
      Effect.gen(function* () {
        yield* publish("segment", "staff", people("ann"))
        yield* publish("segment", "beta", { rule: { or: [{ $ref: "staff" }, { "==": [{ var: "plan" }, "beta"] }] } })
        yield* publish("flag", "a", by("beta"))
        yield* publish("flag", "b", { percentage: 0, segments: ["staff"], targetUsers: ["zoe"] })
        const view = yield* FlagView
        const document = Effect.map(view.document("production"), ({ json }) => json.toString())
        const before = yield* document

        assert.deepStrictEqual([yield* variantOf("a", { targetingKey: "ann" }), yield* variantOf("a")], ["on", "off"])
        assert.strictEqual(yield* variantOf("a", { plan: "beta" }), "on")
        assert.strictEqual(yield* variantOf("b", { targetingKey: "ann" }), "on")
        assert.strictEqual(yield* variantOf("b", { targetingKey: "zoe" }), "on")
        assert.strictEqual(yield* variantOf("b", { targetingKey: "bob" }), "off")
        yield* publish("segment", "staff", people("bob"))
        assert.strictEqual(yield* variantOf("a", { targetingKey: "ann" }), "off")
        assert.strictEqual(yield* variantOf("a", { targetingKey: "bob" }), "on")
        assert.strictEqual(yield* variantOf("b", { targetingKey: "bob" }), "on")
        const after = yield* document
        assert.notStrictEqual(after, before)
        assert.notInclude(after, "$ref")
        assert.include(after, '["bob"]')
      }).pipe(as(system), Effect.provide(layer))
  )

  it.live("FN4 a segment that is named is there and stays, though its flag is on for everyone as it is", () =>
    Effect.gen(function* () {
      const absent = yield* Effect.flip(publish("flag", "a", { segments: ["staf"] }))
      assert.match(absent.message, /names the rule "staf", and production has no segment of that name/)
      yield* publish("segment", "staff", people("ann"))
      const { warnings } = yield* publish("flag", "a", { segments: ["staff"], targetUsers: ["zoe"] })
      assert.deepStrictEqual(
        warnings.map(({ at }) => at),
        ["/targetUsers", "/segments"]
      )
      assert.deepStrictEqual((yield* publish("flag", "a", { percentage: 100, segments: ["staff"] })).warnings, [])
      assert.strictEqual((yield* Effect.flip(publish("segment", "staff", null))).name, "SegmentUsed")
      yield* publish("flag", "a", { percentage: 5, segments: ["staff"] })
      const many = { segments: Array.from({ length: 17 }, (_, n) => `s${n}`) }
      assert.match((yield* Effect.flip(publish("flag", "b", many))).message, /names 17 segments; 16 are the most/)
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("GM2 what a segment names is a segment, whatever rule of that name the flag has", () =>
    Effect.gen(function* () {
      yield* publish("segment", "staff", people("ann"))
      yield* publish("segment", "beta", { rule: { "!!": [{ $ref: "staff" }] } })
      const own = { $evaluators: { staff: { in: [{ var: "targetingKey" }, ["bob"]] } } }
      yield* publish("flag", "a", toggle({ if: [{ $ref: "beta" }, "on", "off"] }, own))
      yield* publish("flag", "b", toggle({ if: [{ $ref: "staff" }, "on", "off"] }, own))
      for (const [flag, key, variant] of [
        ["a", "ann", "on"],
        ["a", "bob", "off"],
        ["b", "ann", "off"],
        ["b", "bob", "on"]
      ] as const)
        assert.strictEqual(yield* variantOf(flag, { targetingKey: key }), variant, `${flag} ${key}`)
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("FU2, FN4 a dry run says what a publish would say, of what is named and of what names", () =>
    Effect.gen(function* () {
      const { validate, beside } = yield* Flags
      yield* publish("segment", "staff", people("ann"))
      yield* publish("flag", "a", by("staff"))
      for (const [kind, key, definition, name] of [
        ["flag", "b", by("staf"), "InvalidFlag"],
        ["segment", "beta", { rule: { $ref: "gone" } }, "InvalidSegment"],
        ["segment", "staff", { rule: { $ref: "staff" } }, "InvalidSegment"],
        ["segment", "staff", null, "SegmentUsed"],
        ["segment", "gone", null, "NotFound"],
        ["segment", "x".repeat(101), people(), "InvalidInput"]
      ] as const) {
        const [dry, wet] = [
          yield* Effect.flip(validate([draft(kind, key, definition)])),
          yield* Effect.flip(publish(kind, key, definition))
        ]
        assert.deepStrictEqual([dry.name, dry.message], [wet.name, wet.message])
        assert.strictEqual(wet.name, name)
      }
      assert.include((yield* Effect.flip(publish("flag", "b", by("staf")))).message, "is staff meant?")
      const together = [
        draft("flag", "b", by("beta")),
        draft("segment", "beta", { rule: { "==": [{ var: "x" }, null] } })
      ]
      const found = yield* validate(together)
      assert.deepStrictEqual(
        found.map(({ kind, key, warnings }) => [kind, key, warnings.map(({ at }) => at)]),
        [
          ["flag", "b", []],
          ["segment", "beta", ["/rule/=="]]
        ]
      )
      assert.strictEqual(
        (yield* Effect.flip(beside([draft("segment", "s", people()), draft("segment", "s", people())]))).name,
        "InvalidInput"
      )
      assert.strictEqual((yield* beside([draft("segment", "s", people()), draft("flag", "s", by("s"))])).changes, 2)
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("FT5, FK4 who follows flags hears of each that a segment changed, and of no other", () =>
    Effect.gen(function* () {
      const source = yield* flagUpdates
      const { position } = yield* Propagation
      yield* publish("segment", "staff", people("ann"))
      yield* publish("segment", "beta", { rule: { "!!": [{ $ref: "staff" }] } })
      yield* publish("flag", "a", by("beta"))
      yield* publish("flag", "needing", toggle({ if: [true, "on"] }, { prerequisites: [{ flag: "a", variant: "on" }] }))
      yield* publish("flag", "other", toggle())
      const events: Array<Changes> = []
      const { open } = yield* FlagStreams
      yield* open("production", { told: (changes) => void events.push(changes), ended: () => {} })
      const heard = () => events.flatMap((changes) => [...changes!])
      yield* publish("flag", "last", toggle())
      yield* Effect.promise(() => waitUntil("what was before", () => heard().some(([key]) => key === "last")))
      events.length = 0
      const first = source.known(anybody("production"), "@flag/a", "")!

      const { committed } = yield* publish("segment", "staff", people("bob"))
      assert.deepStrictEqual(
        [...source.touched(committed.revision.changes[0]!)].map(({ key }) => key),
        ["@flag/a", "@flag/needing"]
      )
      yield* Effect.promise(() => waitUntil("the stream to be told", () => events.length > 0))
      assert.deepStrictEqual(heard(), [["a", "update"]])
      const next = source.known(anybody("production"), "@flag/a", "")!
      assert.strictEqual(next.revision, position().revision)
      assert.strictEqual(next.version, 1)
      assert.include(next.content, "bob")
      assert.notInclude(first.content, "bob")
      assert.strictEqual(source.known(anybody("production"), "@flag/needing", "")!.revision, position().revision)
      assert.isBelow(
        Number(source.known(anybody("production"), "@flag/other", "")!.revision),
        Number(position().revision)
      )
    }).pipe(as(system), Effect.scoped, Effect.provide(layer))
  )

  it.live("FR6 a segment with which a flag would grow beyond its bounds is refused", () =>
    Effect.gen(function* () {
      const large = (ids: number) => ({ rule: { in: [{ var: "id" }, Array.from({ length: ids }, (_, n) => n)] } })
      yield* publish("segment", "ids", large(1))
      const segments = Array.from({ length: 8 }, (_, n) => `s${n}`)
      for (const name of segments)
        yield* publish("segment", name, { rule: { or: [{ $ref: "ids" }, { "!": [{ $ref: "ids" }] }] } })
      yield* publish("flag", "a", toggle({ if: [{ or: segments.map(($ref) => ({ $ref })) }, "on"] }))
      const { name, message } = yield* Effect.flip(publish("segment", "ids", large(20_000)))
      assert.strictEqual(name, "InvalidSegment")
      assert.include(message, "the rule of the flag a has more than 200000 values")
      assert.strictEqual(yield* variantOf("a", { id: 0 }), "on")
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live(
    "F4 W3 who may not write is refused; a request that comes again has its first answer; versions are read, compared and taken back",
    () =>
      Effect.gen(function* () {
        const flags = yield* Flags
        assert.strictEqual((yield* Effect.flip(as(viewer)(publish("segment", "s", people())))).name, "Forbidden")
        const [first, again] = [
          yield* publish("segment", "s", people("a"), "key"),
          yield* publish("segment", "s", people("a"), "key")
        ]
        assert.isTrue(again.committed.replayed)
        assert.deepStrictEqual(again.committed.revision, first.committed.revision)
        assert.strictEqual((yield* Effect.flip(publish("flag", "s", people("a"), "key"))).name, "IdempotencyConflict")
        yield* publish("segment", "s", people("b"))
        const back = yield* flags.rollback("production", "s", 1, { kind: "segment", message: "back" })
        assert.strictEqual((back.committed.revision.changes[0] as { version: number }).version, 3)
        yield* as(viewer)(
          Effect.gen(function* () {
            assert.strictEqual((yield* flags.segments.get("production", "s")).definition, '{"targetUsers":["a"]}')
            assert.strictEqual((yield* Effect.flip(flags.segments.get("production", "t"))).name, "NotFound")
            assert.strictEqual((yield* flags.segments.diff("production", "s", 1, 2)).kind, "json")
            assert.strictEqual(
              (yield* flags.segments.history("production", "s", { limit: 9, before: undefined })).length,
              3
            )
            assert.deepStrictEqual(
              (yield* flags.segments.list("production", { prefix: "", after: "", limit: 9 })).map(({ key }) => key),
              ["s"]
            )
          })
        )
      }).pipe(as(system), Effect.provide(layer))
  )
})
