/**
 * The lane over Redis pub/sub: `herald:revisions` for nodes, `config:updates:{key}` (and so for each kind) for everybody else. See docs/redis.md.
 *
 *   RL1  A revision and its changes leave in one pipeline; of one larger than 1 MiB nodes are told only the position, which they take for a
 *        gap.
 *   RL2  After each subscription, the first one too, `gap` is called: what was told before it was missed.
 *   RL3  A connection whose Redis is gone, hung or cut is given up within seconds, and another is made, with jittered back-off.
 *   RL4  A message that no node sealed, or that is larger than nodes send, is counted and never decoded: whatever it says, it is a gap.
 */

import { Clock, Deferred, Effect, Metric, Option, Redacted, Schema } from "effect"
import { Redis } from "ioredis"
import type { HintLane } from "../../../src/propagation/HintLane.ts"
import { layerLane } from "../../../src/propagation/HintLanes.ts"
import type { KindsShape } from "../../../src/propagation/Kind.ts"
import { Kinds } from "../../../src/propagation/Kinds.ts"
import type { Revision } from "../../../src/propagation/Revision.ts"
import { Seal, type SealShape } from "../../../src/seals/Seal.ts"
import { parseAddresses } from "../../../src/settings/RedisUrl.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { counter, gauge } from "../../../src/telemetry/Metrics.ts"
import { contextsOf, type Message, makeMark, nameOf, optionsOf, within } from "../../../src/telemetry/Traces.ts"
import { againAfter, Client, common, type RedisOptions, sentinelOptions } from "../connection/Client.ts"
import { openedJson, sealedJson } from "../connection/Sealed.ts"
import { CHANNEL, updatesChannel } from "./Channels.ts"

/** Characters of JSON. Redis cuts a subscriber that is 32 MiB behind (client-output-buffer-limit). */
const WHOLE = 1_048_576
/** Characters of its seal. */
const SEAL = 100
/** Milliseconds. */
const PING = 1_000
const PATIENCE = 2_000

const Whole = Schema.Struct({
  epoch: Schema.String,
  revision: Schema.BigIntFromString,
  traceparent: Schema.String,
  actor: Schema.String,
  message: Schema.String,
  committedAt: Schema.Finite,
  changes: Schema.Array(Schema.Unknown)
})
const PositionOnly = Schema.Struct({ epoch: Schema.String, revision: Schema.BigIntFromString })
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([Whole, PositionOnly])))

const encode = (
  { toLane }: KindsShape,
  { epoch, revision, traceparent, actor, message, committedAt, changes }: Revision
): string => {
  const position = { epoch, revision: String(revision) }
  const whole = JSON.stringify({
    ...position,
    traceparent,
    actor,
    message,
    committedAt,
    changes: changes.map(toLane)
  })
  return whole.length <= WHOLE ? whole : JSON.stringify(position)
}

/** For other programs. `timestamp`: milliseconds since 1970, the database's clock. `value`: null when it was deleted. KI4 */
const encodeUpdates = ({ told }: KindsShape, { changes, epoch, revision, committedAt, traceparent }: Revision) =>
  changes.flatMap((change) => {
    const of = told(change)
    if (of === undefined) return []
    const { key, environment } = change
    const { word, version, deleted, value, valueType } = of
    const said = { key, environment, version, value, valueType, deleted, revision: String(revision), epoch }
    return [[updatesChannel(word, key), JSON.stringify({ ...said, timestamp: committedAt, traceparent })] as const]
  })

/** Reads a message on `CHANNEL`: a whole revision, only that there is one ("gap"), or undefined for what is not Herald's. RL4 */
const read = (seal: SealShape, { fromLane }: KindsShape, text: string): Revision | "gap" | undefined => {
  const json = text.length > WHOLE + SEAL ? undefined : openedJson(seal, "lane", text)
  if (json === undefined) return undefined
  const found = Option.getOrUndefined(decode(json))
  if (found === undefined) return undefined
  if (!("changes" in found)) return "gap"
  const changes = found.changes.map(fromLane)
  return changes.includes(undefined) ? undefined : ({ ...found, changes } as Revision)
}

/** Subscriptions in vain until it is told. */
const TRIES = 3

/** A connection that does not reconnect: the lane makes another. Any node of a Redis Cluster will do: each hears every message. */
const connect = (options: RedisOptions, times: number): Redis => {
  const addresses = parseAddresses(Redacted.value(options.url))!
  const once = { ...common(addresses), lazyConnect: true, enableOfflineQueue: false, retryStrategy: null }
  return options.mode === "sentinel"
    ? new Redis({ ...once, ...sentinelOptions(addresses, options.sentinelName) })
    : new Redis({ ...once, ...addresses.nodes[times % addresses.nodes.length]! })
}

