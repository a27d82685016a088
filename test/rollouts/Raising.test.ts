import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Flags } from "../../src/flags/Flags.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { asSystem, draft, node, wanted } from "./Node.ts"

const why = { message: "why" }
const start = (more: Parameters<typeof wanted>[0]) =>
  Effect.flatMap(Rollouts, (rollouts) => rollouts.start(wanted(more), why))
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
      yield* rollouts.move("production", rollout.key, "abort", why)
      assert.strictEqual((yield* flags.get("production", "f")).definition, flag.definition)
    }).pipe(asSystem, Effect.provide(node()))
  )
})
