/** Makes a topic when it isn't there, and checks it when it is. */
import { Effect } from "effect"
import type { Kafka } from "kafkajs"
import { Said } from "../../../src/telemetry/Said.ts"

const REPLICAS = 3
const DAY = 86_400_000

export interface TopicOptions {
  readonly topic: string
  readonly partitions: number
  readonly retentionMillis: number
}

/** The topic of all events. */
export const updates = (topic: string): TopicOptions => ({ topic, partitions: 10, retentionMillis: 7 * DAY })
/** The topic of dead letters: there are few, kept for longer, as people have to look at them. */
export const deadLetters = (topic: string): TopicOptions => ({
  topic: `${topic}.dead`,
  partitions: 1,
  retentionMillis: 30 * DAY
})

/** What is wrong with the topic, with what to type; empty when nothing is wrong. Rejects when Kafka does not answer. */
export const ensureTopic = async (
  kafka: Kafka,
  { topic, partitions: wantedPartitions, retentionMillis }: TopicOptions
): Promise<ReadonlyArray<string>> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    const made = await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: wantedPartitions,
          replicationFactor: Math.min(REPLICAS, brokers.length),
          configEntries: [{ name: "retention.ms", value: String(retentionMillis) }]
        }
      ]
    })
    if (made) return []
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0]?.partitions ?? []
    const replicas = Math.min(...partitions.map((partition) => partition.replicas.length))
    const wanted = Math.min(REPLICAS, brokers.length)
    const wrong: Array<string> = []
    if (partitions.length < wantedPartitions)
      wrong.push(
        `${topic} has ${partitions.length} partitions instead of ${wantedPartitions}: kafka-topics.sh --alter --topic ${topic} --partitions ${wantedPartitions} (the order of a key is kept only from then on)`
      )
    if (replicas < wanted)
      wrong.push(`${topic} has ${replicas} replicas instead of ${wanted}: kafka-reassign-partitions.sh`)
    return wrong
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Makes sure of the topic, and logs each thing that is wrong with it once, however often it is called. */
export const topicReady = (kafka: Kafka, options: TopicOptions) =>
  Effect.tryPromise({ try: () => ensureTopic(kafka, options), catch: (cause) => cause as Error }).pipe(
    Effect.zip(Said),
    Effect.flatMap(([wrong, { isNews }]) => {
      const news = wrong.filter(isNews)
      return news.length === 0
        ? Effect.void
        : Effect.forEach(
            news,
            (wrong) => Effect.logWarning("a topic is not as it should be", { topic: options.topic, wrong }),
            { discard: true }
          )
    })
  )
