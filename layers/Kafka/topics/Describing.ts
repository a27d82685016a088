/**
 * The request of Kafka's protocol that tells what topics and brokers there are: of many topics at once, with their ids (KIP-516, Kafka 2.8) and leaders.
 * Pure.
 */
import { type Reader, Writing } from "./Bytes.ts"
import { arrayOf, count, NONE, others, text, textOf } from "./Flexible.ts"
import { type Call, codes, Refused } from "./Protocol.ts"

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Described {
  /** Hexadecimal. */
  readonly id: string
  readonly partitions: number
  /** Of each partition, at least one. */
  readonly replicas: number
  /** Of each partition: -1 where there is none now. */
  readonly leaders: ReadonlyMap<number, number>
}

/** `topics`: by name; undefined: there is none of that name; an error where Kafka does not say. */
export interface Metadata {
  readonly brokers: ReadonlyMap<number, Address>
  readonly controller: Address | undefined
  readonly topics: ReadonlyMap<string, Described | Refused | undefined>
}

const topicIn = (answer: Reader): readonly [string, Described | Refused | undefined] => {
  const code = answer.int16()
  const name = textOf(answer) ?? ""
  const id = answer.raw(16).toString("hex")
  answer.int8()
  const leaders = new Map<number, number>()
  let replicas = 1
  arrayOf(answer, (part) => {
    part.int16()
    leaders.set(part.int32(), part.int32())
    part.int32()
    const [all] = [0, 1, 2].map(() => arrayOf(part, (node) => node.int32()).length)
    replicas = Math.max(replicas, all!)
    others(part)
  })
  answer.int32()
  others(answer)
  if (code === codes.UNKNOWN_TOPIC_OR_PARTITION) return [name, undefined]
  if (code !== 0) return [name, new Refused("Metadata", code)]
  return [name, { id, partitions: leaders.size, replicas, leaders }]
}

/** What Kafka has under these names; under none: brokers alone. */
export const describe = (names: ReadonlyArray<string>): Call<Metadata> => {
  const body = new Writing().int8(NONE)
  count(body, names.length)
  for (const name of names) text(body.raw(Buffer.alloc(16)), name).int8(NONE)
  body.int8(0).int8(0).int8(0).int8(NONE)
  return {
    name: "Metadata",
    key: 3,
    version: 10,
    body: body.bytes,
    read: (answer) => {
      others(answer)
      answer.int32()
      const brokers = new Map(
        arrayOf(answer, (one) => {
          const node = one.int32()
          const at = { host: textOf(one)!, port: one.int32() }
          textOf(one)
          others(one)
          return [node, at] as const
        })
      )
      textOf(answer)
      const controller = brokers.get(answer.int32())
      return { brokers, controller, topics: new Map(arrayOf(answer, topicIn)) }
    }
  }
}
