/**
 * Uses the topic as a lane of hints: whichever node runs the relay, the others see that something was committed.
 *
 *   KF3  The group is this node's own and starts at the end; while its consumer is down only hints are lost.
 */
import { Clock, Duration, Effect } from "effect"
import type { EachBatchPayload } from "kafkajs"
import type { HintLane } from "../../../src/propagation/HintLane.ts"
import { layerLane } from "../../../src/propagation/HintLanes.ts"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { type Message, makeMark, nameOf, optionsOf } from "../../../src/telemetry/Traces.ts"
import { CLIENT_ID, connectionOf, farewell, type KafkaOptions } from "../connection/Connection.ts"
import { topicReady, updates } from "../connection/Topic.ts"

const AGAIN = Duration.seconds(2)
/** Tries in vain until it is told: a broker that has just started refuses at first. */
const TRIES = 3

const lane = (options: KafkaOptions) =>
  Effect.gen(function* () {
    const kafka = yield* connectionOf(options)
    const clock = yield* Clock.Clock
    const mark = yield* makeMark
    const { topic, node } = options
    const group = `propagation.${node}`
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const hearing = yield* notice("events", {
      source: "lane",
      began: "the topic can't be read as a lane: hints come over the other lanes",
      ended: "the topic is read as a lane again"
    })
    let tries = 0
    const joined = Effect.suspend(() => {
      tries = 0
      return hearing.works
    })

    const noted = ({ messages, partition }: EachBatchPayload["batch"], from: number) => {
      const message: Message = {
        system: "kafka",
        destination: topic,
        operation: "process",
        attributes: {
          "messaging.batch.message_count": messages.length,
          "messaging.client.id": CLIENT_ID,
          "messaging.consumer.group.name": group,
          "messaging.destination.partition.id": String(partition)
        }
      }
      const traceparents = messages.map(({ headers }) => String(headers?.["traceparent"] ?? ""))
      mark({ name: nameOf(message), ...optionsOf(message), traceparents, from, to: clock.currentTimeMillisUnsafe() })
    }

    const consume = (gap: () => void) =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* topicReady(kafka, updates(topic))
          const consumer = yield* Effect.acquireRelease(
            Effect.sync(() => kafka.consumer({ groupId: group, sessionTimeout: 10_000, maxWaitTimeInMs: 500 })),
            // Left behind, it would hold up this node's next start until its session ends.
            (consumer) => farewell(() => consumer.disconnect(), 1_000)
          )
          yield* Effect.callback<never, Error>((resume) => {
            const failed = (cause: unknown) => resume(Effect.fail(cause as Error))
            consumer.on("consumer.group_join", () => void run(joined))
            consumer.on("consumer.crash", ({ payload: { error, restart } }) => {
              if (!restart) failed(error)
            })
            consumer.on("consumer.group_join", gap)
            const read = async () => {
              await consumer.connect()
              await consumer.subscribe({ topic, fromBeginning: false })
              await consumer.run({
                eachBatch: async ({ batch }) => {
                  const from = clock.currentTimeMillisUnsafe()
                  gap()
                  noted(batch, from)
                }
              })
            }
            read().catch(failed)
          })
        })
      )

    return {
      name: "kafka",
      tell: () => Effect.void, // the relay does
      listen: ({ gap }) =>
        Effect.asVoid(
          Effect.forkScoped(
            every(
              "the lane over Kafka is down",
              AGAIN,
              Effect.tapError(consume(gap), ({ message }) => (++tries >= TRIES ? hearing.fails(message) : Effect.void))
            )
          )
        )
    } satisfies HintLane
  })

/** Adds a lane to those that were provided before. */
export const layer = (options: KafkaOptions) => layerLane(lane(options))
