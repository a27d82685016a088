import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { State } from "../../layers/Memory/State.ts"
import type { Identity } from "../../src/access/Identity.ts"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { SCHEDULE_BYTES } from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { Schedules } from "../../src/schedules/Schedules.ts"
import { whenOf } from "../../src/schedules/When.ts"
import { as, asSystem, becameOf, draft, flagDraft, node, publishFlag, schedule, wanted } from "./Node.ts"

const on = { enabled: true }
const viewer: Identity = { name: "viewer", keyId: "v", role: "viewer", environments: ["*"] }

describe("When", () => {
  it("a time has an offset, or is so long from now; nothing else is one", () => {
    for (const [text, millis] of [
      ["+2h", 7_200_000],
      ["+1d2h3m4s", 93_784_000],
      ["+90m", 5_400_000]
    ] as const)
      assert.deepStrictEqual(whenOf(text), { dueAt: null, afterMillis: millis })
    for (const text of ["2026-12-01T09:00:00+01:00", "2026-12-01 08:00Z", "2026-12-01t08:00:00.000z"])
      assert.deepStrictEqual(whenOf(text), { dueAt: Date.UTC(2026, 11, 1, 8), afterMillis: null })
    for (const text of [
      "",
      "+",
      "+0s",
      "2h",
      "+2h1d",
      "tomorrow",
      "2026-02-30T09:00Z",
      "2026-12-01",
      "2026-12-01T09:00",
      "2026-13-01T09:00Z"
    ])
      assert.strictEqual((whenOf(text) as HeraldError).name, "ScheduleTime", text)
    assert.include((whenOf("2026-12-01T09:00") as HeraldError).message, "offset")
    assert.instanceOf(whenOf("x".repeat(1_000_000)), HeraldError)
  })
})

describe("Schedules", () => {
  it.effect(
    "SZ1 what a publish would refuse is refused when it is asked for, in the same words, and nothing is written",
    () => {
      const state = new State()
      return Effect.gen(function* () {
        const { validate } = yield* Schedules
        yield* publishFlag("a", on)
        const head = state.head
        const refused = Effect.fnUntraced(function* (what: Parameters<typeof schedule>[1]) {
          const made = yield* Effect.flip(schedule("+1h", what))
          const dry = yield* Effect.flip(validate(wanted("+1h", what)))
          assert.deepStrictEqual([dry.name, dry.message], [made.name, made.message])
          return made.name
        })
        assert.strictEqual(yield* refused({ flags: [flagDraft("b", { state: "?" })] }), "InvalidFlag")
        assert.strictEqual(yield* refused({ flags: [flagDraft("a", on, { expectedVersion: 2 })] }), "VersionConflict")
        assert.strictEqual(yield* refused({ flags: [flagDraft("gone", null)] }), "NotFound")
        assert.strictEqual(yield* refused({ changes: [draft("c", "{", { type: "json" })] }), "InvalidValue")
        assert.strictEqual(yield* refused({ changes: [draft("c", "1"), draft("c", "2")] }), "InvalidInput")
        assert.strictEqual(yield* refused({}), "NothingChanged")
        const many = Array.from({ length: 9 }, (_, n) => draft(`k${n}`, '"'.repeat(500_000)))
        assert.strictEqual(yield* refused({ changes: many }), "TooLarge")
        assert.isAbove(9 * 1_000_000, SCHEDULE_BYTES)
        assert.strictEqual(state.head, head)
        yield* validate(wanted("+1h", { flags: [flagDraft("a", { enabled: false })] }))
        assert.strictEqual(state.head, head)
      }).pipe(asSystem, Effect.provide(node({ state })))
    }
  )

  it.effect("SZ1 it is kept as it was asked for, and shows what it would do by now", () =>
    Effect.gen(function* () {
      const { preview, get } = yield* Schedules
      const text = '{ "enabled": true,  "percentage": 12.500 }'
      const flags = [{ ...flagDraft("a", on), definition: text }]
      const made = yield* schedule("+1h", { flags, changes: [draft("app", "1.10", { type: "number" })] })
      const { body } = yield* get("production", made.key)
      assert.deepStrictEqual(JSON.parse(body), {
        changes: [{ key: "app", value: "1.10", type: "number", typeIfNew: "string" }],
        flags: [{ key: "a", definition: text }]
      })
      const { changes, flags: shown } = yield* preview("production", made.key)
      assert.deepStrictEqual([changes[0]!.key, shown[0]!.difference.kind], ["app", "lines"])
      yield* publishFlag("a", on)
      assert.strictEqual((yield* Effect.flip(preview("production", made.key))).name, "VersionConflict")
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect("SZ2 a scheduled change is of one environment, for those who may write there", () =>
    Effect.gen(function* () {
      const two = { flags: [flagDraft("a", on)], changes: [draft("b", "1", { environment: "staging" })] }
      assert.include((yield* Effect.flip(schedule("+1h", two))).message, "one environment")
      const made = yield* schedule("+1h", { flags: [flagDraft("a", on)] })
      const { cancel, list, get, preview } = yield* Schedules
      const asViewer = as(viewer)
      assert.strictEqual((yield* Effect.flip(asViewer(schedule("+1h", two)))).name, "Forbidden")
      assert.strictEqual(
        (yield* Effect.flip(asViewer(cancel("production", made.key, { message: "" })))).name,
        "Forbidden"
      )
      assert.strictEqual((yield* Effect.flip(asViewer(preview("production", made.key)))).name, "Forbidden")
      assert.strictEqual((yield* asViewer(get("production", made.key))).schedule.key, made.key)
      const page = { limit: 10, after: "", state: undefined, touching: undefined }
      assert.deepStrictEqual(
        (yield* asViewer(list("production", page))).map(({ key }) => key),
        [made.key]
      )
      const elsewhere = as({ ...viewer, environments: ["staging"] })
      assert.strictEqual((yield* Effect.flip(elsewhere(get("production", made.key)))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(elsewhere(list("production", page)))).name, "Forbidden")
      assert.deepStrictEqual(yield* list("production", { ...page, after: made.key }), [])
    }).pipe(asSystem, Effect.provide(node()))
  )

  it.effect(
    "F4 asked again with its idempotency key it is the same one, whatever has changed; what is cancelled stays so",
    () =>
      Effect.gen(function* () {
        const { cancel } = yield* Schedules
        const what = { flags: [flagDraft("a", on)] }
        const made = yield* schedule("+1h", what, "once")
        yield* publishFlag("a", on)
        assert.deepStrictEqual(yield* schedule("+1h", what, "once"), made)
        assert.strictEqual((yield* Effect.flip(schedule("+2h", what, "once"))).name, "IdempotencyConflict")
        const { due } = yield* ScheduleStore
        assert.strictEqual((yield* due(undefined)).pending, 1)
        yield* cancel("production", made.key, { message: "not this year" })
        const { state, reason } = yield* becameOf(made)
        assert.deepStrictEqual([state, reason], ["cancelled", "not this year"])
        const again = yield* Effect.flip(cancel("production", made.key, { message: "" }))
        assert.strictEqual(again.name, "ScheduleOver")
        assert.strictEqual((yield* Effect.flip(cancel("production", "s99", { message: "" }))).name, "NotFound")
      }).pipe(asSystem, Effect.provide(node()))
  )
})
