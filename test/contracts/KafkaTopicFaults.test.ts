/** What the log of topics in Kafka does when nodes take over from each other, answers are lost, and Kafka is away or has lost something. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime, Schedule } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import type { Outcome, Producing } from "../../src/topics/Batch.ts"
import { KafkaLog as Port } from "../../src/topics/KafkaLog.ts"
import { LogState } from "../../src/topics/LogState.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { fresh } from "../support/fresh.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { asAdmin, kafkaOptions, kafkaTopics } from "../support/KafkaTopics.ts"
import { append, textsIn } from "../support/TopicNodes.ts"
import { events, newTopic, readAll, startOf, textsOf } from "../support/Topics.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
let kafka: KafkaServer

/** Dies before it notes anything, as after kill -9. */
const forgetful = Layer.effect(
  LogState,
  Effect.map(LogState, (state) => LogState.of({ ...state, settle: () => Effect.void, mark: () => Effect.void }))
)
const node = (noting = true) =>
  ManagedRuntime.make(
    Layer.unwrap(
      Effect.sync(() => {
        const stores = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
        const noted = noting ? stores : Layer.provideMerge(forgetful, stores)
        return Layer.provideMerge(kafkaTopics, Layer.provideMerge(KafkaLog.layer(kafkaOptions(kafka)), noted))
      })
    )
  )
const [one, other, dying] = [node(), node(), node(false)]

const open = async (at: typeof one, topic: number, producer: string) => {
  const opened = (await at.runPromise(Effect.flatMap(TopicStore, ({ open }) => open(topic, producer))))!
  return { producer, epoch: opened.epoch, sequence: opened.sequences[0]?.sequence ?? 0 }
}
const placesOf = (outcome: Outcome) => (outcome.is === "placed" ? outcome.placed : outcome)
const patiently = Effect.retry(
  Effect.suspend(() => newTopic()),
  Schedule.spaced("200 millis")
)
type Asked = Effect.Effect<unknown, HeraldError, Port | TopicLog>
const numbers = (texts: ReadonlyArray<string>) => texts.map((text) => text.split("=")[1])
const upTo = (count: number) => Array.from({ length: count }, (_, n) => `e${n + 1}`)
const admin = asAdmin(() => kafka)

