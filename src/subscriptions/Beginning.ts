/** Finds where a subscription begins in the partitions of its topic. */
import { Effect } from "effect"
import { HeraldError } from "../errors/HeraldError.ts"
import { noSuchTopic } from "../topics/KnownTopics.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { Begin } from "./Place.ts"
import { beginsOf, type Wanted } from "./Wanted.ts"

/** Partitions that are asked about at the same time. */
const AT_ONCE = 8

/** As the log is now. `usual`: of partitions that are not said. Fails `InvalidInput`, `OffsetOutOfRange`, `NoSuchTopic`, and as the log. */
export const beginningOf = Effect.fnUntraced(function* (
  topic: Topic,
  log: Log,
  wanted: Wanted,
  usual: "latest" | "stay"
): Effect.fn.Return<ReadonlyArray<Begin>, HeraldError> {
  const all = (yield* log.bounds([topic.id])).toSorted((a, b) => a.partition - b.partition)
  if (all.length === 0) return yield* noSuchTopic(topic.name)
  if (wanted.at === "time") {
    const { millis } = wanted
    return yield* Effect.forEach(
      all,
      ({ partition, epoch, next }) =>
        Effect.map(log.find({ topic: topic.id, partition }, millis), (place) => ({
          partition,
          logEpoch: place?.epoch ?? epoch,
          offset: place?.offset ?? next
        })),
      { concurrency: AT_ONCE }
    )
  }
  const begins = beginsOf(wanted, all, topic, usual)
  return begins instanceof HeraldError ? yield* begins : begins
})
