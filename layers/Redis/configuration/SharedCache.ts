/**
 * The shared cache in Redis, under names that other programs read as well: `config:{key}:{environment}` and
 * `config:version:{key}:{environment}`. See docs/redis.md.
 *
 *   RC4  Within one epoch a lower revision never replaces a higher one: a script compares and sets in one step.
 *   RC5  An entry that is broken, or that no node sealed for its key, is never returned: it is counted and removed, and never keeps a node
 *        from writing its own.
 *   RC6  A deleted key's entry says so, with `null` for its value. Every node that knows of a change removes an older entry, within 2 s or as
 *        soon as Redis answers again: the node that made the change may have died before it wrote here.
 *   RC8  After an inspection an entry and the version beside it are the head's, or newer, or gone, even where nobody reads them through a
 *        node.
 *   RC7  Every entry ends by itself: after an hour, or 5 minutes for a service's own key, ±10 %.
 */

import { Effect, Layer, Metric, Option, Random, Schema } from "effect"
import type { Head } from "../../../src/configuration/Configuration.ts"
import { fromJson, toJson } from "../../../src/configuration/ConfigurationKind.ts"
import { positionOf, type Shared, SharedCache, type SharedCacheShape } from "../../../src/configuration/SharedCache.ts"
import { covers, type Position } from "../../../src/propagation/Position.ts"
import { Seal, type SealShape } from "../../../src/seals/Seal.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { counter } from "../../../src/telemetry/Metrics.ts"
import { Client, type RedisAway } from "../connection/Client.ts"
import { evaluate, LOOK, REMOVE_OLDER, SET, SET_VERSION } from "../connection/Scripts.ts"
import { openedJson, sealedJson } from "../connection/Sealed.ts"
import { EntryJson, valueKey, versionKey } from "./Entry.ts"

/** Milliseconds. */
const TTL = 3_600_000
const TTL_LATEST = 300_000
/** Keys that changed and whose entries are still to be looked at, at most. The oldest are given up: their entries expire by themselves. */
const OWED = 10_000
/** Keys in one call. */
const TOGETHER = 100
/** Bytes of entries that one look reads together; larger entries are read one by one. */
const LOOK_BYTES = 1_048_576

/** The entry of a key `version:x` would have the name of the version of `x`. */
const hasEntry = (key: string) => !key.startsWith("version:")

/** A service named `x` gets the key `x` as its own; keys with a dot are below one. */
const ttlOf = (key: string) => (key.includes(".") ? TTL : TTL_LATEST)

/** Epoch and revision come first, so that the script need not parse a value of up to 1 MiB. */
const encodeEntry = (seal: SealShape, { epoch, configuration }: Shared) =>
  sealedJson(seal, "entry", JSON.stringify({ epoch, ...toJson(configuration) }))

const WRONG_TYPE = Symbol("another type")
const decode = Schema.decodeUnknownOption(EntryJson)

