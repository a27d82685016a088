/** What every store of topics must do, and what its producers are to the log. Run by Memory.test.ts and TopicLog.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { TopicScope } from "../../src/access/TopicRights.ts"
import { type Placed, REMEMBERED } from "../../src/topics/Batch.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "../support/fresh.ts"
import { definition, events, newTopic, numbered, readAll, startOf, textsOf } from "../support/Topics.ts"
import { topicMakingContract } from "./TopicMaking.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, TopicLog | TopicStore>) => void

const placed = (offset: number, count: number): Placed => ({ offset, count, duplicate: false })
const there = (offset: number | undefined, count: number): Placed => ({ offset, count, duplicate: true })
const nameOf = <A, E extends { readonly name: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ name }) => name)

export const topicStoresContract = (test: Test) => {
  topicMakingContract(test)

  test("TS1 a topic is created, found, changed and deleted", () =>
    Effect.gen(function* () {
      const { create, get, update, remove } = yield* TopicStore
      const name = fresh("t/a")
      const made = yield* create(definition({ name, description: "é", schema: ' {"type" : "object"} ' }), "ann")
      assert.deepInclude(made, {
        name,
        version: 1,
        schemaVersion: 1,
        schema: ' {"type" : "object"} ',
        createdBy: "ann",
        description: "é"
      })
      assert.deepStrictEqual(yield* get(name), made)
      assert.strictEqual(yield* nameOf(create(definition({ name }), "ben")), "TopicExists")
      const changed = (yield* update(name, { retention: { millis: null, bytes: 2 ** 40 }, enabled: false }, 1))!
      assert.deepInclude(changed, {
        id: made.id,
        version: 2,
        schemaVersion: 1,
        enabled: false,
        retention: { millis: null, bytes: 2 ** 40 }
      })
      for (const version of [0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER])
        assert.strictEqual(yield* nameOf(update(name, { enabled: true }, version)), "TopicConflict", `${version}`)
      assert.deepStrictEqual(yield* get(name), changed)
      assert.isTrue(yield* remove(name))
      assert.isFalse(yield* remove(name))
      assert.isUndefined(yield* get(name))
      assert.isUndefined(yield* update(name, { enabled: true }))
    }))

  test("TS1 schemas are counted, over none", () =>
    Effect.gen(function* () {
      const { update } = yield* TopicStore
      const { name } = yield* newTopic()
      const versions: Array<number> = []
      for (const schema of ["{}", "{}", "true", null, "{}"])
        versions.push((yield* update(name, { schema }))!.schemaVersion)
      assert.deepStrictEqual(versions, [1, 1, 2, 0, 3])
    }))

  test("TT3 partitions become more, and never less", () =>
    Effect.gen(function* () {
      const { update } = yield* TopicStore
      const { append, bounds } = yield* TopicLog
      const { id, name } = yield* newTopic({ partitions: 2 })
      yield* append({
        topic: id,
        partition: 1,
        events: events("a"),
        compression: "zstd" as const,
        producing: undefined
      })
      assert.strictEqual(yield* nameOf(update(name, { partitions: 1 })), "InvalidInput")
      assert.strictEqual((yield* update(name, { partitions: 4 }))!.partitions, 4)
      assert.deepStrictEqual(
        (yield* bounds([id])).map(({ partition, next }) => [partition, next]),
        [
          [0, 0],
          [1, 1],
          [2, 0],
          [3, 0]
        ]
      )
    }))

  test("TS1 topics are listed by name, in pages", () =>
    Effect.gen(function* () {
      const { list } = yield* TopicStore
      const prefix = `${fresh("list")}/`
      for (const name of ["b", "a%", "a_", "B", "a"].map((one) => one.replace("%", "-")))
        yield* newTopic({ name: `${prefix}${name}` })
      const names = (after: string, limit: number) =>
        Effect.map(list(prefix, after, limit), ({ topics, more }) => [
          topics.map(({ name }) => name.slice(prefix.length)),
          more
        ])
      assert.deepStrictEqual(yield* names("", 10), [["B", "a", "a-", "a_", "b"], false])
      assert.deepStrictEqual(yield* names("", 2), [["B", "a"], true])
      assert.deepStrictEqual(yield* names(`${prefix}a`, 3), [["a-", "a_", "b"], false])
      assert.deepStrictEqual((yield* list("%", "", 10)).topics, [])
      const within = (limit: number, scope: TopicScope) =>
        Effect.map(list(prefix, "", limit, scope), ({ topics, more }) => [
          topics.map(({ name }) => name.slice(prefix.length)),
          more
        ])
      const some = [`${prefix}b`, "elsewhere"]
      assert.deepStrictEqual(yield* within(10, { names: some, prefixes: [] }), [["b"], false])
      assert.deepStrictEqual(yield* within(1, { names: some, prefixes: [`${prefix}a_`] }), [["a_"], true])
      assert.deepStrictEqual(yield* within(10, { names: [], prefixes: [prefix] }), [["B", "a", "a-", "a_", "b"], false])
      assert.deepStrictEqual(yield* within(10, { names: [], prefixes: [] }), [[], false])
    }))

  test("TS1 what was deleted is gone at once, and one of the same name is another", () =>
    Effect.gen(function* () {
      const { create, remove } = yield* TopicStore
      const { append, read, bounds } = yield* TopicLog
      const made = yield* newTopic()
      const partition = { topic: made.id, partition: 0 }
      yield* append({ ...partition, events: events("a"), compression: "zstd" as const, producing: undefined })
      const start = yield* startOf(made.id)
      yield* remove(made.name)
      assert.deepStrictEqual(
        yield* append({ ...partition, events: events("b"), compression: "zstd" as const, producing: undefined }),
        { is: "gone" }
      )
      assert.isUndefined(yield* read(partition, start, { maxBytes: 10, packed: false }))
      assert.deepStrictEqual(yield* bounds([made.id]), [])
      const again = yield* create(definition({ name: made.name }), "ann")
      assert.notStrictEqual(again.id, made.id)
      const begins = yield* startOf(again.id)
      assert.isAbove(begins.epoch, start.epoch)
      assert.deepStrictEqual((yield* readAll({ topic: again.id, partition: 0 }, begins)).pieces, [])
    }))

  test("TD1 TS2 what a producer sends again is there once, with the offsets that it got", () =>
    Effect.gen(function* () {
      const { open } = yield* TopicStore
      const { append } = yield* TopicLog
      const { id } = yield* newTopic()
      const { epoch, sequences } = (yield* open(id, "p"))!
      assert.deepStrictEqual(sequences, [])
      const send = (sequence: number, count: number) =>
        Effect.map(
          append({
            topic: id,
            partition: 0,
            events: numbered(sequence, count),
            compression: "zstd" as const,
            producing: { producer: "p", epoch, sequence }
          }),
          (outcome) => (outcome.is === "placed" ? outcome.placed : outcome)
        )
      assert.deepStrictEqual(yield* send(1, 3), [placed(0, 3)])
      yield* append({
        topic: id,
        partition: 0,
        events: events("other"),
        compression: "zstd" as const,
        producing: undefined
      })
      assert.deepStrictEqual(yield* send(4, 3), [placed(4, 3)])
      assert.deepStrictEqual(yield* send(1, 3), [there(0, 3)])
      assert.deepStrictEqual(yield* send(4, 3), [there(4, 3)])
      assert.deepStrictEqual(yield* send(2, 4), [there(1, 2), there(4, 2)])
      assert.deepStrictEqual(yield* send(5, 5), [there(5, 2), placed(7, 3)])
      assert.deepStrictEqual(yield* send(11, 1), { is: "sequence-gap", expected: 10 })
      const { pieces } = yield* readAll({ topic: id, partition: 0 }, yield* startOf(id))
      assert.deepStrictEqual(textsOf(pieces), [
        "0=e1",
        "1=e2",
        "2=e3",
        "3=other",
        "4=e4",
        "5=e5",
        "6=e6",
        "7=e7",
        "8=e8",
        "9=e9"
      ])
      assert.deepStrictEqual((yield* open(id, "p"))!.sequences, [{ partition: 0, sequence: 9 }])
    }))

  test("TD1 many batches of a producer at once, each sent twice and in any company, are there once and in order", () =>
    Effect.gen(function* () {
      const { open } = yield* TopicStore
      const { append } = yield* TopicLog
      const { id } = yield* newTopic({ partitions: 2 })
      const producers = yield* Effect.forEach(["p", "q", "__proto__"], (producer) =>
        Effect.map(open(id, producer), (opened) => ({ producer, epoch: opened!.epoch }))
      )
      const sends = producers.flatMap(({ producer, epoch }) =>
        [0, 1].flatMap((partition) =>
          Array.from({ length: 8 }, (_, n) => 1 + 5 * n).flatMap((sequence) =>
            [0, 1].map(() => ({
              topic: id,
              partition,
              events: numbered(sequence, 5, `${producer}-`),
              compression: "zstd" as const,
              producing: { producer, epoch, sequence }
            }))
          )
        )
      )
      const outcomes = yield* Effect.forEach(sends, append, { concurrency: "unbounded" })
      for (const [at, outcome] of outcomes.entries()) {
        if (outcome.is !== "placed") return assert.fail(`${at}: ${JSON.stringify(outcome)}`)
        const twin = outcomes[at - (at % 2)]!
        assert.deepStrictEqual(
          outcome.placed.map(({ offset, count }) => [offset, count]),
          twin.is === "placed" ? twin.placed.map(({ offset, count }) => [offset, count]) : []
        )
      }
      for (const partition of [0, 1]) {
        const texts = textsOf((yield* readAll({ topic: id, partition }, yield* startOf(id, partition))).pieces)
        assert.strictEqual(texts.length, 3 * 40)
        for (const { producer } of producers)
          assert.deepStrictEqual(
            texts.filter((text) => text.includes(`=${producer}-`)).map((text) => text.split("=")[1]),
            Array.from({ length: 40 }, (_, n) => `${producer}-${n + 1}`)
          )
      }
    }))

  test("TD1 what is older than what is remembered is a duplicate all the same", () =>
    Effect.gen(function* () {
      const { open } = yield* TopicStore
      const { append } = yield* TopicLog
      const { id } = yield* newTopic()
      const { epoch } = (yield* open(id, "p"))!
      const send = (sequence: number) =>
        append({
          topic: id,
          partition: 0,
          events: events(`e${sequence}`),
          compression: "zstd" as const,
          producing: { producer: "p", epoch, sequence }
        })
      for (let n = 1; n <= REMEMBERED + 2; n++) {
        yield* send(n)
        yield* append({
          topic: id,
          partition: 0,
          events: events("between"),
          compression: "zstd" as const,
          producing: undefined
        })
      }
      const [old, remembered] = [yield* send(1), yield* send(3)]
      assert.deepStrictEqual(old.is === "placed" && old.placed, [there(undefined, 1)])
      assert.deepStrictEqual(remembered.is === "placed" && remembered.placed, [there(4, 1)])
    }))

  test("TD2 TS2 an earlier epoch is fenced, and a producer that nobody opened is not known", () =>
    Effect.gen(function* () {
      const { open } = yield* TopicStore
      const { append } = yield* TopicLog
      const { id } = yield* newTopic({ partitions: 2 })
      const send = (epoch: number, sequence: number, partition = 0, producer = "p") =>
        append({
          topic: id,
          partition,
          events: events("a"),
          compression: "zstd" as const,
          producing: { producer, epoch, sequence }
        })
      assert.deepStrictEqual(yield* send(1, 1), { is: "unknown-producer" })
      const first = (yield* open(id, "p"))!
      yield* send(first.epoch, 1)
      const second = (yield* open(id, "p"))!
      assert.isAbove(second.epoch, first.epoch)
      assert.deepStrictEqual(yield* send(first.epoch, 2), { is: "fenced", epoch: second.epoch })
      // In a partition in which it never was, too.
      assert.deepStrictEqual(yield* send(first.epoch, 1, 1), { is: "fenced", epoch: second.epoch })
      assert.strictEqual((yield* send(second.epoch, 2)).is, "placed")
      assert.strictEqual((yield* send(second.epoch, 1, 1)).is, "placed")
      assert.deepStrictEqual(yield* send(second.epoch + 1, 3), { is: "unknown-producer" })
      assert.deepStrictEqual(yield* send(second.epoch, 1, 0, "q"), { is: "unknown-producer" })
      assert.isUndefined(yield* open(id + 1_000_000, "p"))
      yield* open(id, "another")
      const { producers, kept } = yield* TopicStore
      assert.deepStrictEqual([yield* producers(id), yield* producers(id + 1_000_000)], [2, 0])
      const { id: its } = yield* newTopic({ log: "ephemeral", retention: { millis: 60_000, bytes: null } })
      assert.deepStrictEqual(
        (yield* kept("ephemeral")).filter((one) => one.id === its),
        [{ id: its, millis: 60_000 }]
      )
      assert.isFalse((yield* kept("ephemeral")).some((one) => one.id === id))
      assert.deepStrictEqual((yield* open(id, "p"))!.sequences, [
        { partition: 0, sequence: 2 },
        { partition: 1, sequence: 1 }
      ])
    }))
}
