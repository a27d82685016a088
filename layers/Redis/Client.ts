/**
 * The connections to Redis: one for commands, one for subscriptions; a single server, Sentinel or Redis Cluster.
 *
 *   RC1  No call waits longer than its time-out, and none while Redis is known to be down: the breaker fails it at once.
 *   RC2  Nothing is queued for a Redis that is away: what was meant for it is dropped, and read from the database later.
 */

import { Context, Duration, Effect, Layer, Metric, Redacted } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { Redis, Cluster as RedisCluster } from "ioredis"

export interface RedisClientOptions {
  /** redis:// or rediss://; for Sentinel and Cluster several, separated by commas. */
  readonly url: Redacted.Redacted
  readonly mode: "single" | "sentinel" | "cluster"
  /** The master's name, for Sentinel. */
  readonly sentinelName: string
  /** Of each call. */
  readonly timeout: Duration.Input
}

type Connection = Redis | RedisCluster

export class RedisClient extends Context.Service<
  RedisClient,
  {
    /** The answer of one call; undefined when Redis is down, slow or refuses. Never fails. RC1 */
    readonly call: <A>(what: string, use: (redis: Connection) => Promise<A>) => Effect.Effect<A | undefined>
    /** Only for subscriptions. */
    readonly subscriber: Connection
  }
>()("herald/layers/Redis/RedisClient") {
  static readonly layer = (options: RedisClientOptions) =>
    Layer.effect(RedisClient, make(options)).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
}

/** Calls in a row that must fail before the breaker opens. */
const FAILURES = 5
const OPEN = Duration.seconds(1)

/** Milliseconds until the next try: full jitter over an exponential bound (Brooker, AWS, 2015). */
const reconnectAfter = (times: number): number => 20 + Math.random() * Math.min(2_000, 50 * 2 ** Math.min(times, 10))

const connect = ({ url, mode, sentinelName, timeout }: RedisClientOptions, subscribes: boolean): Connection => {
  const urls = Redacted.value(url)
    .split(",")
    .map((one) => new URL(one.trim()))
  const { username, password, protocol, pathname } = urls[0]!
  const hosts = urls.map(({ hostname, port }) => ({ host: hostname, port: Number(port || 6379) }))
  const tls = protocol === "rediss:" ? { tls: {} } : {}
  const common = {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...tls,
    connectionName: "herald",
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    // A subscription that waits for its connection is remembered and made again; a command is not. RC2
    ...(subscribes ? {} : { commandTimeout: Duration.toMillis(timeout) })
  }
  const single = {
    ...common,
    enableOfflineQueue: subscribes,
    lazyConnect: true,
    retryStrategy: reconnectAfter,
    db: Number(pathname.slice(1) || 0)
  }
  switch (mode) {
    case "single":
      return new Redis({ ...single, ...hosts[0]! })
    case "sentinel":
      return new Redis({
        ...single,
        ...(protocol === "rediss:" ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
        sentinels: hosts,
        name: sentinelName,
        sentinelRetryStrategy: reconnectAfter
      })
    case "cluster":
      return new RedisCluster(hosts, {
        redisOptions: common,
        enableOfflineQueue: subscribes,
        lazyConnect: true,
        clusterRetryStrategy: reconnectAfter,
        slotsRefreshTimeout: 2_000,
        slotsRefreshInterval: 5_000
      })
  }
}

const make = Effect.fnUntraced(function* (options: RedisClientOptions) {
  const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(FAILURES), openDuration: OPEN })
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  let serving: boolean | undefined

  const became = (now: boolean, why: string) => {
    if (serving === now) return
    serving = now
    run(
      Effect.andThen(
        Metric.update(connected, now ? 1 : 0),
        now
          ? Effect.logInfo("Redis serves")
          : Effect.logWarning("Redis is away: values come from the database", { reason: why })
      )
    )
  }

  const open = (subscribes: boolean) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const connection = connect(options, subscribes)
        let last = "the connection ended"
        connection.on("error", (error: Error) => {
          last = error.message
          if (!subscribes) became(false, last)
        })
        if (!subscribes) {
          connection.on("ready", () => became(true, ""))
          connection.on("close", () => became(false, last))
        }
        connection.connect().catch(() => {}) // it goes on trying, and says so above
        return connection
      }),
      (connection) => Effect.sync(() => connection.disconnect())
    )

  const commands = yield* open(false)
  const subscriber = yield* open(true)
  const limit = Duration.toMillis(options.timeout) * 2

  const call = <A>(what: string, use: (redis: Connection) => Promise<A>) =>
    Effect.tryPromise({ try: () => use(commands), catch: (error) => error as Error }).pipe(
      Effect.timeout(limit), // RC1: for what the driver doesn't time itself
      Effect.tapError((error) => Effect.logDebug("a call to Redis failed", { what, reason: String(error) })),
      (attempt) => breaker.execute(attempt, { key: "redis" }),
      Effect.matchEffect({
        onSuccess: (answer) => Effect.as(Metric.update(succeeded, 1), answer as A | undefined),
        onFailure: () => Effect.as(Metric.update(failed, 1), undefined)
      })
    )

  return RedisClient.of({ call, subscriber })
})

const connected = Metric.gauge("herald_redis_connected")
const calls = Metric.counter("herald_redis_calls_total", { incremental: true })
const succeeded = Metric.withAttributes(calls, { outcome: "answered" })
const failed = Metric.withAttributes(calls, { outcome: "failed" })
