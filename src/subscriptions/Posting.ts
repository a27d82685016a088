/**
 * Appends dead letters to their topics, on one node at a time.
 *
 *   QI2  Each is in its topic once, whatever fails or dies in between: where it goes is written down first, and whoever comes after opens the producer
 *        anew, which says what of it is there; what isn't never will be by then. It is removed only by somebody who replays or drops it.
 *   QI3  It is there as it was published, with its key, and headers that say where it is from and why it came to nothing; those of a key in the order in
 *        which they came to nothing.
 *   QI4  One that can't be appended, as its topic is gone, waits and holds back no other topic.
 */
import { Effect, Layer, Metric } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { saidOf } from "../telemetry/Every.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import { Logs } from "../topics/Logs.ts"
import { frameOf, type Message, messageOf, partitionOf } from "../topics/Message.ts"
import { messageIdText } from "../topics/MessageId.ts"
import { systemProducer } from "../topics/Owned.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { type Bundle, LetterBox, type WaitingLetter } from "./LetterBox.ts"

const PAUSE = "2 seconds"
/** Of a step. */
const LETTERS = 100
const BYTES = 1_048_576
const BUNDLES = 100

/** QI3 */
export const postedOf = (letter: WaitingLetter, { topicName, subscriptionName }: Bundle): Message => {
  const { partition, logEpoch: epoch, offset, attempts, reason, cause, publishedAt } = letter
  const message = messageOf(letter.event)
  const headers = new Map(message.headers)
  headers.set("herald-origin", messageIdText({ topic: topicName, partition, epoch, offset }))
  headers.set("herald-subscription", subscriptionName)
  headers.set("herald-reason", reason)
  headers.set("herald-cause", cause)
  headers.set("herald-attempts", `${attempts}`)
  if (publishedAt !== null) headers.set("herald-published-ms", `${publishedAt}`)
  return { ...message, headers }
}

/** Where each goes; `newest`: the newest sequence of each partition, which is raised. */
const numberedOf = (letters: ReadonlyArray<WaitingLetter>, topic: Topic, newest: Map<number, number>) =>
  letters.map((letter) => {
    const { key } = messageOf(letter.event)
    const partition = key === null ? letter.id % topic.partitions : partitionOf(key, topic.partitions)
    const sequence = (newest.get(partition) ?? 0) + 1
    newest.set(partition, sequence)
    return { letter, numbered: { target: topic.id, partition, sequence } }
  })

const make = Effect.fnUntraced(function* ({ run }: { readonly run: string }) {
  const box = yield* LetterBox
  const topics = yield* TopicStore
  const logs = yield* Logs

  const posted = Effect.fnUntraced(function* (letters: ReadonlyArray<{ readonly id: number }>) {
    if (letters.length === 0) return
    yield* box.posted(letters.map(({ id }) => id))
    yield* Metric.update(postedTotal, letters.length)
  })

  /** QI2. True: there may be more. */
  const step = Effect.fnUntraced(function* (lease: Lease, bundle: Bundle, topic: Topic, log: Log) {
    const producer = systemProducer(`dead-letters/${bundle.subscriptionId}`)
    const opened = yield* topics.open(topic.id, producer)
    if (opened === undefined) return false
    const newest = new Map(opened.sequences.map(({ partition, sequence }) => [partition, sequence]))
    const letters = yield* box.waiting(bundle, { limit: LETTERS, maxBytes: BYTES })
    const isThere = ({ numbered }: WaitingLetter): boolean =>
      numbered?.target === topic.id && numbered.sequence <= (newest.get(numbered.partition) ?? 0)
    const there = letters.filter(isThere)
    yield* posted(there)
    const rest = numberedOf(
      letters.slice().filter((letter) => !there.includes(letter)),
      topic,
      newest
    )
    if (rest.length === 0) return letters.length > 0
    const written = rest.map(({ letter: { id }, numbered }) => ({ id, ...numbered }))
    if (!(yield* box.number(lease, leaseMillisOf(PAUSE), written)))
      return yield* failure("DatabaseUnavailable", "another node appends dead letters by now")
    const parts = Map.groupBy(rest, ({ numbered }) => numbered.partition)
    for (const [partition, its] of parts) {
      const events = frameOf(its.map(({ letter }) => postedOf(letter, bundle)))
      const producing = { producer, epoch: opened.epoch, sequence: its[0]!.numbered.sequence }
      const { compression } = topic
      const outcome = yield* log.append({ topic: topic.id, partition, events, compression, producing })
      if (outcome.is !== "placed")
        return yield* failure("DatabaseUnavailable", `dead letters were not appended: ${outcome.is}`)
      yield* posted(its.map(({ letter }) => letter))
    }
    return true
  })

  const post = Effect.fnUntraced(function* (lease: Lease, bundle: Bundle) {
    const topic = yield* topics.get(bundle.topic)
    const log = topic === undefined || topic.log === "ephemeral" ? undefined : logs.of(topic.log)
    if (topic === undefined || log === undefined) return false
    while (yield* step(lease, bundle, topic, log)) yield* Effect.yieldNow
    return true
  })

  const turn = Effect.fnUntraced(function* (lease: Lease) {
    let stuck = 0
    for (let after = "0"; ; ) {
      const bundles: ReadonlyArray<Bundle> = yield* box.bundles(after, BUNDLES)
      for (const bundle of bundles) {
        const { topicName: topic, subscriptionName: subscription } = bundle
        const went = yield* Effect.catch(post(lease, bundle), (error: HeraldError) =>
          Effect.as(Effect.logDebug("dead letters wait", { topic, subscription, ...saidOf(error) }), false)
        ) // QI4
        if (!went) stuck++
      }
      if (bundles.length < BUNDLES) break
      after = bundles.at(-1)!.subscriptionId
    }
    yield* Metric.update(stuckGauge, stuck)
  })

  yield* takeTurns({ name: "dead letters", run, pause: PAUSE }, turn)
})

/** Appends as long as the layer lives. `run`: this run of the process, as in the list of nodes. */
export const layer = (options: { readonly run: string }) => Layer.effectDiscard(make(options))

const postedTotal = counter("herald_dead_letters_posted_total", "dead letters that were appended to their topics")
const stuckGauge = gauge(
  "herald_dead_letters_stuck",
  "subscriptions whose dead letters could not be appended to their topic when it was tried last; of the node that tries"
)
