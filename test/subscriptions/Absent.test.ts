/** Consumers whose connection broke, and what is done for good. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SubscriptionTables } from "../../layers/Memory/subscriptions/SubscriptionTables.ts"
import { Absent, GRACE, MOST } from "../../src/subscriptions/Absent.ts"
import { Floors } from "../../src/subscriptions/Floors.ts"
import { many, Town, until } from "./Town.ts"

describe("absent consumers", () => {
  it("AZ1 AZ2 who is back in time counts as nothing, who isn't counts; as do the first of too many", () => {
    const ended: Array<string> = []
    const absent = new Absent((session, counts) => ended.push(`${session} ${counts}`))
    absent.add("a", 1, 0)
    absent.add("b", 2, 10)
    absent.seen([7, 1])
    absent.late(GRACE)
    assert.deepStrictEqual(ended.splice(0), ["a false"])
    absent.late(GRACE + 10)
    assert.deepStrictEqual(ended.splice(0), ["b true"])
    for (let n = 0; n <= MOST; n++) absent.add(`${n}`, n + 1, 0)
    assert.deepStrictEqual([ended.splice(0), absent.size], [["0 true"], MOST])
  })

  it.live("AZ1 pulsar#3077: 12 broken connections with a full window dead-letter nothing, on one node and on two", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { deadLetterTopic: "dead", maxAttempts: 3, ackTimeoutMillis: 60_000 })
      town.log.append(0, many(20))
      const nodes = [yield* town.node("a"), yield* town.node("b")]
      for (let cut = 0; cut < 12; cut++) {
        const { guest, leave } = yield* nodes[cut % 4 === 3 ? 1 : 0]!.join("one", "nothing", 77)
        yield* until("its window is full", () => guest.texts.length === 20)
        const attempts = guest.outputs.flatMap((one) =>
          one.is === "delivery" ? one.events.map(({ attempt }) => attempt) : []
        )
        assert.deepStrictEqual([...new Set(attempts)], [1])
        yield* leave
      }
      const last = yield* nodes[0]!.join("one", "accept", 77)
      yield* until("all are done", () => last.guest.texts.length === 20)
      assert.deepStrictEqual([...town.state.tables(SubscriptionTables).all.values()][0]!.letters.size, 0)
    })
  )

  it.live("AZ1 DP6 a consumer that does not come back counts, so what kills consumers is found", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { deadLetterTopic: "dead", maxAttempts: 3, slices: 1 })
      town.log.append(0, many(1))
      const node = yield* town.node("a")
      for (let life = 1; life <= 2; life++) {
        const { guest, leave } = yield* node.join(`c${life}`, "nothing", life)
        yield* until("it comes", () => guest.texts.length === 1)
        const [delivery] = guest.outputs.filter((one) => one.is === "delivery")
        assert.strictEqual(delivery!.events[0]!.attempt, life)
        yield* leave
      }
    })
  )

  it("QV1 a floor is told where all slices of the partition are here, and of one history", () => {
    const floors = new Floors()
    const [low, high] = [
      { slice: { partition: 0, from: 0, to: 32_768 }, logEpoch: 1 },
      { slice: { partition: 0, from: 32_768, to: 65_536 }, logEpoch: 1 }
    ]
    floors.set(low, 10)
    assert.strictEqual(floors.look(2)(0, 1), 0)
    floors.set(high, 7)
    assert.deepStrictEqual([floors.look(2)(0, 1), floors.look(2)(0, 2), floors.look(2)(1, 1)], [7, 0, 0])
    floors.delete(low)
    assert.strictEqual(floors.look(2)(0, 1), 0)
  })
})
