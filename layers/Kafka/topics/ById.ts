/**
 * Requests of Kafka's protocol that name a topic by its id (KIP-516), for brokers that speak them: what they ask is done in that topic, or not at all. Pure.
 *
 *   KM5  Where a broker knows topics by their ids (Fetch since Kafka 3.1, Produce since 4.1), nothing is read from another topic of the same name or written
 *        into it, at no time.
 */
import { type Reader, Writing } from "./Bytes.ts"
import { arrayOf, bytesOf, count, NONE, others, text, textOf } from "./Flexible.ts"
import { type Call, type Fetched, fetch, type Place, produce, right, type Stored } from "./Protocol.ts"

/** `id`: hexadecimal, as Kafka knows it. */
export interface Named {
  readonly topic: string
  readonly id: string | undefined
}

const idOf = (id: string) => Buffer.from(id, "hex")

/** The answer of the one partition that was asked for. */
const onlyOf = <A>(answer: Reader, one: (part: Reader) => A): A => {
  const [found] = arrayOf(answer, (topic) => {
    topic.raw(16)
    const [its] = arrayOf(topic, (part) => {
      const read = one(part)
      others(part)
      return { read }
    })
    others(topic)
    return its
  })
  if (found === undefined) throw new RangeError("nothing is said of the partition")
  return found.read
}

const produceById = (id: string, partition: number, records: Buffer, timeout: number): Call<Stored> => ({
  name: "Produce",
  key: 0,
  version: 13,
  get body() {
    const body = text(new Writing(records.length + 64).int8(NONE), null)
      .int16(-1)
      .int32(timeout)
    count(count(body, 1).raw(idOf(id)), 1).int32(partition)
    return count(body, records.length).raw(records).int8(NONE).int8(NONE).int8(NONE).bytes
  },
  read: (answer) => {
    others(answer)
    return onlyOf(answer, (part) => {
      part.int32()
      const code = part.int16()
      const base = Number(part.int64())
      const at = Number(part.int64())
      part.int64()
      arrayOf(part, (wrong) => {
        wrong.int32()
        textOf(wrong)
        others(wrong)
      })
      textOf(part)
      right("Produce", code)
      return { base, at }
    })
  }
})

const fetchById = (id: string, { partition, offset }: Place, maxBytes: number, committed: boolean): Call<Fetched> => ({
  name: "Fetch",
  key: 1,
  version: 13,
  get body() {
    const body = new Writing().int8(NONE).int32(-1).int32(0).int32(1).int32(maxBytes)
    body
      .int8(committed ? 1 : 0)
      .int32(0)
      .int32(-1)
    count(count(body, 1).raw(idOf(id)), 1)
      .int32(partition)
      .int32(-1)
      .int64(BigInt(offset))
    body.int32(-1).int64(-1n).int32(maxBytes).int8(NONE).int8(NONE)
    return text(count(body, 0), "").int8(NONE).bytes
  },
  read: (answer) => {
    others(answer)
    answer.int32()
    right("Fetch", answer.int16())
    answer.int32()
    return onlyOf(answer, (part): Fetched => {
      part.int32()
      const code = part.int16()
      const high = Number(part.int64())
      const stable = Number(part.int64())
      const first = Number(part.int64())
      const aborted = arrayOf(part, (one) => {
        const its = { producerId: one.int64(), first: Number(one.int64()) }
        others(one)
        return its
      })
      part.int32()
      const records = bytesOf(part)
      right("Fetch", code)
      return { end: committed ? stable : high, first, aborted, records }
    })
  }
})

/** As `produce`. KM5 */
export const produceInto = ({ topic, id }: Named, partition: number, records: Buffer, timeout: number): Call<Stored> =>
  produce(
    topic,
    partition,
    records,
    timeout,
    id === undefined ? undefined : produceById(id, partition, records, timeout)
  )

/** As `fetch`. KM5 */
export const fetchFrom = ({ id, ...place }: Named & Place, maxBytes: number, committed: boolean): Call<Fetched> =>
  fetch(place, maxBytes, committed, id === undefined ? undefined : fetchById(id, place, maxBytes, committed))