const sent: Message = { system: "redis", destination: CHANNEL, operation: "publish" }
const came: Message = { ...sent, operation: "process" }

const lane = Effect.fnUntraced(function* (options: RedisOptions) {
  const { call, away } = yield* Client
  const telling = yield* notice("redis", {
    source: "publish",
    began: "Redis answers and takes no hints: they go over the other lanes",
    ended: "Redis takes hints again"
  })
  const hearing = yield* notice("redis", {
    source: "subscribe",
    began: "this node can't subscribe in Redis: hints come over the other lanes",
    ended: "this node is subscribed in Redis again"
  })
  const seal = yield* Seal
  const kinds = yield* Kinds
  const clock = yield* Clock.Clock
  const mark = yield* makeMark
  const context = yield* Effect.context<never>()

  const tell: HintLane["tell"] = (revision) =>
    Effect.ignore(
      call(async (redis) => {
        const pipeline = redis.pipeline().publish(CHANNEL, sealedJson(seal, "lane", encode(kinds, revision))) // RL1
        for (const [channel, text] of encodeUpdates(kinds, revision)) pipeline.publish(channel, text)
        for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
      }).pipe(
        Effect.tapError(({ refused, message }) => (refused === true ? telling.fails(message) : Effect.void)),
        Effect.tap(() => telling.works),
        Effect.withSpan(nameOf(sent), optionsOf(sent)),
        within(contextsOf([revision.traceparent]))
      )
    )

  /** Ends when the connection does. */
  const hear = (times: number, on: Parameters<HintLane["listen"]>[0], listening: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const redis = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const one = connect(options, times)
          one.on("error", () => {})
          one.on("end", () => Deferred.doneUnsafe(ended, Effect.void))
          one.on("message", (channel: string, text: string) => {
            if (channel !== CHANNEL) return
            const said = read(seal, kinds, text)
            if (said === undefined) brokenTotal.updateUnsafe(1, context) // RL4
            if (said === undefined || said === "gap") on.gap()
            else {
              const from = clock.currentTimeMillisUnsafe()
              on.revision(said)
              const to = clock.currentTimeMillisUnsafe()
              mark({ name: nameOf(came), ...optionsOf(came), traceparents: [said.traceparent], from, to })
            }
          })
          return one
        }),
        (one) => Effect.sync(() => one.disconnect())
      )
      const answer = <A>(run: () => Promise<A>) =>
        Effect.timeout(Effect.tryPromise({ try: run, catch: (cause) => cause as Error }), PATIENCE)
      yield* answer(() => redis.connect())
      yield* answer(() => redis.subscribe(CHANNEL))
      yield* Metric.update(subscribed, 1)
      on.gap() // RL2
      yield* listening
      // RL3: a server that hangs says nothing, so it is asked.
      const pings = Effect.sleep(PING).pipe(Effect.andThen(answer(() => redis.ping())), Effect.forever)
      yield* Effect.raceFirst(pings, Deferred.await(ended))
    }).pipe(Effect.scoped)

  const listen: HintLane["listen"] = Effect.fnUntraced(function* (on) {
    const tried = yield* Deferred.make<void>()
    let times = 0
    let failures = 0
    const listening = Effect.suspend(() => {
      failures = 0
      return Effect.andThen(hearing.works, Deferred.succeed(tried, undefined))
    })
    const subscription = Effect.suspend(() => hear(times++, on, listening)).pipe(
      // A Redis that is away is told already.
      Effect.tapError(({ message }) => (failures >= TRIES && !away() ? hearing.fails(message) : Effect.void)),
      Effect.ensuring(Effect.andThen(Metric.update(subscribed, 0), Deferred.succeed(tried, undefined)))
    )
    const pause = Effect.suspend(() => Effect.sleep(againAfter(failures++)))
    yield* Effect.forkScoped(every("the subscription in Redis ended", pause, subscription))
    yield* Deferred.await(tried)
  })

  return { name: "redis", tell, listen } satisfies HintLane
})

/** Adds a lane to those that were provided before. */
export const layer = (options: RedisOptions) => layerLane(lane(options))

const subscribed = gauge("herald_redis_subscribed", "1: this node hears what others tell over Redis")
const brokenTotal = counter(
  "herald_redis_broken_messages_total",
  "messages on herald:revisions that no node of this database sealed"
)
