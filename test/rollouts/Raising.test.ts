import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { Flags } from "../../src/flags/Flags.ts"
import type { Plan } from "../../src/plans/Plan.ts"
import { readPlan } from "../../src/plans/ReadPlan.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { asSystem, draft, node, wanted } from "./Node.ts"

const why = { message: "why" }
const start = (more: Parameters<typeof wanted>[0]) =>
  Effect.flatMap(Rollouts, (rollouts) => rollouts.start(wanted(more), why))
const read = (said: unknown): Plan => {
  const plan = readPlan(said)
  if (plan instanceof HeraldError) throw new Error(plan.message)
  return plan
}
const wrong = (said: unknown): string => {
  const plan = readPlan(said)
  assert.instanceOf(plan, HeraldError)
  return (plan as HeraldError).message
}
const names = (error: { readonly name: string }) => error.name

describe("Rollouts that raise a variant", () => {
  it.effect("a variant of a flag is raised as the flag is, and of one flag alone", () =>
    Effect.gen(function* () {
      const [rollouts, flags] = [yield* Rollouts, yield* Flags]
      const flag = { environment: "production", key: "f", definition: '{"enabled":true,"percentage":0}' }
      yield* flags.publish(flag, why)
      const f = { kind: "flag", key: "f", version: undefined } as const
      const plan = { stages: "10%,50%", raise: "on", gates: [] }
      for (const wrong of [
        { again: [f], plan: { ...plan, raise: "blue" } },
        { again: [f], changes: [draft("a", "1")], plan },
        { flags: [flag], plan },
        { again: [{ ...f, version: 1 }], plan }
      ])
        assert.strictEqual(names(yield* Effect.flip(start(wrong))), "InvalidPlan")
      assert.strictEqual(names(yield* Effect.flip(start({ again: [f] }))), "InvalidInput")
      assert.strictEqual(names(yield* Effect.flip(start({ again: [{ ...f, key: "g" }], plan }))), "NotFound")
      const { rollout } = yield* start({ again: [f], plan })
      yield* rollouts.move("production", rollout.key, "promote", why)
      assert.strictEqual((yield* flags.get("production", "f")).definition, '{"enabled":true,"percentage":10}')
      const second = yield* Effect.flip(start({ again: [f], plan }))
      assert.deepStrictEqual([names(second), second.message.includes(rollout.key)], ["InRollout", true])
      yield* rollouts.move("production", rollout.key, "abort", why)
      assert.strictEqual((yield* flags.get("production", "f")).definition, flag.definition)
    }).pipe(asSystem, Effect.provide(node()))
  )

  it("raises a variant by shares of contexts alone", () => {
    assert.deepStrictEqual(read({ stages: "1%,50%", raise: "on", gates: [] }).raise, { variant: "on" })
    for (const stages of ["5,100%", "region=eu", "@a"]) assert.match(wrong({ stages, raise: "on" }), /contexts alone/)
  })

  it("a raised variant has gates that know of it, and no others", () => {
    const of = (gates: ReadonlyArray<string> | undefined) => ({
      stages: "1%,100%",
      raise: "on",
      ...(gates && { gates })
    })
    for (const gate of ["unhealthy < 2%", "slow(5s) < 1%", "errors/requests <= 1.5 * control", "lost < 1%, dry run"])
      assert.match(wrong(of([gate])), /tells instances apart, which all have the flag: write .*webhook\(.*approve/)
    assert.match(wrong(of(undefined)), /\/gates is missing.*an empty list for none/)
    assert.match(wrong({ stages: "1%,100%", gates: ["track(a) < 1%"] }), /compares variants of a flag: give raise/)
    for (const gates of [[], ["webhook(https://a.example)"], ["errors/requests < 1%"], ["track(a) >= 0.9 * control"]])
      assert.strictEqual(read(of(gates)).gates.length, gates.length)
  })
})
