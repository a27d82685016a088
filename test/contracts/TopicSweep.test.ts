/** How what topics keep no longer ends in PostgreSQL. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { TopicSweep } from "../../src/topics/TopicSweep.ts"
import { append, textsIn, topicNodes } from "../support/TopicNodes.ts"
import { readAll, startOf, textsOf } from "../support/Topics.ts"
import { sweepAll, topicSweepsContract } from "./TopicSweeps.ts"

const { one, open, newOne, query } = topicNodes()
const DAY = 86_400_000

/** As if it had come so many days before. A segment is in the range of its day. */
const age = async (topic: number, base: number, days: number) => {
  const [row] = await query(`select (herald_now() / ${DAY} - ${days})::int as day`)
  const day = row!["day"] as number
  const part = `topic_segments_${day}`
  await query(`create table if not exists ${part} (like topic_segments including all)`)
  const [there] = await query(`select count(*)::int as n from pg_inherits where inhrelid = '${part}'::regclass`)
  if (there!["n"] === 0)
    await query(
      `alter table topic_segments attach partition ${part} for values from (${day * DAY}) to (${(day + 1) * DAY})`
    )
  await query(`update topic_segments set at = at - ${days * DAY} where topic_id = ${topic} and base_off = ${base}`)
  await query(`delete from topic_days where topic_id = ${topic} and base_off = ${base}`)
  await query(`insert into topic_days values (${topic}, 0, ${base}, ${day})`)
  await query(
    `update topic_partitions p set first_at = (select min(at) from topic_segments s where s.topic_id = p.topic_id) where topic_id = ${topic}`
  )
}

describe("the end of events in PostgreSQL", () => {
  topicSweepsContract((name, body) => it(name, () => one.runPromise(Effect.suspend(body))))

  it("TW1 TW2 what is older than its topic keeps ends, the days are dropped, and nobody who reads is left without a word", async () => {
    const { id } = await newOne({ retention: { millis: 3 * DAY, bytes: null } })
    for (const from of [0, 10, 20, 30]) await one.runPromise(append(id, from, 10))
    await query(`insert into topic_days values (${id}, 0, 30, herald_now() / ${DAY})`)
    for (const [base, days] of [
      [0, 9],
      [10, 5],
      [20, 2]
    ] as const)
      await age(id, base, days)
    assert.strictEqual((await one.runPromise(textsIn(id))).length, 40)
    const early = await one.runPromise(
      Effect.flatMap(TopicLog, ({ find }) => find({ topic: id, partition: 0 }, Date.now() - 4 * DAY))
    )
    assert.strictEqual(early!.offset, 20)

    await one.runPromise(sweepAll)
    const start = await one.runPromise(startOf(id))
    assert.strictEqual(start.offset, 20)
    const texts = textsOf((await one.runPromise(readAll({ topic: id, partition: 0 }, { ...start, offset: 0 }))).pieces)
    assert.deepStrictEqual([texts[0], texts[1], texts.length], ["retention 0-20", "20=e20", 21])
    const { dropped, left } = await one.runPromise(Effect.flatMap(TopicSweep, ({ drop }) => drop))
    assert.isAtLeast(dropped, 2)
    assert.strictEqual(left, 0)
    assert.strictEqual((await one.runPromise(textsIn(id))).length, 20)
    const [row] = await query(`select count(*)::int as n, min(day)::int as day from topic_days where topic_id = ${id}`)
    assert.strictEqual(row!["n"], 2)
  })

  it("TS3 a producer is forgotten seven days after it was heard of, when the topic has nothing of that time", async () => {
    const { id } = await newOne()
    for (const name of ["heard", "silent", "never"]) {
      const producing = await open(id, name)
      if (name !== "never") await one.runPromise(append(id, 1, 1, producing))
    }
    await query(`update topic_producers set opened_at = opened_at - ${8 * DAY} where topic_id = ${id}`)
    await query(`update topic_sequences set at = at - ${8 * DAY} where topic_id = ${id} and producer = 'silent'`)
    assert.strictEqual((await one.runPromise(sweepAll)).producers, 2)
    const [row] = await query(`select string_agg(producer, ' ') as names from topic_producers where topic_id = ${id}`)
    assert.strictEqual(row!["names"], "heard")
    assert.strictEqual(
      (await one.runPromise(append(id, 2, 1, { producer: "silent", epoch: 1 }))).is,
      "unknown-producer"
    )
    // Nor while the topic has anything that could be of it.
    await query(`update topic_sequences set at = at - ${8 * DAY} where topic_id = ${id}`)
    await query(`update topic_partitions set first_at = first_at - ${9 * DAY} where topic_id = ${id}`)
    await query(`update topics set retention_millis = ${30 * DAY} where id = ${id}`)
    assert.strictEqual((await one.runPromise(sweepAll)).producers, 0)
  })

  it("TS1 what a topic held that was deleted goes with all that is known of it", async () => {
    const { id, name } = await newOne()
    await one.runPromise(append(id, 1, 5, await open(id, "p")))
    await one.runPromise(Effect.flatMap(TopicStore, ({ remove }) => remove(name)))
    assert.strictEqual((await one.runPromise(sweepAll)).topics, 1)
    for (const table of [
      "topic_segments",
      "topic_partitions",
      "topic_producers",
      "topic_sequences",
      "topic_days",
      "topic_remains"
    ]) {
      const [row] = await query(`select count(*)::int as n from ${table} where topic_id = ${id}`)
      assert.strictEqual(row!["n"], 0, table)
    }
  })
})
