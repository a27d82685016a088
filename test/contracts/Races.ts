/**
 * What nobody may lose to a publish that comes at the same moment: two nodes on one store, and something that one of them does while the
 * other has checked its release and not yet committed it. Run by Races.test.ts.
 */

import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { AuditLog } from "../../src/audit/AuditLog.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import { VARIABLES_KEY } from "../../src/keys/Key.ts"
import { fresh } from "../support/fresh.ts"
import { two } from "./RacingNodes.ts"

type Stores = AuditLog | Effect.Services<typeof two>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Stores | Scope.Scope>) => void

const LIMIT = { type: "number", maximum: 10 }

export const racesContract = (test: Test) => {
  const draft = (key: string, value: string | null, changed: Partial<Draft> = {}): Draft => ({
    key,
    environment: "production",
    value,
    ...changed
  })
  const current = (key: string, environment = "production") =>
    Effect.flatMap(ConfigurationStore, (store) => store.current(environment, key))

  test("RU1 a schema and strictness that someone adds at the same moment stay, and the value is checked by them", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("rules")
      yield* a.publish([draft(key, "5", { type: "number" })])
      a.meanwhile(b.publish([draft(key, "6", { type: "number", schema: LIMIT, strict: true })]))
      const refused = yield* Effect.flip(a.publish([draft(key, "999", { type: "number" })]))
      assert.strictEqual(refused.name, "SchemaViolation")

      a.meanwhile(b.publish([draft(key, "7", { type: "number", schema: { ...LIMIT, maximum: 100 } })]))
      yield* a.publish([draft(key, "8", { type: "number" })])
      const now = yield* current(key)
      assert.deepStrictEqual([now?.value, now?.schema, now?.strict], ["8", { ...LIMIT, maximum: 100 }, true])
    }))

  test("RU1 a type that someone changes at the same moment stays, and the value is read as it", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("type")
      yield* a.publish([draft(key, "text", { type: "string" })])
      a.meanwhile(b.publish([draft(key, "1", { type: "number" })]))
      assert.strictEqual((yield* Effect.flip(a.publish([draft(key, "more text")]))).name, "InvalidValue")

      a.meanwhile(b.publish([draft(key, "{}", { type: "json" })]))
      yield* a.publish([draft(key, "2")])
      assert.strictEqual((yield* current(key))?.valueType, "json")
    }))

  test("CD1 a condition is judged again by what came at the same moment, and nothing is written that it does not fit", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("condition")
      const tag = Effect.map(current(key), (now) => ({ version: now!.version, digest: now!.digest.slice(0, 16) }))
      yield* a.publish([draft(key, "1")])
      const first = yield* tag
      a.meanwhile(b.publish([draft(key, "2")]))
      const late = yield* Effect.flip(a.publish([draft(key, "9", { condition: { oneOf: [first] } })]))
      assert.strictEqual(late.name, "VersionConflict")

      a.meanwhile(b.publish([draft(key, "3")]))
      yield* a.publish([draft(key, "4", { condition: { oneOf: "anything", noneOf: [first] } })])
      a.meanwhile(b.publish([draft(key, null)]))
      const gone = yield* Effect.flip(a.publish([draft(key, "9", { condition: { oneOf: "anything" } })]))
      assert.strictEqual(gone.name, "VersionConflict")
      a.meanwhile(b.publish([draft(key, "6")]))
      yield* a.publish([draft(key, "7", { condition: { noneOf: [first] } })])

      const now = yield* current(key)
      assert.deepStrictEqual([now?.value, now?.version], ["7", 7])
    }))

  test("RU1 strictness that comes while a key is deleted, or while it is made, is kept", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("strict")
      yield* a.publish([draft(key, "1")])
      a.meanwhile(b.publish([draft(key, "2", { strict: true })]))
      yield* a.publish([draft(key, null)])
      assert.deepInclude(yield* current(key), { deleted: true, strict: true })

      const made = fresh("made")
      a.meanwhile(b.publish([draft(made, "1", { type: "number", schema: LIMIT })]))
      assert.strictEqual(
        (yield* Effect.flip(a.publish([draft(made, "999", { type: "number" })]))).name,
        "SchemaViolation"
      )

      yield* a.caughtUp
      a.meanwhile(b.publish([draft(made, null)]))
      yield* a.publish([draft(made, "9", { type: "number" })]) // the rule went with the key
      assert.deepInclude(yield* current(made), { value: "9", schema: null })
    }))

  test("RU1 a value alone that changes in between is no conflict: both are committed, at the first try", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("plain")
      yield* a.publish([draft(key, "1", { type: "number", schema: LIMIT, strict: true })])
      const before = a.commits()
      a.meanwhile(b.publish([draft(key, "2")]))
      yield* a.publish([draft(key, "3")])

      assert.strictEqual(a.commits(), before + 1)
      assert.deepInclude(yield* current(key), { value: "3", version: 3, schema: LIMIT, strict: true })
      // What the publisher itself insists on is another matter.
      a.meanwhile(b.publish([draft(key, "4")]))
      const refused = yield* Effect.flip(a.publish([draft(key, "5", { expectedVersion: 3 })]))
      assert.deepInclude(refused.details, { expected: 3, current: 4 })
    }))

  test("RU1 a rule that is given anew replaces one that came at the same moment", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("given")
      yield* a.publish([draft(key, "1", { type: "number" })])
      const before = a.commits()
      a.meanwhile(b.publish([draft(key, "2", { type: "number", schema: LIMIT, strict: true })]))
      yield* a.publish([draft(key, "999", { type: "number", schema: null, strict: false })])

      assert.strictEqual(a.commits(), before + 1)
      assert.deepInclude(yield* current(key), { value: "999", schema: null, strict: false })
    }))

  test("RU1 one outdated rule keeps a whole release back", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const [key, other] = [fresh("release"), fresh("other")]
      yield* a.publish([draft(key, "1", { type: "number" })])
      a.meanwhile(b.publish([draft(key, "2", { type: "number", schema: LIMIT })]))
      yield* Effect.flip(a.publish([draft(other, "x"), draft(key, "999", { type: "number" })]))

      assert.isUndefined(yield* current(other))
    }))

  test("RU1 a template is rendered with the variables that are there when its turn comes", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const environment = fresh("env")
      const set = (value: Record<string, string>) =>
        b.publish([draft(VARIABLES_KEY, JSON.stringify(value), { environment, type: "json" })])
      yield* a.publish([draft(VARIABLES_KEY, '{"zone":"1"}', { environment, type: "json" })])
      a.meanwhile(set({ region: "2" }))
      const refused = yield* Effect.flip(a.publish([draft("app", "{{zone}}", { environment, type: "string" })]))
      assert.strictEqual(refused.name, "TemplateError")
      assert.isUndefined(yield* current("app", environment))

      a.meanwhile(set({ region: "3", zone: "x" }))
      yield* a.publish([draft("app", "{{region}}", { environment, type: "string" })])
      yield* a.caughtUp
      const before = a.commits()
      a.meanwhile(b.publish([draft("unrelated", "1", { environment })]))
      yield* a.publish([draft("app", "{{zone}}", { environment, type: "string" })])
      assert.strictEqual(a.commits(), before + 1)
    }))

  test("RU1 a variable is not taken from a template that came at the same moment, also with a rollback or a delete", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const environment = fresh("env")
      const set = (value: string | null) => a.publish([draft(VARIABLES_KEY, value, { environment, type: "json" })])
      yield* set('{"region":"0"}')
      yield* set('{"zone":"1","region":"2"}')
      a.meanwhile(b.publish([draft("app", "{{zone}}", { environment, type: "string" })]))
      assert.strictEqual((yield* Effect.flip(set('{"region":"3"}'))).name, "TemplateError")

      yield* b.publish([draft("app", null, { environment })])
      a.meanwhile(b.publish([draft("app", "{{zone}}", { environment, type: "string" })]))
      assert.strictEqual((yield* Effect.flip(a.rollback(VARIABLES_KEY, environment, 1))).name, "TemplateError")

      yield* b.publish([draft("app", null, { environment })])
      a.meanwhile(b.publish([draft("app", "{{zone}}", { environment, type: "string" })]))
      assert.strictEqual((yield* Effect.flip(set(null))).name, "TemplateError")
      assert.deepInclude(yield* current(VARIABLES_KEY, environment), {
        value: '{"zone":"1","region":"2"}',
        deleted: false
      })
      // Together with the template it may go.
      yield* a.publish([
        draft(VARIABLES_KEY, '{"region":"4"}', { environment, type: "json" }),
        draft("app", "{{region}}", { environment, type: "string" })
      ])
    }))

  test("RU2 a node whose view is behind refuses by what is current, not by what was", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const [key, environment] = [fresh("behind"), fresh("env")]
      yield* a.publish([draft(key, "5", { type: "number", schema: LIMIT })])
      yield* b.publish([draft(key, "6", { type: "number", schema: { ...LIMIT, maximum: 1_000 } })])
      yield* a.publish([draft(key, "999", { type: "number" })])
      yield* b.publish([draft(VARIABLES_KEY, '{"zone":"1"}', { environment, type: "json" })])
      yield* a.publish([draft("app", "{{zone}}", { environment, type: "string" })])

      assert.strictEqual((yield* current(key))?.value, "999")
    }))

  test("F4 a request that comes again gets its first answer, whatever stands in its way by now", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const [key, gone, environment] = [fresh("again"), fresh("gone"), fresh("env")]
      const once = { idempotencyKey: fresh("request") }
      const first = yield* a.publish([draft(key, "5", { type: "number" })], once)
      yield* b.publish([draft(key, "6", { type: "number", schema: { type: "number", minimum: 6 } })])
      const again = yield* b.publish([draft(key, "5", { type: "number" })], once)
      assert.deepStrictEqual([again.replayed, again.revision], [true, first.revision])

      yield* a.publish([draft(VARIABLES_KEY, '{"zone":"1"}', { environment, type: "json" })])
      const release = [draft("x", "{{zone}}", { environment, type: "string" }), draft("y", "1", { environment })]
      const released = { idempotencyKey: fresh("request") }
      const { revision } = yield* a.publish(release, released)
      yield* a.publish([draft("x", null, { environment })])
      yield* a.publish([draft(VARIABLES_KEY, null, { environment })])
      assert.strictEqual((yield* b.publish(release, released)).revision.revision, revision.revision)

      const deleting = { idempotencyKey: fresh("request") }
      yield* a.publish([draft(gone, "1")])
      const deleted = yield* a.publish([draft(gone, null, { expectedVersion: 1 })], deleting)
      const twice = yield* b.publish([draft(gone, null, { expectedVersion: 1 })], deleting)
      assert.deepStrictEqual([twice.replayed, twice.revision], [true, deleted.revision])

      const back = { idempotencyKey: fresh("request") }
      const rolled = yield* a
        .rollback("x", environment, 1, back)
        .pipe(
          Effect.catch(() =>
            Effect.andThen(
              a.publish([draft(VARIABLES_KEY, '{"zone":"2"}', { environment, type: "json" })]),
              a.rollback("x", environment, 1, back)
            )
          )
        )
      yield* a.publish([draft("x", null, { environment })])
      yield* a.publish([draft(VARIABLES_KEY, null, { environment })])
      assert.strictEqual((yield* b.rollback("x", environment, 1, back)).revision.revision, rolled.revision.revision)

      for (const other of [
        a.publish([draft(key, "7", { type: "number" })], once),
        a.rollback(key, "production", 1, once),
        a.publish([draft(key, null)], once)
      ])
        assert.strictEqual((yield* Effect.flip(other)).name, "IdempotencyConflict")
    }))

  test("F4 a first try that commits while the second is being refused answers both", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const key = fresh("both")
      const once = { idempotencyKey: fresh("request") }
      const wish = [draft(key, "1", { type: "number", expectedVersion: 0 })]
      a.meanwhile(b.publish(wish, once))
      const second = yield* a.publish(wish, once)
      assert.isTrue(second.replayed)

      const [other, twice] = [fresh("both"), { idempotencyKey: fresh("request") }]
      yield* a.publish([draft(other, "1", { type: "number" })])
      a.meanwhile(
        Effect.andThen(
          b.publish([draft(other, "50", { type: "number" })], twice),
          b.publish([draft(other, "2", { type: "number", schema: LIMIT })])
        )
      )
      assert.isTrue((yield* a.publish([draft(other, "50", { type: "number" })], twice)).replayed)

      const [third, thrice] = [fresh("both"), { idempotencyKey: fresh("request") }]
      const commits = a.commits()
      a.looked(
        Effect.andThen(
          b.publish([draft(third, "50", { type: "number" })], thrice),
          Effect.andThen(b.publish([draft(third, "2", { type: "number", schema: LIMIT })]), a.caughtUp)
        )
      )
      assert.isTrue((yield* a.publish([draft(third, "50", { type: "number" })], thrice)).replayed)
      assert.strictEqual(a.commits(), commits) // refused before its turn
    }))
}
