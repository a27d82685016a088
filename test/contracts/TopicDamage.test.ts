/** What readers of the log of topics in PostgreSQL are told of what was damaged or lost, and of what is new. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { append, textsIn, topicNodes } from "../support/TopicNodes.ts"
import { readAll, startOf, textsOf } from "../support/Topics.ts"
import { waitUntil } from "../support/waitUntil.ts"

const { one, other, newOne, query } = topicNodes()

describe("topics in PostgreSQL, damaged", () => {
  it("SP1 TL5 bytes that are not what was written are a gap, with an alarm; what is around them is read", async () => {
    const { id } = await newOne({ compression: "none" })
    for (const n of [0, 10, 20, 30]) await one.runPromise(append(id, n, 10))
    await query(
      `update topic_segments set data = set_byte(data, 5, get_byte(data, 5) # 1) where topic_id = ${id} and base_off = 10`
    )
    await query(`delete from topic_segments where topic_id = ${id} and base_off = 20`)
    const texts = await one.runPromise(textsIn(id))
    assert.deepStrictEqual(texts.slice(9, 13), ["9=e9", "corrupt 10-20", "corrupt 20-30", "30=e30"])
    await query(`delete from topic_segments where topic_id = ${id} and base_off > 10`)
    const { pieces, next } = await one.runPromise(
      Effect.gen(function* () {
        return yield* readAll({ topic: id, partition: 0 }, yield* startOf(id))
      })
    )
    assert.deepStrictEqual([textsOf(pieces).at(-1), next], ["corrupt 20-40", 40])
  })

  it("TL5 history was lost: who had more than is here goes back to where it was, and everybody is told", async () => {
    const { id } = await newOne()
    await one.runPromise(append(id, 1, 10))
    const before = await one.runPromise(startOf(id))
    await query("update herald_epoch set epoch = gen_random_uuid()::text")
    const after = await one.runPromise(startOf(id))
    assert.isAbove(after.epoch, before.epoch)
    await one.runPromise(append(id, 11, 2))
    const from = async (offset: number) =>
      textsOf(
        (await one.runPromise(readAll({ topic: id, partition: 0 }, { epoch: before.epoch, offset }))).pieces,
        offset
      )
    assert.deepStrictEqual((await from(9)).slice(0, 2), ["epoch 9-9", "9=e10"])
    const ahead = await one.runPromise(readAll({ topic: id, partition: 0 }, { epoch: before.epoch, offset: 11 }))
    assert.deepStrictEqual(textsOf(ahead.pieces, 10), ["epoch 11-10", "10=e11", "11=e12"])
    assert.strictEqual(ahead.epoch, after.epoch)
  })

  it("TK3 it says which epochs a partition was in before", async () => {
    const { id } = await newOne()
    const bounds = async () => (await one.runPromise(Effect.flatMap(TopicLog, (log) => log.bounds([id]))))[0]!
    const first = await bounds()
    assert.isUndefined(first.before)
    await query("update herald_epoch set epoch = gen_random_uuid()::text")
    const second = await bounds()
    await query("update herald_epoch set epoch = gen_random_uuid()::text")
    assert.deepStrictEqual((await bounds()).before, [first.epoch, second.epoch])
  })

  it("TL1 other nodes hear that a partition has grown", async () => {
    const { id } = await newOne()
    const heard = new Set<string>()
    const listening = other.runFork(
      Effect.scoped(
        Effect.gen(function* () {
          const { hints } = yield* TopicLog
          yield* hints((grown) => heard.add(grown === undefined ? "any" : `${grown.topic}/${grown.partition}`))
          return yield* Effect.never
        })
      )
    )
    await waitUntil("it listens", () => heard.has("any"))
    await one.runPromise(append(id, 1, 1))
    await waitUntil("the hint", () => heard.has(`${id}/0`))
    assert.isTrue(
      Exit.isFailure(await Effect.runPromise(Effect.andThen(Fiber.interrupt(listening), Fiber.await(listening))))
    )
  })
})
