/** The topic: made when it isn't there, and looked at when it is. */
import { Effect } from "effect"
import type { Kafka } from "kafkajs"

const PARTITIONS = 10
const REPLICAS = 3
const RETENTION_MILLIS = 7 * 86_400_000

/** What is wrong with the topic, with what to type; empty when nothing is. Rejects when Kafka does not answer. */
export const ensureTopic = async (kafka: Kafka, topic: string): Promise<ReadonlyArray<string>> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    const made = await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: PARTITIONS,
          replicationFactor: Math.min(REPLICAS, brokers.length),
          configEntries: [{ name: "retention.ms", value: String(RETENTION_MILLIS) }]
        }
      ]
    })
    if (made) return []
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0]?.partitions ?? []
    const replicas = Math.min(...partitions.map((partition) => partition.replicas.length))
    const wanted = Math.min(REPLICAS, brokers.length)
    const wrong: Array<string> = []
    if (partitions.length < PARTITIONS)
      wrong.push(
        `${topic} has ${partitions.length} partitions instead of ${PARTITIONS}: kafka-topics.sh --alter --topic ${topic} --partitions ${PARTITIONS} (the order of a key is kept only from then on)`
      )
    if (replicas < wanted)
      wrong.push(`${topic} has ${replicas} replicas instead of ${wanted}: kafka-reassign-partitions.sh`)
    return wrong
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Says what is wrong once. */
export const topicReady = (kafka: Kafka, topic: string) =>
  Effect.tryPromise({ try: () => ensureTopic(kafka, topic), catch: (cause) => cause as Error }).pipe(
    Effect.flatMap((wrong) => (wrong.length === 0 ? Effect.void : Effect.logWarning(wrong.join("; "))))
  )
