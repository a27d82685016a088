import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Cache from "../../../layers/Redis/configuration/SharedCache.ts"
import { Client, RedisAway } from "../../../layers/Redis/connection/Client.ts"
import * as Board from "../../../layers/Redis/noticeboard/Noticeboard.ts"
import { SharedCache } from "../../../src/configuration/SharedCache.ts"
import { Noticeboard } from "../../../src/noticeboard/Noticeboard.ts"
import { configuration, shared } from "../../support/Configuration.ts"
import { layerTestSeal } from "../../support/Seal.ts"

describe("what Redis says", () => {
  it.effect("FL4 reaches nobody: whatever it says, who asks is told that nothing is there, and goes on", () =>
    Effect.gen(function* () {
      let asked = 0
      for (const refused of [false, true]) {
        const client = Client.of({
          ...{ cluster: false, away: () => false },
          call: () =>
            Effect.suspend(() => {
              asked++
              return Effect.fail(new RedisAway({ message: "NOPERM user herald at 10.0.0.3:6379", refused }))
            })
        })
        const layers = Layer.mergeAll(Cache.layer, Board.layer()).pipe(
          Layer.provide([Layer.succeed(Client, client), layerTestSeal])
        )
        const built = yield* Layer.build(layers)
        const [cache, board] = [Context.get(built, SharedCache), Context.get(built, Noticeboard)!]
        const { environment, key } = configuration("k", 1)
        assert.isUndefined(yield* cache.get(environment, key))
        assert.isUndefined(yield* cache.setIfNewer(shared("k", 1)))
        const heads = [{ ...configuration("k", 1), revision: 1n }]
        assert.deepStrictEqual(yield* cache.inspect!("e1", heads as never), { gone: [], bytes: 0 })
        assert.isUndefined(yield* board.put([{ name: "n", text: "{}", millis: 1 }]))
      }
      assert.strictEqual(asked, 8)
    }).pipe(Effect.scoped)
  )
})
