/** Asks the database to append a round, and reads what it answers. */
import { type Clock, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Known, Run } from "../../../src/topics/Batch.ts"
import { together } from "../../../src/topics/Frames.ts"
import { makeDatabaseClock, type Told } from "../connection/DatabaseClock.ts"
import { guarded } from "../connection/Failure.ts"
import { type Packed, pack } from "./Packing.ts"
import type { Gathered } from "./Round.ts"
import { earliest } from "./Waiting.ts"

/** Of one segment. */
export type Answer =
  | readonly ["placed", base: number, epoch: number, at: number]
  | readonly ["gone"]
  | readonly ["late"]
  | readonly [
      "look",
      known: Readonly<Record<string, readonly [epoch: number, sequence: number, runs: ReadonlyArray<number>] | null>>,
      epoch: number,
      at: number
    ]

/** A round as it is sent, again and again until there is an answer. */
export interface Packaged {
  readonly number: number
  readonly segments: ReadonlyArray<Gathered>
  readonly hashes: ReadonlyArray<Uint8Array>
  readonly packed: ReadonlyArray<Packed>
  /** The earliest `until` of each segment's batches. */
  readonly until: ReadonlyArray<bigint>
}

/** Milliseconds that a call waits for a partition's lock. */
const [LEAST_WAIT, LONGEST_WAIT] = [250, 4_000]

const NONE = new Uint8Array(0)

export const packaged = (number: number, segments: ReadonlyArray<Gathered>): Packaged | Promise<Packaged> => {
  const hashes: Array<Uint8Array> = []
  const packed = segments.map(({ batches }) => {
    const all = together(batches.map(({ events }) => events))
    hashes.push(all.hashes === undefined ? NONE : bytesOf(all.hashes))
    return pack(
      all.bytes,
      batches.every(({ batch }) => batch.compression !== "none")
    )
  })
  const until = segments.map(({ batches }) => earliest(batches))
  const made = (packed: ReadonlyArray<Packed>): Packaged => ({ number, segments, hashes, packed, until })
  return packed.some((one) => one instanceof Promise)
    ? Promise.all(packed).then(made)
    : made(packed as ReadonlyArray<Packed>)
}

/** Two bytes each, the lower one first, whatever this machine has first. */
export const bytesOf = (hashes: Uint16Array): Uint8Array => {
  const bytes = new Uint8Array(hashes.length * 2)
  for (const [at, hash] of hashes.entries()) {
    bytes[2 * at] = hash & 255
    bytes[2 * at + 1] = hash >>> 8
  }
  return bytes
}

export const hashesOf = (bytes: Uint8Array): Uint16Array =>
  Uint16Array.from({ length: bytes.length >>> 1 }, (_, at) => bytes[2 * at]! | (bytes[2 * at + 1]! << 8))

/** What the database says of a producer. */
export const knownOf = (
  said: readonly [number, number, ReadonlyArray<number>] | null | undefined
): Known | undefined => {
  if (said === null || said === undefined) return undefined
  const [epoch, sequence, flat] = said
  const runs: Array<Run> = []
  for (let at = 0; at + 2 < flat.length; at += 3)
    runs.push({ first: flat[at]!, count: flat[at + 1]!, offset: flat[at + 2]! })
  return { epoch, sequence, runs }
}

/** Answers by segment; none: the round was overtaken. "clock": nothing was done, as another server's clock was meant. */
export type Ask = (
  round: Packaged,
  now: bigint,
  reached: () => void
) => Effect.Effect<ReadonlyArray<Answer> | "clock", HeraldError>

export const makeAsk = (sql: SqlClient.SqlClient, clock: Clock.Clock, lane: string): Ask => {
  const databaseClock = makeDatabaseClock()
  return ({ number, segments, hashes, packed, until }, now, reached) => {
    const left = until.reduce((least, one) => Math.min(least, Number(one - now) / 1e6), LONGEST_WAIT)
    const wait = Math.max(LEAST_WAIT, Math.ceil(left))
    const statement = sql<{ answers: ReadonlyArray<Answer> | null; clock: Told }>`
      select herald_topic_append(${databaseClock.server(now)}, ${lane}, ${BigInt(number)}, ${wait}::int, ${segments.map((one) => one.topic)},
        ${segments.map((one) => one.partition)}, ${segments.map(({ batches }) => batches.reduce((sum, one) => sum + one.events.count, 0))},
        ${packed.map((one) => one.codec)}, ${packed.map((one) => BigInt(one.crc))}, ${packed.map((one) => one.data)}, ${hashes},
        ${JSON.stringify(segments.map((one) => one.producers))}::text::jsonb, ${until.map((one) => BigInt(databaseClock.at(one)))}) as answers,
        herald_clock() as clock`
    return Effect.scoped(
      Effect.flatMap(sql.reserve, (connection) => {
        const asked = clock.monotonicTimeNanosUnsafe()
        reached()
        return Effect.map(Effect.provideService(statement, sql.transactionService, [connection, 0]), ([row]) => {
          databaseClock.heard(row!.clock, asked, clock.monotonicTimeNanosUnsafe())
          return row!.answers ?? ("clock" as const)
        })
      })
    ).pipe(guarded("append events"))
  }
}
