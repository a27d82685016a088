/** Limits over nodes in a real Redis, one and a Redis Cluster, by the user that docs/redis.md shows; frozen, killed and back. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import type { Cluster, Redis } from "ioredis"
import { afterAll, beforeAll } from "vitest"
import { Client, type RedisOptions } from "../../layers/Redis/connection/Client.ts"
import { aheadOf } from "../../layers/Redis/connection/ClockAhead.ts"
import { keyOf } from "../../layers/Redis/limits/BucketKey.ts"
import * as RedisLimits from "../../layers/Redis/limits/Limits.ts"
import { Limits, type Rates } from "../../src/limits/Limits.ts"
import { type Started, startCluster, startRedis } from "../support/Redis.ts"
import { waitUntil } from "../support/waitUntil.ts"

const page = readFileSync(new URL("../../docs/redis.md", import.meta.url), "utf8")
/** Slow, so that what comes back while a test runs is little. */
const limit = { perSecond: 1, burst: 1_000 }

/** Tokens that come back from `from` until now. */
const backSince = (from: number): number => Math.ceil(((performance.now() - from) * limit.perSecond) / 1_000)

/** What two nodes together give at most: the bucket, and twice what each may owe (LO1, LO2). */
const MOST = limit.burst + 2 * 2 * 50

/**
 * What nodes give of one bucket, by name, until that is what they give together. On a starved machine Redis is silent for more than 20 ms, and each node
 * goes by its own share (LO4): then with somebody else.
 */
const together = async (names: ReadonlyArray<string>, give: (name: string) => Promise<number>) => {
  let [name = "", all, most] = ["", Number.POSITIVE_INFINITY, 0]
  for (const next of names) {
    if (all <= most) break
    name = next
    const from = performance.now()
    all = await give(name)
    most = MOST + backSince(from)
  }
  assert.isAtLeast(all, limit.burst * 0.9)
  assert.isAtMost(all, most)
  return name
}

