/**
 * Remembers API keys on this node, so that a request costs no query.
 *
 *   KN1  It is read again every `refreshEvery`; while the database is away, what is known goes on counting.
 *   KN2  An id that is not known is looked up once, then not again for `refreshEvery`; such look-ups are limited in number.
 */
import { Clock, Duration, Effect, type Scope } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { RateLimits } from "../limits/RateLimits.ts"
import { every } from "../telemetry/Every.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { type ApiKey, ApiKeyStore } from "./ApiKeyStore.ts"

export interface KnownKeys {
  /** Undefined: there is no such key. Fails as `ApiKeyStore.find` when only the database can say. */
  readonly find: (id: string) => Effect.Effect<ApiKey | undefined, HeraldError>
  /** As it is known now, without a question to anybody. Undefined: only `find` can say. */
  readonly known: (id: string) => ApiKey | undefined
  readonly remember: (key: ApiKey) => void
  /** Marks a key as revoked at once, not at the next refresh. `at`: milliseconds since 1970. */
  readonly revoked: (id: string, at: number) => void
}

const UNKNOWN_KEPT = 10_000

export const makeKnownKeys = (options: {
  readonly refreshEvery: Duration.Input
}): Effect.Effect<KnownKeys, never, ApiKeyStore | Scope.Scope> =>
  Effect.gen(function* () {
    const store = yield* ApiKeyStore
    const clock = yield* Clock.Clock
    const keep = Duration.toMillis(options.refreshEvery)
    const lookups = new RateLimits({ perSecond: 50, burst: 100 })
    const unknown = new Map<string, number>()
    let known = new Map<string, ApiKey>()

    /** Keys made or revoked here since the last refresh began. Its list may lack that, and must not undo it. */
    let fresh = new Set<string>()

    const refresh = Effect.gen(function* () {
      const mine = fresh
      fresh = new Set()
      const all = new Map((yield* store.list).map((key) => [key.id, key]))
      for (const id of [...mine, ...fresh]) {
        const key = known.get(id)
        if (key !== undefined && all.get(id)?.revokedAt !== key.revokedAt && all.get(id)?.revokedAt == null)
          all.set(id, key)
      }
      known = all
    })

    yield* Effect.forkScoped(every("API keys were not read again", options.refreshEvery, refresh))

    return {
      find: (id) =>
        Effect.suspend(() => {
          const key = known.get(id)
          if (key !== undefined) return Effect.succeed(key)
          const now = millisOf(clock)
          const since = unknown.get(id)
          if (since !== undefined && now - since < keep) return Effect.succeed(undefined) // KN2
          const wait = lookups.take("unknown", now)
          if (wait > 0) {
            return Effect.fail(
              failure("RateLimited", "too many tokens that nobody knows were tried", {
                details: { retryAfterMillis: wait }
              })
            )
          }
          return store.find(id).pipe(
            Effect.tap((found) =>
              Effect.sync(() => {
                if (found !== undefined) return void known.set(id, found)
                if (unknown.size >= UNKNOWN_KEPT) unknown.clear()
                unknown.set(id, now)
              })
            )
          )
        }),
      known: (id) => known.get(id),
      remember: (key) => {
        unknown.delete(key.id)
        fresh.add(key.id)
        known.set(key.id, key)
      },
      revoked: (id, at) => {
        const key = known.get(id)
        if (key === undefined || key.revokedAt !== null) return
        fresh.add(id)
        known.set(id, { ...key, revokedAt: at })
      }
    } satisfies KnownKeys
  })
