/** Topics and their log in the memory of a test, which can be made to fail, to forget, and to be silent about what grew. */
import { zstdCompressSync } from "node:zlib"
import { Effect, Layer } from "effect"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import type { Batch, Outcome } from "../../src/topics/Batch.ts"
import { EphemeralLog } from "../../src/topics/EphemeralLog.ts"
import { frameOf } from "../../src/topics/Message.ts"
import { endOf, type PartitionId, type Piece, partitionKey } from "../../src/topics/Piece.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"

interface Partition {
  epoch: number
  first: number
  next: number
  readonly pieces: Array<Piece>
}

export class TestLog {
  readonly topics = new Map<string, Topic>()
  readonly #partitions = new Map<string, Partition>()
  readonly #grown: Array<(id: PartitionId | undefined) => void> = []
  /** Offsets of reads that were asked for. */
  readonly readFrom: Array<number> = []
  get reads(): number {
    return this.readFrom.length
  }
  failing = false
  /** Nobody is told of what grew. */
  silent = false
  #now = 1_000

  create(name: string, partitions = 1, log: Topic["log"] = "postgres"): Topic {
    const id = this.topics.size + 1
    const topic: Topic = {
      ...{ id, name, partitions, log, compression: "zstd", retention: { millis: 1, bytes: null }, schema: null },
      ...{ enabled: true, description: "", version: 1, schemaVersion: 0, createdAt: 0, createdBy: "", updatedAt: 0 }
    }
    this.topics.set(name, topic)
    for (let partition = 0; partition < partitions; partition++) this.#of({ topic: id, partition })
    return topic
  }

  grow(name: string, partitions: number): void {
    const topic = { ...this.topics.get(name)!, partitions }
    this.topics.set(name, topic)
    for (let partition = 0; partition < partitions; partition++) this.#of({ topic: topic.id, partition })
  }

  remove(name: string): void {
    const { id } = this.topics.get(name)!
    this.topics.delete(name)
    for (const key of this.#partitions.keys()) if (key.startsWith(`${id}/`)) this.#partitions.delete(key)
  }

  #of(id: PartitionId): Partition {
    const key = partitionKey(id)
    let its = this.#partitions.get(key)
    if (its === undefined) this.#partitions.set(key, (its = { epoch: 5, first: 0, next: 0, pieces: [] }))
    return its
  }

  /** As another node would. */
  put(batch: Pick<Batch, "topic" | "partition" | "events">): Outcome {
    const its = this.#partitions.get(partitionKey(batch))
    if (its === undefined) return { is: "gone" }
    const { count, bytes, hashes } = batch.events
    const at = ++this.#now
    its.pieces.push({ is: "segment", base: its.next, count, at, codec: "none", bytes, hashes })
    const offset = its.next
    its.next += count
    if (!this.silent) for (const grown of this.#grown) grown(batch)
    return { is: "placed", epoch: its.epoch, placed: [{ offset, count, duplicate: false }], at }
  }

  /** Its history is lost from an offset on. */
  lose(id: PartitionId, from: number): void {
    const its = this.#of(id)
    its.epoch++
    its.next = from
    while (its.pieces.length > 0 && endOf(its.pieces.at(-1)!) > from) its.pieces.pop()
    its.next = its.pieces.length === 0 ? its.first : endOf(its.pieces.at(-1)!)
  }

  trim(id: PartitionId, before: number): void {
    const its = this.#of(id)
    its.first = Math.max(its.first, before)
  }

  /** The id of a topic that nobody can read. */
  hanging: number | undefined
  /** Questions of how far topics go. */
  bounded = 0
  /** Answers to those, and to reads, wait for this. */
  held: Promise<void> | undefined

  readonly log: Log = {
    append: (batch) => this.#asked(() => this.put(batch)),
    read: (id, { epoch, offset }, { maxBytes, packed }) => {
      const read = this.#asked(() => {
        this.readFrom.push(offset)
        const its = this.#partitions.get(partitionKey(id))
        if (its === undefined) return undefined
        const pieces: Array<Piece> = []
        let from = offset
        if (epoch !== its.epoch) {
          const to = Math.min(from, its.next)
          pieces.push({ is: "gap", from, to, why: "epoch" })
          from = to
        }
        if (from < its.first) {
          pieces.push({ is: "gap", from, to: its.first, why: "retention" })
          from = its.first
        }
        let bytes = 0
        for (const piece of its.pieces) {
          if (piece.is === "gap" || piece.base + piece.count <= from) continue
          if (bytes > maxBytes) break
          bytes += piece.bytes.length
          pieces.push(packed ? { ...piece, codec: "zstd", bytes: zstdCompressSync(piece.bytes) } : piece)
        }
        return { epoch: its.epoch, pieces, next: pieces.length === 0 ? from : endOf(pieces.at(-1)!) }
      })
      return id.topic === this.hanging ? Effect.never : read
    },
    find: (id, time) =>
      this.#asked(() => {
        const its = this.#of(id)
        const found = its.pieces.find((piece) => piece.is === "segment" && piece.at >= time)
        return { epoch: its.epoch, offset: found?.is === "segment" ? found.base : its.next }
      }),
    bounds: (topics) =>
      this.#asked(() => {
        this.bounded++
        return [...this.#partitions].flatMap(([key, { epoch, first, next }]) => {
          const [topic, partition] = key.split("/").map(Number) as [number, number]
          return topics.includes(topic) ? [{ topic, partition, epoch, first, next, bytes: 0 }] : []
        })
      }),
    trim: () => Effect.undefined,
    hints: (grown) => Effect.sync(() => void this.#grown.push(grown))
  }

  #asked<A>(answer: () => A): Effect.Effect<A, HeraldError> {
    const waits = Effect.suspend(() => (this.held === undefined ? Effect.void : Effect.promise(() => this.held!)))
    const asked = Effect.suspend(() =>
      this.failing ? Effect.fail(failure("DatabaseUnavailable", "the test said so")) : Effect.sync(answer)
    )
    return Effect.andThen(waits, asked)
  }

  readonly layer = Layer.mergeAll(
    Layer.succeed(TopicLog, this.log),
    Layer.succeed(EphemeralLog, { ...this.log, topics: Effect.succeed([]), forget: () => Effect.void }),
    Layer.mock(TopicStore, { get: (name) => this.#asked(() => this.topics.get(name)) })
  )
}

/** Events with a text each, and a key before its colon if it has one. */
export const eventsOf = (...texts: ReadonlyArray<string>) =>
  frameOf(
    texts.map((text) => ({
      key: text.includes(":") ? text.slice(0, text.indexOf(":")) : null,
      payload: Buffer.from(text),
      eventTime: null,
      headers: new Map<string, string>()
    }))
  )
