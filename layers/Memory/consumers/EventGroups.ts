/** Consumer groups on a `Topic`. */
import { Effect, Layer } from "effect"
import { type Consumption, EventGroups } from "../../../src/consumers/EventGroups.ts"
import type { Received } from "../../../src/consumers/Received.ts"
import { backoff } from "../../../src/net/Backoff.ts"
import type { Place, Topic } from "../Topic.ts"

const POLL = "100 millis"
const AGAIN = { first: 250, longest: 30_000, spread: 0 }

/** One step on a partition, unless another consumer has it. */
const step = ({ size, take }: Consumption, messages: ReadonlyArray<Received>, place: Place) =>
  place.lock
    .withPermits(1)(
      Effect.suspend(() => {
        const batch = messages.slice(place.next, place.next + size)
        if (batch.length === 0) return Effect.sleep(POLL)
        return take(batch).pipe(
          Effect.matchEffect({
            onSuccess: () => Effect.sync(() => Object.assign(place, { next: place.next + batch.length, failures: 0 })),
            onFailure: () => Effect.suspend(() => Effect.sleep(backoff(AGAIN, place.failures++, 0)))
          })
        )
      })
    )
    .pipe(Effect.catchDefect(() => Effect.sleep(POLL)))

export const layer = (topic: Topic) =>
  Layer.succeed(EventGroups, {
    topic: "config.updates",
    consume: (consumption) =>
      Effect.forEach(
        topic.placesOf(consumption.group),
        (place, partition) => Effect.forever(step(consumption, topic.partitions[partition]!, place)),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.andThen(Effect.never)),
    lag: (group) =>
      Effect.sync(() =>
        topic.placesOf(group).map(({ next }, partition) => ({
          partition,
          next: BigInt(next),
          end: BigInt(topic.partitions[partition]!.length)
        }))
      )
  })
