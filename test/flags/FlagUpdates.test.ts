import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import { readDefinition } from "../../src/evaluation/ReadDefinition.ts"
import { received, sent } from "../../src/evaluation/Sent.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as Sources from "../../src/updates/Sources.ts"
import { settle } from "../support/Clock.ts"
import { toggle } from "../support/Definitions.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { release } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { below, propagation, sessions } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Layer.merge(Flags.layer, sessions({}, Sources.layer(configurationUpdates, flagUpdates))).pipe(
    Layer.provideMerge(propagation()),
    Layer.provideMerge(Layer.merge(below(Memory.layer), Layer.mock(Access, { stillValid: () => Effect.succeed(true) })))
  )
)
const publish = (key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(
      {
        environment: "production",
        key,
        definition: definition === null ? null : JSON.stringify(definition),
        expectedVersion: undefined
      },
      { message: "", idempotencyKey: undefined }
    )
  )
const connect = Effect.fnUntraced(function* (options: Parameters<typeof subscription>[0] = {}) {
  const sink = new FakeSink()
  const session = yield* (yield* Sessions).open(subscription({ patterns: ["@flag/*"], ...options }), sink)
  yield* settle
  return { sink, session }
})
const told = ({ sink }: { readonly sink: FakeSink }) =>
  sink.values.map(({ kind, key, version, revision }) => `${key} ${kind === "value" ? version : kind} @${revision}`)
const on = (pro: string) => ({ if: [{ "==": [{ var: "plan" }, pro] }, "on"] })
const test = (name: string, body: Effect.Effect<void, unknown, Layer.Success<typeof layer>>) =>
  it.effect(name, () => body.pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer)))

