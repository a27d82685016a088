import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { dryRun } from "../../src/configuration/DryRun.ts"
import type { ClientView } from "../../src/updates/Client.ts"
import type { Mistake } from "../../src/work/Mistake.ts"
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

const readerOf = (answer: (text: string) => Mistake | undefined | void) => ({
  examine: (_: unknown, text: string) =>
    Effect.sync(() => answer(text) || ({ _tag: "Read", secrets: [], members: undefined } as const))
})

describe("dryRun", () => {
  it.effect("DR1 checks once what many clients get", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const reader = readerOf((text) => void seen.push(text))
      yield* dryRun(candidate('["{{client.zone}}"]'), {}, crowd(1_000, 3), reader, digestOf)
      assert.deepStrictEqual(seen, ['["0"]', '["zone-0"]', '["zone-1"]', '["zone-2"]'])
    })
  )

  it.effect("DR2 names the first client that can't have it", () =>
    Effect.gen(function* () {
      const reader = readerOf((text) =>
        text === '["zone-5"]' ? { _tag: "Violation", path: "", message: "no" } : undefined
      )
      const clients = [...crowd(40, 40), client("bare"), client("also")]
      const first = yield* Effect.flip(dryRun(candidate('["{{client.zone}}"]'), {}, clients, reader, digestOf))
      assert.include(first.message, "web/i-5")
      const bare = yield* Effect.flip(dryRun(candidate('["{{client.zone}}"]'), {}, clients.slice(6), reader, digestOf))
      assert.deepStrictEqual(bare.details?.["client"], "web/bare")
    })
  )

  it.live("DR3 lets others have their turn, and ends with its publisher", () =>
    Effect.gen(function* () {
      let [seen, turns] = [0, 0]
      const reader = readerOf(() => void seen++)
      const run = yield* Effect.forkChild(
        dryRun(candidate('["{{client.zone}}"]'), {}, crowd(2_000, 2_000), reader, digestOf)
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
