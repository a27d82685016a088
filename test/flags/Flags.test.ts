import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { configurationKind } from "../../src/configuration/ConfigurationKind.ts"
import { flagKind } from "../../src/flags/FeatureFlag.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { Kinds } from "../../src/propagation/Kinds.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Views } from "../../src/propagation/Views.ts"
import { toggle } from "../support/Definitions.ts"
import { below } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Flags.layer.pipe(
    Layer.provideMerge(Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" })),
    Layer.provide([Views.layer(FlagView), Kinds.layer(configurationKind, flagKind)]),
    Layer.provideMerge(FlagView.layer),
    Layer.provideMerge(below(Memory.layer))
  )
)
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["production"] }
const publish = (
  key: string,
  definition: unknown,
  more: { readonly expectedVersion?: number; readonly idempotencyKey?: string } = {}
) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(
      {
        environment: "production",
        key,
        definition: definition === null ? null : JSON.stringify(definition),
        expectedVersion: more.expectedVersion
      },
      { message: "test", idempotencyKey: more.idempotencyKey }
    )
  )
const variantOf = (key: string, context = {}) =>
  Effect.flatMap(Flags, (flags) =>
    Effect.map(flags.evaluate("production", key, context), ({ resolution }) => resolution.variant)
  )

describe("Flags", () => {
  it.live("FU1 what can't be evaluated is refused with every place, and nothing is written", () =>
    Effect.gen(function* () {
      const { name, details } = yield* Effect.flip(
        publish("a", { state: "ENABLED", variants: { x: 1 }, defaultVariant: "y", targeting: { iff: [] } })
      )
      assert.strictEqual(name, "InvalidFlag")
      assert.deepStrictEqual(
        (details!["problems"] as ReadonlyArray<{ readonly at: string }>).map(({ at }) => at),
        ["/defaultVariant", "/targeting/iff"]
      )
      const { get } = yield* Flags
      assert.strictEqual((yield* Effect.flip(get("production", "a"))).name, "NotFound")
      assert.strictEqual(
        (yield* Effect.flip(publish("a", { enabled: true, description: "x".repeat(1_001) }))).name,
        "InvalidFlag"
      )
      assert.strictEqual((yield* Effect.flip(publish("x".repeat(101), { enabled: true }))).name, "InvalidInput")
      assert.strictEqual(
        (yield* Effect.flip(publish("a", { enabled: true, targetUsers: ["x".repeat(300_000)] }))).name,
        "TooLarge"
      )
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("FU2 a dry run says what a publish would say, of other flags too, and writes nothing", () =>
    Effect.gen(function* () {
      const { validate, history } = yield* Flags
      const draft = (key: string, definition: unknown) => ({
        environment: "production",
        key,
        definition: JSON.stringify(definition)
      })
      yield* publish("base", toggle())
      yield* publish("next", { enabled: true, prerequisites: [{ flag: "base", variant: "on" }] })
      for (const [key, definition] of [
        ["base", { state: "ENABLED", variants: { only: true }, defaultVariant: "only" }],
        ["other", { enabled: true, prerequisites: [{ flag: "gone", variant: "on" }] }],
        ["base", { enabled: true, prerequisites: [{ flag: "next", variant: "on" }] }]
      ] as const) {
        const [dry, wet] = [
          yield* Effect.flip(validate([draft(key, definition)])),
          yield* Effect.flip(publish(key, definition))
        ]
        assert.deepStrictEqual([dry.name, dry.message], [wet.name, wet.message])
      }
      const [found] = yield* validate([draft("base", toggle({ if: [{ "==": [{ var: "x" }, null] }, "on"] }))])
      assert.deepStrictEqual(
        found!.warnings.map(({ at }) => at),
        ["/targeting/if/0/=="]
      )
      assert.strictEqual(found!.difference.kind, "json")
      assert.strictEqual((yield* history("production", "base", { limit: 10, before: undefined })).length, 1)
    }).pipe(as(system), Effect.provide(layer))
  )

  it.live("FU3 no context is in a log, whatever becomes of it", () => {
    const lines: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ message, cause }) => void lines.push(`${JSON.stringify(message)} ${cause}`))
    ])
    return Effect.gen(function* () {
      yield* publish("a", toggle({ if: [{ ">": [{ var: "secret" }, 1] }, "on"] }))
      yield* variantOf("a", { secret: "s3cret-value" })
      yield* variantOf("a", { secret: 5, targetingKey: "s3cret-value" })
      yield* variantOf("gone", { secret: "s3cret-value" })
      assert.notInclude(lines.join("\n"), "s3cret-value")
    }).pipe(
      as(system),
      Effect.provide(layer),
      Effect.provide(logger),
      Effect.provideService(References.MinimumLogLevel, "Trace")
    )
  })

  it.live(
    "FV3, FV4 a node evaluates what it knows: a flag compiled once a version, with its prerequisites as they are now",
    () =>
      Effect.gen(function* () {
        const view = yield* FlagView
        yield* publish("base", toggle(undefined, { defaultVariant: "off" }))
        yield* publish("next", { enabled: true, prerequisites: [{ flag: "base", variant: "on" }] })
        const first = view.flag("production", "next")
        assert.strictEqual(yield* variantOf("next"), "off")
        yield* publish("base", toggle(undefined, { defaultVariant: "on" }))
        assert.strictEqual(yield* variantOf("next"), "on")
        assert.strictEqual(view.flag("production", "next"), first)
        yield* publish("next", { enabled: true, description: "anew" })
        assert.notStrictEqual(view.flag("production", "next"), first)
        assert.deepStrictEqual(
          view.page("production", { prefix: "", after: "base", limit: 5 }).map(({ key }) => key),
          ["next"]
        )
        yield* publish("next", null)
        assert.deepStrictEqual([...view.all("production").byKey.keys()], ["base"])
      }).pipe(as(system), Effect.provide(layer))
  )

  it.live(
    "a publish that comes again with its idempotency key is made once, and a rollback is a version of its own",
    () =>
      Effect.gen(function* () {
        const flags = yield* Flags
        const first = yield* publish("a", { enabled: true }, { idempotencyKey: "once" })
        const again = yield* publish("a", { enabled: true }, { idempotencyKey: "once" })
        assert.deepStrictEqual([again.committed.revision, again.committed.replayed], [first.committed.revision, true])
        yield* publish("a", { enabled: false })
        const back = yield* flags.rollback("production", "a", 1, { message: "back" })
        assert.strictEqual(back.committed.revision.changes[0]!.version, 3)
        assert.strictEqual((yield* flags.get("production", "a")).definition, '{"enabled":true}')
        assert.strictEqual((yield* Effect.flip(flags.rollback("production", "a", 9, { message: "" }))).name, "NotFound")
        assert.strictEqual((yield* flags.diff("production", "a", 1, 2)).kind, "json")
      }).pipe(as(system), Effect.provide(layer))
  )

  it.live("whoever may not write reads and evaluates, in the environments of their key alone", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      assert.strictEqual((yield* Effect.flip(publish("a", { enabled: true }).pipe(as(viewer)))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(flags.get("staging", "a").pipe(as(viewer)))).name, "Forbidden")
      yield* publish("a", { enabled: true }).pipe(as(system))
      assert.strictEqual(yield* variantOf("a").pipe(as(viewer)), "on")
      assert.strictEqual((yield* Effect.flip(variantOf("a"))).name, "Unauthenticated")
      assert.include((yield* Effect.flip(flags.get("production", "aa").pipe(as(viewer)))).message, "did you mean a?")
    }).pipe(Effect.provide(layer))
  )
})
