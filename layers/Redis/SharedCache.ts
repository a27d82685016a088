/**
 * The shared cache in Redis, under names that other programs read, too: `config:{key}:{environment}` and
 * `config:version:{key}:{environment}`. See docs/redis.md.
 *
 *   RC4  Within one epoch a lower revision never replaces a higher one: a script compares and sets in one step.
 *   RC5  A broken or foreign entry is never handed out: it is counted and removed.
 *   RC6  A deleted key's entry says so, with `null` for its value. Every node that knows of a change takes an older entry away, within
 *        2 s or as soon as Redis answers again: whoever made the change may have died before it was written here.
 *   RC7  Every entry ends by itself: after an hour, or 5 minutes for a service's own key, ±10 %.
 */
import { createHash } from "node:crypto"
import { Effect, Layer, Metric, Option, Random, Schema } from "effect"
import type { Cluster, Redis } from "ioredis"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { type Shared, SharedCache, type SharedCacheShape } from "../../src/propagation/SharedCache.ts"
import { Client } from "./Client.ts"
import { fromWritten, toWritten, WrittenEntry } from "./Entry.ts"

/** Milliseconds. */
const TTL = 3_600_000
const TTL_LATEST = 300_000
/** Keys that changed and whose entry was not looked at since; the oldest are given up: their entries end by themselves. */
const OWED = 10_000
/** Keys in one call. */
const TOGETHER = 100

export const valueKey = (environment: string, key: string) => `config:${key}:${environment}`
export const versionKey = (environment: string, key: string) => `config:version:${key}:${environment}`

/** The entry of a key `version:x` would have the name of the version of `x`. */
const hasEntry = (key: string) => !key.startsWith("version:")

/** A service named `x` gets the key `x` as its own; keys with a dot are below one. */
const ttlOf = (key: string) => (key.includes(".") ? TTL : TTL_LATEST)

/** Epoch and revision come first, so that the script need not parse a value of up to 1 MiB. */
export const encodeEntry = ({ epoch, configuration }: Shared) => JSON.stringify({ epoch, ...toWritten(configuration) })

/** `held(key)`: what is there, its epoch and its revision. Decimal text is compared, because Lua's numbers end at 2^53. */
const HELD = `
local function held(key)
  local found = redis.pcall('GETRANGE', key, 0, 255)
  local epoch, revision
  if type(found) == 'string' then epoch, revision = string.match(found, '^{"epoch":"([^"]*)","revision":"(%d+)"') end
  return found, epoch, revision
end
local function atLeast(revision, least)
  return #revision > #least or (#revision == #least and revision >= least)
end
`

interface Script {
  readonly lua: string
  readonly sha: string
}
const script = (lua: string): Script => ({ lua, sha: createHash("sha1").update(lua).digest("hex") })

/**
 * RC4. KEYS: value, and version where both are in one slot. ARGV: entry, epoch, revision, version, milliseconds.
 * 0: a newer one was there. 1: set. 2: set over what can't be compared. The same revision is set again: that repairs a broken entry.
 */
const SET = script(`${HELD}
local found, epoch, revision = held(KEYS[1])
local same = epoch == ARGV[2]
if same and atLeast(revision, ARGV[3]) and revision ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5]) end
if same or found == '' then return 1 end
return 2
`)

