/**
 * Appends dead letters to their topics, on one node at a time.
 *
 *   QI2  Each is in its topic once, whatever fails or dies in between: where it goes is written down first, and whoever comes after opens the producer
 *        anew, which says what of it is there; what isn't never will be by then. It is removed only by somebody who replays or drops it.
 *   QI3  It is there as it was published, with its key, and headers that say where it is from and why it came to nothing; those of a key in the order in
 *        which they came to nothing.
 *   QI4  Those of a topic that is gone or disabled wait, and hold back no other topic. One that the topic refuses, by its schema or as its log has no
 *        place for it, is set aside with why, and holds back none (QI5). They are compressed as the topic says; more headers and bytes than a
 *        publisher may send are taken, as they are Herald's.
 *   QI7  Of a kind of log that is away a few topics are tried in a turn: those of other kinds are not late for it. What failed comes last in the next turn.
 */
import { Effect, Layer, Metric } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { saidOf } from "../telemetry/Every.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import { makeFitting } from "../topics/Fitting.ts"
import { Logs } from "../topics/Logs.ts"
import { frameOf, isOwnHeader, type Message, messageOf, partitionOf } from "../topics/Message.ts"
import { messageIdText } from "../topics/MessageId.ts"
import { systemProducer } from "../topics/Owned.ts"
import type { LogKind, Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { type Bundle, firstBundle, LetterBox, type WaitingLetter } from "./LetterBox.ts"

const PAUSE = "2 seconds"
/** Of a step. */
const LETTERS = 100
const BYTES = 1_048_576
const BUNDLES = 100
/** Topics of a kind of log that may fail in a turn before the others of that kind wait for the next. */
const FAILURES = 3
/** Bundles that are remembered as having failed. */
const MOST_FAILED = 10_000
/** Characters of why one is set aside. */
const WHY = 1_000

/** How it came through routing rules: what keeps it out of circles stays. */
const ROUTED: ReadonlySet<string> = new Set(["herald-route", "herald-route-hops", "herald-route-origin"])

/** QI3 */
export const postedOf = (letter: WaitingLetter, { topicName, subscriptionName }: Bundle): Message => {
  const { partition, logEpoch: epoch, offset, attempts, reason, cause, publishedAt } = letter
  const message = messageOf(letter.event)
  const headers = new Map<string, string>()
  // What another Herald or another program said there of an event before: a log may refuse it, or take it for its own.
  for (const [name, value] of message.headers)
    headers.set(isOwnHeader(name) && !ROUTED.has(name) ? `was-${name}` : name, value)
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

const idOf = ({ subscriptionId, topic }: Bundle): string => `${subscriptionId}/${topic}`

type Those = ReturnType<typeof numberedOf>

interface Target {
  readonly producer: string
  readonly epoch: number
  readonly bundle: Bundle
  readonly topic: Topic
  readonly log: Log
}

/** What one turn met. QI7 */
interface Turn {
  readonly failures: Map<LogKind, number>
  /** Bundles. */
  readonly failing: Set<string>
}

/** The log takes it neither now nor later. */
const isRefused = ({ name }: HeraldError): boolean => ["InvalidEvent", "InvalidInput", "TooLarge"].includes(name)

const make = Effect.fnUntraced(function* ({ run }: { readonly run: string }) {
  const box = yield* LetterBox
  const topics = yield* TopicStore
  const logs = yield* Logs
  const misfits = yield* makeFitting

  const posted = Effect.fnUntraced(function* (letters: ReadonlyArray<{ readonly id: number }>) {
    if (letters.length === 0) return
    yield* box.posted(letters.map(({ id }) => id))
    yield* Metric.update(postedTotal, letters.length)
  })

  /** QI5 */
  const refuse = Effect.fnUntraced(function* (those: ReadonlyArray<{ readonly id: number; readonly why: string }>) {
    if (those.length === 0) return
    yield* box.refuse(those.map(({ id, why }) => ({ id, why: why.slice(0, WHY).toWellFormed() })))
    yield* Metric.update(refusedTotal, those.length)
    yield* Effect.logWarning("dead letters can't be appended to their topic", {
      letters: those.length,
      why: those[0]!.why
    })
  })

  /** Appends those of a partition. refused: one of them is, and is set aside where it is one. over: somebody else is at it, or its log is late. */
  const append = Effect.fnUntraced(function* ({ producer, epoch, bundle, topic, log }: Target, those: Those) {
    const { partition, sequence } = those[0]!.numbered
    const outcome = yield* Effect.catchIf(
      log.append({
        ...{ topic: topic.id, partition, compression: topic.compression, producing: { producer, epoch, sequence } },
        events: frameOf(those.map(({ letter }) => postedOf(letter, bundle)))
      }),
      isRefused,
      (error) => Effect.succeed({ is: "refused", why: error.message } as const)
    )
    if (outcome.is === "placed") {
      yield* posted(those.map(({ letter }) => letter))
      return "placed"
    }
    if (outcome.is !== "refused") return "over"
    if (those.length > 1) return "refused"
    yield* refuse([{ id: those[0]!.letter.id, why: outcome.why }])
    return "refused"
  })

  /** QI2 */
  const step = Effect.fnUntraced(function* (
    lease: Lease,
    bundle: Bundle,
    topic: Topic,
    log: Log
  ): Effect.fn.Return<"more" | "done" | "over", HeraldError> {
    const producer = systemProducer(`dead-letters/${bundle.subscriptionId}`)
    const opened = yield* topics.open(topic.id, producer)
    if (opened === undefined) return "over"
    const newest = new Map(opened.sequences.map(({ partition, sequence }) => [partition, sequence]))
    const letters = yield* box.waiting(bundle, { limit: LETTERS, maxBytes: BYTES })
    const isThere = ({ numbered }: WaitingLetter): boolean =>
      numbered?.target === topic.id && numbered.sequence <= (newest.get(numbered.partition) ?? 0)
    yield* posted(letters.filter(isThere))
    const left = letters.filter((letter) => !isThere(letter))
    const wrong = yield* misfits(
      topic,
      left.map(({ event }) => messageOf(event))
    )
    yield* refuse([...wrong].map(([at, why]) => ({ id: left[at]!.id, why })))
    const rest = numberedOf(
      left.filter((_, at) => !wrong.has(at)),
      topic,
      newest
    )
    if (rest.length === 0) return letters.length > 0 ? "more" : "done"
    const written = rest.map(({ letter: { id }, numbered }) => ({ id, ...numbered }))
    if (!(yield* box.number(lease, leaseMillisOf(PAUSE), written))) return "over" // QI1
    const target = { producer, epoch: opened.epoch, bundle, topic, log }
    for (const those of Map.groupBy(rest, ({ numbered }) => numbered.partition).values()) {
      const appended = yield* append(target, those)
      if (appended === "over") return "over"
      // One by one, up to the one that it is.
      if (appended === "refused" && those.length > 1)
        for (const one of those) {
          const its = yield* append(target, [one])
          if (its === "over") return "over"
          if (its === "refused") break
        }
    }
    return "more"
  })

  /** Those that failed when they were tried last. QI7 */
  let failed: ReadonlySet<string> = new Set()

  /** False: they wait. */
  const post = Effect.fnUntraced(function* (lease: Lease, bundle: Bundle, { failures, failing }: Turn) {
    const topic = yield* topics.get(bundle.topic)
    const log = topic === undefined || topic.log === "ephemeral" ? undefined : logs.of(topic.log)
    if (topic === undefined || log === undefined || !topic.enabled) return false
    const id = idOf(bundle)
    const fail = () => failing.size < MOST_FAILED && failing.add(id)
    const before = failures.get(topic.log) ?? 0
    if (before >= FAILURES) {
      if (failed.has(id)) fail()
      return false
    }
    for (;;) {
      const stepped = yield* Effect.tapError(step(lease, bundle, topic, log), ({ away }) =>
        Effect.sync(() => {
          if (!away) return
          failures.set(topic.log, before + 1)
          fail()
        })
      )
      if (stepped !== "more") return stepped === "done"
      yield* Effect.yieldNow
    }
  })

  const turn = Effect.fnUntraced(function* (lease: Lease) {
    let stuck = 0
    const its: Turn = { failures: new Map(), failing: new Set() }
    const last: Array<Bundle> = []
    const one = Effect.fnUntraced(function* (bundle: Bundle) {
      const { topicName: topic, subscriptionName: subscription } = bundle
      const went = yield* Effect.catch(post(lease, bundle, its), (error: HeraldError) =>
        Effect.as(Effect.logDebug("dead letters wait", { topic, subscription, ...saidOf(error) }), false)
      ) // QI4
      if (!went) stuck++
    })
    for (let after = firstBundle; ; ) {
      const bundles: ReadonlyArray<Bundle> = yield* box.bundles(after, BUNDLES)
      for (const bundle of bundles)
        if (failed.has(idOf(bundle))) last.push(bundle)
        else yield* one(bundle)
      if (bundles.length < BUNDLES) break
      after = bundles.at(-1)!
    }
    for (const bundle of last) yield* one(bundle)
    failed = its.failing
    yield* Metric.update(stuckGauge, stuck)
  })

  yield* takeTurns({ name: "dead letters", run, pause: PAUSE }, turn)
})

/** Appends as long as the layer lives. `run`: this run of the process, as in the list of nodes. */
export const layer = (options: { readonly run: string }) => Layer.effectDiscard(make(options))

const postedTotal = counter("herald_dead_letters_posted_total", "dead letters that were appended to their topics")
const refusedTotal = counter(
  "herald_dead_letters_refused_total",
  "dead letters that their topic refuses: each is kept with why, and replayed or dropped by somebody"
)
const stuckGauge = gauge(
  "herald_dead_letters_stuck",
  "subscriptions whose dead letters could not be appended to their topic when it was tried last, as that is gone or disabled; of the node that tries"
)
