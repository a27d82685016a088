/** Leases of a node, and what may not touch them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { City, seconds } from "./City.ts"
import { many } from "./Town.ts"

describe("leases", () => {
  for (const sick of ["fails", "hangs"] as const)
    it.effect(`SO4 LQ2 a log that ${sick} takes no share of a subscription on another, and keeps nobody from it`, () =>
      Effect.gen(function* () {
        const city = new City()
        yield* city.make("k", "shared", "kafka")
        const { id } = yield* city.make("t", "shared")
        yield* city.make("u", "shared")
        city.postgres.append(0, many(1))
        city.kafka.append(0, many(1))
        const node = yield* city.node("a")
        const [k, t] = [yield* node.join("k"), yield* node.join("t")]
        yield* seconds(2)
        assert.deepStrictEqual([k.guest.texts, t.guest.texts], [["e0"], ["e0"]])
        city.kafka.sick = sick
        for (let second = 0; second < 10; second++) {
          yield* seconds(1)
          assert.deepStrictEqual(yield* city.holders(id), ["a"])
        }
        const u = yield* node.join("u")
        yield* seconds(2)
        assert.deepStrictEqual(u.guest.texts, ["e0"])
        city.kafka.append(0, many(1, 1), false)
        city.kafka.sick = undefined
        yield* seconds(4)
        assert.deepStrictEqual(k.guest.texts, ["e0", "e1"])
      })
    )

  for (const sick of ["fails", "hangs"] as const)
    it.effect(`LZ2 QA3 a node whose log ${sick} gives up all that another can serve, until it is well`, () =>
      Effect.gen(function* () {
        const [city, other] = [new City(), new City()]
        Object.assign(other, { stores: city.stores })
        const { id } = yield* city.make("k", "shared", "kafka")
        yield* Effect.exit(other.make("k", "shared", "kafka"))
        const logs = [city.kafka, other.kafka]
        for (const log of logs) log.append(0, many(100))
        const [a, b] = [yield* city.node("a"), yield* other.node("b")]
        yield* a.join("k", "one")
        yield* seconds(3)
        city.kafka.sick = sick
        for (const log of logs) log.append(0, many(100, 100))
        const two = yield* b.join("k", "two")
        yield* seconds(40)
        assert.deepStrictEqual(yield* city.holders(id), ["b"])
        assert.strictEqual(new Set(two.guest.texts).size, 100)
        city.kafka.sick = undefined
        yield* seconds(10)
        assert.deepStrictEqual(yield* city.holders(id), ["a", "b"], "it is well again")
        for (const log of logs) log.sick = sick
        yield* seconds(20)
        for (const log of logs) log.sick = undefined
        yield* seconds(5)
        assert.deepStrictEqual(yield* city.holders(id), ["a", "b"], "both were sick")
      })
    )

  it.effect("SO4 LQ1 many that come at once cost a statement each, and nothing beyond that when they are there", () =>
    Effect.gen(function* () {
      const city = new City()
      const names = Array.from({ length: 100 }, (_, n) => `t${n}`)
      for (const name of names) yield* city.make(name, "exclusive")
      city.postgres.append(0, many(1))
      const node = yield* city.node("a")
      yield* seconds(1)
      const guests = yield* Effect.forEach(names, (name) => node.join(name), { concurrency: "unbounded" })
      yield* seconds(2)
      assert.isTrue(guests.every(({ guest }) => guest.texts.length === 1))
      assert.strictEqual(city.asked.enter, 100)
      assert.isBelow(city.asked.claim, 20)
      assert.isBelow(city.asked.attend, 20)
      const [before, asked, reads] = [{ ...city.asked }, city.postgres.asked, city.postgres.reads]
      city.told = 0
      yield* seconds(10)
      assert.strictEqual(city.asked.claim, before.claim)
      assert.strictEqual(city.asked.flush, before.flush)
      assert.strictEqual(city.told, 0, "SN5")
      assert.isAtMost(city.asked.attend - before.attend, 11)
      assert.isAtMost(city.postgres.asked - asked, 11)
      assert.strictEqual(city.postgres.reads, reads)
    })
  )

  it.effect("SO3 nothing goes out when its lease may have ended, and all goes on when it has one again", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "failover")
      const node = yield* city.node("a")
      const { guest } = yield* node.join("t")
      city.postgres.append(0, many(1))
      yield* seconds(2)
      assert.deepStrictEqual(guest.texts, ["e0"])
      city.away.add("attend")
      yield* seconds(3)
      city.postgres.append(0, many(1, 1))
      yield* seconds(1)
      assert.deepStrictEqual(guest.texts, ["e0", "e1"])
      yield* seconds(2)
      city.postgres.append(0, many(1, 2))
      yield* seconds(20)
      assert.deepStrictEqual(guest.texts, ["e0", "e1"])
      city.away.delete("attend")
      yield* seconds(3)
      assert.deepStrictEqual(guest.texts, ["e0", "e1", "e2"])
    })
  )

  it.effect("SO2 a node that can't hand over what it has in time ends its lease all the same", () =>
    Effect.gen(function* () {
      const city = new City()
      const { id } = yield* city.make("t", "shared")
      const node = yield* city.node("a")
      const { guest } = yield* node.join("t")
      city.postgres.append(0, many(1))
      yield* seconds(2)
      assert.deepStrictEqual([guest.texts, yield* city.holders(id)], [["e0"], ["a"]])
      city.late.set("flush", 60_000)
      const ending = yield* Effect.forkChild(node.end)
      yield* seconds(2)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(yield* city.holders(id), [""])
    })
  )

  it.effect("SO2 a claim that was done and not answered is claimed again", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "shared")
      city.postgres.append(0, many(3))
      const node = yield* city.node("a")
      city.mute.add("claim")
      const { guest } = yield* node.join("t")
      yield* seconds(2)
      assert.isEmpty(guest.texts)
      city.mute.delete("claim")
      yield* seconds(3)
      assert.deepStrictEqual([...guest.texts].sort(), ["e0", "e1", "e2"])
    })
  )

  it.effect("SO3 with a store that answers late nothing goes out when 5 s have gone by since it was asked", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "failover")
      const node = yield* city.node("a")
      const { guest } = yield* node.join("t")
      city.postgres.append(0, many(1))
      yield* seconds(2)
      assert.deepStrictEqual(guest.texts, ["e0"])
      const { attend } = city.asked
      city.late.set("attend", 4_000)
      yield* seconds(5) // It was asked within the first second, and answered 4 s later.
      assert.strictEqual(city.asked.attend, attend + 1)
      city.away.add("attend")
      yield* seconds(2)
      city.postgres.append(0, many(1, 1))
      yield* seconds(4)
      assert.deepStrictEqual(guest.texts, ["e0"])
    })
  )

  it.effect("LZ3 what was claimed and not answered is given back when another is to have it", () =>
    Effect.gen(function* () {
      const city = new City()
      const { id } = yield* city.make("t", "shared")
      city.postgres.append(0, many(50))
      const [a, b] = [yield* city.node("a"), yield* city.node("b")]
      city.mute.add("claim")
      const one = yield* a.join("t", "one")
      yield* seconds(2)
      assert.deepStrictEqual(yield* city.holders(id), ["a"])
      const two = yield* b.join("t", "two")
      yield* seconds(2)
      city.mute.delete("claim")
      yield* seconds(4)
      assert.deepStrictEqual(yield* city.holders(id), ["a", "b"])
      assert.strictEqual(new Set([...one.guest.texts, ...two.guest.texts]).size, 50)
      assert.isNotEmpty(two.guest.texts)
    })
  )

  it.effect("FJ3 what nobody said is found by where the log ends", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "shared")
      const node = yield* city.node("a")
      const { guest } = yield* node.join("t")
      yield* seconds(3)
      city.postgres.append(0, many(1), false)
      yield* seconds(2)
      assert.deepStrictEqual(guest.texts, ["e0"])
    })
  )

  for (const type of ["failover", "shared"] as const)
    it.effect(`LQ1 partitions that are added are handed out, also while something is written: ${type}`, () =>
      Effect.gen(function* () {
        const city = new City()
        yield* city.make("t", type)
        const node = yield* city.node("a")
        const { guest } = yield* node.join("t")
        city.postgres.append(0, many(5))
        yield* seconds(2)
        city.postgres.grow()
        city.postgres.append(0, many(5, 5))
        city.postgres.append(1, many(5, 10))
        yield* seconds(4)
        assert.strictEqual(guest.texts.length, 15)
        assert.strictEqual(new Set(guest.texts).size, 15)
        const receipts = guest.outputs.filter(({ is }) => is === "durable").length
        assert.strictEqual(receipts, guest.outputs.filter(({ is }) => is === "delivery").length)
      })
    )

  it.effect("CY2 a name is of its principal: nobody takes the place of another's consumer", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "exclusive")
      const node = yield* city.node("a")
      const first = yield* node.join("t", "worker")
      yield* seconds(2)
      assert.strictEqual((yield* Effect.flip(node.join("t", "worker", "accept", "eve"))).name, "SubscriptionTaken")
      const second = yield* node.join("t", "worker")
      yield* seconds(1)
      assert.isTrue(first.guest.is("ended"))
      assert.strictEqual(second.guest.joined.name, "worker")
      city.postgres.append(0, many(1))
      yield* seconds(1)
      assert.deepStrictEqual(second.guest.texts, ["e0"])
    })
  )

  it.effect("FJ3 SO2 a share that is to be another's is given up in time, whoever holds on to what is of it", () =>
    Effect.gen(function* () {
      const city = new City()
      yield* city.make("t", "shared", "postgres", { ackTimeoutMillis: 4_000, maxInFlight: 10_000 })
      city.postgres.append(0, many(64))
      const [a, b] = [yield* city.node("a"), yield* city.node("b")]
      const { guest } = yield* a.join("t", "one", "nothing")
      yield* seconds(2)
      assert.strictEqual(guest.texts.length, 64)
      // It says again and again that it takes longer.
      const extends_ = Effect.sync(() => {
        for (const one of guest.outputs)
          if (one.is === "delivery") {
            const [first, last] = [one.events[0]!.offset, one.events.at(-1)!.offset]
            guest.joined.answer([{ kind: "extend", token: one.token, first, last }], undefined)
          }
      })
      const other = yield* b.join("t", "two")
      for (let n = 0; n < 10; n++) {
        yield* extends_
        yield* TestClock.adjust("1 second")
      }
      assert.isAbove(other.guest.texts.length, 10)
    })
  )
})
