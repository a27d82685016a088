/** Keeps the log of topics in Kafka: docs/decisions/0039-kafka-log.md. Offsets are Kafka's own. */
import { randomUUID } from "node:crypto"
import { Clock, Deferred, Duration, Effect, Layer, Metric } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { lastWords } from "../../../src/telemetry/LastWords.ts"
import { counter, gauge } from "../../../src/telemetry/Metrics.ts"
import type { Batch, Outcome } from "../../../src/topics/Batch.ts"
import { messagesOf } from "../../../src/topics/Frames.ts"
import { KafkaLog } from "../../../src/topics/KafkaLog.ts"
import { LogState } from "../../../src/topics/LogState.ts"
import type { Message } from "../../../src/topics/Message.ts"
import { type PartitionId, partitionKey, type Read } from "../../../src/topics/Piece.ts"
import { kafkaName } from "../../../src/topics/Topic.ts"
import { MOST_READ } from "../../../src/topics/TopicLog.ts"
import { connectionOf, farewell, type KafkaOptions } from "../connection/Connection.ts"
import { deadLetters } from "../connection/Topic.ts"
import { boundsOf } from "./AllBounds.ts"
import { Brokers } from "./Brokers.ts"
import { Lane } from "./Lane.ts"
import { makeManaging } from "./Managing.ts"
import { sealerOf } from "./Names.ts"
import { Partitions } from "./Partitions.ts"
import { deleteBefore, EARLIEST, LATEST } from "./Protocol.ts"
import { ownHeader } from "./Records.ts"
import { away, never, tooLate, unknown, Waiting } from "./Waiting.ts"
import { makeWords } from "./Words.ts"

/** How long whoever appends waits for Kafka; and how long an answer that was lost is asked for after that. */
const DEADLINE = 3_000_000_000n
const GRACE = 1_000_000_000n
const MOST_WAITING = 65_536
const MOST_BYTES = 67_108_864
/** Between two notes of how far producers have come. */
const NOTE = "500 millis"
const NOTES = 1_000
/** Between two looks at what others write, and how long after its last use a partition is looked at. Milliseconds. */
const LOOK = "100 millis"
const USED = 60_000
/** Between two looks at topics that others made anew. */
const RECALL = "5 seconds"

/** Partitions whose writers are remembered. */
const MOST_LANES = 50_000

const busy = failure("TopicLogBusy", "too many events wait for Kafka on this node")

