/** LogState over a `State`. */
import { randomBytes } from "node:crypto"
import { Clock, Effect, Layer } from "effect"
import { type Held, type History, LogState, type LogTopic, MARKS } from "../../../src/topics/LogState.ts"
import { HISTORIES } from "../../../src/topics/MessageId.ts"
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import { State } from "../State.ts"
import { TopicTables } from "./TopicTables.ts"

class LogTables {
  /** By partition and producer. */
  readonly held = new Map<string, Map<string, Omit<Held, "known"> & Pick<Held["known"], "sequence" | "runs">>>()
  readonly histories = new Map<string, History>()
  /** By topic. */
  readonly sealKeys = new Map<number, string>()
}

export const layer = Layer.effect(
  LogState,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const topics = state.tables(TopicTables)
    const { held, histories, sealKeys } = state.tables(LogTables)
    const topicOf = (id: number) =>
      [...topics.topics.values()].find((one) => one.id === id && (one.log !== "kafka" || one.madeAs !== undefined))
    const epochOf = (topic: number, producer: string) => topics.producers.get(topic)?.get(producer)
    const of = (id: PartitionId) => {
      const its = held.get(partitionKey(id)) ?? new Map()
      held.set(partitionKey(id), its)
      return its as NonNullable<ReturnType<typeof held.get>>
    }
    return LogState.of({
      topics: (ids) =>
        Effect.sync(() => {
          const found = new Map<number, LogTopic>()
          for (const id of ids) {
            const topic = topicOf(id)
            if (topic === undefined) continue
            const sealKey = sealKeys.get(id) ?? randomBytes(32).toString("hex")
            sealKeys.set(id, sealKey)
            found.set(id, { ...topic, sealKey })
          }
          return found
        }),
      find: (id, producer) =>
        Effect.sync(() => {
          const epoch = epochOf(id.topic, producer)
          if (epoch === undefined) return undefined
          const { settled, writer, ...rest } = of(id).get(producer) ?? {
            settled: 0,
            writer: undefined,
            sequence: 0,
            runs: []
          }
          return { settled, writer, known: { ...rest, epoch } }
        }),
      hold: (from, { known: { sequence, runs }, settled, writer, producer, ...id }) =>
        Effect.sync(() => {
          const epoch = epochOf(id.topic, producer)
          if (epoch === undefined || of(id).get(producer)?.writer !== from) return undefined
          of(id).set(producer, { settled, writer, sequence, runs })
          return epoch
        }),
      settle: (all) =>
        Effect.sync(() => {
          for (const { known, settled, writer, producer, ...id } of all)
            if (of(id).get(producer)?.writer === writer)
              of(id).set(producer, { settled, writer, sequence: known.sequence, runs: known.runs })
        }),
      partitionsOf: (topic, producer) =>
        Effect.sync(() =>
          Array.from({ length: topicOf(topic)?.partitions ?? 0 }, (_, partition) => partition).filter((partition) =>
            held.get(partitionKey({ topic, partition }))?.has(producer)
          )
        ),
      histories: (topic) =>
        Effect.sync(() => {
          const all = new Map<number, History>()
          for (let partition = 0; partition < (topicOf(topic)?.partitions ?? 0); partition++) {
            const history = histories.get(partitionKey({ topic, partition }))
            if (history !== undefined) all.set(partition, history)
          }
          return all
        }),
      begin: (id, from, at, marks) =>
        Effect.sync(() => {
          const last = histories.get(partitionKey(id))
          const partitions = topicOf(id.topic)?.partitions ?? 0
          if (id.partition >= partitions) return undefined
          if (last?.epoch !== from) return last
          const epoch = topics.nextEpoch(clock.currentTimeMillisUnsafe())
          const begun = [...(last?.begun ?? []), [epoch, at] as const].slice(-HISTORIES)
          const history = { epoch, begun, marks: marks.slice(-MARKS) }
          for (let partition = 0; last === undefined && partition < partitions; partition++) {
            const key = partitionKey({ topic: id.topic, partition })
            if (!histories.has(key)) histories.set(key, { epoch, begun: [[epoch, 0]], marks: [] })
          }
          histories.set(partitionKey(id), history)
          return history
        }),
      mark: (all) =>
        Effect.sync(() => {
          for (const { epoch, marks, ...id } of all) {
            const last = histories.get(partitionKey(id))
            if (last?.epoch === epoch) histories.set(partitionKey(id), { ...last, marks: marks.slice(-MARKS) })
          }
        })
    })
  })
)
