import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Access, requirePermission } from "../../../src/access/Access.ts"
import type { Identity } from "../../../src/access/Identity.ts"
import { makeCalling } from "../../../src/edge/grpc/Calling.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { countingOnce } from "../../../src/limits/Counting.ts"

const ann: Identity = { name: "ann", keyId: "k1", role: "subscriber", environments: ["production"] }
const anonymous: Identity = { ...ann, name: "anonymous", keyId: "" }
const counted: Array<string> = []
const access = Layer.mock(Access, {
  atOnce: Effect.succeed({
    counting: () =>
      countingOnce(({ name }, environment) => {
        counted.push(`${name} ${environment}`)
        return counted.length > 1 ? failure("RateLimited", "too many") : undefined
      }, undefined)
  } as never)
})

describe("calls in environments", () => {
  it.effect("LX3 count once where they turn out to be, and in nobody's limits who have no key", () =>
    Effect.gen(function* () {
      const { as, countOf } = yield* makeCalling
      const touch = requirePermission("config.read", "production", "some")
      yield* as(anonymous, touch)
      assert.isUndefined(countOf(anonymous))
      assert.deepStrictEqual(counted, [])
      const count = countOf(ann)
      assert.isUndefined(count?.count(ann, "production"))
      yield* as(ann, Effect.andThen(touch, touch), count)
      assert.deepStrictEqual(counted, ["ann production"])
      assert.strictEqual((yield* Effect.flip(as(ann, touch))).name, "RateLimited")
    }).pipe(Effect.provide(access))
  )
})
