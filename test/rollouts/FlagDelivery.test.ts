/** Who gets which flags, where rollouts have candidates of some. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { received } from "../../src/evaluation/Sent.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { answered, begin, type Client, connect, HALF, IN, LATER, move, OUT, Reads, test } from "../support/Cohorts.ts"
import { toggle } from "../support/Definitions.ts"

const flag = (plan: string, more: object = {}) => ({
  ...toggle({ if: [{ "==": [{ var: "plan" }, plan] }, "on"] }),
  ...more
})
const needs = (...flags: ReadonlyArray<string>) => ({
  enabled: true,
  prerequisites: flags.map((one) => ({ flag: one, variant: "on" }))
})
const publish = (key: string, definition: unknown, kind: "flag" | "segment" = "flag") =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish(
      { kind, environment: "production", key, definition: JSON.stringify(definition), expectedVersion: undefined },
      { message: "", idempotencyKey: undefined }
    )
  ).pipe(Effect.andThen(settle), Effect.provideService(CurrentIdentity, system))

const wish = (key: string, definition: object, uses: ReadonlyArray<string> = []): FlagWish => {
  const text = JSON.stringify(definition)
  return {
    kind: "flag",
    environment: "production",
    key,
    definition: text,
    digest: digestOf(text),
    bytes: text.length,
    expectedVersion: undefined,
    uses,
    variants: ["on", "off"],
    prerequisites: [],
    enabled: true,
    percentage: null,
    targetUsers: null
  }
}
/** A rollout of one flag. */
const offer = (key: string, definition: object, below: number, uses?: ReadonlyArray<string>) =>
  begin({ [key]: wish(key, definition, uses) }, below)
const flags = { patterns: ["@flag/*"] }
const told = ({ sink }: Client) =>
  sink.values.map(
    ({ key, kind, version, revision }) => `${key.slice(6)} ${kind === "value" ? `v${version}` : kind} @${revision}`
  )
/** What the client makes of a flag, for somebody of that plan. */
const evaluates = ({ sink }: Client, name: string, plan: string): unknown => {
  const last = sink.values.findLast(({ key }) => key === `@flag/${name}`)!
  const flag = received(name, JSON.parse(last.content), Date.now)
  if (typeof flag === "string") return flag
  return flag.evaluate({ targetingKey: "ann", plan }).variant
}

