import { assert, describe, it } from "@effect/vitest"
import type { RateGate } from "../../src/plans/Plan.ts"
import { Counting } from "../../src/sightings/Counting.ts"
import { BATCH, Sightings } from "../../src/sightings/Sightings.ts"
import { Standing } from "../../src/sightings/Standing.ts"
import { rollout } from "../support/Rollouts.ts"
import { seen } from "../support/Sightings.ts"

const make = (wants: ReadonlyArray<boolean> = [true]) => new Standing("run/1", 0, 7n, wants)

describe("how an instance stands to a rollout", () => {
  it("IS1 it has applied the change when it has applied each target that it wants", () => {
    const standing = make([true, false, true])
    assert.strictEqual(standing.is, "offered")
    assert.isTrue(standing.sent(0, 1n))
    assert.isFalse(standing.sent(2, 1n))
    assert.isFalse(standing.applied(0, 1n))
    assert.isFalse(standing.applied(1, 1n))
    assert.strictEqual(standing.is, "delivered")
    assert.isTrue(standing.applied(2, 1n))
    assert.strictEqual(standing.is, "applied")
    assert.isFalse(standing.sent(2, 1n), "sent again, as it was stale before")
    assert.isTrue(standing.rejected(0, "no"))
    assert.deepStrictEqual([standing.is, standing.reason], ["rejected", "no"])
    assert.isTrue(standing.applied(0, 1n))
    assert.deepStrictEqual([standing.is, standing.reason], ["applied", ""])
  })

  it("IS2 a report counts from the revision on by which it has the change, and healthy is only who applied it", () => {
    const standing = make()
    assert.isFalse(standing.reported("unhealthy", 7n, "before it was sent anything"))
    assert.isTrue(standing.sent(0, 1n))
    assert.strictEqual(standing.is, "delivered")
    assert.isTrue(standing.reported("unhealthy", 7n, "it hurts"))
    assert.strictEqual(standing.is, "unhealthy")
    assert.isTrue(standing.reported("healthy", 8n, ""))
    assert.strictEqual(standing.is, "delivered")
    assert.isFalse(standing.reported("unhealthy", 6n, "of another"))
    assert.isTrue(standing.applied(0, 1n))
    assert.strictEqual(standing.is, "healthy", "its report came before its answer")
    assert.isTrue(standing.reported("degraded", 9n, ""))
    assert.strictEqual(standing.is, "applied")
    assert.isTrue(standing.due(1, 12n))
    assert.deepStrictEqual([standing.is, standing.stage], ["offered", 1])
    assert.isFalse(standing.due(1, 12n))
    assert.isFalse(standing.said, "of that it said nothing")
  })

  it("EE7 who is unhealthy or refused it stays so when it goes, and its connection may have broken by it", () => {
    const standing = make()
    standing.sent(0, 1n)
    standing.reported("unhealthy", 7n, "it hurts")
    standing.ended(true, 2n)
    assert.deepStrictEqual([standing.is, standing.reason, standing.broke], ["unhealthy", "it hurts", 1])
    const another = make()
    another.rejected(0, "no")
    another.ended(false, 2n)
    assert.deepStrictEqual([another.is, another.reason, another.broke], ["rejected", "no", 0])
  })

  it("EE7 that it says how it is, is news, though it is as it was", () => {
    const standing = make()
    standing.sent(0, 1n)
    standing.applied(0, 1n)
    assert.isFalse(standing.said)
    assert.isTrue(standing.reported("degraded", 7n, ""))
    assert.deepStrictEqual([standing.is, standing.said], ["applied", true])
    assert.isTrue(standing.reported("degraded", 7n, ""), "it is told again")
  })

  it("IS3 gone is who got the change and broke off; soon after that it may have crashed", () => {
    const minute = 60_000_000_000n
    const ends = (after: bigint, gone: boolean, sent = true) => {
      const standing = make()
      if (sent) standing.sent(0, 5n)
      standing.ended(gone, 5n + after)
      return `${standing.is} ${standing.broke}`
    }
    assert.deepStrictEqual(
      [ends(minute, true), ends(9n * minute, true), ends(11n * minute, true), ends(minute, false)],
      ["gone 1", "gone 1", "gone 0", "left 0"]
    )
    assert.strictEqual(ends(minute, true, false), "left 0", "it was sent nothing that could have broken it")
  })
})

