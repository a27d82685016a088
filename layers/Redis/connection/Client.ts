/**
 * Sends commands to Redis, and copes when it does not answer.
 *
 *   RC1  Every call ends within `timeout`, and none waits for a connection.
 *   RC2  After 5 failures in a row Redis counts as away: calls end at once, and only pings ask whether it is back.
 *   RC3  At most 1,024 calls are without an answer; more are refused. So a Redis that hangs costs bounded memory.
 *   FL4  What Redis says is in the log and reaches nobody who asks a node: `RedisAway` never leaves this folder.
 *   RC9  Whether Redis takes writes is asked with each ping, so that one that answers and refuses is told without a user's write.
 *
 * The breaker is not `effect/persistence`'s: that one sends a user's call to find out whether the dependency is back, here pings do.
 */

import { Context, Data, Effect, Layer, Metric, Random, Redacted } from "effect"
import { Cluster, Redis } from "ioredis"
import { backoff } from "../../../src/net/Backoff.ts"
import { type Addresses, parseAddresses } from "../../../src/settings/RedisUrl.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { counter, gauge } from "../../../src/telemetry/Metrics.ts"

export interface RedisOptions {
  /** Checked by the settings: `parseAddresses` reads it. */
  readonly url: Redacted.Redacted
  readonly mode: "single" | "sentinel" | "cluster"
  /** The name of the master that sentinels watch. */
  readonly sentinelName: string
  /** Milliseconds for one call. */
  readonly timeout: number
  /** In front of the names of notices; none unless it is given. */
  readonly noticePrefix?: string
}

/** Redis failed or did not answer in time. FL4 */
export class RedisAway extends Data.TaggedError("RedisAway")<{
  readonly message: string
  /** It answered, and refused: such as READONLY, OOM, NOREPLICAS, NOPERM. */
  readonly refused?: boolean
}> {}

export class Client extends Context.Service<
  Client,
  {
    /** True: the keys of one call must be in one slot. */
    readonly cluster: boolean
    /** RC2 */
    readonly away: () => boolean
    readonly call: <A>(run: (redis: Redis | Cluster) => Promise<A>) => Effect.Effect<A, RedisAway>
  }
>()("herald/layers/Redis/connection/Client") {
  static readonly layer = (options: RedisOptions) => Layer.effect(Client, make(options))
}

const FAILURES = 5
const UNANSWERED = 1_024
/** Milliseconds. */
const CONNECT = 2_000
const PING = 1_000
const PING_WHEN_AWAY = 250
/** Below what Herald's user may write: docs/redis.md. */
const PROBE = "config:"
const CONNECTED = "connected"

/** A Redis Cluster says only that it failed; the reason is what its last node said. */
const reasonOf = ({ message, lastNodeError }: Error & { readonly lastNodeError?: Error }): string =>
  lastNodeError === undefined ? message : `${message} ${lastNodeError.message}`

const AGAIN = { first: 50, longest: 2_000, spread: 0.5 }

/** Milliseconds before try `times`. */
export const againAfter = (times: number): number => backoff(AGAIN, times, Math.random())

/** Options of every connection. A socket that has owed an answer for 2 s is cut, which frees what waits for it. */
export const common = ({ username, password, tls }: Addresses) => ({
  username,
  password,
  ...(tls ? { tls: {} } : {}),
  connectionName: "herald",
  connectTimeout: CONNECT,
  socketTimeout: CONNECT,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: ({ message }: Error) => message.startsWith("READONLY") // a master that became a replica
})

/** Sentinels get the same user and password as the master. */
export const sentinelOptions = ({ nodes, username, password, tls }: Addresses, name: string) => ({
  name,
  sentinels: nodes.map((node) => ({ ...node })),
  sentinelUsername: username,
  sentinelPassword: password,
  sentinelCommandTimeout: CONNECT,
  enableTLSForSentinelMode: tls,
  ...(tls ? { sentinelTLS: {} } : {}),
  sentinelRetryStrategy: againAfter
})

const open = ({ url, mode, sentinelName }: RedisOptions): Redis | Cluster => {
  const addresses = parseAddresses(Redacted.value(url))!
  const one = common(addresses)
  if (mode === "cluster") {
    return new Cluster(
      addresses.nodes.map((node) => ({ ...node })),
      {
        redisOptions: one,
        lazyConnect: true,
        enableOfflineQueue: false,
        clusterRetryStrategy: againAfter,
        slotsRefreshTimeout: CONNECT,
        slotsRefreshInterval: 5_000
      }
    )
  }
  const options = { ...one, db: addresses.db, lazyConnect: true, enableOfflineQueue: false, retryStrategy: againAfter }
  return mode === "sentinel"
    ? new Redis({ ...options, ...sentinelOptions(addresses, sentinelName) })
    : new Redis({ ...options, ...addresses.nodes[0]! })
}