beforeAll(async () => {
  kafka = await KafkaServer.start()
  database = await startDatabase()
})
afterAll(async () => {
  await Promise.all([one, other, dying].map((its) => its.dispose()))
  await database[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

describe("topics in Kafka, with faults", () => {
  it("KP1 KP2 LH1 TL4 two nodes send the same batches of one producer: each is there once, and both are told where", async () => {
    const { id } = await one.runPromise(newTopic())
    const producing = await open(one, id, "p")
    const sends = Effect.forEach(
      Array.from({ length: 12 }, (_, n) => 1 + 4 * n),
      (n) => append(id, n, 4, producing).pipe(Effect.retry({ times: 10 }))
    )
    const [mine, theirs] = await Promise.all([one.runPromise(sends), other.runPromise(sends)])
    const first = (outcomes: ReadonlyArray<Outcome>) =>
      outcomes.map((outcome) => (outcome.is === "placed" ? outcome.placed[0]?.offset : outcome))
    assert.deepStrictEqual(first(mine!), first(theirs!))
    assert.deepStrictEqual(
      numbers(await one.runPromise(textsIn(id))).filter((text) => /^e/.test(text ?? "")),
      upTo(48)
    )
  }, 60_000)

  it("KP2 LH2 a node dies between Kafka's ack and its own note: whoever takes over finds what is there, and says where", async () => {
    const { id } = await dying.runPromise(newTopic())
    const before = await open(dying, id, "p")
    for (const from of [1, 4, 7]) await dying.runPromise(append(id, from, 3, before))
    const again = await other.runPromise(append(id, 4, 8, before))
    assert.deepStrictEqual(placesOf(again), [
      { offset: 3, count: 6, duplicate: true },
      // Behind the mark by which the dead one was fenced.
      { offset: 10, count: 2, duplicate: false }
    ])
    const opened = await open(one, id, "p")
    assert.deepInclude(opened, { sequence: 11 })
    // The old one thaws: nothing of it comes in, of the old epoch or with old sequences.
    assert.deepStrictEqual(await dying.runPromise(append(id, 10, 2, before)), { is: "fenced", epoch: opened.epoch })
    assert.deepStrictEqual(
      numbers(await one.runPromise(textsIn(id))).filter((text) => text !== undefined),
      upTo(11)
    )
    const { pieces } = await one.runPromise(
      Effect.flatMap(startOf(id), (start) => readAll({ topic: id, partition: 0 }, start))
    )
    assert.isTrue(textsOf(pieces).includes("empty 9-10"))
  }, 60_000)

  it("LH3 LH4 of those who see that a history was lost, all are told one epoch; what is gone has none", async () => {
    const { id, name } = await one.runPromise(newTopic({ partitions: 2 }))
    const partition = { topic: id, partition: 0 }
    const begin = (at: typeof one, from: number | undefined, offset: number) =>
      at.runPromise(Effect.flatMap(LogState, (state) => state.begin(partition, from, offset, [])))
    const [a, b] = await Promise.all([begin(one, undefined, 0), begin(other, undefined, 0)])
    assert.deepStrictEqual(a, b)
    const [c, d] = await Promise.all([begin(one, a!.epoch, 5), begin(other, a!.epoch, 5)])
    assert.deepStrictEqual(c, d)
    assert.deepStrictEqual(c!.begun, [
      [a!.epoch, 0],
      [c!.epoch, 5]
    ])
    const all = await one.runPromise(Effect.flatMap(LogState, (state) => state.histories(id)))
    assert.deepStrictEqual([all.get(0)?.epoch, all.get(1)?.epoch], [c!.epoch, a!.epoch])
    await one.runPromise(Effect.flatMap(TopicStore, ({ remove }) => remove(name)))
    assert.isUndefined(await begin(one, c!.epoch, 5))
    const nobody = await one.runPromise(Effect.flatMap(LogState, (state) => state.find(partition, "nobody")))
    assert.isUndefined(nobody)
  })

  it("KP4 what Kafka does not take fails alone, and says that it never comes", async () => {
    const { id, name } = await one.runPromise(newTopic({ compression: "none" }))
    await admin((its) =>
      its.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name, configEntries: [{ name: "max.message.bytes", value: "2000" }] }]
      })
    )
    const send = (text: string) =>
      Effect.flatMap(TopicLog, (log) =>
        Effect.result(
          log.append({ topic: id, partition: 0, events: events(text), compression: "none", producing: undefined })
        )
      )
    const told = await one.runPromise(
      Effect.forEach(["a", "b", "x".repeat(5_000), "c"], send, { concurrency: "unbounded" })
    )
    assert.deepStrictEqual(
      told.map((its) => (its._tag === "Success" ? its.success.is : its.failure.name)),
      ["placed", "placed", "TopicLogRefused", "placed"]
    )
    assert.deepStrictEqual(numbers(await one.runPromise(textsIn(id))), ["a", "b", "c"])
  })

  it("KR4 KR3 what others write is read, and they read what Herald writes", async () => {
    const { id, name } = await one.runPromise(newTopic({ compression: "none" }))
    await one.runPromise(append(id, 1, 2, await open(one, id, "p")))
    const producer = kafka.client.producer()
    await producer.connect()
    await producer.send({ topic: name, compression: 1, messages: [{ key: "k", value: "theirs", headers: { h: "v" } }] })
    await producer.disconnect()
    const consumer = kafka.client.consumer({ groupId: fresh("g") })
    const seen: Array<string> = []
    await consumer.connect()
    await consumer.subscribe({ topic: name, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(`${message.offset}=${message.value}`) })
    await waitUntil("a consumer that isn't Herald's", () => seen.length >= 3)
    await consumer.disconnect()
    assert.deepStrictEqual(seen, ["0=e1", "1=e2", "2=theirs"])
    assert.deepStrictEqual(await one.runPromise(textsIn(id)), seen)
  }, 60_000)

  it("KM3 KH1 KH2 KQ2 a topic that others make anew in Kafka is neither read nor written; one that Herald makes anew is another history", async () => {
    const { id, name } = await one.runPromise(newTopic())
    const { id: beside } = await one.runPromise(newTopic())
    await one.runPromise(append(id, 1, 5))
    const start = await one.runPromise(startOf(id))
    const histories = Effect.flatMap(LogState, (state) => state.histories(id))
    const marks = async () => (await one.runPromise(histories)).get(0)!.marks
    await waitUntil("a mark", async () => (await marks()).at(-1)?.offset === 5)
    await admin((its) => its.deleteTopics({ topics: [name] }))
    const read = Effect.flatMap(Port, (log) =>
      log.read({ topic: id, partition: 0 }, { ...start, offset: 3 }, { maxBytes: 1_000, packed: false })
    )
    await waitUntil("that it is gone", async () => (await one.runPromise(Effect.result(read)))._tag === "Failure")
    assert.strictEqual((await one.runPromise(Effect.flip(read))).name, "TopicLogUnavailable")
    assert.strictEqual((await one.runPromise(append(beside, 1, 1))).is, "placed")
    await admin((its) =>
      its.createTopics({
        topics: [{ topic: name, configEntries: [{ name: "message.timestamp.type", value: "LogAppendTime" }] }]
      })
    )
    await waitUntil("that it is there", () => kafka.has(name))
    for (const at of [one, other]) {
      const { bounds, find, trim } = await at.runPromise(Port)
      const its = { topic: id, partition: 0 }
      // It may have been looked at within the last second, and then counts as Herald's until that is over.
      await waitUntil(
        "that it is known",
        async () => (await at.runPromise(Effect.flip(read))).name === "KafkaTopicExists"
      )
      const refused: Array<Asked> = [append(id, 90, 1), read, bounds([id]), find(its, 1), trim(its, 1)]
      for (const asked of refused)
        assert.strictEqual((await at.runPromise(Effect.flip(asked))).name, "KafkaTopicExists")
    }
    const theirs = await admin((its) => its.fetchTopicOffsets(name))
    assert.strictEqual(theirs[0]?.high, "0")
    await admin((its) => its.deleteTopics({ topics: [name] }))
    await waitUntil("that it is gone", async () => !(await kafka.has(name)))
    await one.runPromise(Effect.flatMap(TopicStore, ({ update }) => update(name, { description: "anew" })))
    assert.strictEqual((await one.runPromise(append(id, 100, 7))).is, "placed")
    for (const at of [one, other]) {
      const told = () => at.runPromise(Effect.result(read)) // What was seen counts for a second.
      await waitUntil("that it is Herald's again", async () => (await told())._tag === "Success")
      const found = (await at.runPromise(read))!
      assert.isAbove(found.epoch, start.epoch)
      assert.deepStrictEqual(textsOf(found.pieces).slice(0, 2), ["epoch 3-0", "0=e100"])
    }
  }, 60_000)

  it("KP3 KQ1 TL2 Kafka is frozen and comes back: nothing is there that failed, and nothing twice that was sent again", async () => {
    const { id } = await one.runPromise(newTopic())
    const producing: Omit<Producing, "sequence"> = await open(one, id, "p")
    const { id: loose } = await one.runPromise(newTopic())
    await one.runPromise(append(id, 1, 2, producing))
    await one.runPromise(append(loose, 1, 2))
    await kafka.signal("SIGSTOP")
    const told = await Promise.all([
      one.runPromise(Effect.flip(append(id, 3, 3, producing))),
      one.runPromise(Effect.flip(append(loose, 3, 1))),
      // Behind one that is under way: it does not go out in time.
      new Promise((resolve) => setTimeout(resolve, 50)).then(() => one.runPromise(Effect.flip(append(loose, 4, 1))))
    ])
    assert.deepStrictEqual(
      told.map(({ name }) => name),
      ["OutcomeUnknown", "OutcomeUnknown", "Timeout"]
    )
    assert.match(told[2]!.message, /nothing of it ever will be/)
    // What waits is bounded: more is refused at once.
    const big = events("x".repeat(1_000_000))
    const send = Effect.flatMap(TopicLog, (log) =>
      Effect.result(log.append({ topic: id, partition: 0, events: big, compression: "zstd", producing: undefined }))
    )
    const results = await one.runPromise(
      Effect.forEach(Array.from({ length: 80 }), () => send, { concurrency: "unbounded" })
    )
    const names = results.map((its) => (its._tag === "Failure" ? its.failure.name : its.success.is))
    assert.isAtLeast(names.filter((its) => its === "TopicLogBusy").length, 10)
    assert.notInclude(names, "placed")
    await kafka.signal("SIGCONT")
    const until = <A>(what: string, run: () => Promise<A>) =>
      waitUntil(
        what,
        () =>
          run().then(
            () => true,
            () => false
          ),
        60_000
      )
    await until("the producer again", () => one.runPromise(append(id, 3, 3, producing)))
    await until("the other topic", () => one.runPromise(append(loose, 9, 1)))
    assert.deepStrictEqual(
      numbers(await one.runPromise(textsIn(id))).filter((text) => /^e\d/.test(text ?? "")),
      upTo(5)
    )
    const others = numbers(await one.runPromise(textsIn(loose)))
    assert.notInclude(others, "e4")
    assert.isAtMost(others.filter((text) => text === "e3").length, 1)
  }, 120_000)

  it("KP3 TL1 Kafka is killed under producers: all that was acked is there, once and in order", async () => {
    const { id } = await one.runPromise(patiently) // It was frozen.
    const producing = await open(one, id, "p")
    let acked = 0
    let stopped = false
    const writing = (async () => {
      for (let next = 1; !stopped || acked < next - 1; ) {
        const outcome = await one.runPromise(Effect.result(append(id, next, 5, producing)))
        if (outcome._tag === "Success" && outcome.success.is === "placed") {
          acked = next + 4
          next += 5
        }
      }
    })()
    await waitUntil("some", () => acked > 100)
    await kafka.kill()
    await kafka.start()
    const then = acked
    await waitUntil("more", () => acked > then + 50, 60_000)
    stopped = true
    await writing
    assert.deepStrictEqual(
      numbers(await one.runPromise(textsIn(id))).filter((text) => text !== undefined),
      upTo(acked)
    )
  }, 240_000)
})
