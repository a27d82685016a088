/** TopicLog over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { partitionKey } from "../../../src/topics/Piece.ts"
import { TopicLog } from "../../../src/topics/TopicLog.ts"
import { State } from "../State.ts"
import { makeMemoryLog } from "./MemoryLog.ts"
import { TopicTables } from "./TopicTables.ts"

export const layer = Layer.effect(
  TopicLog,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const { partitions, producers, listeners } = (yield* State.service).tables(TopicTables)
    return TopicLog.of(
      makeMemoryLog({
        now: () => clock.currentTimeMillisUnsafe(),
        find: (id) => partitions.get(partitionKey(id)),
        all: () => partitions.values(),
        epochOf: ({ topic }, { producer }) => producers.get(topic)?.get(producer),
        listeners,
        grew: () => undefined
      })
    )
  })
)
