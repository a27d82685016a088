/** Keeps what Herald knows of logs that another system holds, by the functions of migration 0036. */
import { Effect, Layer } from "effect"
import type { Run } from "../../../src/topics/Batch.ts"
import { type History, LogState, type LogTopic, MARKS, type Settled } from "../../../src/topics/LogState.ts"
import { HISTORIES } from "../../../src/topics/MessageId.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface HeldRow {
  readonly epoch: number
  readonly sequence: number
  readonly runs: ReadonlyArray<number>
  readonly settled: number
  readonly writer: string | null
}

interface HistoryRow {
  readonly part: number
  readonly epoch: number
  readonly begun: ReadonlyArray<number>
  readonly marks: ReadonlyArray<number>
}

const tuples = (flat: ReadonlyArray<number>, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.floor(flat.length / size) }, (_, at) => flat.slice(at * size, (at + 1) * size))

const runsOf = (flat: ReadonlyArray<number>): ReadonlyArray<Run> =>
  tuples(flat, 3).map(([first, count, offset]) => ({ first: first!, count: count!, offset: offset! }))

const historyOf = ({ epoch, begun, marks }: HistoryRow): History => ({
  epoch,
  begun: tuples(begun, 2).map(([epoch, offset]) => [epoch!, offset!]),
  marks: tuples(marks, 3).map(([offset, at, leader]) => ({ offset: offset!, at: at!, leader: leader! }))
})

const flatMarks = (marks: History["marks"]) =>
  marks.slice(-MARKS).flatMap(({ offset, at, leader }) => [offset, at, leader])

const asRow = ({ topic, partition, producer, known, settled, writer }: Settled) => ({
  topic,
  part: partition,
  producer,
  sequence: known.sequence,
  runs: known.runs.flatMap(({ first, count, offset }) => [first, count, offset]),
  settled,
  writer
})

export const layer = Layer.effect(
  LogState,
  Effect.map(Pools, ({ other: sql }) =>
    LogState.of({
      topics: (ids) =>
        guarded("read topics")(
          sql<LogTopic & { readonly id: number }>`
            select id, name, partitions, compression, made as "madeAs", encode(seal_key, 'hex') as "sealKey" from topics t
            where id = any (${[...ids]}::int[]) and herald_topic_is_made(t)`
        ).pipe(Effect.map((rows) => new Map(rows.map(({ id, ...topic }) => [id, topic])))),
      find: ({ topic, partition }, producer) =>
        guarded("read how far a producer has come")(sql<{ held: HeldRow | null }>`
          select herald_topic_held(${topic}::int, ${partition}::int, ${producer}) as held`).pipe(
          Effect.map(([row]) => {
            const held = row!.held
            return held === null
              ? undefined
              : {
                  known: { epoch: held.epoch, sequence: held.sequence, runs: runsOf(held.runs) },
                  settled: held.settled,
                  writer: held.writer ?? undefined
                }
          })
        ),
      hold: (from, to) =>
        guarded("take a producer over")(sql<{ epoch: bigint }>`
          update topic_sequences s set sequence = v.sequence, runs = v.runs, settled = v.settled, writer = v.writer, at = herald_now()
            from jsonb_to_record(${JSON.stringify(asRow(to))}::text::jsonb)
              as v(topic int, part int, producer text, sequence bigint, runs bigint[], settled bigint, writer text)
            where s.topic_id = v.topic and s.part = v.part and s.producer = v.producer and s.writer is not distinct from ${from ?? null}::text
            returning s.epoch`).pipe(Effect.map(([row]) => row && Number(row.epoch))),
      settle: (all) =>
        all.length === 0
          ? Effect.void
          : Effect.asVoid(
              guarded("note how far producers have come")(sql`
                update topic_sequences s set sequence = v.sequence, runs = v.runs, settled = v.settled, at = herald_now()
                  from jsonb_to_recordset(${JSON.stringify(all.map(asRow))}::text::jsonb)
                    as v(topic int, part int, producer text, sequence bigint, runs bigint[], settled bigint, writer text)
                  where s.topic_id = v.topic and s.part = v.part and s.producer = v.producer and s.writer = v.writer`)
            ),
      partitionsOf: (topic, producer) =>
        guarded("read where a producer wrote")(sql<{ part: number }>`
          select part from topic_sequences where topic_id = ${topic}::int and producer = ${producer} and writer is not null order by part`).pipe(
          Effect.map((rows) => rows.map(({ part }) => part))
        ),
      histories: (topic) =>
        guarded("read the histories of a topic")(sql<{ history: HistoryRow }>`
          select jsonb_build_object('part', part, 'epoch', epoch, 'begun', begun, 'marks', marks) as history
          from topic_histories where topic_id = ${topic}::int`).pipe(
          Effect.map((rows) => new Map(rows.map(({ history }) => [history.part, historyOf(history)])))
        ),
      begin: ({ topic, partition }, from, at, marks) =>
        guarded("begin a history")(sql<{ history: HistoryRow | null }>`
          select herald_topic_begin(${topic}::int, ${partition}::int, ${from ?? null}::bigint, ${BigInt(at)}, ${JSON.stringify(flatMarks(marks))}::text::jsonb,
            ${HISTORIES}::int) as history`).pipe(
          Effect.map(([row]) => (row!.history === null ? undefined : historyOf(row!.history)))
        ),
      mark: (all) =>
        all.length === 0
          ? Effect.void
          : Effect.asVoid(
              guarded("mark histories")(sql`
                update topic_histories h set marks = v.marks
                  from jsonb_to_recordset(${JSON.stringify(
                    all.map(({ topic, partition, epoch, marks }) => ({
                      topic,
                      part: partition,
                      epoch,
                      marks: flatMarks(marks)
                    }))
                  )}::text::jsonb) as v(topic int, part int, epoch bigint, marks bigint[])
                  where h.topic_id = v.topic and h.part = v.part and h.epoch = v.epoch`)
            )
    })
  )
)
