/** Keeps the log of topics in PostgreSQL, by the functions of migration 0036. */
import { Effect, Layer, Metric } from "effect"
import { counter } from "../../../src/telemetry/Metrics.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import { type Bounds, endOf, type PartitionId, type Piece, type Read, type Segment } from "../../../src/topics/Piece.ts"
import { MOST_READ, type ReadOptions, TopicLog } from "../../../src/topics/TopicLog.ts"
import { guarded, isDamaged, isMissingTable } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { makeAppending } from "./Appending.ts"
import { hashesOf } from "./Asking.ts"
import { makeNotices } from "./Notices.ts"
import { isWhole, unpack } from "./Packing.ts"

/** How long whoever appends waits for a database that is away. */
const DEADLINE = "3 seconds"

interface Row {
  readonly epoch: bigint | null
  readonly first_off: bigint
  readonly next_off: bigint
  readonly start: bigint
  readonly base_off: bigint | null
  readonly n: number
  readonly at: bigint
  readonly codec: number
  readonly crc: bigint
  readonly hashes: Uint8Array | null
  readonly data: Uint8Array
}

interface BoundsRow {
  readonly topic_id: number
  readonly part: number
  readonly epoch: bigint
  readonly first_off: bigint
  readonly next_off: bigint
  readonly bytes: bigint
  readonly before?: ReadonlyArray<number> | null
}

const boundsOf = (row: BoundsRow): Bounds => ({
  topic: row.topic_id,
  partition: row.part,
  epoch: Number(row.epoch),
  first: Number(row.first_off),
  next: Number(row.next_off),
  bytes: Number(row.bytes),
  ...(row.before && { before: row.before })
})

const corrupt = Effect.fnUntraced(function* ({ topic, partition }: PartitionId, from: number, to: number) {
  yield* Metric.update(corruptTotal, to - from)
  yield* Effect.logError("events in the database are not what was written: readers are told of a gap", {
    topic,
    partition,
    from,
    to
  })
  return { is: "gap", from, to, why: "corrupt" } satisfies Piece
})

/** Undefined: its bytes are not what was written. */
const segmentOf = (row: Row, packed: boolean): Segment | undefined | Promise<Segment | undefined> => {
  const { n: count, codec, crc, data } = row
  if (!isWhole(data, Number(crc)) || codec > 1) return undefined
  const made = (bytes: Uint8Array, codec: Segment["codec"]): Segment => ({
    is: "segment",
    base: Number(row.base_off),
    count,
    at: Number(row.at),
    codec,
    bytes,
    hashes: row.hashes === null ? undefined : hashesOf(row.hashes)
  })
  if (codec === 0 || packed) return made(data, codec === 0 ? "none" : "zstd")
  const bytes = unpack(data)
  return bytes instanceof Promise ? bytes.then((all) => made(all, "none")) : made(bytes, "none")
}

