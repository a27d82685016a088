/** Brokers that speak Kafka's protocol in memory, as far as finding topics, their ends and a record of them goes: what is asked of them is counted. */
import type { Kafka } from "kafkajs"
import { Reader, Writing } from "../../layers/Kafka/topics/Bytes.ts"
import { arrayOf, count, NONE, others, text, textOf } from "../../layers/Kafka/topics/Flexible.ts"
import { encodeBatch } from "../../layers/Kafka/topics/RecordBatch.ts"

export interface FakeTopic {
  id: string
  /** A leader for each partition; -1: none. */
  leaders: ReadonlyArray<number>
  /** An error of Kafka's for its ends. */
  wrong?: number
  /** Behind the newest event of each partition. */
  end?: number
}

interface Request {
  readonly request: { readonly apiName: string; readonly encode: () => Promise<{ readonly buffer: Buffer }> }
  readonly response: {
    readonly decode: (raw: Buffer) => Promise<unknown>
    readonly parse: (decoded: never) => Promise<unknown>
  }
}

/** "broker-1:9092" has the number 1. */
const BROKERS = [1, 2, 3]

export class FakeKafka {
  readonly topics = new Map<string, FakeTopic>()
  /** By what was asked, the topics of each request. */
  readonly asked = new Map<string, Array<ReadonlyArray<string>>>()
  /** What a connection says instead of an answer. */
  broken: Error | undefined
  /** The same, by what is asked. */
  brokenFor = new Map<string, Error>()
  /** Requests wait for this. */
  gate: Promise<void> | undefined

  /** How often something was asked, and of how many topics in all. */
  count(what: string): readonly [requests: number, topics: number] {
    const all = this.asked.get(what) ?? []
    return [all.length, all.reduce((sum, names) => sum + names.length, 0)]
  }

  get kafka(): Kafka {
    const pool = {
      send: async ({ request, response }: Request) => {
        const { buffer } = await request.encode()
        const [names, answer] = this.#answer(request.apiName, new Reader(buffer))
        this.asked.set(request.apiName, [...(this.asked.get(request.apiName) ?? []), names])
        await this.gate
        const broken = this.broken ?? this.brokenFor.get(request.apiName)
        if (broken !== undefined) throw broken
        return await response.parse((await response.decode(answer)) as never)
      }
    }
    const cluster = {
      rootLogger: {},
      connectionPoolBuilder: { build: async () => pool },
      brokerPool: {
        createBroker: () => ({ connectionPool: pool, connect: async () => {}, disconnect: async () => {} })
      }
    }
    return { [Symbol("private:Kafka:createCluster")]: () => cluster } as unknown as Kafka
  }

  #answer(what: string, body: Reader): readonly [ReadonlyArray<string>, Buffer] {
    if (what === "Metadata") return this.#metadata(body)
    if (what === "ListOffsets") return this.#offsets(body)
    if (what === "Fetch") return this.#record(body)
    throw new Error(`nobody asks ${what} here`)
  }

  #metadata(body: Reader): readonly [ReadonlyArray<string>, Buffer] {
    others(body)
    const names = arrayOf(body, (one) => {
      one.raw(16)
      const name = textOf(one)!
      others(one)
      return name
    })
    const answer = new Writing().int8(NONE).int32(0)
    count(answer, BROKERS.length)
    for (const node of BROKERS) {
      answer.int32(node)
      text(text(answer, `broker-${node}`).int32(9092), null).int8(NONE)
    }
    text(answer, "cluster").int32(1)
    count(answer, names.length)
    for (const name of names) {
      const its = this.topics.get(name)
      answer.int16(its === undefined ? 3 : 0)
      text(answer, name)
        .raw(Buffer.from(its?.id ?? "0".repeat(32), "hex"))
        .int8(0)
      count(answer, its?.leaders.length ?? 0)
      for (const [partition, leader] of (its?.leaders ?? []).entries()) {
        answer.int16(0).int32(partition).int32(leader).int32(0)
        for (let n = 0; n < 3; n++) count(answer, 1).int32(leader)
        answer.int8(NONE)
      }
      answer.int32(0).int8(NONE)
    }
    return [names, answer.int8(NONE).bytes]
  }

  #offsets(body: Reader): readonly [ReadonlyArray<string>, Buffer] {
    body.int32()
    body.int8()
    const all = body.array((one) => ({
      name: one.text()!,
      parts: one.array((part) => [part.int32(), Number(part.int64())] as const)
    }))
    const names = all.map(({ name }) => name)
    if (new Set(names).size < names.length) throw new Error("Kafka takes no topic twice in a request")
    const answer = new Writing().int32(0).int32(all.length)
    for (const { name, parts } of all) {
      const its = this.topics.get(name)
      answer.text(name).int32(parts.length)
      for (const [partition, time] of parts) {
        const offset = time === -2 ? 0 : (its?.end ?? 0)
        answer
          .int32(partition)
          .int16(its === undefined ? 3 : (its.wrong ?? 0))
          .int64(-1n)
          .int64(BigInt(offset))
      }
    }
    return [names, answer.bytes]
  }

  /** The one at the offset that is asked for. */
  #record(body: Reader): readonly [ReadonlyArray<string>, Buffer] {
    body.raw(4 * 4 + 1 + 2 * 4)
    const [asked] = body.array((one) => ({
      name: one.text()!,
      part: one.array((part) => {
        const partition = part.int32()
        part.int32()
        return { partition, offset: part.int64() }
      })[0]!
    }))
    const { name, part } = asked!
    const stamp = { producerId: -1n, producerEpoch: -1, sequence: -1 }
    const records = encodeBatch([{ key: null, value: Buffer.from("a"), headers: [] }], stamp, false, 1_000)
    records.writeBigInt64BE(part.offset, 0)
    const end = BigInt(this.topics.get(name)?.end ?? 0)
    const answer = new Writing().int32(0).int16(0).int32(0).int32(1).text(name).int32(1).int32(part.partition).int16(0)
    return [[name], answer.int64(end).int64(end).int64(0n).int32(-1).int32(-1).int32(records.length).raw(records).bytes]
  }
}
