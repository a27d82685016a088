import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { digestOf } from "../../layers/Validation/Digest.ts"
import { dryRun } from "../../src/configuration/DryRun.ts"
import type { ClientView } from "../../src/configuration/Rendering.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { client } from "./Harness.ts"

const crowd = (many: number, zones: number): ReadonlyArray<ClientView> =>
  Array.from({ length: many }, (_, n) => client(`i-${n}`, { zone: `zone-${n % zones}` }))

const candidate = (value: string) => ({
  key: "app",
  environment: "production",
  value,
  valueType: "json" as const,
  schema: true
})

describe("dryRun", () => {
  it.effect("DR1 checks once what many clients get", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const validator = { validate: (_: unknown, value: unknown) => Effect.sync(() => void seen.push(value)) }
      yield* dryRun(candidate('["{{client.zone}}"]'), {}, crowd(1_000, 3), validator, digestOf)
      assert.deepStrictEqual(seen, [["0"], ["zone-0"], ["zone-1"], ["zone-2"]])
    })
  )

  it.effect("DR2 names the first client that can't have it", () =>
    Effect.gen(function* () {
      const validator = {
        validate: (_: unknown, value: unknown) =>
          JSON.stringify(value) === '["zone-5"]' ? Effect.fail(failure("SchemaViolation", "no")) : Effect.void
      }
      const clients = [...crowd(40, 40), client("bare"), client("also")]
      const first = yield* Effect.flip(dryRun(candidate('["{{client.zone}}"]'), {}, clients, validator, digestOf))
      assert.include(first.message, "web/i-5")
      const bare = yield* Effect.flip(
        dryRun(candidate('["{{client.zone}}"]'), {}, clients.slice(6), validator, digestOf)
      )
      assert.deepStrictEqual(bare.details?.["client"], "web/bare")
    })
  )

  it.live("DR3 lets others have their turn, and ends with its publisher", () =>
    Effect.gen(function* () {
      let [seen, turns] = [0, 0]
      const validator = { validate: () => Effect.sync(() => void seen++) }
      const run = yield* Effect.forkChild(
        dryRun(candidate('["{{client.zone}}"]'), {}, crowd(2_000, 2_000), validator, digestOf)
      )
      while (seen < 20) {
        yield* Effect.yieldNow
        turns++
      }
      yield* Fiber.interrupt(run)
      assert.isAtLeast(turns, 10)
      assert.isBelow(seen, 2_000)
    })
  )
})