export const layer = Layer.effect(
  SharedCache,
  Effect.gen(function* () {
    const { call, cluster, away } = yield* Client
    const seal = yield* Seal
    const owed = new Map<string, Pick<Head, "environment" | "key"> & Position>()

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
      const json = openedJson(seal, "entry", text)
      const entry = json === undefined ? undefined : Option.getOrUndefined(decode(json))
      if (entry === undefined || entry.environment !== environment || entry.key !== key) return undefined
      const { epoch, ...written } = entry
      const configuration = fromJson(written)
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

    const due = Effect.suspend(() => (owed.size === 0 || away() ? Effect.void : repay))
    yield* Effect.forkScoped(afterEvery("what changed was not taken out of the shared cache", "1 second", due))

    const textOf = (id: string) =>
      call((redis) =>
        redis.get(id).catch((cause: Error) => {
          if (cause.message.startsWith("WRONGTYPE")) return WRONG_TYPE
          throw cause
        })
      )

    const remove = (environment: string, key: string) =>
      Effect.forEach([valueKey(environment, key), versionKey(environment, key)], (id) =>
        call((redis) => redis.unlink(id))
      )

    const get = Effect.fnUntraced(function* (environment: string, key: string) {
      if (!hasEntry(key)) return undefined
      const text = yield* textOf(valueKey(environment, key))
      if (text === null) return undefined
      const found = typeof text === "string" ? parse(environment, key, text) : undefined
      if (found !== undefined) return found
      yield* Metric.update(brokenTotal, 1)
      yield* remove(environment, key)
      return undefined
    })

    const sharing = yield* notice("redis", {
      source: "values",
      began: "Redis answers and takes no values: they come from the database",
      ended: "Redis takes values again"
    })
    const noted = <A>(write: Effect.Effect<A, RedisAway>) =>
      write.pipe(
        Effect.tapError(({ refused, message }) => (refused === true ? sharing.fails(message) : Effect.void)),
        Effect.tap(() => sharing.works)
      )

    const set = (shared: Shared, ttl: number) => {
      const { environment, key, version } = shared.configuration
      const { epoch, revision } = positionOf(shared)
      return noted(
        call((redis) =>
          evaluate(redis, SET, keysOf(environment, key), [
            encodeEntry(seal, shared),
            epoch,
            String(revision),
            version,
            ttl
          ])
        )
      )
    }

    /** RC8: looks at entries in one call; `gone` are the heads whose entries had to go. */
    const inspectSome = Effect.fnUntraced(function* (epoch: string, heads: ReadonlyArray<Head>) {
      const ids = heads.flatMap(({ environment, key }) => keysOf(environment, key))
      const each = ids.length / heads.length
      const seen = yield* call((redis) => evaluate<Array<string | number | null>>(redis, LOOK, ids, [each, LOOK_BYTES]))
      const gone: Array<Head> = []
      let bytes = 0
      for (const [i, head] of heads.entries()) {
        const { environment, key, revision } = head
        const said = seen[2 * i] ?? null
        const text = said === 2 ? yield* textOf(valueKey(environment, key)) : said
        const version = cluster
          ? yield* call((redis) => redis.get(versionKey(environment, key))).pipe(
              Effect.catch(() => Effect.succeed(null))
            )
          : (seen[2 * i + 1] ?? null)
        if (text === null && version === null) continue
        bytes += typeof text === "string" ? text.length : 0
        const found = typeof text === "string" ? parse(environment, key, text) : undefined
        const current = found !== undefined && covers(positionOf(found), { epoch, revision })
        if (current && (version === null || version === String(found.configuration.version))) continue
        if (found === undefined && text !== null) yield* Metric.update(brokenTotal, 1)
        yield* remove(environment, key)
        gone.push(head)
      }
      return { gone, bytes }
    })

    return SharedCache.of({
      outdate,
      get: (environment, key) => Effect.catch(get(environment, key), () => Effect.undefined),
      inspect: Effect.fnUntraced(function* (epoch: string, heads: ReadonlyArray<Head>) {
        const named = heads.filter(({ key }) => hasEntry(key))
        const gone: Array<Head> = []
        let bytes = 0
        const together = cluster ? 1 : TOGETHER
        for (let from = 0; from < named.length && !away(); from += together) {
          const some = yield* Effect.catch(inspectSome(epoch, named.slice(from, from + together)), () =>
            Effect.succeed({ gone: [], bytes: 0 })
          )
          gone.push(...some.gone)
          bytes += some.bytes
        }
        return { gone, bytes }
      }),
      setIfNewer: Effect.fnUntraced(function* (shared: Shared) {
        const { epoch, configuration } = shared
        const { environment, key, version } = configuration
        if (!hasEntry(key)) return
        const ttl = Math.round(ttlOf(key) * (yield* Random.nextBetween(0.9, 1.1))) // RC7
        yield* Effect.gen(function* () {
          let outcome = yield* set(shared, ttl)
          // RC5: an entry that only claims to be newer is removed when it is read.
          if (outcome === 0 && (yield* get(environment, key)) === undefined) outcome = yield* set(shared, ttl)
          if (!cluster || outcome === 0) return
          yield* call((redis) =>
            evaluate(redis, SET_VERSION, [versionKey(environment, key)], [version, ttl, outcome === 2 ? 1 : 0])
          )
        }).pipe(Effect.catch(() => Effect.sync(() => outdate(epoch, [configuration]))))
      })
    })
  })
)

const brokenTotal = counter(
  "herald_redis_broken_entries_total",
  "entries of the shared cache that no node of this database sealed, or that were damaged"
)
