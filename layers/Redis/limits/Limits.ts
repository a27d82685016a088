/**
 * Rates over all nodes, in buckets that Redis keeps: Effect's store of them, asked in lots (src/limits/Lots.ts).
 *
 *   EC1  A bucket is kept by a digest of its name, and ends by itself when it would be full: Redis holds nobody's name, and nothing of who left.
 *   EC2  Clocks of nodes may differ: buckets are filled by that of Redis, which each node asks for.
 *   EC4  A bucket that is not as this writes it (of another type, no number, more than it holds or less than nothing, filled in the future) is removed when
 *        its answers can't be (LO6 in Lots.ts) or it can't be read: it is then full.
 *   EC3  How many nodes there are is counted in windows of 10 s, in which each says once that it is there. A Redis that comes back and knows of fewer has
 *        lost its memory: what was known counts until the next look, and each says again that it is there.
 */
import { createHash } from "node:crypto"
import { Clock, Duration, Effect, Layer, Metric, Option } from "effect"
import { Redis as EffectRedis, RateLimiter } from "effect/persistence"
import { Limits } from "../../../src/limits/Limits.ts"
import { type Given, Lots, NODES } from "../../../src/limits/Lots.ts"
import type { RateLimit } from "../../../src/limits/RateLimits.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { counter, gauge } from "../../../src/telemetry/Metrics.ts"
import { millisOf } from "../../../src/telemetry/Monotonic.ts"
import { Client } from "../connection/Client.ts"
import { aheadOf } from "../connection/ClockAhead.ts"
import { evaluate } from "../connection/Scripts.ts"
import { keyOf } from "./BucketKey.ts"

/** In front of all names of keys. */
const PREFIX = "limits:"
/** Milliseconds. EC3 */
const WINDOW = 10_000
const LOOK = "5 seconds"

const lots = counter(
  "herald_limits_lots_total",
  "lots of requests that nodes asked Redis for, for limits over all of them"
)
const broken = counter(
  "herald_limits_broken_total",
  "buckets of limits in Redis that were forged or broken, and removed"
)
const counted = gauge("herald_limits_nodes", "nodes that count limits together in Redis; 0: this one counts alone")

/** Milliseconds by which clocks may be apart that fill one bucket. EC4 */
const APART = 5_000
/** What Redis says of what is no text. */
const UNUSABLE = /WRONGTYPE/

/** EC4 */
const isGood = (tokens: string | null, filled: string | null, burst: number, now: number): boolean =>
  (tokens === null || (tokens !== "" && Number(tokens) >= 0 && Number(tokens) <= burst)) &&
  (filled === null || (filled !== "" && Number(filled) >= 0 && Number(filled) <= now + APART))

/** What Redis said, below what the store makes of it. */
const reasonOf = (error: unknown): string => {
  let said = String(error)
  for (let at: unknown = error; typeof at === "object" && at !== null; at = (at as { readonly cause?: unknown }).cause)
    said = String((at as { readonly message?: unknown }).message ?? said)
  return said
}

