/**
 * The topic as a lane of hints: whatever node the relay runs on, the others see that something was committed.
 *
 *   KF3  The group is this node's own and starts at the end; a crash of the consumer costs hints until it is back, nothing else.
 */
import { Duration, Effect } from "effect"
import type { HintLane } from "../../src/propagation/HintLane.ts"
import { connectionOf, farewell, type KafkaOptions } from "./Connection.ts"
import { topicReady, updates } from "./Topic.ts"

const AGAIN = Duration.seconds(2)

export const lane = (options: KafkaOptions) =>
  Effect.gen(function* () {
    const kafka = yield* connectionOf(options)
    const { topic, node } = options

    const consume = (gap: () => void) =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* topicReady(kafka, updates(topic))
          const consumer = yield* Effect.acquireRelease(
            Effect.sync(() =>
              kafka.consumer({ groupId: `propagation.${node}`, sessionTimeout: 10_000, maxWaitTimeInMs: 500 })
            ),
            // Left behind, it would hold up this node's next start until its session ends.
            (consumer) => farewell(() => consumer.disconnect(), 1_000)
          )
          yield* Effect.callback<never, Error>((resume) => {
            const failed = (cause: unknown) => resume(Effect.fail(cause as Error))
            consumer.on("consumer.crash", ({ payload: { error, restart } }) => {
              if (!restart) failed(error)
            })
            consumer.on("consumer.group_join", gap)
            const run = async () => {
              await consumer.connect()
              await consumer.subscribe({ topic, fromBeginning: false })
              await consumer.run({ eachBatch: async () => gap() })
            }
            run().catch(failed)
          })
        })
      )

    return {
      name: "kafka",
      tell: () => Effect.void, // the relay does
      listen: ({ gap }) =>
        consume(gap).pipe(
          Effect.catch((error) => Effect.logDebug("the lane over Kafka is down", { reason: error.message })),
          Effect.andThen(Effect.sleep(AGAIN)),
          Effect.forever,
          Effect.forkScoped,
          Effect.asVoid
        )
    } satisfies HintLane
  })