export const layer = ({ notify }: { readonly notify: boolean }) =>
  Layer.effect(
    TopicLog,
    Effect.gen(function* () {
      const { reads: sql, writes, other } = yield* Pools
      const notices = yield* makeNotices({ notify })
      const append = yield* makeAppending({ sql: writes, deadline: DEADLINE, placed: notices.grew })

      const rowsOf = ({ topic, partition }: PartitionId, { epoch, offset }: Place, most: number, bare: boolean) =>
        guarded("read events")(sql<Row>`
          select epoch, first_off, next_off, start, base_off, n, at, codec, crc, ${sql.literal(bare ? "null::bytea as hashes, null::bytea as data" : "hashes, data")}
          from herald_topic_read(${topic}::int, ${partition}::int, ${BigInt(epoch)}, ${BigInt(offset)}, ${BigInt(most)})`).pipe(
          Effect.retry({ while: isMissingTable, times: 1 }) // the range went after the partition was looked at: what was in it is behind by now
        )

      const boundsIn = (topics: ReadonlyArray<number>) =>
        guarded("read how far topics go")(sql<BoundsRow>`
          select topic_id, part, epoch, first_off, next_off, bytes, case when cardinality(begun) > 2 then (
            select jsonb_agg(begun[k] order by k) from generate_series(1, cardinality(begun) - 2, 2) k) end as before
          from topic_partitions where topic_id = any (${[...topics]}::int[])
          order by topic_id, part`).pipe(Effect.map((rows): ReadonlyArray<Bounds> => rows.map(boundsOf)))

      /** Not even rows can be read there: a gap up to the nearest place at which they can. TL5 */
      const beyond = Effect.fnUntraced(function* (partition: PartitionId, from: Place) {
        const its = (yield* boundsIn([partition.topic])).find((one) => one.partition === partition.partition)
        if (its === undefined) return []
        const { epoch, first, next } = its
        const [start, pieces]: [number, Array<Piece>] =
          from.epoch === epoch
            ? [Math.min(from.offset, next), []]
            : [first, [{ is: "gap", from: from.offset, to: first, why: "epoch" }]]
        const isRead = (offset: number) =>
          Effect.catchIf(Effect.as(rowsOf(partition, { epoch, offset }, 0, true), true), isDamaged, () =>
            Effect.succeed(false)
          )
        let [low, high] = [Math.max(start, first), next]
        if (start < low) pieces.push({ is: "gap", from: start, to: low, why: "retention" })
        const begin = low
        for (let step = 1; low + step < high; step *= 2)
          if (yield* isRead(low + step)) high = low + step
          else low += step
        while (high - low > 1) {
          const middle = Math.floor((low + high) / 2)
          if (yield* isRead(middle)) high = middle
          else low = middle
        }
        pieces.push(yield* corrupt(partition, begin, high))
        return { epoch, pieces, next: high } satisfies Read
      })

      const read = Effect.fnUntraced(function* (
        partition: PartitionId,
        from: Place,
        { maxBytes, packed }: ReadOptions
      ) {
        const most = Math.min(maxBytes, MOST_READ)
        const rows = yield* rowsOf(partition, from, most, false).pipe(
          // One alone, so that what can be read is; then only what is said of it.
          Effect.catchIf(isDamaged, () => rowsOf(partition, from, 0, false)),
          Effect.catchIf(isDamaged, () => rowsOf(partition, from, 0, true)),
          Effect.catchIf(isDamaged, () => beyond(partition, from))
        )
        if ("pieces" in rows) return rows satisfies Read
        const [head, ...segments] = rows
        if (head === undefined) return undefined
        const epoch = Number(head.epoch)
        const [start, first] = [Number(head.start), Number(head.first_off)]
        const pieces: Array<Piece> = []
        if (epoch !== from.epoch) pieces.push({ is: "gap", from: from.offset, to: start, why: "epoch" })
        if (start < first) pieces.push({ is: "gap", from: start, to: first, why: "retention" })
        let next = Math.max(start, first)
        for (const row of segments) {
          const base = Number(row.base_off)
          const end = base + row.n
          if (end <= next) continue
          if (base > next) pieces.push(yield* corrupt(partition, next, base))
          const made = row.data === null ? undefined : segmentOf(row, packed)
          const segment = made instanceof Promise ? yield* Effect.promise(() => made.catch(() => undefined)) : made
          pieces.push(segment ?? (yield* corrupt(partition, Math.max(next, base), end)))
          next = end
        }
        // A row that is not there at all.
        if (segments.length === 0 && next < Number(head.next_off)) {
          pieces.push(yield* corrupt(partition, next, Number(head.next_off)))
          next = Number(head.next_off)
        }
        return { epoch, pieces, next: pieces.length === 0 ? next : endOf(pieces.at(-1)!) } satisfies Read
      })

      return TopicLog.of({
        append,
        read,
        find: ({ topic, partition }, time) =>
          guarded("find when events came")(sql<{ epoch: bigint; off: bigint }>`
            select epoch, off from herald_topic_find(${topic}::int, ${partition}::int, ${BigInt(time)})`).pipe(
            Effect.retry({ while: isMissingTable, times: 1 }),
            Effect.map(([row]) => row && { epoch: Number(row.epoch), offset: Number(row.off) })
          ),
        bounds: (topics) => (topics.length === 0 ? Effect.succeed([]) : boundsIn(topics)),
        trim: ({ topic, partition }, before) =>
          guarded("trim the topic")(other<BoundsRow>`
            select topic_id, part, epoch, first_off, next_off, bytes from herald_topic_trim(${topic}::int, ${partition}::int, ${BigInt(before)})`).pipe(
            Effect.map(([row]): Bounds | undefined => row && boundsOf(row))
          ),
        hints: notices.hints
      })
    })
  )

const corruptTotal = counter("herald_topic_corrupt_events_total", "events that can't be read as they were written")