const make = Effect.gen(function* () {
  const { call, away } = yield* Client
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  const missing = yield* notice("redis", {
    source: "limits",
    began: "limits are not counted over all nodes: each goes by its own share",
    ended: "limits are counted over all nodes again"
  })
  const unused = () => Effect.die("limits ask for scripts alone")

  /** What Effect's store asks of Redis, on the connection that there is, with its breaker and its bounds. */
  const redis: EffectRedis.Redis["Service"] = {
    send: unused,
    subscribe: unused,
    reserve: Effect.die("limits ask for scripts alone"),
    eval: (script) => {
      const sha = createHash("sha1").update(script.lua).digest("hex")
      return (...params) => {
        const all = script.params(...params).map((one) => String(one))
        const keys = script.numberOfKeys(...params)
        return Effect.mapError(
          call(
            (client) =>
              evaluate(client, { lua: script.lua, sha }, all.slice(0, keys), all.slice(keys)) as Promise<never>
          ),
          (cause) => new EffectRedis.RedisError({ cause })
        )
      }
    }
  }
  const store = yield* Effect.provideService(
    RateLimiter.makeStoreRedis({ prefix: PREFIX }),
    EffectRedis.Redis,
    EffectRedis.Redis.of(redis)
  )

  /** Milliseconds by which the clock of Redis is ahead. EC2 */
  let ahead = 0
  const there = aheadOf(clock, () => ahead)
  const atRedis = Effect.provideService(Clock.Clock, there)

  let nodes = 1
  let said = -1
  /** It failed since it was last asked. */
  let wasAway = false
  const window = (number: number, tokens: number) =>
    Effect.map(
      store.fixedWindow({
        key: `{nodes:${number}}`,
        tokens,
        refillRate: Duration.millis(tokens === 0 ? 1 : 3 * WINDOW),
        limit: undefined
      }),
      ([count]) => count
    )
  const look = Effect.gen(function* () {
    const before = clock.currentTimeMillisUnsafe()
    const [seconds, micros] = yield* call((client) => client.time())
    const after = clock.currentTimeMillisUnsafe()
    ahead = Math.round(Number(seconds) * 1_000 + Number(micros) / 1_000 - (before + after) / 2)
    const now = Math.floor((after + ahead) / WINDOW)
    const isNew = now !== said
    if (isNew) {
      yield* window(now, 1)
      said = now
    }
    const [last, current] = [yield* window(now - 1, 0), yield* window(now, 0)]
    const both = Math.max(1, last, current)
    if (!(both <= NODES)) return yield* Effect.fail(new Error(`Redis says that ${both} nodes count limits together`)) // LO6
    const isLost = wasAway && both < nodes
    if (isLost && !isNew) yield* window(now, 1)
    if (!isLost) nodes = both
    wasAway = false
    yield* Metric.update(counted, nodes)
    yield* missing.works
  }).pipe(
    Effect.catch((error) => {
      wasAway = true
      return Effect.andThen(Metric.update(counted, 0), missing.fails(reasonOf(error)))
    })
  )
  yield* look
  yield* Effect.forkScoped(afterEvery("limits were not looked after", LOOK, look))

  /** EC4 */
  const examine = (of: string, name: string, burst: number) =>
    Effect.gen(function* () {
      const key = `${PREFIX}${keyOf(of, name)}`
      const keys = [key, `${key}:refill`] as const
      const found = yield* Effect.option(
        call((client) => Promise.all(keys.map((one) => client.get(one)))).pipe(
          Effect.map(([tokens = null, filled = null]) =>
            isGood(tokens, filled, burst, there.currentTimeMillisUnsafe())
          ),
          Effect.catch((error) => (UNUSABLE.test(error.message) ? Effect.succeed(false) : Effect.fail(error)))
        )
      )
      if (Option.getOrElse(found, () => true)) return
      yield* Effect.andThen(
        call((client) => client.del(...keys)),
        Metric.update(broken, 1)
      )
    }).pipe(Effect.ignore)

  const ask =
    (of: string, { perSecond, burst }: RateLimit) =>
    (name: string, tokens: number, done: (given: Given | undefined) => void): void => {
      const refill = 1_000 / perSecond
      const taken = (wanted: number) =>
        store.tokenBucket({
          ...{ key: keyOf(of, name), tokens: wanted, limit: burst },
          ...{ refillRate: Duration.millis(refill), allowOverflow: false }
        })
      const asked = Effect.gen(function* () {
        yield* Metric.update(lots, 1)
        const [left] = yield* taken(tokens)
        if (left >= 0) return { given: tokens, left }
        const some = Math.floor(tokens + left)
        if (!(some >= 1)) return { empty: Math.ceil((1 - (tokens + left)) * refill) }
        const [rest] = yield* taken(some)
        return rest >= 0 ? { given: some, left: rest } : { empty: Math.ceil(refill) }
      })
      run(atRedis(asked)).addObserver((exit) => {
        if (exit._tag === "Failure" && !away()) run(examine(of, name, burst))
        done(exit._tag === "Success" ? exit.value : undefined)
      })
    }

  return (of: string, limit: RateLimit) =>
    new Lots({
      ...{ limit, away, nodes: () => nodes, ask: ask(of, limit) },
      clock: () => millisOf(clock),
      doubt: (name) => void run(examine(of, name, limit.burst))
    })
})

export const layer = Layer.effect(Limits, make)
