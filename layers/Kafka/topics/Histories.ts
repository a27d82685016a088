/**
 * Tells when a partition in Kafka is not what it was: a leader that lacked the newest events was elected, or its topic was made anew.
 *
 *   KH1  A history is known again by marks: when the event before an offset came, and under which leader. Where the newest mark does not fit any more,
 *        another epoch begins at the newest one that does, and at the beginning where none does.
 *   KH2  It is looked at when a partition is first used, when it is shorter than it was, while it grows every few seconds, and after each time that
 *        Kafka could not be asked.
 */
import { Effect } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import { type History, type LogState, MARKS, type Mark } from "../../../src/topics/LogState.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import type { Bounds, PartitionId } from "../../../src/topics/Piece.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { codes, EARLIEST, fetch, LATEST } from "./Protocol.ts"
import { decodeBatches } from "./RecordBatch.ts"
import { away } from "./Waiting.ts"

/** Where somebody of another epoch reads on. */
export const startOf = ({ epoch, begun }: History, place: Place): number => {
  if (place.epoch === epoch) return place.offset
  const at = begun.findIndex(([one]) => one === place.epoch)
  return at < 0 ? 0 : Math.min(place.offset, ...begun.slice(at + 1).map(([, began]) => began))
}

/** The epochs that were before it. TK3 */
export const beforeOf = ({ begun }: History): Pick<Bounds, "before"> =>
  begun.length < 2 ? {} : { before: begun.slice(0, -1).map(([epoch]) => epoch) }

const endsOf = async (brokers: Brokers, topic: string, partition: number) => {
  const [first, end] = await Promise.all(
    [EARLIEST, LATEST].map((time) => brokers.offsets({ topic, partitions: [partition], time }, false))
  )
  return { first: first!.get(partition) ?? 0, end: end!.get(partition) ?? 0 }
}

/** What stands before an offset; undefined: nothing that can be looked at. */
export const markAt = async (
  brokers: Brokers,
  topic: string,
  partition: number,
  offset: number
): Promise<Mark | undefined> => {
  const { records } = await brokers.ask(topic, partition, fetch({ topic, partition, offset: offset - 1 }, 1, false))
  const [batch] = decodeBatches(records)
  return batch === undefined || batch.base >= offset ? undefined : { offset, at: batch.at, leader: batch.leaderEpoch }
}

/** The newest mark that still fits; undefined: the newest of all does, or nothing can be said. KH1 */
const lostAt = async (brokers: Brokers, topic: string, partition: number, marks: ReadonlyArray<Mark>) => {
  if (marks.length === 0) return undefined
  const { first, end } = await endsOf(brokers, topic, partition)
  for (const [n, mark] of marks.toReversed().entries()) {
    if (mark.offset <= first && mark.offset <= end) return n === 0 ? undefined : { at: mark.offset, kept: [mark] }
    if (mark.offset > end) continue
    try {
      const found = await markAt(brokers, topic, partition, mark.offset)
      if (found === undefined || found.at !== mark.at || found.leader !== mark.leader) continue
    } catch (cause) {
      if (!isRefused(cause) || cause.code !== codes.OFFSET_OUT_OF_RANGE) throw cause
      continue
    }
    return n === 0 ? undefined : { at: mark.offset, kept: marks.slice(0, marks.length - n) }
  }
  return { at: 0, kept: [] }
}

/** What is right now of a partition, begun where it has none. Undefined: there is no such topic. `sure`: fails where the topic is another's (KM3). */
export const verified = (
  brokers: Brokers,
  state: LogState["Service"],
  topic: string,
  id: PartitionId,
  last: History | undefined,
  sure: Effect.Effect<unknown, HeraldError>
): Effect.Effect<History | undefined, HeraldError> =>
  Effect.gen(function* () {
    if (last === undefined) return yield* state.begin(id, undefined, 0, [])
    const lost = yield* Effect.tryPromise({
      try: () => lostAt(brokers, topic, id.partition, last.marks),
      catch: away
    })
    if (lost === undefined) return last
    yield* sure
    yield* Effect.logError("Kafka has lost events of a topic: its readers are told", {
      topic,
      partition: id.partition,
      from: lost.at
    })
    return yield* state.begin(id, last.epoch, lost.at, lost.kept)
  })

/** With one more; of those that are older than half of all, every other one goes, so that some reach far back. */
export const marked = (marks: ReadonlyArray<Mark>, one: Mark): ReadonlyArray<Mark> => {
  const all = [...marks.filter(({ offset }) => offset < one.offset), one]
  if (all.length <= MARKS) return all
  const half = all.length >>> 1
  return [...all.slice(0, half).filter((_, at) => at % 2 === 0), ...all.slice(half)]
}
