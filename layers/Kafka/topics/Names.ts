/**
 * What the names of topics stand for in Kafka. It is bounded in entries, and as of at most a second ago.
 *
 *   KM3  Under a topic's name Kafka has what Herald made for it, by Kafka's id, or nothing is read there or written: each second in which it is used that is
 *        looked at, once for all who use it, and for all topics that are in use in one question. One that others made under its name is told of when two looks
 *        a second apart say so, the second by whoever makes topics: a broker that has not heard of something yet gives nobody's events up.
 */
import { Effect, Metric } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { gauge } from "../../../src/telemetry/Metrics.ts"
import type { LogState, LogTopic } from "../../../src/topics/LogState.ts"
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import { kafkaName } from "../../../src/topics/Topic.ts"
import type { Brokers } from "./Brokers.ts"
import type { Described } from "./Describing.ts"
import { FRESH, Fresh } from "./Fresh.ts"
import { codes, Refused } from "./Protocol.ts"
import { Rows } from "./Rows.ts"
import type { Sealer } from "./Sealing.ts"
import { away } from "./Waiting.ts"

const MOST = 50_000
/** Foreign topics that are looked at at once. */
const AT_ONCE = 100

export const sealerOf = (id: PartitionId, { sealKey }: LogTopic): Sealer => ({
  partition: partitionKey(id),
  key: Buffer.from(sealKey, "hex")
})

export interface NamesOptions {
  readonly brokers: Pick<Brokers, "look" | "lookTwice">
  readonly state: Pick<LogState["Service"], "topics">
  readonly now: () => number
  /** Called when Kafka has another topic for one of Herald's than before. */
  readonly changed: (topic: number) => void
}

interface Seen {
  readonly name: string
  readonly as: string
}

/** Kafka said that it has another one than the one that was made for a topic. */
interface Strange {
  /** The one that was made. */
  readonly madeAs: string | undefined
  /** When it was looked at last. */
  readonly at: number
  /** It was looked at twice. */
  readonly sure: boolean
}

interface Question {
  readonly at: number
  readonly found: Promise<Described | undefined>
}

export class Names {
  readonly #of: NamesOptions
  readonly #rows: Rows
  readonly #seen = new Fresh<Seen>()
  readonly #strange = new Map<number, Strange>()
  /** Questions that are under way. */
  readonly #asked = new Map<string, Question>()

  constructor(of: NamesOptions) {
    this.#of = of
    this.#rows = new Rows(of)
  }

  /** It may have changed. */
  forget(id: number): void {
    this.#rows.forget(id)
  }

  topic(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return this.#rows.topic(id)
  }

  /** Asks for what is to be known of these at once. */
  prepare(ids: ReadonlyArray<number>): Effect.Effect<void, HeraldError> {
    return this.#rows.prepare(ids)
  }

  /** As `topic`, and Kafka has it. Fails besides `TopicLogUnavailable`, and `KafkaTopicExists`. KM3 */
  ours(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const { now } = this.#of
      const topic = yield* this.topic(id)
      if (topic === undefined) return yield* this.#settled(id, undefined)
      if (this.#seen.get(id, now())?.value.as === topic.madeAs) return topic
      const name = kafkaName(topic.name)
      const strange = this.#strange.get(id)
      const before = strange?.madeAs === topic.madeAs ? strange : undefined
      if (before !== undefined && now() - before.at < FRESH) return yield* this.#refused(name, before)
      const question = before?.sure === false ? this.#ask(name, "lookTwice") : this.#look(name)
      const found = yield* Effect.tryPromise({ try: () => question.found, catch: away })
      if (found === undefined) {
        this.forget(id) // it may be gone here as well by now
        return yield* away(new Refused("Metadata", codes.UNKNOWN_TOPIC_OR_PARTITION))
      }
      if (found.id !== topic.madeAs) {
        this.forget(id) // another node may have made it anew
        const newest = yield* this.topic(id)
        if (newest === undefined) return yield* this.#settled(id, undefined)
        if (newest.madeAs !== found.id) return yield* this.#differs(id, name, newest, question.at)
      }
      const last = this.#seen.last(id)
      this.#seen.set(id, { as: found.id, name }, question.at)
      if (last !== undefined && last.as !== found.id) this.#of.changed(id)
      return yield* this.#settled(id, yield* this.topic(id))
    })
  }

  /** As `ours`, as of now: what was seen within the last second is not enough. */
  sure(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return Effect.suspend(() => {
      this.#seen.doubt(id)
      return this.ours(id)
    })
  }

  /** Along with all that are in use. KQ5 */
  #look(name: string): Question {
    for (const id of this.#seen.along(this.#of.now())) {
      const { name: its, as } = this.#seen.last(id)!
      if (its === name || this.#asked.has(`look ${its}`)) continue
      const { at, found } = this.#ask(its, "look")
      const noted = (now: Described | undefined) => {
        if (now?.id === as && this.#seen.last(id)?.as === as) this.#seen.set(id, { name: its, as }, at)
      }
      found.then(noted, () => {}) // Whoever uses it asks for himself.
    }
    return this.#ask(name, "look")
  }

  #ask(name: string, how: "look" | "lookTwice"): Question {
    const key = `${how} ${name}`
    const before = this.#asked.get(key)
    if (before !== undefined) return before
    const { brokers, now } = this.#of
    const one = { at: now(), found: brokers[how](name) }
    this.#asked.set(key, one)
    const over = () => void this.#asked.delete(key)
    one.found.then(over, over)
    return one
  }

  get #counted() {
    let count = 0
    for (const { sure } of this.#strange.values()) if (sure) count++
    return Metric.update(theirsGauge, count)
  }

  /** It is nobody else's, or nobody's. */
  #settled<A>(id: number, value: A): Effect.Effect<A> {
    return this.#strange.delete(id) ? Effect.as(this.#counted, value) : Effect.succeed(value)
  }

  #differs(id: number, name: string, { madeAs }: LogTopic, at: number): Effect.Effect<never, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      this.#seen.doubt(id)
      const last = this.#strange.get(id)
      const before = last?.madeAs === madeAs ? last : undefined
      // Whoever asked meanwhile has the same look, not a second one.
      const isSecond = before !== undefined && at - before.at >= FRESH
      const one = before === undefined || isSecond ? { madeAs, at, sure: isSecond } : before
      if (this.#strange.size >= MOST) this.#strange.clear()
      this.#strange.set(id, one)
      if (one.sure !== (last?.sure ?? false)) yield* this.#counted
      if (one.sure && before?.sure === false)
        yield* Effect.logError(
          "Kafka has a topic of that name that Herald did not make: it is neither read nor written",
          { topic: name }
        )
      return yield* this.#refused(name, one)
    })
  }

  #refused(name: string, { sure }: Strange): HeraldError {
    return sure
      ? failure(
          "KafkaTopicExists",
          `Kafka has another topic ${name} now than the one that was made for this one, whose events are gone`
        )
      : failure(
          "TopicLogUnavailable",
          `Kafka says that ${name} is another topic than the one that was made for this one: it is looked at once more`
        )
  }

  /** Looks again at what others have made, whether or not it is used: it may be gone here, or Herald's again. */
  get recall(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.forEach([...this.#strange.keys()], (id) => Effect.ignore(this.ours(id)), {
        concurrency: AT_ONCE,
        discard: true
      })
    )
  }
}

/** Metric: foreign topics that are known for sure. */
export const theirsGauge = gauge(
  "herald_topic_kafka_foreign_topics",
  "Topics that Kafka has made anew for others under a name of Herald's, and that this node neither reads nor writes"
)