describe("FlagUpdates", () => {
  test(
    "FK1 a client is sent all flags, then what changes, and evaluates as the server does",
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* publish("toggle", toggle(on("pro")))
      yield* publish("after", { enabled: true, percentage: 50, prerequisites: [{ flag: "toggle", variant: "on" }] })
      yield* publish("dark", { ...toggle(on("pro")), state: "DISABLED" })
      yield* publish("half", { enabled: true, percentage: 33.333, targetUsers: ["ann"], metadata: { team: "x" } })
      const client = yield* connect()
      assert.sameMembers(told(client), ["@flag/after 1 @2", "@flag/dark 1 @3", "@flag/half 1 @4", "@flag/toggle 1 @1"])

      const here = new Map(
        client.sink.values.map(({ key, content }) => {
          const flag = received(key.slice(6), JSON.parse(content), Date.now)
          assert.notStrictEqual(typeof flag, "string", String(flag))
          return [key.slice(6), flag as Exclude<typeof flag, string>] as const
        })
      )
      for (let n = 0; n < 50; n++)
        for (const plan of ["pro", "free"])
          for (const [key, flag] of here) {
            const context = { targetingKey: n === 0 ? "ann" : `user-${n}`, plan }
            const { resolution } = yield* flags.evaluate("production", key, context)
            assert.deepStrictEqual(flag.evaluate(context), resolution)
          }
    })
  )

  test(
    "FK4 FK7 a change touches every flag that stands on it, over all levels, and no other",
    Effect.gen(function* () {
      const needs = (flag: string) => ({ enabled: true, prerequisites: [{ flag, variant: "on" }] })
      yield* publish("base", toggle(on("pro")))
      yield* publish("one", needs("base"))
      yield* publish("two", needs("one"))
      yield* publish("apart", toggle(on("pro")))
      const client = yield* connect()
      for (const update of client.sink.values)
        (yield* Sessions).heard(client.session, applied(client.session, update).answers)
      const before = told(client).length
      yield* publish("base", toggle(on("free")))
      yield* settle
      assert.sameMembers(told(client).slice(before), ["@flag/base 2 @5", "@flag/one 1 @5", "@flag/two 1 @5"])
      const late = yield* connect({ instance: "late" })
      assert.includeMembers(told(late), ["@flag/two 1 @5", "@flag/apart 1 @4"])
    })
  )

  test(
    "FK4 who comes back is sent what differs from what it holds, and told what is gone",
    Effect.gen(function* () {
      yield* publish("a", toggle(on("pro")))
      yield* publish("b", toggle(on("pro")))
      yield* publish("c", toggle(on("pro")))
      const first = yield* connect()
      const held = first.sink.values.map(({ key, digest, revision }) => [key, digest, revision] as const)
      const { epoch } = first.sink.values[0]!
      yield* publish("b", toggle(on("free")))
      yield* publish("c", null)
      const again = yield* connect({ instance: "i2", held, position: { epoch, revision: 3n } })
      assert.deepStrictEqual(told(again), ["@flag/b 2 @4", "@flag/c deleted @5"])
      const narrow = yield* connect({ instance: "i3", patterns: ["@flag/a", "@flag/x.*"] })
      assert.deepStrictEqual(told(narrow), ["@flag/a 1 @1"])
    })
  )

  test(
    "FK5 all clients are sent the same object, until it is another",
    Effect.gen(function* () {
      yield* publish("a", toggle(on("pro")))
      yield* settle
      const [one, two] = [yield* connect(), yield* connect({ instance: "i2" })]
      assert.strictEqual(one.sink.values[0], two.sink.values[0])
      yield* publish("a", toggle(on("free")))
      yield* settle
      const late = yield* connect({ instance: "i3" })
      assert.strictEqual(late.sink.values[0], one.sink.values[1])
      assert.notStrictEqual(one.sink.values[1], one.sink.values[0])
    })
  )

  test(
    "FK6 a flag that a newer server wrote is a problem, and is taken from nobody",
    Effect.gen(function* () {
      yield* publish("a", toggle(on("pro")))
      const first = yield* connect()
      const { digest, revision, epoch } = first.sink.values[0]!
      const newer: FlagWish = {
        ...{
          kind: "flag",
          environment: "production",
          key: "a",
          definition: '{"state":"LATER"}',
          digest: "d",
          bytes: 17
        },
        ...{ expectedVersion: undefined, enabled: true, percentage: null, targetUsers: null },
        ...{ variants: ["on"], prerequisites: [] }
      }
      const { revision: made } = yield* (yield* Commits).commit<Change>({ ...release([]), changes: [newer] })
      yield* (yield* Propagation).hint(made)
      yield* settle
      const again = yield* connect({
        instance: "i2",
        held: [["@flag/a", digest, revision]],
        position: { epoch, revision }
      })
      for (const { sink } of [first, again]) {
        assert.deepStrictEqual(
          sink.got.filter(({ kind }) => kind === "problem").map((one) => "message" in one && one.message),
          ["this server can't read it: a newer one wrote it"]
        )
        assert.notInclude(
          sink.got.map(({ kind }) => kind),
          "deleted"
        )
      }
    })
  )

  it("FK3 a flag that would be too large is sent as disabled", () => {
    const text = "x".repeat(200_000)
    const read = readDefinition(
      JSON.stringify({
        ...toggle({ if: [{ in: [{ var: "a" }, Array.from({ length: 8 }, () => ({ $ref: "long" }))] }, "on"] }),
        $evaluators: { long: { "==": [{ var: "b" }, text] } }
      })
    )
    assert.isTrue(Result.isSuccess(read))
    if (Result.isFailure(read)) return
    const none = { ruleOf: () => undefined, definitionOf: () => undefined }
    const said = JSON.parse(sent("x", read.success, none, "v2"))
    const metadata = { notCompiled: "it is too large" }
    assert.deepStrictEqual(said, {
      ...{ state: "DISABLED", variants: { on: true, off: false }, defaultVariant: "off", metadata }
    })
    const flag = received("x", said, Date.now)
    assert.strictEqual(typeof flag === "string" ? flag : flag.evaluate({}).reason, "DISABLED")
  })

  test(
    "US3 a kind that this server does not have is refused, and not taken for one without keys",
    Effect.gen(function* () {
      for (const pattern of ["@toy/*", "@configuration/*"]) {
        const error = yield* Effect.flip(
          (yield* Sessions).open(subscription({ patterns: ["svc", pattern] }), new FakeSink())
        )
        assert.strictEqual(error.name, "InvalidKey")
        assert.include(error.message, JSON.stringify(pattern))
      }
    })
  )

  it("FK2 what this version can't evaluate is refused with the reason", () => {
    const problem = (more: object) => {
      const said = { state: "ENABLED", variants: { on: true }, defaultVariant: "on", ...more }
      const read = received("x", said, Date.now)
      return typeof read === "string" ? read : undefined
    }
    assert.isUndefined(problem({}))
    assert.include(problem({ targeting: { if: [{ regex: [1] }, "on"] } }), '"regex"')
    const other = { state: "ENABLED", variants: { on: true }, targeting: { regex: [] } }
    assert.include(problem({ others: { a: other } }), 'of "a", which it needs, its rule has the operator "regex"')
    assert.include(problem({ targeting: { a: 1, b: 2 } }), "no operator")
    assert.include(problem({ bucketing: "v4" }), "bucketing")
    for (const wrong of [{ state: "ON" }, { variants: [] }, { variants: { a: 1, b: "" } }, { defaultVariant: "x" }])
      assert.isString(problem(wrong), JSON.stringify(wrong))
    for (const wrong of [
      { metadata: 1 },
      { prerequisites: {} },
      { prerequisites: [null] },
      { variants: {} },
      { others: [] },
      { others: { a: 1 } }
    ])
      assert.isString(problem(wrong), JSON.stringify(wrong))
    for (const said of [null, 1, "x", [], undefined]) assert.isString(received("x", said, Date.now))
  })
})
