/** The requests of Kafka's protocol that a log needs, and how they are answered. Pure. */
import { type Reader, Writing } from "./Bytes.ts"
import type { Aborted } from "./RecordBatch.ts"
import { OwnWords } from "./Words.ts"

/** A request, and how its answer is read. */
export interface Call<A> {
  readonly name: string
  readonly key: number
  readonly version: number
  readonly body: Buffer
  readonly read: (answer: Reader) => A
  /** What is asked instead of a broker that speaks it. */
  readonly better?: Call<A> | undefined
}

/** Kafka's numbers of what went wrong; only those that decide anything here. */
export const codes = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_AUTHORIZATION_FAILED: 29,
  TOPIC_ALREADY_EXISTS: 36,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  OUT_OF_ORDER_SEQUENCE: 45,
  DUPLICATE_SEQUENCE: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  UNKNOWN_PRODUCER_ID: 59,
  POLICY_VIOLATION: 44,
  INVALID_RECORD: 87,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103
} as const

const named = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]))

/** Kafka answered that it did not do it; `code` says why. */
export class Refused extends OwnWords {
  readonly code: number
  /** In Kafka's words, if it gave any. */
  readonly said: string | undefined

  constructor(what: string, code: number, said?: string | null) {
    super(`Kafka answered ${what} with ${named.get(code) ?? `error ${code}`}`)
    this.name = "Refused"
    this.code = code
    this.said = said ?? undefined
  }
}

export const right = (what: string, code: number): void => {
  if (code !== 0) throw new Refused(what, code)
}

export interface Stored {
  readonly base: number
  /** By the broker's clock, in milliseconds since 1970; -1: the topic has other times. */
  readonly at: number
}

/** A batch for one partition, to be on all replicas that are in sync. `timeout`: milliseconds. */
export const produce = (
  topic: string,
  partition: number,
  records: Buffer,
  timeout: number,
  better?: Call<Stored>
): Call<Stored> => ({
  better,
  name: "Produce",
  key: 0,
  version: 7,
  // When it is sent: a broker may speak a better one.
  get body() {
    return new Writing(records.length + 64)
      .text(null)
      .int16(-1)
      .int32(timeout)
      .int32(1)
      .text(topic)
      .int32(1)
      .int32(partition)
      .int32(records.length)
      .raw(records).bytes
  },
  read: (answer) => {
    const [stored] = answer.array((one) => {
      one.text()
      return one.array((part) => {
        part.int32()
        const code = part.int16()
        const base = Number(part.int64())
        const at = Number(part.int64())
        part.int64()
        right("Produce", code)
        return { base, at }
      })[0]!
    })
    return stored!
  }
})

export interface Fetched {
  /** Behind the newest record that may be read. */
  readonly end: number
  /** Of the oldest record. */
  readonly first: number
  readonly aborted: ReadonlyArray<Aborted>
  readonly records: Buffer
}

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** `committed`: up to the first transaction that is not ended; otherwise all that is on the replicas. */
export const fetch = (
  { topic, partition, offset }: Place,
  maxBytes: number,
  committed: boolean,
  better?: Call<Fetched>
): Call<Fetched> => ({
  better,
  name: "Fetch",
  key: 1,
  version: 11,
  body: new Writing()
    .int32(-1)
    .int32(0)
    .int32(1)
    .int32(maxBytes)
    .int8(committed ? 1 : 0)
    .int32(0)
    .int32(-1)
    .int32(1)
    .text(topic)
    .int32(1)
    .int32(partition)
    .int32(-1)
    .int64(BigInt(offset))
    .int64(-1n)
    .int32(maxBytes)
    .int32(0)
    .text("").bytes,
  read: (answer) => {
    answer.int32()
    right("Fetch", answer.int16())
    answer.int32()
    const [fetched] = answer.array((one) => {
      one.text()
      return one.array((part): Fetched => {
        part.int32()
        const code = part.int16()
        const high = Number(part.int64())
        const stable = Number(part.int64())
        const first = Number(part.int64())
        const count = part.int32()
        const aborted = Array.from({ length: Math.max(0, count) }, () => ({
          producerId: part.int64(),
          first: Number(part.int64())
        }))
        part.int32()
        const records = part.raw(Math.max(0, part.int32()))
        right("Fetch", code)
        return { end: committed ? stable : high, first, aborted, records }
      })[0]!
    })
    return fetched!
  }
})

export const [EARLIEST, LATEST] = [-2, -1]

/** Of one topic: partitions, a time in milliseconds since 1970, `EARLIEST` or `LATEST`. */
export interface Sought {
  readonly topic: string
  readonly partitions: ReadonlyArray<number>
  readonly time: number
}

/**
 * The offset of each partition, by topic; -1: nothing came at that time or later. A topic is an error where Kafka does not say it of one of its partitions. No
 * topic may be there twice.
 */
export const offsets = (
  all: ReadonlyArray<Sought>,
  committed: boolean
): Call<ReadonlyMap<string, ReadonlyMap<number, number> | Refused>> => {
  const body = new Writing()
    .int32(-1)
    .int8(committed ? 1 : 0)
    .int32(all.length)
  for (const { topic, partitions, time } of all) {
    body.text(topic).int32(partitions.length)
    for (const partition of partitions) body.int32(partition).int64(BigInt(time))
  }
  return {
    name: "ListOffsets",
    key: 2,
    version: 2,
    body: body.bytes,
    read: (answer) => {
      answer.int32()
      return new Map(
        answer.array((one) => {
          const topic = one.text()!
          const found = new Map<number, number>()
          let refused: Refused | undefined
          one.array((part) => {
            const id = part.int32()
            const code = part.int16()
            part.int64()
            found.set(id, Number(part.int64()))
            if (code !== 0) refused ??= new Refused("ListOffsets", code)
          })
          return [topic, refused ?? found] as const
        })
      )
    }
  }
}

/** Ends what is before an offset. */
export const deleteBefore = (topic: string, partition: number, offset: number): Call<void> => ({
  name: "DeleteRecords",
  key: 21,
  version: 1,
  body: new Writing().int32(1).text(topic).int32(1).int32(partition).int64(BigInt(offset)).int32(3_000).bytes,
  read: (answer) => {
    answer.int32()
    answer.array((one) => {
      one.text()
      one.array((part) => {
        part.int32()
        part.int64()
        right("DeleteRecords", part.int16())
      })
    })
  }
})
