/** Topics whose log is in Kafka, for suites that know only stores and logs: what is created has its topic there, and producers are opened there. */
import { Effect, Layer } from "effect"
import type { Admin } from "kafkajs"
import type { KafkaOptions } from "../../layers/Kafka/connection/Connection.ts"
import { KafkaLog } from "../../src/topics/KafkaLog.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import type { KafkaServer } from "./Kafka.ts"

/** Of a node on this broker. */
export const kafkaOptions = ({ address }: { readonly address: string }): KafkaOptions => ({
  brokers: [address],
  topic: "config.updates",
  tls: false,
  username: undefined,
  password: undefined,
  node: "test"
})

const log = Layer.effect(
  TopicLog,
  Effect.map(KafkaLog, (log) => TopicLog.of(log))
)

const store = Layer.effect(
  TopicStore,
  Effect.gen(function* () {
    const its = yield* TopicStore
    const { elsewhere } = yield* KafkaLog
    return TopicStore.of({
      ...its,
      create: (definition, by, note) =>
        definition.log === "postgres"
          ? Effect.flatMap(its.create({ ...definition, log: "kafka" }, by, note), (topic) =>
              Effect.flatMap(elsewhere.create(topic), (as) => Effect.map(its.made(topic.id, as), (made) => made!))
            )
          : its.create(definition, by, note),
      update: (...wish) =>
        Effect.tap(its.update(...wish), (topic) =>
          topic === undefined
            ? Effect.void
            : Effect.flatMap(elsewhere.change(topic), (as) =>
                as === topic.madeAs ? Effect.void : Effect.asVoid(its.made(topic.id, as))
              )
        ),
      remove: (name, note) =>
        Effect.flatMap(its.get(name), (topic) =>
          Effect.andThen(topic === undefined ? Effect.void : elsewhere.remove(topic), its.remove(name, note))
        ),
      open: (topic, producer) =>
        Effect.flatMap(its.open(topic, producer), (opened) =>
          opened === undefined
            ? Effect.undefined
            : Effect.map(elsewhere.open(topic, producer), (sequences) => ({ ...opened, sequences }))
        )
    })
  })
)

/** Uses Kafka as whoever runs it. */
export const asAdmin =
  (kafka: () => KafkaServer) =>
  async <A>(use: (admin: Admin) => Promise<A>): Promise<A> => {
    const admin = kafka().client.admin()
    await admin.connect()
    try {
      return await use(admin)
    } finally {
      await admin.disconnect()
    }
  }

/** Instead of the store's own log. */
export const kafkaTopics = Layer.merge(log, store)
