/** What the log of topics in PostgreSQL does when nodes race, answers are lost, and somebody holds a partition. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Outcome } from "../../src/topics/Batch.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { append, textsIn, topicNodes } from "../support/TopicNodes.ts"
import { events } from "../support/Topics.ts"
import { waitUntil } from "../support/waitUntil.ts"

const { one, other, open, newOne, query, connect, proxy } = topicNodes()

const placesOf = (outcome: Outcome) => (outcome.is === "placed" ? outcome.placed : outcome)

/** Cuts the connection once the next append was sent through it. */
const cutNextAppend = () => {
  const cut = { done: false }
  proxy().cutAfter = (chunk) => {
    if (cut.done || !chunk.includes("cut-here-")) return false
    cut.done = true
    return true
  }
  return cut
}

describe("topics in PostgreSQL, with faults", () => {
  it("TL4 LA1 two nodes append to one partition: every event is there once, in one order", async () => {
    const { id } = await newOne()
    const writes = (from: number) =>
      Effect.forEach(
        Array.from({ length: 30 }, (_, n) => from + 10 * n),
        (n) => append(id, n, 10),
        { concurrency: 4 }
      )
    const outcomes = (await Promise.all([one.runPromise(writes(0)), other.runPromise(writes(1_000))])).flat()
    const texts = await one.runPromise(textsIn(id))
    assert.deepStrictEqual(
      texts.map((text) => Number(text.split("=")[0])),
      texts.map((_, at) => at)
    )
    assert.strictEqual(new Set(texts.map((text) => text.split("=")[1])).size, 600)
    assert.strictEqual(outcomes.length, 60)
    for (const outcome of outcomes) assert.isTrue(outcome.is === "placed" && outcome.placed[0]!.count === 10)
  })

  it("NB1 however many want to hear of events, a node listens over one connection, and all of them hear", async () => {
    const listening = async () =>
      Number(
        (await query("select count(*) as n from pg_stat_activity where query ilike 'listen%herald_topics%'"))[0]!["n"]
      )
    const before = await listening()
    const heard = [0, 0, 0, 0]
    await one.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const log = yield* TopicLog
          for (const at of heard.keys())
            yield* log.hints((partition) => void (heard[at]! += partition === undefined ? 0 : 1))
          assert.isAtMost(yield* Effect.promise(listening), before + 1)
          const { id } = yield* Effect.promise(() => newOne())
          yield* Effect.promise(() => other.runPromise(append(id, 1, 1)))
          yield* Effect.promise(() => waitUntil("all to hear", () => heard.every((count) => count > 0)))
        })
      )
    )
  })

  it("TL4 TD1 two nodes send the same batches of one producer: each is there once, and both are told where", async () => {
    const { id } = await newOne()
    const producing = await open(id, "p")
    const sends = Effect.forEach(
      Array.from({ length: 15 }, (_, n) => 1 + 4 * n),
      (n) => append(id, n, 4, producing)
    )
    const [mine, theirs] = await Promise.all([one.runPromise(sends), other.runPromise(sends)])
    const offsets = (outcomes: ReadonlyArray<Outcome>) =>
      outcomes.map((outcome) => (outcome.is === "placed" ? outcome.placed.map(({ offset }) => offset) : outcome))
    assert.deepStrictEqual(
      offsets(mine!),
      Array.from({ length: 15 }, (_, n) => [4 * n])
    )
    assert.deepStrictEqual(offsets(theirs!), offsets(mine!))
    const texts = await one.runPromise(textsIn(id))
    assert.deepStrictEqual(
      texts,
      Array.from({ length: 60 }, (_, n) => `${n}=e${n + 1}`)
    )
  })

  it("TS5 one principal's producers leave room for others'", async () => {
    const { id } = await newOne()
    const opened = (producer: string, most: number) =>
      query(`select herald_topic_open(${id}, '${producer}', ${most}) ->> 'problem' as problem`)
    for (const [producer, most, problem] of [
      ...[0, 1, 2, 3].map((n) => [`eve:${n}`, 5, null] as const),
      ["eve:4", 5, "share"],
      ["eve:3", 5, null],
      ["evelyn:0", 5, null],
      ["ann:0", 5, "full"],
      ["ann:0", 6, null],
      [":dead-letters/1", 7, null]
    ] as const)
      assert.deepStrictEqual(await opened(producer, most), [{ problem }], producer)
  })

  it("TL4 TS2 whoever opens a producer while the older one writes has the only epoch that may", async () => {
    const { id } = await newOne()
    const first = await open(id, "p")
    const writing = one.runPromise(
      Effect.forEach(
        Array.from({ length: 30 }, (_, n) => 1 + n),
        (n) => append(id, n, 1, first)
      )
    )
    await waitUntil("something was written", async () => (await one.runPromise(textsIn(id))).length > 3)
    const opened = await other.runPromise(Effect.flatMap(TopicStore, ({ open }) => open(id, "p")))
    const sequence = opened!.sequences[0]!.sequence
    const after = (await one.runPromise(textsIn(id))).length
    assert.strictEqual(after, sequence)
    const outcomes = await writing
    assert.strictEqual(outcomes.filter(({ is }) => is === "placed").length, sequence)
    assert.strictEqual((await one.runPromise(textsIn(id))).length, sequence)
    assert.strictEqual(
      (await other.runPromise(append(id, sequence + 1, 1, { producer: "p", epoch: opened!.epoch }))).is,
      "placed"
    )
  })

  it("LA2 P1 the answer is lost after the commit: asked again, the batch is there once, with a producer and without", async () => {
    const { id } = await newOne()
    const producing = await open(id, "p")
    await other.runPromise(append(id, 1, 1, producing))
    for (const [from, by] of [
      [2, producing],
      [100, undefined]
    ] as const) {
      const cut = cutNextAppend()
      const outcome = await other.runPromise(append(id, from, 3, by, "cut-here-"))
      assert.isTrue(cut.done)
      assert.isFalse((placesOf(outcome) as ReadonlyArray<{ duplicate: boolean }>)[0]!.duplicate)
    }
    assert.deepStrictEqual(
      await one.runPromise(textsIn(id)),
      ["e1", ...[2, 3, 4, 100, 101, 102].map((n) => `cut-here-${n}`)].map((text, at) => `${at}=${text}`)
    )
  })

  it("TL2 LA4 who is told that it failed finds nothing of it later; who does not know finds it once or not at all", async () => {
    const { id } = await newOne()
    await other.runPromise(append(id, 1, 1))
    await using holder = await connect()
    await holder.query("begin")
    await holder.query(`select from topic_partitions where topic_id = ${id} for update`)
    const told = await other.runPromise(Effect.flip(append(id, 2, 1)))
    assert.include(["Timeout", "OutcomeUnknown"], told.name)
    await holder.query("commit")
    await other.runPromise(append(id, 3, 1)) // its round comes after whatever was under way
    assert.deepStrictEqual(await one.runPromise(textsIn(id)), ["0=e1", "1=e3"])
  })

  it("TL2 LA4 the database is away: what was never sent never comes", async () => {
    const { id } = await newOne()
    await other.runPromise(append(id, 1, 1))
    proxy().fault = "refuse"
    proxy().cut()
    await other.runPromise(Effect.flip(append(id, 5, 1))) // on a connection that was open, so it may have been sent
    const told = await other.runPromise(Effect.flip(append(id, 2, 1)))
    proxy().fault = "none"
    assert.notStrictEqual(told.name, "OutcomeUnknown")
    assert.match(told.message, /nothing of it ever will be/)
    await waitUntil("the database is there again", () =>
      other.runPromise(append(id, 3, 1)).then(
        () => true,
        () => false
      )
    )
    assert.notInclude(
      (await one.runPromise(textsIn(id))).map((text) => text.split("=")[1]),
      "e2"
    )
  })

  it("LA4 the function itself refuses what is late, under the lock, and another server's times", async () => {
    const { id } = await newOne()
    const call = async (lane: string, round: number, notAfter: string, clock = "pg_postmaster_start_time()::text") =>
      (
        await query(`select herald_topic_append(${clock}, '${lane}', ${round}, 1000, array[${id}], array[0], array[1], array[0],
          array[0]::bigint[], array['2'::bytea], array[''::bytea], '[[]]', array[${notAfter}]::bigint[]) as answer`)
      )[0]!["answer"]
    assert.deepStrictEqual(await call("late", 1, "herald_now() - 1"), [["late"]])
    assert.isNull(await call("late", 2, "herald_now() + 1000", "'another'"))
    const placed = await call("late", 3, "herald_now() + 1000")
    // LA2: again the same, and nothing of a round that was overtaken.
    assert.deepStrictEqual(await call("late", 3, "herald_now() + 1000"), placed)
    assert.deepStrictEqual(await call("late", 2, "herald_now() + 1000"), [])
    const [row] = await query(`select next_off::int from topic_partitions where topic_id = ${id}`)
    assert.strictEqual(row!["next_off"], 1)
  })

  it("LA3 what the database can't take fails alone", async () => {
    const [right, wrong] = [await newOne(), await newOne()]
    await query(`create or replace function refuse() returns trigger language plpgsql as
      $$ begin if new.topic_id = ${wrong.id} then raise exception 'no' using errcode = '22000'; end if; return new; end $$`)
    await query(`create trigger refuse before update on topic_partitions for each row execute function refuse()`)
    const results = await one.runPromise(
      Effect.forEach([right.id, wrong.id, right.id, wrong.id], (id, n) => Effect.result(append(id, n, 1)), {
        concurrency: "unbounded"
      })
    )
    await query("drop trigger refuse on topic_partitions")
    assert.deepStrictEqual(
      results.map((one) => (one._tag === "Success" ? one.success.is : one.failure.name)),
      ["placed", "Internal", "placed", "Internal"]
    )
  })

  it("LA5 LA6 what waits is bounded, and whoever left is not served", async () => {
    const { id } = await newOne({ partitions: 2 })
    await using holder = await connect()
    await holder.query("begin")
    await holder.query(`select from topic_partitions where topic_id = ${id} for update`)
    const big = events("x".repeat(1_000_000))
    const send = Effect.flatMap(TopicLog, (log) =>
      log.append({ topic: id, partition: 0, events: big, compression: "zstd", producing: undefined })
    )
    const fibers = Array.from({ length: 70 }, () => other.runFork(send))
    const refused = await other.runPromise(Effect.flip(send))
    assert.strictEqual(refused.name, "Busy")
    await Effect.runPromise(Effect.forEach(fibers, Fiber.interrupt, { concurrency: "unbounded" }))
    await holder.query("commit")
    const last = await other.runPromise(append(id, 1, 1))
    assert.strictEqual(last.is, "placed")
    // At most the round that was under way.
    assert.isBelow((await one.runPromise(textsIn(id))).length, 10)
  })
})
