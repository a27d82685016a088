/**
 * The requests of Kafka's protocol that make and remove topics, in their newer form: only there a topic has an id (KIP-516, Kafka 2.8), by which it is known
 * again whatever its name. Pure.
 */
import { Writing } from "./Bytes.ts"
import { arrayOf, count, NONE, others, text, textOf } from "./Flexible.ts"
import { type Call, codes, Refused, right } from "./Protocol.ts"

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
        if (code !== 0) throw new Refused("CreateTopics", code, said)
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