export const layer = (options: KafkaOptions) =>
  Layer.effect(
    KafkaLog,
    Effect.gen(function* () {
      const kafka = yield* connectionOf(options)
      const state = yield* LogState
      const clock = yield* Clock.Clock
      const scope = yield* Effect.scope
      const log = Effect.runForkWith(yield* Effect.context<never>())
      const failed = makeWords((said) => void log(Effect.logWarning("Kafka could not be asked", said)))
      const [writes, reads] = [new Brokers(kafka, { failed }), new Brokers(kafka, { failed })]
      yield* Effect.addFinalizer(() =>
        farewell(() => Promise.all([writes.close(), reads.close()]).then(() => {}), 1_000)
      )
      const run = randomUUID()
      let identities = 0
      const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
      const partitions = new Partitions({ brokers: reads, state, now })
      const lanes = new Map<string, Lane>()
      const listeners = new Set<(partition: PartitionId | undefined) => void>()
      let [waiting, bytes] = [0, 0]

      const aboutOf = (id: PartitionId) =>
        Effect.gen(function* () {
          const history = yield* partitions.history(id)
          const topic = history && (yield* partitions.topic(id.topic))
          if (topic === undefined) return undefined
          const packed = topic.compression !== "none"
          const { madeAs } = topic
          return { topic: kafkaName(topic.name), madeAs, packed, sealer: sealerOf(id, topic), epoch: history!.epoch }
        })

      /** At once, as who comes first is first in it. */
      const laneOf = (id: PartitionId): Lane => {
        const key = partitionKey(id)
        const held = lanes.get(key)
        if (held !== undefined) return held
        const lane = new Lane({
          brokers: writes,
          state,
          id,
          run,
          number: () => ++identities,
          about: aboutOf(id),
          placed: (placed) => {
            partitions.grew(id, placed)
            for (const grown of listeners) grown(id)
          }
        })
        if (lanes.size >= MOST_LANES)
          for (const [idle, one] of lanes)
            if (one.idle) {
              lanes.delete(idle)
              break
            }
        lanes.set(key, lane)
        return lane
      }

      const append = (batch: Batch): Effect.Effect<Outcome, HeraldError> =>
        Effect.gen(function* () {
          const problem = wrongBatch(batch)
          if (problem !== undefined) return yield* problem
          if (waiting >= MOST_WAITING || bytes >= MOST_BYTES) return yield* busy
          const id = { topic: batch.topic, partition: batch.partition }
          const done = Deferred.makeUnsafe<Outcome, HeraldError>()
          const one = new Waiting(batch, done, clock.monotonicTimeNanosUnsafe() + DEADLINE)
          waiting++
          bytes += one.size
          const lane = laneOf(id)
          lane.add(one)
          if (!lane.running) {
            lane.running = true
            yield* Effect.forkIn(lane.drain, scope)
          }
          const outcome = yield* Deferred.await(done).pipe(
            Effect.timeoutOrElse({
              duration: Duration.nanos(DEADLINE + GRACE),
              orElse: () => Effect.suspend(() => Effect.fail(one.sent ? unknown(tooLate) : never(tooLate)))
            }),
            Effect.ensuring(
              Effect.suspend(() => {
                one.left = true
                waiting--
                bytes -= one.size
                return Metric.update(waitingGauge, waiting)
              })
            )
          )
          if (outcome.is === "gone") lanes.delete(partitionKey(id))
          return outcome
        })

      const read = Effect.fnUntraced(function* (
        id: PartitionId,
        from: Parameters<KafkaLog["Service"]["read"]>[1],
        maxBytes: number
      ) {
        const found = yield* partitions.read(id, from, Math.min(maxBytes, MOST_READ))
        if (found === undefined) return undefined
        for (const piece of found.pieces)
          if (piece.is === "gap" && piece.why === "unfit")
            yield* Metric.update(unfitTotal, piece.to - piece.from) // KR5
          else if (piece.is === "gap" && piece.why === "corrupt") {
            yield* Metric.update(corruptTotal, piece.to - piece.from)
            yield* Effect.logError("events in Kafka are not what was written: readers are told of a gap", {
              ...id,
              ...piece
            })
          }
        return found satisfies Read
      })

      const trim = Effect.fnUntraced(function* (id: PartitionId, before: number) {
        const topic = yield* partitions.topic(id.topic)
        const [bounds] =
          topic === undefined
            ? []
            : (yield* partitions.bounds(id.topic)).filter((one) => one.partition === id.partition)
        if (topic === undefined || bounds === undefined) return undefined
        const offset = Math.min(before, bounds.next)
        if (offset <= bounds.first) return bounds
        const name = kafkaName(topic.name)
        yield* Effect.tryPromise({
          try: () => reads.ask(name, id.partition, deleteBefore(name, id.partition, offset)),
          catch: away
        })
        return (yield* partitions.bounds(id.topic)).find((one) => one.partition === id.partition)
      })

      const note = Effect.gen(function* () {
        const settled = [...lanes.values()].flatMap((lane) => lane.holding?.takeDirty(NOTES) ?? [])
        for (let at = 0; at < settled.length; at += NOTES) yield* state.settle(settled.slice(at, at + NOTES))
        yield* partitions.mark
      })
      yield* Effect.forkScoped(every("it was not noted how far topics in Kafka are", NOTE, note))
      yield* Effect.addFinalizer(() => lastWords("it was not noted at the end how far topics in Kafka are", note))

      const look = Effect.gen(function* () {
        if (listeners.size === 0) return
        const its = yield* partitions.look(USED)
        for (const id of its.grown) for (const grown of listeners) grown(id)
        if (its.failed !== undefined) return yield* its.failed
      })
      yield* Effect.forkScoped(every("topics in Kafka were not looked at", LOOK, look))
      yield* Effect.forkScoped(every("foreign topics in Kafka were not looked at", RECALL, partitions.recall))

      const bounds = boundsOf(partitions, () => clock.monotonicTimeNanosUnsafe())

      return KafkaLog.of({
        append,
        read: (id, from, { maxBytes }) => read(id, from, maxBytes),
        find: Effect.fnUntraced(function* (id, time) {
          const topic = yield* partitions.topic(id.topic)
          const history = topic && (yield* partitions.history(id))
          if (topic === undefined || history === undefined) return undefined
          const name = kafkaName(topic.name)
          const at = (when: number) =>
            Effect.tryPromise({
              try: async () => {
                const its = { topic: name, partitions: [id.partition], time: when }
                return (await reads.offsets(its, true)).get(id.partition) ?? -1
              },
              catch: away
            })
          const found = yield* at(Math.max(0, Math.floor(time)))
          const offset = found >= 0 ? Math.max(found, yield* at(EARLIEST)) : yield* at(LATEST)
          return { epoch: history.epoch, offset }
        }),
        bounds,
        trim,
        hints: (grown) =>
          Effect.asVoid(
            Effect.acquireRelease(
              Effect.sync(() => listeners.add(grown)),
              () => Effect.sync(() => listeners.delete(grown))
            )
          ),
        elsewhere: {
          ...makeManaging({
            ...{ kafka, brokers: reads, changed: partitions.forget },
            fork: (work) => Effect.asVoid(Effect.forkIn(work, scope)),
            own: [options.topic, deadLetters(options.topic).topic]
          }),
          open: Effect.fnUntraced(function* (topic, producer) {
            const sequences: Array<{ partition: number; sequence: number }> = []
            for (const partition of yield* state.partitionsOf(topic, producer)) {
              const sequence = yield* laneOf({ topic, partition }).take(producer)
              if (sequence !== undefined && sequence > 0) sequences.push({ partition, sequence })
            }
            return sequences
          })
        }
      })
    })
  )

/** TM4, KR3 */
const wrongBatch = ({ events: { bytes, count, hashes } }: Batch): HeraldError | undefined => {
  let messages: ReadonlyArray<Message> = []
  try {
    messages = messagesOf(bytes)
  } catch {}
  if (count === 0 || messages.length !== count || (hashes !== undefined && hashes.length !== count))
    return failure("InvalidInput", "the batch is not the events that it is said to be")
  for (const [index, message] of messages.entries()) {
    const own = ownHeader(message)
    if (own === undefined) continue
    const what = `event ${index}: headers: ${own} is Herald's own in a topic whose log is in Kafka`
    return failure("InvalidEvent", what, { details: { index } })
  }
  return undefined
}

const waitingGauge = gauge("herald_topic_kafka_batches_waiting", "Batches of events that wait to be stored in Kafka")
const corruptTotal = counter(
  "herald_topic_kafka_corrupt_events_total",
  "events in Kafka that can't be read as they were written"
)
const unfitTotal = counter(
  "herald_topic_kafka_unfit_events_total",
  "what other programs put into topics in Kafka and has more than an event may have, each time that it is read"
)
