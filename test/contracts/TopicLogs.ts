/** What every log of topics must do. Run by Memory.test.ts and TopicLog.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import type { Outcome } from "../../src/topics/Batch.ts"
import { keyHash } from "../../src/topics/Message.ts"
import type { PartitionId } from "../../src/topics/Piece.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import type { TopicStore } from "../../src/topics/TopicStore.ts"
import { events, newTopic as named, numbered, readAll, startOf, textsOf } from "../support/Topics.ts"
import { waitUntil } from "../support/waitUntil.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, TopicLog | TopicStore>) => void

const offsetsOf = (outcome: Outcome) =>
  outcome.is === "placed" ? outcome.placed.map(({ offset }) => offset) : assert.fail(JSON.stringify(outcome))

/** With all its partitions: some logs begin them when they are first asked for. */
const newTopic = Effect.fnUntraced(function* (change: Parameters<typeof named>[0] = {}) {
  const topic = yield* named(change)
  const { find } = yield* TopicLog
  for (let partition = 0; partition < topic.partitions; partition++) yield* find({ topic: topic.id, partition }, 0)
  return topic
})

/** `begins`: partitions begin when they are first asked for, so that there is none that is not there. */
export const topicLogsContract = (test: Test, { begins = false } = {}) => {
  test("TL1 TL3 what is placed is read at its place, in order, whatever it is packed by", () =>
    Effect.gen(function* () {
      const { append, read } = yield* TopicLog
      for (const compression of ["zstd", "none"] as const) {
        const { id } = yield* newTopic({ partitions: 2, compression })
        const many = numbered(2, 500, "k:long enough to be packed ")
        const one = yield* append({
          topic: id,
          partition: 0,
          events: events("a", "k:b"),
          compression,
          producing: undefined
        })
        const two = yield* append({ topic: id, partition: 0, events: many, compression, producing: undefined })
        const other = yield* append({ topic: id, partition: 1, events: events("c"), compression, producing: undefined })
        assert.deepStrictEqual([one, two, other].map(offsetsOf), [[0], [2], [0]])
        const start = yield* startOf(id)
        const { pieces, next } = yield* readAll({ topic: id, partition: 0 }, start)
        const texts = textsOf(pieces)
        assert.deepStrictEqual(texts.slice(0, 3), ["0=a", "1=k:b", "2=k:long enough to be packed 2"])
        assert.deepStrictEqual([texts.length, next], [502, 502])
        const hashes = pieces.flatMap((piece) => (piece.is === "segment" ? [...(piece.hashes ?? [])] : []))
        assert.deepStrictEqual(hashes.slice(0, 3), [0, keyHash("k"), keyHash("k")])
        assert.deepStrictEqual(textsOf((yield* readAll({ topic: id, partition: 1 }, { ...start, offset: 0 })).pieces), [
          "0=c"
        ])
        // From the middle of a segment: it may be given whole.
        const middle = (yield* read(
          { topic: id, partition: 0 },
          { ...start, offset: 300 },
          { maxBytes: 1, packed: false }
        ))!
        assert.strictEqual(textsOf(middle.pieces, 300)[0], "300=k:long enough to be packed 300")
        assert.isTrue(middle.next > 300 && middle.next <= 502)
      }
    }))

  test("TL1 the end is nothing, and so is what is behind it; a partition that is not there is undefined", () =>
    Effect.gen(function* () {
      const { append, read, find, trim, bounds } = yield* TopicLog
      const { id } = yield* newTopic()
      const start = yield* startOf(id)
      const options = { maxBytes: 1_000, packed: false }
      const nothing = { epoch: start.epoch, pieces: [], next: 0 }
      assert.deepStrictEqual(yield* read({ topic: id, partition: 0 }, start, options), nothing)
      yield* append({ topic: id, partition: 0, events: events("a"), compression: "zstd", producing: undefined })
      const end = yield* read({ topic: id, partition: 0 }, { ...start, offset: 1 }, options)
      assert.deepStrictEqual(end, { ...nothing, next: 1 })
      assert.deepStrictEqual(yield* bounds([id + 1_000_000]), [])
      const unknown = () => assert.fail("what is not there is known") // TL7
      assert.deepStrictEqual((yield* bounds([id + 1_000_000, id, id + 1_000_001], unknown))[0]?.topic, id)
      assert.deepStrictEqual(yield* bounds([]), [])
      if (begins) return
      const nowhere = { topic: id, partition: 1 }
      assert.isUndefined(yield* read(nowhere, start, options))
      assert.isUndefined(yield* find(nowhere, 0))
      assert.isUndefined(yield* trim(nowhere, 5))
      assert.deepStrictEqual(
        yield* append({ ...nowhere, events: events("a"), compression: "zstd" as const, producing: undefined }),
        { is: "gone" }
      )
    }))

  test("TL3 who appends at once gets offsets without gaps, each in the order of what it did", () =>
    Effect.gen(function* () {
      const { append } = yield* TopicLog
      const { id } = yield* newTopic({ partitions: 3 })
      const all = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, writer) => writer),
        (writer) =>
          Effect.forEach(
            Array.from({ length: 20 }, (_, n) => n),
            (n) =>
              append({
                topic: id,
                partition: writer % 3,
                events: numbered(10 * n, 1 + (n % 3), `w${writer}-`),
                compression: "zstd",
                producing: undefined
              })
          ),
        { concurrency: "unbounded" }
      )
      for (const partition of [0, 1, 2]) {
        const { pieces, next } = yield* readAll({ topic: id, partition }, yield* startOf(id, partition))
        const texts = textsOf(pieces)
        assert.strictEqual(texts.length, next)
        assert.deepStrictEqual(
          texts.map((text) => Number(text.split("=")[0])),
          texts.map((_, at) => at)
        )
        for (const writer of [0, 3, 6, 9].map((n) => n + partition)) {
          const mine = texts.filter((text) => text.includes(`=w${writer}-`)).map((text) => Number(text.split("-")[1]))
          assert.deepStrictEqual(
            mine,
            mine.toSorted((a, b) => a - b)
          )
          const [first] = offsetsOf(all[writer]![5]!)
          assert.isTrue(texts.includes(`${first}=w${writer}-50`))
        }
      }
    }))

  test("TL3 batches that are begun one after the other are in that order, many at once", () =>
    Effect.gen(function* () {
      const { append } = yield* TopicLog
      const { id } = yield* newTopic()
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, n) => n),
        (n) => append({ topic: id, partition: 0, events: events(`e${n}`), compression: "zstd", producing: undefined }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        outcomes.flatMap(offsetsOf),
        outcomes.map((_, n) => n)
      )
    }))

  test("TL4 a batch that is not the events that it is said to be is refused, and nobody else with it", () =>
    Effect.gen(function* () {
      const { append } = yield* TopicLog
      const { id } = yield* newTopic()
      const right = numbered(0, 3)
      const wrong = [
        { ...right, count: 2 },
        { ...right, count: 4 },
        { ...right, bytes: right.bytes.subarray(1) },
        { ...right, hashes: new Uint16Array(2) },
        { count: 0, bytes: new Uint8Array(0), hashes: undefined }
      ]
      const told = yield* Effect.forEach(
        [...wrong, right],
        (one) =>
          Effect.result(append({ topic: id, partition: 0, events: one, compression: "zstd", producing: undefined })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        told.map((one) => (one._tag === "Success" ? one.success.is : (one.failure as HeraldError).name)),
        [...wrong.map(() => "InvalidInput"), "placed"]
      )
    }))

  test("TL6 the first event at or after a time is found exactly", () =>
    Effect.gen(function* () {
      const { append, find } = yield* TopicLog
      const { id } = yield* newTopic()
      const partition: PartitionId = { topic: id, partition: 0 }
      const start = yield* startOf(id)
      assert.deepStrictEqual(yield* find(partition, 0), start)
      const came: Array<readonly [offset: number, at: number]> = []
      for (let n = 0; n < 20; n++) {
        const outcome = yield* append({
          ...partition,
          events: numbered(0, 1 + (n % 4)),
          compression: "zstd" as const,
          producing: undefined
        })
        if (outcome.is !== "placed") return assert.fail(outcome.is)
        came.push([outcome.placed[0]!.offset!, outcome.at])
        if (n % 3 === 0) yield* Effect.sleep("3 millis")
      }
      const end = (yield* readAll(partition, start)).next
      const wanted = (time: number) => came.find(([, at]) => at >= time)?.[0] ?? end
      for (const [, at] of came)
        for (const time of [at - 1, at, at + 1])
          assert.strictEqual((yield* find(partition, time))!.offset, wanted(time))
      assert.strictEqual((yield* find(partition, 0))!.offset, 0)
      assert.strictEqual((yield* find(partition, at(came) + 86_400_000 * 3))!.offset, end)
    }))

  test("TL5 what was trimmed is a gap, and what is read next is what there is", () =>
    Effect.gen(function* () {
      const { append, trim, find, bounds } = yield* TopicLog
      const { id } = yield* newTopic()
      const partition: PartitionId = { topic: id, partition: 0 }
      const name = "e".repeat(100) // Too much for a log that puts small appends into one segment.
      for (let n = 0; n < 5; n++)
        yield* append({
          ...partition,
          events: numbered(10 * n, 10, name),
          compression: "zstd" as const,
          producing: undefined
        })
      const start = yield* startOf(id)
      const [all] = yield* bounds([id])
      const cut = (yield* trim(partition, 25))!
      assert.deepStrictEqual([cut.first, cut.next], [25, 50])
      assert.isBelow(cut.bytes, all!.bytes)
      const texts = textsOf((yield* readAll(partition, start)).pieces, 25)
      assert.deepStrictEqual(texts.slice(0, 2), ["retention 0-25", `25=${name}25`])
      assert.strictEqual(texts.length, 26)
      assert.strictEqual((yield* find(partition, 0))!.offset, 25)
      // Never back, and never beyond the end.
      assert.strictEqual((yield* trim(partition, 3))!.first, 25)
      assert.deepInclude(yield* trim(partition, 1_000), { first: 50, next: 50, bytes: 0 })
      assert.deepStrictEqual(textsOf((yield* readAll(partition, start)).pieces), ["retention 0-50"])
      yield* append({ ...partition, events: events("next"), compression: "zstd" as const, producing: undefined })
      assert.deepStrictEqual(textsOf((yield* readAll(partition, { ...start, offset: 50 })).pieces), ["50=next"])
      assert.strictEqual((yield* find(partition, 0))!.offset, 50)
    }))

  test("TL5 who comes from another history is told so, and reads from where it may", () =>
    Effect.gen(function* () {
      const { append, read } = yield* TopicLog
      const { id } = yield* newTopic()
      yield* append({ topic: id, partition: 0, events: events("a", "b"), compression: "zstd", producing: undefined })
      const { epoch } = yield* startOf(id)
      const found = (yield* read(
        { topic: id, partition: 0 },
        { epoch: 1, offset: 2 },
        { maxBytes: 1_000, packed: false }
      ))!
      assert.deepStrictEqual(textsOf(found.pieces), ["epoch 2-0", "0=a", "1=b"])
      assert.deepInclude(found, { epoch, next: 2 })
    }))

  test("TL1 a read is bounded in bytes, and gives one segment at least", () =>
    Effect.gen(function* () {
      const { append, read } = yield* TopicLog
      const { id } = yield* newTopic({ compression: "none" })
      for (let n = 0; n < 6; n++)
        yield* append({
          topic: id,
          partition: 0,
          events: events("x".repeat(1_000)),
          compression: "none",
          producing: undefined
        })
      const start = yield* startOf(id)
      const count = (maxBytes: number) =>
        Effect.map(
          read({ topic: id, partition: 0 }, start, { maxBytes, packed: false }),
          (found) => found!.pieces.length
        )
      assert.deepStrictEqual([yield* count(1), yield* count(1_500), yield* count(2_500)], [1, 2, 3])
    }))

  test("TL1 whoever listens hears of what was appended", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { append, hints } = yield* TopicLog
        const { id } = yield* newTopic({ partitions: 2 })
        const heard = new Set<string>()
        yield* hints((one) => heard.add(one === undefined ? "any" : `${one.topic}/${one.partition}`))
        yield* append({ topic: id, partition: 1, events: events("a"), compression: "zstd", producing: undefined })
        yield* Effect.promise(() => waitUntil("the hint", () => heard.has(`${id}/1`)))
        assert.isFalse(heard.has(`${id}/0`))
      })
    ))
}

const at = (came: ReadonlyArray<readonly [number, number]>): number => came.at(-1)![1]
