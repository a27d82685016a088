/**
 * Runs consumer groups in Kafka, and contains whatever kafkajs does.
 *
 *   KG1  A consumer that crashed, hangs or lost its broker is thrown away and a new one joins: nothing of the old one's state matters.
 *   KG2  Heartbeats go on while an effect runs; when the group rebalances, the batch stops after the effect under way and commits what is
 *        done.
 *   KG3  A partition whose effect fails is paused and tried again with a back-off of up to 30 s; an effect has 30 s.
 */
import { Cause, Effect, Exit, Layer } from "effect"
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from "kafkajs"
import { type Consumption, EventGroups } from "../../../src/consumers/EventGroups.ts"
import type { Received } from "../../../src/consumers/Received.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { backoff } from "../../../src/net/Backoff.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { connectionOf, farewell, type KafkaOptions } from "../connection/Connection.ts"
import { topicReady, updates } from "../connection/Topic.ts"

/** Milliseconds, as all numbers below. */
const SESSION = 10_000
const BEAT = 2_000
/** Without a fetch, a heartbeat or a batch for so long, a consumer counts as hung. */
const SILENCE = 60_000
const PATIENCE = "30 seconds"
const AGAIN = "2 seconds"
const FAREWELL = 3_000

/** The documented names for the usual topic; another one, as of a second Herald on one Kafka, has groups of its own. */
const groupIdOf = (topic: string, group: string): string => (topic === "config.updates" ? group : `${topic}.${group}`)

const headersOf = (headers: KafkaMessage["headers"]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value ?? "")]))

const receivedOf = (partition: number, { offset, timestamp, key, value, headers }: KafkaMessage): Received => ({
  partition,
  offset,
  at: Number(timestamp),
  key,
  body: value,
  headers: headersOf(headers)
})

const LATER = { first: 250, longest: 30_000, spread: 0.5 }

/** Reads with one consumer until that fails. */
const session = Effect.fnUntraced(function* (
  kafka: Kafka,
  topic: string,
  { group, size, take }: Consumption,
  joined: () => void
) {
  yield* topicReady(kafka, updates(topic))
  const run = Effect.runPromiseExitWith(yield* Effect.context<never>())
  const ending = new AbortController()
  const resuming = new Set<NodeJS.Timeout>()
  const failures = new Map<number, number>()
  let alive = performance.now()
  const consumer = yield* Effect.acquireRelease(
    Effect.sync(
      (): Consumer =>
        kafka.consumer({
          groupId: groupIdOf(topic, group),
          sessionTimeout: SESSION,
          rebalanceTimeout: 2 * SESSION,
          heartbeatInterval: BEAT,
          maxWaitTimeInMs: 500,
          retry: { retries: 3, restartOnFailure: async () => false } // KG1
        })
    ),
    (consumer) =>
      // Leaves the group, so that others need not wait for the end of its session; an effect under way may end first.
      farewell(() => consumer.disconnect(), FAREWELL).pipe(
        Effect.andThen(
          Effect.sync(() => {
            for (const timer of resuming) clearTimeout(timer)
            ending.abort()
          })
        )
      )
  )

  const done = async (messages: ReadonlyArray<Received>, heartbeat: () => Promise<void>) => {
    const beating = setInterval(() => void heartbeat().catch(() => {}), BEAT) // KG2: what it says is asked again behind the effect
    const late = Effect.fail(failure("Timeout", `the effect of the group ${group} took longer than ${PATIENCE}`))
    try {
      const bounded = Effect.timeoutOrElse(take(messages), { duration: PATIENCE, orElse: () => late })
      const exit = await run(bounded, { signal: ending.signal })
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        await run(Effect.logError("a consumer group met a defect", exit.cause, { group }))
      return Exit.isSuccess(exit)
    } finally {
      clearInterval(beating)
    }
  }

  const eachBatch = async (payload: EachBatchPayload) => {
    const { batch, resolveOffset, heartbeat, isRunning, isStale, pause } = payload
    const { partition } = batch
    alive = performance.now()
    for (let at = 0; at < batch.messages.length && isRunning() && !isStale(); at += size) {
      const page = batch.messages.slice(at, at + size).map((message) => receivedOf(partition, message))
      if (!(await done(page, heartbeat))) {
        if (ending.signal.aborted) return
        const failed = failures.get(partition) ?? 0
        failures.set(partition, Math.min(failed + 1, 10))
        const resume = pause() // KG3
        const timer = setTimeout(
          () => {
            resuming.delete(timer)
            resume()
          },
          backoff(LATER, failed, Math.random())
        )
        resuming.add(timer)
        return
      }
      failures.delete(partition)
      resolveOffset(page.at(-1)!.offset)
      alive = performance.now()
      await heartbeat() // KG2: throws when the group rebalances, with what is resolved committed
    }
  }

  return yield* Effect.callback<never, Error>((resume) => {
    const failed = (cause: unknown) => resume(Effect.fail(cause as Error))
    const sign = () => {
      alive = performance.now()
    }
    const { CRASH, FETCH, HEARTBEAT, GROUP_JOIN } = consumer.events
    consumer.on(CRASH, ({ payload: { error } }) => failed(error))
    consumer.on(FETCH, sign)
    consumer.on(HEARTBEAT, sign)
    consumer.on(GROUP_JOIN, () => {
      sign()
      joined()
    })
    const watch = setInterval(() => {
      if (performance.now() - alive > SILENCE) failed(new Error(`no sign of life for ${SILENCE / 1_000} s`))
    }, 5_000)
    const start = async () => {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ eachBatch, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 3 })
    }
    start().catch(failed)
    return Effect.sync(() => clearInterval(watch))
  })
}, Effect.scoped)

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    EventGroups,
    Effect.gen(function* () {
      const kafka = yield* connectionOf(options)
      const { topic } = options

      const consume = Effect.fnUntraced(function* (consumption: Consumption) {
        const { group } = consumption
        const tell = Effect.runForkWith(yield* Effect.context<never>())
        // A broker that has just started refuses at first: that is no warning.
        let tolerated = false
        const member = yield* notice("events", {
          source: `joining ${group}`,
          began: "a consumer group is not joined",
          ended: "a consumer group is joined again",
          fields: { group }
        })
        const joined = () => {
          tell(member.works)
          tolerated = true
        }
        const joining = Effect.catch(session(kafka, topic, consumption, joined), (error) => {
          const said = { group, reason: error.message }
          const first = !tolerated
          tolerated = true
          return Effect.andThen(
            first ? Effect.void : member.fails(error.message),
            Effect.logDebug("a consumer group is not joined yet", said)
          )
        })
        return yield* every("joining a consumer group met a defect", AGAIN, joining)
      })

      const lag = async (group: string) => {
        const admin = kafka.admin()
        try {
          await admin.connect()
          const ends = await admin.fetchTopicOffsets(topic)
          const [commits] = await admin.fetchOffsets({ groupId: groupIdOf(topic, group), topics: [topic] })
          const committed = new Map(commits?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))
          return ends.map(({ partition, high, low }) => {
            const [next, first] = [committed.get(partition) ?? -1n, BigInt(low)]
            return { partition, next: next < first ? first : next, end: BigInt(high) }
          })
        } finally {
          await admin.disconnect().catch(() => {})
        }
      }

      return EventGroups.of({
        topic,
        consume,
        lag: (group) =>
          Effect.tryPromise({
            try: () => lag(group),
            catch: (cause) =>
              failure("EventLogUnavailable", `the lag of ${group} is not known: ${(cause as Error).message}`, { cause })
          })
      })
    })
  )