/** As many as it gives without a pause for longer than a lot takes to come. */
const drain = async (rates: Rates, name: string): Promise<number> => {
  let taken = 0
  for (let quiet = 0; quiet < 5; ) {
    if (rates.take(name, performance.now()) === 0) {
      taken++
      quiet = 0
      if (taken % 20 === 0) await new Promise(setImmediate)
    } else {
      quiet++
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  return taken
}

for (const [mode, start] of [
  ["single", startRedis],
  ["cluster", startCluster]
] as const satisfies ReadonlyArray<readonly [RedisOptions["mode"], () => Promise<Started>]>)
  describe(`limits in Redis, ${mode}`, () => {
    let redis: Started
    beforeAll(async () => {
      redis = await start()
      await admit()
    })
    afterAll(() => redis?.[Symbol.asyncDispose]())
    /** The user is in memory alone, and gone with a server that was killed. */
    const admit = async () => {
      const rules = /^user herald (.+)$/m.exec(page)![1]!.replace("<password>", "p").split(" ")
      if (mode === "single") await redis.nodes[0]!.ask((one) => one.acl("SETUSER", "herald", ...rules))
    }

    const node = (ahead = 0, timeout = 200) => {
      const url = Redacted.make(mode === "cluster" ? redis.url : redis.url.replaceAll("redis://", "redis://herald:p@"))
      const client = Client.layer({ url, mode, sentinelName: "mymaster", timeout })
      const clock = Effect.clockWith((here) => Effect.succeed(aheadOf(here, () => ahead)))
      return Effect.gen(function* () {
        const built = yield* Layer.build(RedisLimits.layer.pipe(Layer.provide(Layer.fresh(client))))
        return Context.get(built, Limits)("principal", limit)
      }).pipe(Effect.provideServiceEffect(Clock.Clock, clock))
    }

    it.live("LO1 EC1 two nodes together give what one bucket has, and names are nobody's to read", () =>
      Effect.gen(function* () {
        const nodes = [yield* node(), yield* node()]
        const who = yield* Effect.promise(() =>
          together(["ann", "dan", "eve", "fay", "gil", "hal"], async (name) => {
            const taken = await Promise.all(nodes.map((one) => drain(one, name)))
            return taken.reduce((sum, one) => sum + one, 0)
          })
        )
        yield* Effect.promise(() =>
          waitUntil("there to be none", () => nodes[0]!.take(who, performance.now()) > 0 || undefined)
        )
        assert.strictEqual(nodes[0]!.take("ben", performance.now()), 0)
        const names = yield* Effect.promise(async () =>
          (await Promise.all(redis.nodes.map((one) => one.ask((client) => client.keys("*")).catch(() => [])))).flat()
        )
        assert.isTrue(names.some((name) => name.startsWith("limits:{principal:")))
        assert.isFalse(names.some((name) => name.includes(who)))
      }).pipe(Effect.scoped)
    )

    it.live("EC2 a node whose clock is an hour ahead neither fills the bucket nor keeps it from being filled", () =>
      Effect.gen(function* () {
        const [ahead, here] = [yield* node(3_600_000), yield* node()]
        const who = yield* Effect.promise(() =>
          together(
            ["cat", "ida", "jan", "kim", "lea", "max"],
            async (name) => (await drain(ahead, name)) + (await drain(here, name))
          )
        )
        yield* Effect.promise(() =>
          waitUntil("the bucket to be filled on", () => here.take(who, performance.now()) === 0 || undefined)
        )
      }).pipe(Effect.scoped)
    )

    if (mode === "single")
      it.live("LO6 EC4 a forged or broken bucket neither holds its owner up nor gives more, and is removed", () =>
        Effect.gen(function* () {
          const one = yield* node()
          const forged: ReadonlyArray<readonly [tokens: string | null, filled: string]> = [
            ["-1e12", "0"],
            ["nan", "0"],
            ["1e308", "0"],
            ["0", String(Date.now() + 1e12)],
            [null, "nan"] // of another type
          ]
          for (const [i, [tokens, filled]] of forged.entries()) {
            const name = `forged ${i}`
            const key = `limits:${keyOf("principal", name)}`
            const put = (client: Redis | Cluster) =>
              Promise.all([
                tokens === null ? client.lpush(key, "x") : client.set(key, tokens),
                client.set(`${key}:refill`, filled)
              ])
            yield* Effect.promise(() => redis.nodes[0]!.ask(put))
            let taken = 0
            const from = performance.now()
            yield* Effect.promise(() =>
              waitUntil(`the owner of ${tokens} to get all`, async () => {
                taken += await drain(one, name)
                return taken >= limit.burst * 0.9 || undefined
              })
            )
            assert.isAtMost(taken, limit.burst + backSince(from))
            const read = (client: Redis | Cluster) => Promise.all([client.get(key), client.get(`${key}:refill`)])
            const [has, at] = yield* Effect.promise(() => redis.nodes[0]!.ask(read))
            assert.isTrue(Number(has) >= 0 && Number(has) <= limit.burst, String(has))
            assert.isBelow(Math.abs(Number(at ?? Date.now()) - Date.now()), 60_000)
          }
        }).pipe(Effect.scoped)
      )

    if (mode === "single")
      it.live(
        "LO4 EC3 LJ1 frozen, killed: each node goes by its own share at once, and by that of all when it is back",
        () =>
          Effect.gen(function* () {
            const nodes = [yield* node(0, 50), yield* node(0, 50)]
            const [server] = redis.nodes
            for (const how of ["frozen", "killed"] as const) {
              if (how === "frozen") yield* Effect.promise(() => server!.signal("SIGSTOP"))
              else yield* Effect.promise(() => server!.kill())
              for (const one of nodes) assert.strictEqual(one.take(`dan ${how}`, performance.now()), 0) // LJ1: it says so at once
              const from = performance.now()
              const taken = yield* Effect.promise(() => Promise.all(nodes.map((one) => drain(one, `eve ${how}`))))
              for (const one of taken) {
                assert.isAtLeast(one, limit.burst / 8) // those of the tests before are counted for a while
                assert.isAtMost(one, limit.burst + backSince(from)) // before they counted each other it would be all of it
              }
              if (how === "frozen") yield* Effect.promise(() => server!.signal("SIGCONT"))
              else yield* Effect.promise(() => server!.start().then(admit))
              let i = 0
              yield* Effect.promise(() =>
                waitUntil("one node to know what the other took", async () => {
                  const name = `back ${how} ${i++}`
                  if ((await drain(nodes[0]!, name)) < limit.burst * 0.9) return undefined
                  return (await drain(nodes[1]!, name)) < limit.burst / 4 || undefined
                })
              )
            }
          }).pipe(Effect.scoped)
      )
  })
