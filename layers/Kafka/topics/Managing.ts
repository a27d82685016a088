/**
 * Makes, changes and removes topics in Kafka, as Herald's topics are.
 *
 *   KM1  What is in Kafka already is nobody's here: a topic of that name is not taken over, and so never changed or deleted with one of Herald's. What Herald
 *        made is known again by Kafka's id, which no other topic ever has.
 *   KM2  Names that Kafka keeps for itself, or Herald for what it tells others, are no topics'.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import type { Admin, Kafka } from "kafkajs"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { BATCH_BYTES } from "../../../src/topics/Limits.ts"
import { kafkaName, type Retention, type Topic } from "../../../src/topics/Topic.ts"
import type { LogTopics } from "../../../src/topics/TopicLog.ts"
import { createTopic, deleteTopic, describe } from "./Administering.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { enlist } from "./Fencing.ts"
import { codes, Refused } from "./Protocol.ts"
import { away } from "./Waiting.ts"

const REPLICAS = 3
/** A round, with the room that records take. */
const MOST_BATCH = 2 * BATCH_BYTES
const [MINUTE, WEEK] = [60_000, 604_800_000]
/** Milliseconds that Kafka has for making or removing one. */
const TIMEOUT = 10_000

/** What a topic is set to. Whole segments go, so they are short against what is kept. */
export const configOf = ({ millis, bytes }: Retention, replicas: number): Readonly<Record<string, string>> => ({
  "cleanup.policy": "delete",
  "message.timestamp.type": "LogAppendTime",
  "max.message.bytes": String(MOST_BATCH),
  "min.insync.replicas": String(replicas > 1 ? 2 : 1),
  "unclean.leader.election.enable": "false",
  "retention.ms": String(millis ?? -1),
  "retention.bytes": String(bytes ?? -1),
  "segment.ms": String(Math.min(WEEK, Math.max(MINUTE, Math.floor((millis ?? WEEK) / 10)))),
  ...(bytes === null
    ? {}
    : { "segment.bytes": String(Math.min(2 ** 30, Math.max(MOST_BATCH, Math.floor(bytes / 10)))) })
})

const typeOf = (cause: unknown): string => (cause instanceof Refused ? cause.message : String(Object(cause).type ?? ""))

const failed = (cause: unknown): HeraldError => {
  const type = typeOf(cause)
  return /AUTHORIZATION|POLICY|INVALID|UNSUPPORTED|UNKNOWN_TOPIC/.test(type)
    ? failure("TopicLogRefused", `Kafka did not do it: ${(cause as Error).message}`, { cause })
    : away(cause)
}

const done = <A>(use: () => Promise<A>): Effect.Effect<A, HeraldError> =>
  Effect.tryPromise({
    try: use,
    catch: (cause) => (Object(cause).code?.startsWith?.("HRLD") ? (cause as HeraldError) : failed(cause))
  })

const withAdmin = async <A>(kafka: Kafka, use: (admin: Admin) => Promise<A>): Promise<A> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await use(admin)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Milliseconds until every broker knows of a change, and between two looks. */
const [PATIENCE, LOOK] = [10_000, 50]

/** Until all partitions have leaders, or it took too long: publishers wait for them then. */
const settled = async (brokers: Brokers, name: string, partitions: number): Promise<void> => {
  const wanted = Array.from({ length: partitions }, (_, partition) => partition)
  for (const until = performance.now() + PATIENCE; performance.now() < until; await sleep(LOOK)) {
    const { leaders } = await brokers.leadersOf(name, wanted)
    if (leaders !== undefined && wanted.every((partition) => (leaders.get(partition) ?? -1) >= 0)) return
  }
}

const taken = (name: string) => failure("KafkaTopicExists", `Kafka has a topic ${name}`)

export interface ManagingOptions {
  readonly kafka: Kafka
  readonly brokers: Brokers
  /** Names in Kafka that Herald has for other things. */
  readonly own: ReadonlyArray<string>
  /** Called with the topic's id. */
  readonly changed: (topic: number) => void
}

export const makeManaging = ({ kafka, brokers, own, changed }: ManagingOptions): Omit<LogTopics, "open"> => {
  const make = async (topic: Topic): Promise<string> => {
    const name = kafkaName(topic.name)
    const replicas = Math.min(REPLICAS, (await brokers.cluster()).brokers)
    const wanted = { name, partitions: topic.partitions, replicas, config: configOf(topic.retention, replicas) }
    const id = await brokers.askController(createTopic(wanted, TIMEOUT)).catch((cause) => {
      throw isRefused(cause) && cause.code === codes.TOPIC_ALREADY_EXISTS ? taken(name) : cause // KM1
    })
    try {
      // Whether its writers will get their identities; and the first of all takes Kafka seconds.
      await enlist(brokers, "herald.topics.ready")
    } catch (cause) {
      await brokers.askController(deleteTopic(id, TIMEOUT)).catch(() => {
        throw failure("TopicLogUnavailable", `the topic ${name} can't be used, and is left in Kafka`, { cause })
      })
      throw cause
    }
    await settled(brokers, name, topic.partitions).catch(() => {}) // it is there
    return id
  }
  const change = async (topic: Topic): Promise<string> => {
    const name = kafkaName(topic.name)
    const found = await brokers.askAny(describe(name))
    if (found === undefined) return await make(topic)
    if (found.id !== topic.madeAs) throw taken(name) // KM1
    await withAdmin(kafka, async (admin) => {
      if (found.partitions < topic.partitions)
        await admin.createPartitions({ topicPartitions: [{ topic: name, count: topic.partitions }] })
      const config = Object.entries(configOf(topic.retention, found.replicas))
      const configEntries = config.map(([name, value]) => ({ name, value }))
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries }] })
    })
    await settled(brokers, name, topic.partitions).catch(() => {})
    return found.id
  }
  const told = (topic: Topic) => Effect.sync(() => changed(topic.id))
  return {
    // KM2
    wrongName: (name) => {
      const its = kafkaName(name)
      if (its.startsWith("__") || its === "." || its === "..") return `Kafka keeps ${its} for itself`
      return own.includes(its) ? `${its} is where this Herald tells others of changes` : undefined
    },
    create: (topic) => done(() => make(topic)),
    change: (topic) =>
      Effect.tap(
        done(() => change(topic)),
        told(topic)
      ),
    remove: (topic) =>
      Effect.tap(
        topic.madeAs === undefined
          ? Effect.void
          : done(() => brokers.askController(deleteTopic(topic.madeAs!, TIMEOUT))),
        told(topic)
      )
  }
}
