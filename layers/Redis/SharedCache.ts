/**
 * Current values in Redis, under the names that other programs read: `config:{key}:{environment}` holds JSON that begins with epoch and
 * revision, then value and version and the rest; `config:version:{key}:{environment}` holds the version alone.
 *
 *   RC3  A value never replaces a newer one of its epoch, whatever order writers come in: the comparison and the write are one script.
 *   RC4  What can't be read as ours is as good as absent, and is replaced by the next write.
 */
import { Effect, Layer, Metric, Result, Schema } from "effect"
import { Configuration } from "../../src/configuration/Configuration.ts"
import { type Shared, SharedCache } from "../../src/propagation/SharedCache.ts"
import { RedisClient } from "./Client.ts"
import { makeScript } from "./Script.ts"

/** Milliseconds: a backstop for values that no commit overwrites. Spread, so that they don't all go at once. */
const VALUE_TTL = 3_600_000
const VERSION_TTL = 300_000
const spread = (millis: number): number => Math.round(millis * (0.9 + Math.random() * 0.2))

export const valueKey = ({ key, environment }: { readonly key: string; readonly environment: string }) =>
  `config:${key}:${environment}`
export const versionKey = ({ key, environment }: { readonly key: string; readonly environment: string }) =>
  `config:version:${key}:${environment}`

/**
 * KEYS: the value. ARGV: JSON, epoch, revision, milliseconds to live. Returns 1 when it wrote, 2 when it wrote over another epoch's value.
 * Epoch and revision are looked for in the first characters, so that a large value is not decoded. RC3
 */
const setValue = makeScript(`
local head = redis.call('getrange', KEYS[1], 0, 160)
local epoch, revision = string.match(head, '^{"epoch":"([^"]*)","revision":"(%d+)"')
if epoch == ARGV[2] and tonumber(revision) >= tonumber(ARGV[3]) then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[4])
if epoch and epoch ~= ARGV[2] then return 2 end
return 1`)

/** KEYS: the version. ARGV: the version, milliseconds to live, 1 to write in any case. */
const setVersion = makeScript(`
local held = tonumber(redis.call('get', KEYS[1]))
if ARGV[3] ~= '1' and held and held > tonumber(ARGV[1]) then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1`)

const codec = Schema.toCodecJson(Configuration)
const decode = Schema.decodeUnknownResult(codec)
const encode = Schema.encodeSync(codec)

/** Other programs see `null` for a deleted key. */
export const toJson = ({ epoch, configuration }: Shared): string => {
  const { revision, ...rest } = encode(configuration) as Record<string, unknown>
  return JSON.stringify({ epoch, revision, ...rest, value: configuration.deleted ? null : configuration.value })
}

/** RC4 */
const fromJson = (text: string): Shared | undefined => {
  try {
    const { epoch, ...rest } = JSON.parse(text) as Record<string, unknown>
    const found = decode({ ...rest, value: rest["value"] ?? "" })
    return typeof epoch === "string" && Result.isSuccess(found) ? { epoch, configuration: found.success } : undefined
  } catch {
    return undefined
  }
}

export const layer = Layer.effect(
  SharedCache,
  Effect.gen(function* () {
    const { call } = yield* RedisClient
    return {
      get: Effect.fnUntraced(function* (environment, key) {
        const text = yield* call("get", (redis) => redis.get(valueKey({ environment, key })))
        if (text === undefined || text === null) return undefined
        const found = fromJson(text)
        const ours = found?.configuration.key === key && found.configuration.environment === environment
        if (!ours) yield* Metric.update(foreign, 1)
        return ours ? found : undefined
      }),
      setIfNewer: Effect.fnUntraced(function* (shared) {
        const { epoch, configuration } = shared
        const wrote = yield* call("set a value", (redis) =>
          setValue(redis, valueKey(configuration), [
            toJson(shared),
            epoch,
            String(configuration.revision),
            spread(VALUE_TTL)
          ])
        )
        if (wrote !== 1 && wrote !== 2) return
        yield* call("set a version", (redis) =>
          setVersion(redis, versionKey(configuration), [
            configuration.version,
            spread(VERSION_TTL),
            wrote === 2 ? "1" : "0"
          ])
        )
      })
    }
  })
)

const foreign = Metric.counter("herald_redis_foreign_total", {
  incremental: true,
  description: "entries that could not be read as ours"
})