const make = Effect.fnUntraced(function* (options: RedisOptions) {
  const gone = yield* notice("redis", {
    source: "away",
    began: "Redis is away: values come from the database, hints over the other lanes",
    ended: "Redis answers again"
  })
  const writable = yield* notice("redis", {
    source: "writes",
    began: "Redis answers and takes no writes: values are not shared, hints go over the other lanes",
    ended: "Redis takes writes again"
  })
  let lastError = "not connected"
  let unanswered = 0
  let failures = 0
  let away = false

  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const client = open(options)
      client.on("error", (error: Error) => (lastError = reasonOf(error)))
      client.on("connect", () => (lastError = CONNECTED))
      // Closed without an error, as by a proxy in between, or a server that wants TLS.
      client.on("close", () => {
        if (lastError === CONNECTED) lastError = "closed by the other side"
      })
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )

  /** RC2, but for a user's call that was answered and refused: Redis is there, and pings say how it is. */
  const failed = Effect.fnUntraced(function* ({ message, refused }: RedisAway, ping: boolean) {
    yield* Metric.update(failuresTotal, 1)
    if (refused === true && !ping) return
    if (++failures < FAILURES || away) return
    away = true
    yield* Metric.update(breaker, 1)
    yield* gone.fails(message === lastError ? message : `${message} (connection: ${lastError})`)
  })

  const answered = Effect.suspend(() => {
    failures = 0
    if (!away) return Effect.void
    away = false
    return Effect.andThen(Metric.update(breaker, 0), gone.works)
  })

  const attempt = <A>(run: (redis: Redis | Cluster) => Promise<A>, ping = false) =>
    Effect.suspend(() => {
      if (unanswered >= UNANSWERED) return Effect.fail(new RedisAway({ message: `${UNANSWERED} calls wait` })) // RC3
      unanswered++
      return Effect.tryPromise({
        try: async () => {
          try {
            return await run(redis)
          } finally {
            unanswered--
          }
        },
        catch: (cause) => {
          const { name, message } = cause as Error
          return new RedisAway({ message, refused: name === "ReplyError" })
        }
      })
    }).pipe(
      Effect.timeoutOrElse({
        duration: options.timeout, // RC1
        orElse: () => Effect.fail(new RedisAway({ message: `no answer within ${options.timeout} ms` }))
      }),
      Effect.tapError((error) => failed(error, ping)),
      Effect.tap(answered)
    )

  const refused = Effect.andThen(
    Effect.suspend(() => Metric.update(refusedTotal, 1)),
    Effect.fail(new RedisAway({ message: "Redis is away" }))
  )

  /** RC9. A write that changes nothing: the key is never there. OOM, READONLY, NOREPLICAS, MISCONF and NOPERM refuse it all the same. */
  const probe = attempt((redis) => redis.set(PROBE, "", "XX")).pipe(
    Effect.matchEffect({
      onFailure: ({ message, refused }) => (refused === true ? writable.fails(message) : Effect.void),
      onSuccess: () => writable.works
    })
  )
  const ping = attempt((redis) => redis.ping(), true).pipe(Effect.andThen(probe))

  yield* Metric.update(breaker, 0)
  yield* Effect.promise(() => redis.connect().catch(() => {})).pipe(Effect.timeoutOption(CONNECT))
  failures = FAILURES - 1 // at the start a single failure is enough
  yield* Effect.ignore(ping)
  const pause = Effect.flatMap(Random.nextBetween(0.75, 1.25), (jitter) =>
    Effect.sleep((away ? PING_WHEN_AWAY : PING) * jitter)
  )
  yield* Effect.forkScoped(afterEvery("Redis did not answer a ping", pause, ping))

  return Client.of({
    cluster: options.mode === "cluster",
    away: () => away,
    call: (run) => Effect.suspend(() => (away ? refused : attempt(run))) // RC2
  })
})

const breaker = Metric.withAttributes(gauge("herald_breaker_open", "1: calls to the dependency are not tried"), {
  dependency: "redis"
})
const failuresTotal = counter("herald_redis_failures_total", "calls to Redis that failed or got no answer in time")
const refusedTotal = counter("herald_redis_refused_total", "calls that were not tried, because Redis was away")