describe("who gets which flags", () => {
  test(
    "FK8 the candidate goes to its cohort with all that needs it, over all levels, and to nobody else",
    Effect.gen(function* () {
      yield* publish("base", flag("pro"))
      yield* publish("one", needs("base"))
      yield* publish("two", needs("one"))
      yield* publish("apart", flag("pro"))
      const [inside, outside] = [yield* connect(IN, flags), yield* connect(OUT, flags)]
      yield* answered(inside, outside)
      const key = yield* offer("base", flag("free"), HALF)
      yield* answered(inside)
      assert.sameMembers(told(inside).slice(4), ["base v2 @6", "one v1 @6", "two v1 @6"])
      assert.lengthOf(told(outside), 4)
      assert.deepStrictEqual([evaluates(inside, "base", "free"), evaluates(outside, "base", "free")], ["on", "off"])
      assert.deepStrictEqual([evaluates(inside, "two", "free"), evaluates(outside, "two", "free")], ["on", "off"])
      const [late, other] = [yield* connect(LATER, flags), yield* connect(OUT, { ...flags, held: outside.held })]
      assert.sameMembers(told(late), ["apart v1 @4", "base v2 @6", "one v1 @6", "two v1 @6"])
      assert.deepStrictEqual(told(other), [])
      yield* move(key, "rolled_back")
      assert.sameMembers(told(inside).slice(7), ["base v1 @7", "one v1 @7", "two v1 @7"])
      assert.strictEqual(evaluates(inside, "two", "free"), "off")
      assert.deepStrictEqual(told(other), [])
    })
  )

  test(
    "FK4 FK8 clients of several rollouts have the flags as all of theirs make them, and what a candidate stands on touches them",
    Effect.gen(function* () {
      yield* publish("a", flag("pro"))
      yield* publish("b", flag("pro"))
      yield* publish("c", flag("pro"))
      const [inside, later, outside] = [
        yield* connect(IN, flags),
        yield* connect(LATER, flags),
        yield* connect(OUT, flags)
      ]
      yield* answered(inside, later, outside)
      const both = yield* offer("a", flag("free"), HALF)
      yield* offer("c", { ...needs("a", "b"), percentage: 100 }, HALF / 2)
      yield* answered(inside, later, outside)
      assert.deepStrictEqual(told(inside).slice(3), ["a v2 @5", "c v2 @7"])
      assert.deepStrictEqual(told(later).slice(3), ["a v2 @5"])
      yield* publish("b", flag("team")) // only the candidate of c needs it
      assert.sameMembers(told(inside).slice(5), ["b v2 @8", "c v2 @8"])
      assert.deepStrictEqual(told(later).slice(4), ["b v2 @8"])
      assert.deepStrictEqual(told(outside).slice(3), ["b v2 @8"])
      yield* answered(inside, later)
      yield* move(both, "rolled_back")
      assert.sameMembers(told(inside).slice(7), ["a v1 @9", "c v2 @9"])
      assert.deepStrictEqual(told(later).slice(5), ["a v1 @9"])
      assert.lengthOf(told(outside), 4)
    })
  )

  test(
    "DV7 FK8 completed, who has them is not sent them again",
    Effect.gen(function* () {
      yield* publish("base", flag("pro"))
      yield* publish("one", needs("base"))
      const [inside, outside] = [yield* connect(IN, flags), yield* connect(OUT, flags)]
      yield* answered(inside, outside)
      const key = yield* offer("base", flag("free"), HALF)
      yield* answered(inside)
      const before = told(inside).length
      yield* move(key, "completed")
      assert.deepStrictEqual(told(inside).slice(before), [])
      assert.strictEqual(inside.session.behind, 0)
      assert.sameMembers(told(outside).slice(2), ["base v2 @5", "one v1 @5"])
      assert.strictEqual(evaluates(outside, "one", "free"), "on")
    })
  )

  test(
    "P8 FK8 a flag that only the rollout has is the cohort's, of whatever segments it names, and gone when it is taken back",
    Effect.gen(function* () {
      const all = yield* Sessions
      yield* publish("team", { rule: { in: [{ var: "plan" }, ["x"]] } }, "segment")
      const [inside, outside] = [yield* connect(IN, flags), yield* connect(OUT, flags)]
      const definition = toggle({ if: [{ $ref: "team" }, "on"] })
      const key = yield* offer("new", definition, HALF, ["team"])
      assert.deepStrictEqual([told(inside), told(outside)], [["new v1 @3"], []])
      const exact = yield* connect(LATER, { patterns: ["@flag/new"] })
      assert.deepStrictEqual(told(exact), ["new v1 @3"])
      for (const client of [inside, exact]) client.answer(all)
      assert.strictEqual(evaluates(inside, "new", "x"), "on")
      yield* publish("team", { rule: { in: [{ var: "plan" }, ["y"]] } }, "segment")
      assert.deepStrictEqual(told(inside).slice(1), ["new v1 @4"])
      assert.deepStrictEqual([evaluates(inside, "new", "x"), evaluates(inside, "new", "y")], ["off", "on"])
      yield* answered(inside)
      yield* move(key, "aborted")
      assert.deepStrictEqual([told(inside).slice(2), told(outside)], [["new deleted @5"], []])
    })
  )

  test(
    "FK6 a candidate that can't be read is a problem of its cohort's, and of nobody else's",
    Effect.gen(function* () {
      yield* publish("a", flag("pro"))
      const [inside, outside] = [yield* connect(IN, flags), yield* connect(OUT, flags)]
      const key = yield* offer("a", { odd: true }, HALF)
      assert.deepStrictEqual(inside.told.slice(1), ["@flag/a problem this server can't read it: a newer one wrote it"])
      assert.lengthOf(outside.told, 1)
      yield* move(key, "rolled_back")
      assert.lengthOf(told(inside), 2)
    })
  )

  test(
    "FK9 CZ2 a candidate that can't be read is tried again, and until then its clients have what they had",
    Effect.gen(function* () {
      const reads = yield* Reads
      yield* publish("base", flag("pro"))
      yield* publish("one", needs("base"))
      const [inside, outside] = [yield* connect(IN, flags), yield* connect(OUT, flags)]
      yield* answered(inside, outside)
      reads.failure = failure("DatabaseUnavailable", "away")
      yield* offer("base", flag("free"), HALF)
      yield* publish("apart", flag("pro"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told(inside).slice(2), ["apart v1 @5"])
      reads.failure = undefined
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.sameMembers(told(inside).slice(3), ["base v2 @4", "one v1 @4"])
      assert.deepStrictEqual(told(outside).slice(2), ["apart v1 @5"])
    })
  )
})
