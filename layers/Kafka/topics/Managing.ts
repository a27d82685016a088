/**
 * Makes, changes and removes topics in Kafka, as Herald's topics are.
 *
 *   KM1  What is in Kafka already is nobody's here: a topic of that name is not taken over, and so never deleted with one of Herald's.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import type { Admin, Kafka } from "kafkajs"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { BATCH_BYTES } from "../../../src/topics/Limits.ts"
import type { Retention, Topic } from "../../../src/topics/Topic.ts"
import type { LogTopics } from "../../../src/topics/TopicLog.ts"
import type { Brokers } from "./Brokers.ts"
import { enlist } from "./Fencing.ts"
import { Refused } from "./Protocol.ts"
import { kafkaName } from "./Records.ts"
import { away } from "./Waiting.ts"

const REPLICAS = 3
/** A round, with the room that records take. */
const MOST_BATCH = 2 * BATCH_BYTES
const [MINUTE, WEEK] = [60_000, 604_800_000]

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

const entries = (config: Readonly<Record<string, string>>) =>
  Object.entries(config).map(([name, value]) => ({ name, value }))

const typeOf = (cause: unknown): string => (cause instanceof Refused ? cause.message : String(Object(cause).type ?? ""))

const failed = (cause: unknown): HeraldError => {
  const type = typeOf(cause)
  return /AUTHORIZATION|POLICY|INVALID|UNSUPPORTED|UNKNOWN_TOPIC/.test(type)
    ? failure("TopicLogRefused", `Kafka did not do it: ${(cause as Error).message}`, { cause })
    : away(cause)
}

export const withAdmin = <A>(kafka: Kafka, use: (admin: Admin) => Promise<A>): Effect.Effect<A, HeraldError> =>
  Effect.tryPromise({
    try: async () => {
      const admin = kafka.admin()
      try {
        await admin.connect()
        return await use(admin)
      } finally {
        await admin.disconnect().catch(() => {})
      }
    },
    catch: (cause) => (Object(cause).code?.startsWith?.("HRLD") ? (cause as HeraldError) : failed(cause))
  })

/** Milliseconds until every broker knows of a change, and between two looks. */
const [PATIENCE, LOOK] = [10_000, 50]

/** Until all partitions have leaders. */
const settled = async (brokers: Brokers, name: string, partitions: number): Promise<void> => {
  const wanted = Array.from({ length: partitions }, (_, partition) => partition)
  for (const until = performance.now() + PATIENCE; performance.now() < until; await sleep(LOOK)) {
    const { leaders } = await brokers.leadersOf(name, wanted)
    if (leaders !== undefined && wanted.every((partition) => (leaders.get(partition) ?? -1) >= 0)) return
  }
  throw new Error(`partitions of ${name} have no leader`)
}

/** `changed`: called with the topic's id. */
export const makeManaging = (
  kafka: Kafka,
  brokers: Brokers,
  changed: (topic: number) => void
): Omit<LogTopics, "open"> => {
  const make = async (admin: Admin, topic: Topic) => {
    const name = kafkaName(topic.name)
    const { brokers: nodes } = await admin.describeCluster()
    const replicationFactor = Math.min(REPLICAS, nodes.length)
    const made = await admin.createTopics({
      waitForLeaders: false,
      topics: [
        {
          topic: name,
          numPartitions: topic.partitions,
          replicationFactor,
          configEntries: entries(configOf(topic.retention, replicationFactor))
        }
      ]
    })
    if (!made) throw failure("KafkaTopicExists", `Kafka has a topic ${name}`) // KM1
    await settled(brokers, name, topic.partitions)
    // Whether its writers will get their identities; and the first of all takes Kafka seconds.
    await enlist(brokers, "herald.topics.ready")
  }
  const create = (topic: Topic) => withAdmin(kafka, (admin) => make(admin, topic))
  const change = (topic: Topic) =>
    withAdmin(kafka, async (admin) => {
      const name = kafkaName(topic.name)
      // One that is here and not there, as its creation was broken off, is made now.
      const { leaders } = await brokers.leadersOf(name, [])
      if (leaders === undefined) return await make(admin, topic)
      const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
      const partitions = topics[0]?.partitions ?? []
      const replicas = Math.max(1, ...partitions.map((one) => one.replicas.length))
      if (partitions.length < topic.partitions)
        await admin.createPartitions({ topicPartitions: [{ topic: name, count: topic.partitions }] })
      const resources = [{ type: 2, name, configEntries: entries(configOf(topic.retention, replicas)) }]
      await admin.alterConfigs({ validateOnly: false, resources })
      await settled(brokers, name, topic.partitions)
    }).pipe(Effect.tap(() => Effect.sync(() => changed(topic.id))))
  const remove = (topic: Topic) =>
    withAdmin(kafka, async (admin) => {
      try {
        await admin.deleteTopics({ topics: [kafkaName(topic.name)], timeout: 10_000 })
      } catch (cause) {
        if (typeOf(cause) !== "UNKNOWN_TOPIC_OR_PARTITION") throw cause // deleted before
      }
    }).pipe(Effect.tap(() => Effect.sync(() => changed(topic.id))))
  return { create, change, remove }
}