describe("what instances count", () => {
  const gate: RateGate = {
    type: "rate",
    text: "errors/requests < 1%",
    dryRun: false,
    numerator: "errors",
    denominator: "requests",
    against: { limit: 0.01 },
    alpha: 0.01,
    minimum: 1
  }
  const totals = (counting: Counting) =>
    Object.fromEntries([...counting.totals()].map(({ side, metric, total }) => [`${side} ${metric}`, total]))

  it("CI2 an instance that connects again stays one, and of those that went only the newest are known", () => {
    const counting = new Counting([gate])
    const says = (instance: string, requests: number) =>
      counting.report(instance, "cohort", { requests, errors: 0, other: 1 })
    for (const requests of [100, 150]) says("a", requests)
    counting.left("a")
    for (const requests of [7, 27]) says("a", requests)
    const requests = Object.entries(totals(counting)).filter(([name]) => /#n\d+$/.test(name))
    assert.deepStrictEqual(
      requests.map(([, total]) => total),
      [70]
    )
    assert.strictEqual(totals(counting)["cohort errors/requests#count"], 1)
    for (let n = 0; n < 25_000; n++) {
      says(`i${n}`, 1)
      counting.left(`i${n}`)
    }
    assert.isAtMost(counting.size, 10_001)
  })

  it("CI3 sums only grow, whatever is reported", () => {
    const counting = new Counting([gate])
    let before: Record<string, number> = {}
    const odd = [0, 5, -1, 3, Number.NaN, 1e300, 2, Number.POSITIVE_INFINITY, 4, 1]
    for (const value of odd) {
      counting.report("a", "cohort", { requests: 2 * value, errors: value })
      counting.report("b", "control", { requests: value })
      const now = totals(counting)
      for (const [name, total] of Object.entries(before)) assert.isAtLeast(now[name]!, total)
      for (const total of Object.values(now)) assert.isAtMost(total, 100)
      before = now
    }
  })

  it("CI3 only what is otherwise than it was written is written again", () => {
    const counting = new Counting([gate])
    for (const requests of [1, 2]) counting.report("a", "cohort", { requests, errors: 0 })
    const news = counting.news()
    assert.isNotEmpty(news)
    for (const one of news) counting.wrote(one)
    assert.lengthOf(counting.news(), 0)
    counting.report("b", "cohort", { requests: 1 })
    assert.lengthOf(counting.news(), 0)
    counting.report("b", "cohort", { requests: 5 })
    assert.isAtMost(counting.news().length, news.length)
    counting.again()
    assert.isAbove(counting.news().length, 1)
  })

  it("CI1 where no gate asks nothing is kept", () => {
    const counting = new Counting([])
    for (let n = 0; n < 10; n++) counting.report("a", "cohort", { requests: n })
    assert.strictEqual(counting.size, 0)
    assert.lengthOf(counting.news(), 0)
  })
})

describe("sightings that wait", () => {
  const of = rollout()
  const one = (session: string, number: number, instance = "i1") => seen(of, session, number, "applied", { instance })

  it("IW1 of a session the newest waits, and what is too much is dropped, and said", () => {
    const waiting = new Sightings()
    for (let n = 1; n <= 100; n++) waiting.add(one("r/1", n))
    assert.deepStrictEqual(waiting.take(), [one("r/1", 100)])
    for (let n = 0; n < 100_000; n++) waiting.add(one(`r/${n + 2}`, 1, `x${n}`))
    assert.strictEqual(waiting.size, 100_000)
    assert.isTrue(waiting.wasDropped())
    assert.isFalse(waiting.wasDropped())
    assert.lengthOf(waiting.take(), BATCH)
    waiting.forget(of.environment, "r18")
    assert.strictEqual(waiting.size, 100_000)
    waiting.forget(of.environment, of.key)
    assert.strictEqual(waiting.size, 0)
  })

  it("IW2 sessions of an instance are written one after the other", () => {
    const waiting = new Sightings()
    for (const session of ["r/1", "r/2", "r/3"]) waiting.add(one(session, 1))
    waiting.add(one("r/4", 1, "i2"))
    const order: Array<string> = []
    while (waiting.size > 0) {
      const batch = waiting.take()
      order.push(batch.map(({ session }) => session).join())
      waiting.written(batch, new Set(), 0n, () => false)
    }
    assert.deepStrictEqual(order, ["r/1,r/4", "r/2", "r/3"])
  })

  it("IW3 what changed while it was written waits on, and what came too early is tried while its session is here, or for a while", () => {
    const waiting = new Sightings()
    waiting.add(one("r/1", 1))
    const batch = waiting.take()
    waiting.add(one("r/1", 2))
    waiting.written(batch, new Set(), 0n, () => false)
    assert.deepStrictEqual(waiting.take(), [one("r/1", 2)])
    const tried = (seconds: bigint, isHere = false) =>
      waiting.written(waiting.take(), new Set(["r/1"]), 5_000_000_000n + seconds * 1_000_000_000n, () => isHere)
    for (let n = 0; n < 1_000; n++) tried(0n)
    tried(9n)
    assert.strictEqual(waiting.size, 1, "however often")
    tried(600n, true)
    assert.strictEqual(waiting.size, 1, "it is here, and the store will know")
    tried(11n)
    assert.strictEqual(waiting.size, 0)
  })

  it("IW3 what came too early keeps nothing behind it from being written", () => {
    const waiting = new Sightings({ batch: 2 })
    for (const n of [1, 2, 3]) waiting.add(one(`r/${n}`, 1, `i${n}`))
    const early = new Set(["r/1", "r/2"])
    assert.strictEqual(
      waiting.written(waiting.take(), early, 0n, () => true),
      2
    )
    const next = waiting.take()
    assert.deepStrictEqual(
      next.map(({ session }) => session),
      ["r/3", "r/1"]
    )
    assert.strictEqual(
      waiting.written(next, early, 0n, () => true),
      1
    )
    assert.strictEqual(waiting.size, 2)
  })

  it("IW3 what comes after those that came too early goes before them, and they go on in their turn", () => {
    const waiting = new Sightings({ batch: 2 })
    const early = new Set(["r/1", "r/2", "r/3"])
    const round = () => {
      const batch = waiting.take()
      waiting.written(batch, early, 0n, () => true)
      return batch.map(({ session, number }) => `${session} ${number}`)
    }
    for (const n of [1, 2, 3]) waiting.add(one(`r/${n}`, 1, `i${n}`))
    assert.isTrue(waiting.hasUntried)
    assert.deepStrictEqual(
      [round(), round()],
      [
        ["r/1 1", "r/2 1"],
        ["r/3 1", "r/1 1"]
      ]
    )
    assert.isFalse(waiting.hasUntried)
    for (const n of [4, 5, 6]) waiting.add(one(`r/${n}`, 1, `i${n}`))
    waiting.add(one("r/2", 2, "i2"))
    waiting.add(one("r/7", 1, "i3")) // of the same instance as the third
    assert.strictEqual(waiting.size, 7)
    assert.deepStrictEqual(
      [round(), round(), round()],
      [
        ["r/4 1", "r/5 1"],
        ["r/6 1", "r/2 2"],
        ["r/7 1", "r/1 1"]
      ]
    )
    assert.deepStrictEqual(
      [round(), round()],
      [
        ["r/3 1", "r/2 2"],
        ["r/1 1", "r/3 1"]
      ]
    )
    early.clear()
    while (waiting.size > 0) round()
    assert.isFalse(waiting.hasUntried)
  })

  it("IW1 IW3 where too much waits, what came too early is dropped first", () => {
    const waiting = new Sightings({ most: 3 })
    for (const n of [1, 2]) waiting.add(one(`r/${n}`, 1, `i${n}`))
    waiting.written(waiting.take(), new Set(["r/1", "r/2"]), 0n, () => true)
    for (const n of [3, 4, 5]) waiting.add(one(`r/${n}`, 1, `i${n}`))
    assert.isTrue(waiting.wasDropped())
    assert.deepStrictEqual(
      waiting.take().map(({ session }) => session),
      ["r/3", "r/4", "r/5"]
    )
    waiting.add(one("r/6", 1, "i6"))
    assert.isTrue(waiting.lacks)
    assert.strictEqual(waiting.size, 3)
    waiting.forget(of.environment, of.key)
    assert.isFalse(waiting.hasUntried)
  })
})
