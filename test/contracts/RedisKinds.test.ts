/** What other programs hear in a real Redis of changes of every kind, and what a user of Redis with an ACL as docs/redis.md has it may do. */

import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import { makeSeal } from "../../layers/Crypto/seals/Seals.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import { HintLanes } from "../../src/propagation/HintLanes.ts"
import { Seal } from "../../src/seals/Seal.ts"
import { configuration, revisionOf } from "../support/Configuration.ts"
import { featureFlag } from "../support/FeatureFlag.ts"
import { type Started, startRedis } from "../support/Redis.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8")
const seal = Layer.effect(Seal, makeSeal(Effect.succeed([{ id: "1", key: new Uint8Array(32).fill(1) }])))

describe("Redis, for other programs", () => {
  let redis: Started
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.[Symbol.asyncDispose]())

  it.live(
    "KI4 each change of a revision is told under the word of its kind, by the user that docs/redis.md shows",
    () =>
      Effect.gen(function* () {
        const [, rules] = /^user herald (on .*)$/m.exec(page)!
        const server = redis.nodes[0]!
        yield* Effect.promise(() =>
          server.ask((one) =>
            one.call("ACL", "SETUSER", "herald", ...rules!.replace("<password>", "secret").split(" "))
          )
        )
        const url = Redacted.make(redis.url.replace("redis://", "redis://herald:secret@"))
        const options = { url, mode: "single", sentinelName: "", timeout: 2_000 } as const
        const context = yield* Layer.build(Redis.layer(options).pipe(Layer.provide([kinds, seal])))
        const lane = Context.get(context, HintLanes).at(-1)!
        const heard: Array<readonly [channel: string, said: Record<string, unknown>]> = []
        const changes = [
          configuration("new.checkout", 3),
          featureFlag("new.checkout", 3),
          { kind: "later", environment: "production", key: "new.checkout" },
          featureFlag("old", 3, { deleted: true })
        ]
        yield* Effect.promise(() =>
          server.ask(async (one) => {
            one.on("pmessage", (_: string, channel: string, text: string) => heard.push([channel, JSON.parse(text)]))
            await one.psubscribe("*:updates:*")
            await Effect.runPromise(lane.tell({ ...revisionOf(3, []), changes }))
            await waitUntil("each that is known", () => heard.length === 3)
          })
        )
        assert.deepStrictEqual(
          heard.map(([channel]) => channel),
          ["config:updates:new.checkout", "flag:updates:new.checkout", "flag:updates:old"]
        )
        const [, flag, gone] = heard.map(([, { traceparent: _, ...said }]) => said)
        const at = { environment: "production", version: 3, valueType: "json", revision: "3", epoch: "e1" }
        const { definition } = featureFlag("new.checkout", 3)
        const timestamp = 1_700_000_000_000
        assert.deepStrictEqual(flag, { ...at, key: "new.checkout", value: definition, deleted: false, timestamp })
        assert.deepStrictEqual(gone, { ...at, key: "old", value: null, deleted: true, timestamp })
      }).pipe(Effect.scoped)
  )
})
