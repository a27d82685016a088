/**
 * The requests of Kafka's protocol that make and remove topics, in its newer ("flexible") form: only there a topic has an id (KIP-516, Kafka 2.8), by which
 * it is known again whatever its name. Pure.
 */
import { type Reader, Writing } from "./Bytes.ts"
import { type Call, codes, Refused, right } from "./Protocol.ts"

/** A length and one more in front, as an unsigned varint. */
const count = (to: Writing, of: number): Writing => {
  for (let rest = of + 1; ; rest >>>= 7) {
    if (rest < 128) return to.int8(rest)
    to.int8((((rest & 127) | 128) << 24) >> 24)
  }
}

const text = (to: Writing, value: string | null): Writing => {
  if (value === null) return to.int8(0)
  const bytes = Buffer.from(value)
  return count(to, bytes.length).raw(bytes)
}

/** Fields that a later version may add: none. */
const NONE = 0

const unsigned = (answer: Reader): number => {
  let value = 0
  for (let shift = 1; ; shift *= 128) {
    const byte = answer.int8() & 255
    value += (byte & 127) * shift
    if (byte < 128) return value
    if (shift > 2 ** 28) throw new RangeError("a number has no end")
  }
}

const textOf = (answer: Reader): string | null => {
  const length = unsigned(answer) - 1
  return length < 0 ? null : answer.raw(length).toString()
}

const others = (answer: Reader): void => {
  for (let left = unsigned(answer); left > 0; left--) {
    unsigned(answer)
    answer.raw(unsigned(answer))
  }
}

const arrayOf = <A>(answer: Reader, one: (answer: Reader) => A): Array<A> => {
  const length = unsigned(answer) - 1
  if (length > answer.left) throw new RangeError("bytes are missing")
  const all: Array<A> = []
  for (let n = 0; n < length; n++) all.push(one(answer))
  return all
}

const NOBODY = "0".repeat(32)

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly config: Readonly<Record<string, string>>
}

/** Makes one, and returns its id. `timeout`: milliseconds. */
export const createTopic = ({ name, partitions, replicas, config }: NewTopic, timeout: number): Call<string> => {
  const body = new Writing().int8(NONE)
  text(count(body, 1), name).int32(partitions).int16(replicas)
  const entries = Object.entries(config)
  count(count(body, 0), entries.length)
  for (const [key, value] of entries) text(text(body, key), value).int8(NONE)
  body.int8(NONE).int32(timeout).int8(0).int8(NONE)
  return {
    name: "CreateTopics",
    key: 19,
    version: 7,
    body: body.bytes,
    read: (answer) => {
      others(answer)
      answer.int32()
      const [id] = arrayOf(answer, (one) => {
        textOf(one)
        const its = one.raw(16).toString("hex")
        const code = one.int16()
        const said = textOf(one)
        one.int32()
        one.int16()
        arrayOf(one, (entry) => {
          textOf(entry)
          textOf(entry)
          entry.int8()
          entry.int8()
          entry.int8()
          others(entry)
        })
        others(one)
        if (code !== 0) throw new Refused(`CreateTopics${said === null ? "" : ` (${said})`}`, code)
        return its
      })
      if (id === undefined || id === NOBODY) throw new Error("Kafka did not say how it knows the topic")
      return id
    }
  }
}

/** Removes the one of this id, whatever its name is. False: there is none. */
export const deleteTopic = (id: string, timeout: number): Call<boolean> => ({
  name: "DeleteTopics",
  key: 20,
  version: 6,
  body: text(count(new Writing().int8(NONE), 1), null)
    .raw(Buffer.from(id, "hex"))
    .int8(NONE)
    .int32(timeout)
    .int8(NONE).bytes,
  read: (answer) => {
    others(answer)
    answer.int32()
    const [code] = arrayOf(answer, (one) => {
      textOf(one)
      one.raw(16)
      const its = one.int16()
      textOf(one)
      others(one)
      return its
    })
    if (code === codes.UNKNOWN_TOPIC_ID || code === codes.UNKNOWN_TOPIC_OR_PARTITION) return false
    right("DeleteTopics", code ?? 0)
    return true
  }
})

export interface Described {
  readonly id: string
  readonly partitions: number
  /** Of each partition, at least one. */
  readonly replicas: number
}

/** What the topic of a name is; undefined: there is none. */
export const describe = (name: string): Call<Described | undefined> => ({
  name: "Metadata",
  key: 3,
  version: 10,
  body: text(count(new Writing().int8(NONE), 1).raw(Buffer.alloc(16)), name)
    .int8(NONE)
    .int8(0)
    .int8(0)
    .int8(0)
    .int8(NONE).bytes,
  read: (answer) => {
    others(answer)
    answer.int32()
    arrayOf(answer, (one) => {
      one.int32()
      textOf(one)
      one.int32()
      textOf(one)
      others(one)
    })
    textOf(answer)
    answer.int32()
    const [found] = arrayOf(answer, (one) => {
      const code = one.int16()
      textOf(one)
      const id = one.raw(16).toString("hex")
      one.int8()
      const replicas = arrayOf(one, (part) => {
        part.int16()
        part.int32()
        part.int32()
        part.int32()
        const [all] = [0, 1, 2].map(() => arrayOf(part, (node) => node.int32()).length)
        others(part)
        return all!
      })
      one.int32()
      others(one)
      return { code, id, partitions: replicas.length, replicas: Math.max(1, ...replicas) }
    })
    if (found === undefined || found.code === codes.UNKNOWN_TOPIC_OR_PARTITION) return undefined
    right("Metadata", found.code)
    return found
  }
})

export interface Cluster {
  readonly brokers: number
  /** Who makes and removes topics. */
  readonly controller: { readonly host: string; readonly port: number } | undefined
}

export const cluster: Call<Cluster> = {
  name: "Metadata",
  key: 3,
  version: 7,
  body: new Writing().int32(0).int8(0).bytes,
  read: (answer) => {
    answer.int32()
    const brokers = new Map(
      answer.array((one) => {
        const node = one.int32()
        const at = { host: one.text()!, port: one.int32() }
        one.text()
        return [node, at] as const
      })
    )
    answer.text()
    return { brokers: brokers.size, controller: brokers.get(answer.int32()) }
  }
}
