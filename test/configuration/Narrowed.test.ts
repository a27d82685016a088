/** What whoever is narrowed to some keys may see and change of configurations. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { draft, on, publish } from "./Harness.ts"

const ann: Identity = {
  ...{ name: "ann", keyId: "k", role: "publisher", environments: ["production"] },
  ...{ keys: ["payments.*", "shared"], kinds: ["config"] }
}
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const asAnn = as(ann)
const outcome = <A, R>(
  effect: Effect.Effect<A, { readonly name: string; readonly details?: Record<string, unknown> }, R>
) =>
  effect.pipe(
    Effect.as("done"),
    Effect.catch((error) => Effect.succeed(`${error.name} ${error.details?.["rule"] ?? ""}`.trim()))
  )
const NO = "Forbidden keys"
const text = (key: string, value = "v") => draft(value, { key, type: "string" })

describe("whoever is narrowed to some keys", () => {
  it.effect("DN1 each use case of one key refuses others by the rule, also such as are not there", () =>
    Effect.gen(function* () {
      const { get, version, history, diff, explain, rollback, validate, prepared } = yield* Configurations
      for (const key of ["payments.a", "payments", "shared", "other"]) {
        yield* publish(text(key, "1"))
        yield* publish(text(key, "2"))
      }
      const of = (key: string) => [
        get("production", key, "strong"),
        get("production", key, "cached"),
        version("production", key, 1),
        history("production", key, { limit: 10, before: undefined }),
        diff("production", key, 1, 2),
        explain("production", key, {}),
        validate([text(key, "3")]),
        prepared([text(key, "3")], "", false),
        publish(text(key, "3")),
        rollback("production", key, 1, { message: "" }),
        publish({ ...text(key), value: null })
      ]
      const all = (key: string) =>
        Effect.forEach(of(key), (effect) => outcome(effect as Effect.Effect<unknown, never>).pipe(asAnn))
      const times = of("x").length
      for (const key of ["payments.a", "shared"]) assert.deepStrictEqual(yield* all(key), Array(times).fill("done"))
      for (const key of ["payments", "other", "nowhere"]) assert.deepStrictEqual(yield* all(key), Array(times).fill(NO))
      assert.strictEqual(
        yield* outcome(publish(text("payments.a"))).pipe(as({ ...ann, kinds: ["flag"] })),
        "Forbidden kinds"
      )
    }).pipe(on())
  )

  it.effect("DN1 a release needs each of its keys, and nothing of one that is refused is written", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const both = [text("payments.a"), text("other")]
      for (const drafts of [both, both.toReversed()])
        assert.strictEqual(yield* outcome(configurations.publish(drafts, { message: "" })).pipe(asAnn), NO)
      assert.strictEqual(yield* outcome(configurations.get("production", "payments.a", "strong")), "NotFound")
      assert.strictEqual(
        yield* outcome(configurations.publish([text("payments.a"), text("shared")], { message: "" })).pipe(asAnn),
        "done"
      )
    }).pipe(on())
  )

  it.effect("AO1 NK1 lists, pages, counts and what may have been meant have nothing of other keys", () =>
    Effect.gen(function* () {
      const { list, environments, get } = yield* Configurations
      const keys = ["payments", "payments.a", "payments.b", "payments.b.c", "paymentsx", "shared", "shared.a", "zz"]
      for (const key of keys) yield* publish(text(key))
      yield* publish(text("payments.gone"))
      yield* publish({ ...text("payments.gone"), value: null })
      const page = (options: { prefix?: string; limit?: number; after?: string }) =>
        list({ environment: "production", prefix: "", limit: 100, after: "", ...options }).pipe(
          Effect.map((heads) => heads.map(({ key }) => key)),
          asAnn
        )
      const its = ["payments.a", "payments.b", "payments.b.c", "shared"]
      assert.deepStrictEqual(yield* page({}), its)
      assert.deepStrictEqual(yield* page({ prefix: "payments.b" }), ["payments.b", "payments.b.c"])
      assert.deepStrictEqual(yield* page({ prefix: "pay" }), its.slice(0, 3))
      assert.deepStrictEqual(yield* page({ prefix: "shared." }), [])
      assert.deepStrictEqual(yield* page({ prefix: "zz" }), [])
      const walked: Array<string> = []
      for (let after = ""; ; ) {
        const [key] = yield* page({ limit: 1, after })
        if (key === undefined) break
        walked.push((after = key))
      }
      assert.deepStrictEqual(walked, its)
      assert.deepStrictEqual(yield* page({ after: "payments.zz" }), ["shared"])
      assert.deepStrictEqual(yield* page({ after: "shared" }), [])
      assert.deepStrictEqual(yield* environments().pipe(asAnn), [{ environment: "production", keys: its.length }])
      assert.deepStrictEqual(yield* environments().pipe(as({ ...ann, keys: ["nothing.*"] })), [])
      assert.strictEqual(
        yield* outcome(list({ environment: "production", prefix: "", limit: 1, after: "" })).pipe(
          as({ ...ann, kinds: ["flag"] })
        ),
        "Forbidden kinds"
      )

      const unknown = yield* Effect.flip(get("production", "payments.bb", "strong")).pipe(asAnn)
      assert.deepInclude(unknown.details?.["near"], { keys: ["payments.b", "payments.a", "payments.b.c"] })
      yield* publish(text("payment.z"))
      const lost = yield* Effect.flip(get("production", "payments.z", "strong")).pipe(asAnn)
      assert.notInclude(JSON.stringify(lost), "payment.z")
      assert.include((yield* Effect.flip(get("production", "payments.z", "strong"))).message, "payment.z")
      const one = { environment: "production", prefix: "", limit: 10, after: "" }
      assert.deepStrictEqual(yield* list(one).pipe(as({ ...ann, keys: ["share"] })), [])
    }).pipe(on())
  )

  it.effect("AO2 a template shows what it names, and is written only by whoever may read all variables", () =>
    Effect.gen(function* () {
      const { explain, publish: release } = yield* Configurations
      yield* publish(draft('{"host":"h","hidden":"hush"}', { key: "herald.variables", type: "json" }))
      yield* publish(text("payments.url", "http://{{host}}/{{client.service}}"))
      const shown = yield* explain("production", "payments.url", { service: "s" }).pipe(asAnn)
      assert.strictEqual(shown.effective, "http://h/s")
      assert.notInclude(
        JSON.stringify(shown, (_, v) => (typeof v === "bigint" ? String(v) : v)),
        "hush"
      )
      const whole = yield* explain("production", "payments.url", {}).pipe(
        as({ ...ann, keys: ["payments.*", "herald.*"] })
      )
      assert.deepInclude(whole.variables, { hidden: "hush" })

      const write = (value: string, identity = ann) =>
        outcome(release([text("payments.url", value)], { message: "" })).pipe(as(identity))
      assert.strictEqual(yield* write("{{hidden}}"), NO)
      assert.strictEqual(yield* write("{{nowhere}}"), NO)
      assert.strictEqual(yield* write("{{client.service}}"), "done")
      assert.strictEqual(yield* write("{{hidden}}", { ...ann, keys: ["payments.*", "herald.variables"] }), "done")
    }).pipe(on())
  )

  it.effect("AO1 whoever may change the variables hears nothing of the template that this would break", () =>
    Effect.gen(function* () {
      yield* publish(draft('{"host":"h"}', { key: "herald.variables", type: "json" }))
      yield* publish(text("other.url", "{{host}}"))
      const refused = yield* Effect.flip(publish(draft("{}", { key: "herald.variables", type: "json" }))).pipe(
        as({ ...ann, keys: ["herald.*"] })
      )
      assert.strictEqual(refused.name, "TemplateError")
      assert.notInclude(JSON.stringify(refused), "other.url")
      const told = yield* Effect.flip(publish(draft("{}", { key: "herald.variables", type: "json" })))
      assert.include(told.message, "other.url")
    }).pipe(on())
  )
})
