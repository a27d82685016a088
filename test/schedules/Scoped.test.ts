/** Scheduled changes, for whoever may touch some keys and kinds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Access } from "../../src/access/Access.ts"
import type { Identity } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { SETTINGS_KEY } from "../../src/flags/FlagSettings.ts"
import { Quotas, type QuotasOf } from "../../src/limits/Quotas.ts"
import { Schedules } from "../../src/schedules/Schedules.ts"
import { pass } from "../support/Clock.ts"
import { as, asSystem, becameOf, flagDraft, node, publishFlag, schedule } from "./Node.ts"

const on = { enabled: true }
const environment = "production"
const who = (more: Partial<Identity> = {}): Identity => ({
  ...{ name: "pay", keyId: "p", role: "publisher", environments: ["*"], keys: ["pay.*"] },
  ...more
})
const pay = as(who())
const flags = (...keys: ReadonlyArray<string>) => ({ flags: keys.map((key) => flagDraft(key, on)) })
const refusal = <A, R>(effect: Effect.Effect<A, HeraldError, R>) =>
  Effect.map(Effect.flip(effect), ({ name, details }) => `${name} ${details?.["rule"] ?? ""}`.trim())
const options = { limit: 10, after: "", state: undefined, touching: undefined }

describe("scheduled changes for whoever may touch some keys", () => {
  it.effect("SZ3 they are asked for, seen and cancelled by whoever may touch all that they are to change", () =>
    Effect.gen(function* () {
      const schedules = yield* Schedules
      const mine = yield* pay(schedule("+1h", flags("pay.a")))
      const mixed = yield* asSystem(schedule("+1h", flags("pay.b", "other")))
      assert.strictEqual(yield* refusal(pay(schedule("+1h", flags("pay.a", "other")))), "Forbidden keys")
      const settings = { flags: [flagDraft(SETTINGS_KEY, { bucketing: "v2" }, { kind: "flag_settings" })] }
      assert.strictEqual(yield* refusal(pay(schedule("+1h", settings))), "Forbidden keys")
      const values = as(who({ kinds: ["config"] }))
      assert.strictEqual(yield* refusal(values(schedule("+1h", flags("pay.a")))), "Forbidden kinds")
      const keys = (list: ReadonlyArray<{ readonly key: string }>) => list.map(({ key }) => key)
      assert.deepStrictEqual(keys(yield* pay(schedules.list(environment, options))), [mine.key])
      assert.deepStrictEqual(keys(yield* values(schedules.list(environment, options))), [])
      assert.deepStrictEqual(keys(yield* asSystem(schedules.list(environment, options))), [mine.key, mixed.key])
      for (const asked of [
        schedules.get(environment, mixed.key),
        schedules.preview(environment, mixed.key),
        schedules.cancel(environment, mixed.key, { message: "" })
      ])
        assert.strictEqual(yield* refusal(pay(asked as Effect.Effect<unknown, HeraldError>)), "NotFound")
      assert.strictEqual((yield* asSystem(schedules.get(environment, mixed.key))).schedule.state, "pending")
      assert.strictEqual(yield* refusal(values(schedules.get(environment, mine.key))), "NotFound")
      yield* pay(schedules.preview(environment, mine.key))
      yield* pay(schedules.cancel(environment, mine.key, { message: "" }))
    }).pipe(Effect.provide(node({ makes: false })))
  )

  it.effect("AQ24 what became of one tells its readers nothing of what they may not see: keys, rights, sizes", () => {
    const few: QuotasOf = { keys: 3, bytes: 1_000_000, of: new Map() }
    return Effect.gen(function* () {
      const { createKey } = yield* Access
      const ann = { name: "ann", role: "publisher", environments: [environment] } as const
      const key = (keys: ReadonlyArray<string>, expiresAt: number | null) =>
        asSystem(Effect.map(createKey({ ...ann, keys, expiresAt, add: true }), ({ key: { id } }) => id))
      const keyId = yield* key(["pay.*"], 90_000)
      yield* key(["project-x", "other"], null)
      const late = yield* as({ ...ann, keyId })(schedule("+2m", flags("pay.z")))
      const one = yield* asSystem(schedule("+1m", flags("pay.a")))
      for (const key of ["other.a", "other.b", "other.c"]) yield* asSystem(publishFlag(key, on))
      yield* pass(61_000, 610)
      const { state, reason } = yield* becameOf(one)
      assert.strictEqual(state, "refused")
      assert.include(reason, "production is full: this adds 1 keys, more than there is room for")
      yield* pass(61_000, 610)
      const over = yield* becameOf(late)
      assert.strictEqual(over.state, "refused")
      assert.include(over.reason, "this needs config.write in the environment production for the flag pay.z")
      assert.notInclude(over.reason, "project-x")
    }).pipe(Effect.provide(node()), Effect.provideService(Quotas, few))
  })
})
