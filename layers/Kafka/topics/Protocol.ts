/** The requests of Kafka's protocol that a log needs, and how they are answered. Pure. */
import { type Reader, Writing } from "./Bytes.ts"
import type { Aborted } from "./RecordBatch.ts"

/** A request, and how its answer is read. */
export interface Call<A> {
  readonly name: string
  readonly key: number
  readonly version: number
  readonly body: Buffer
  readonly read: (answer: Reader) => A
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
  INVALID_RECORD: 87,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100
} as const

const named = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]))

/** Kafka answered that it did not do it; `code` says why. */
export class Refused extends Error {
  readonly code: number

  constructor(what: string, code: number) {
    super(`Kafka answered ${what} with ${named.get(code) ?? `error ${code}`}`)
    this.name = "Refused"
    this.code = code
  }
}

export const right = (what: string, code: number): void => {
  if (code !== 0) throw new Refused(what, code)
}

export interface Leaders {
  readonly brokers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
  /** Of each partition: -1 where there is none now. Undefined: there is no such topic. */
  readonly leaders: ReadonlyMap<number, number> | undefined
}

export const metadata = (topic: string): Call<Leaders> => ({
  name: "Metadata",
  key: 3,
  version: 7,
  body: new Writing().int32(1).text(topic).int8(0).bytes,
  read: (answer) => {
    answer.int32()
    const brokers = new Map(
      answer.array((one) => {
        const node = one.int32()
        const host = one.text()!
        const port = one.int32()
        one.text()
        return [node, { host, port }] as const
      })
    )
    answer.text()
    answer.int32()
    const [found] = answer.array((one) => {
      const code = one.int16()
      one.text()
      one.int8()
      const leaders = one.array((part) => {
        part.int16()
        const id = part.int32()
        const leader = part.int32()
        part.int32()
        for (let n = 0; n < 3; n++) part.array((replica) => replica.int32())
        return [id, leader] as const
      })
      return { code, leaders }
    })
    const code = found?.code ?? codes.UNKNOWN_TOPIC_OR_PARTITION
    if (code === codes.UNKNOWN_TOPIC_OR_PARTITION) return { brokers, leaders: undefined }
    right("Metadata", code)
    return { brokers, leaders: new Map(found!.leaders) }
  }
})

export interface Stored {
  readonly base: number
  /** By the broker's clock, in milliseconds since 1970; -1: the topic has other times. */
  readonly at: number
}

/** A batch for one partition, to be on all replicas that are in sync. `timeout`: milliseconds. */
export const produce = (topic: string, partition: number, records: Buffer, timeout: number): Call<Stored> => ({
  name: "Produce",
  key: 0,
  version: 7,
  body: new Writing(records.length + 64)
    .text(null)
    .int16(-1)
    .int32(timeout)
    .int32(1)
    .text(topic)
    .int32(1)
    .int32(partition)
    .int32(records.length)
    .raw(records).bytes,
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
export const fetch = ({ topic, partition, offset }: Place, maxBytes: number, committed: boolean): Call<Fetched> => ({
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

/** The offset of each partition at a time in milliseconds since 1970, `EARLIEST` or `LATEST`; -1: nothing came at that time or later. */
export const offsets = (
  topic: string,
  partitions: ReadonlyArray<number>,
  time: number,
  committed: boolean
): Call<ReadonlyMap<number, number>> => {
  const body = new Writing()
    .int32(-1)
    .int8(committed ? 1 : 0)
    .int32(1)
    .text(topic)
    .int32(partitions.length)
  for (const partition of partitions) body.int32(partition).int64(BigInt(time))
  return {
    name: "ListOffsets",
    key: 2,
    version: 2,
    body: body.bytes,
    read: (answer) => {
      answer.int32()
      const all = answer.array((one) => {
        one.text()
        return one.array((part) => {
          const id = part.int32()
          right("ListOffsets", part.int16())
          part.int64()
          return [id, Number(part.int64())] as const
        })
      })
      return new Map(all.flat())
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