/** Redis Cluster, where the version is in another slot. KEYS: version. ARGV: version, milliseconds, 1 to set it in any case. */
const SET_VERSION = script(`
local held = redis.pcall('GET', KEYS[1])
if ARGV[3] ~= '1' and type(held) == 'string' and (tonumber(held) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

/** RC6. KEYS as SET, of one entry after the other. ARGV: epoch and revision of each. Returns how many were older than that, and removed. */
const REMOVE_OLDER = script(`${HELD}
local each, removed = #KEYS / (#ARGV / 2), 0
for i = 1, #ARGV, 2 do
  local first = (i - 1) / 2 * each + 1
  local found, epoch, revision = held(KEYS[first])
  if not (epoch == ARGV[i] and atLeast(revision, ARGV[i + 1])) then
    redis.call('DEL', unpack(KEYS, first, first + each - 1))
    removed = removed + 1
  end
end
return removed
`)

const evaluate = async (
  redis: Redis | Cluster,
  { lua, sha }: Script,
  keys: Array<string>,
  args: Array<string | number>
) => {
  try {
    return (await redis.evalsha(sha, keys.length, ...keys, ...args)) as number
  } catch (cause) {
    if (!(cause as Error).message.startsWith("NOSCRIPT")) throw cause
    return (await redis.eval(lua, keys.length, ...keys, ...args)) as number
  }
}

const WRONG_TYPE = Symbol("another type")
const decode = Schema.decodeUnknownOption(WrittenEntry)

export const layerSharedCache = Layer.effect(
  SharedCache,
  Effect.gen(function* () {
    const { call, cluster, away } = yield* Client
    const owed = new Map<string, Pick<Configuration, "environment" | "key" | "revision"> & { readonly epoch: string }>()

    const outdate: SharedCacheShape["outdate"] = (epoch, heads) => {
      for (const { environment, key, revision } of heads) {
        if (!hasEntry(key)) continue
        const id = valueKey(environment, key)
        owed.delete(id)
        owed.set(id, { environment, key, revision, epoch })
        if (owed.size > OWED) owed.delete(owed.keys().next().value!)
      }
    }

    const keysOf = (environment: string, key: string) =>
      cluster ? [valueKey(environment, key)] : [valueKey(environment, key), versionKey(environment, key)]

    /** RC5 */
    const parse = (environment: string, key: string, text: string): Shared | undefined => {
      const entry = Option.getOrUndefined(decode(text))
      if (entry === undefined || entry.environment !== environment || entry.key !== key) return undefined
      const { epoch, ...written } = entry
      const configuration = fromWritten(written)
      return configuration === undefined ? undefined : { epoch, configuration }
    }

    const repay = Effect.gen(function* () {
      const all = [...owed]
      const together = cluster ? 1 : TOGETHER
      for (let from = 0; from < all.length; from += together) {
        const debts = all.slice(from, from + together)
        const keys = debts.flatMap(([, { environment, key }]) => keysOf(environment, key))
        const least = debts.flatMap(([, { epoch, revision }]) => [epoch, String(revision)])
        const removed = yield* call((redis) => evaluate(redis, REMOVE_OLDER, keys, least))
        if (cluster && removed === 1)
          yield* call((redis) => redis.del(...debts.map(([, { environment, key }]) => versionKey(environment, key))))
        for (const [id, debt] of debts) if (owed.get(id) === debt) owed.delete(id)
      }
    })

    yield* Effect.sleep("1 second").pipe(
      Effect.andThen(Effect.suspend(() => (owed.size === 0 || away() ? Effect.void : Effect.ignore(repay)))),
      Effect.forever,
      Effect.forkScoped
    )

    return SharedCache.of({
      outdate,
      get: Effect.fnUntraced(
        function* (environment: string, key: string) {
          if (!hasEntry(key)) return undefined
          const id = valueKey(environment, key)
          const text = yield* call((redis) =>
            redis.get(id).catch((cause: Error) => {
              if (cause.message.startsWith("WRONGTYPE")) return WRONG_TYPE
              throw cause
            })
          )
          if (text === null) return undefined
          const found = typeof text === "string" ? parse(environment, key, text) : undefined
          if (found !== undefined) return found
          yield* Metric.update(brokenTotal, 1)
          yield* call((redis) => redis.unlink(id))
          return undefined
        },
        Effect.catch(() => Effect.undefined)
      ),
      setIfNewer: Effect.fnUntraced(function* (shared: Shared) {
        const { epoch, configuration } = shared
        const { environment, key, revision, version } = configuration
        if (!hasEntry(key)) return
        const ttl = Math.round(ttlOf(key) * (yield* Random.nextBetween(0.9, 1.1))) // RC7
        yield* Effect.gen(function* () {
          const args = [encodeEntry(shared), epoch, String(revision), version, ttl]
          const outcome = yield* call((redis) => evaluate(redis, SET, keysOf(environment, key), args))
          if (!cluster || outcome === 0) return
          yield* call((redis) =>
            evaluate(redis, SET_VERSION, [versionKey(environment, key)], [version, ttl, outcome === 2 ? 1 : 0])
          )
        }).pipe(Effect.catch(() => Effect.sync(() => outdate(epoch, [configuration]))))
      })
    })
  })
)

const brokenTotal = Metric.counter("herald_redis_broken_entries_total", {
  incremental: true,
  description: "entries of the shared cache that were not Herald's or were damaged"
})
