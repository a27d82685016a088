import { assert, describe, it } from "@effect/vitest"
import { Reject, Topics } from "../../../src/client/HeraldClient.ts"
import type { Consumed } from "../../../src/client/topics/Consumed.ts"
import { laneOf } from "../../../src/client/topics/Event.ts"
import { Hands } from "../../../src/client/topics/Hands.ts"
import type { SubscriptionType } from "../../../src/subscriptions/Subscription.ts"
import { chance } from "../../support/Chance.ts"
import { FakeSubscription } from "../../support/FakeSubscription.ts"
import { FakeTopic } from "../../support/FakeTopic.ts"
import { quickClock } from "../../support/QuickClock.ts"
import { turn, until } from "../../support/turn.ts"

const topicsOf = (server: FakeTopic, random = () => 0) =>
  new Topics(
    { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 } },
    { transport: server, clock: quickClock(random) }
  )
const event = (payload: string, key = "") => ({ key, payload: Buffer.from(payload) })
const placeOf = ({ partition, offset }: Consumed) => `${partition}:${offset}`

describe("a consumer", () => {
  for (const type of ["exclusive", "shared", "failover", "key_shared"] satisfies ReadonlyArray<SubscriptionType>)
    it(`QC1 QH1 QH2 QH3 ${type}: whatever breaks, all is done; keys keep their order, after failures too; nothing runs beside itself: 60 runs`, async () => {
      for (let seed = 1; seed <= 60; seed++) {
        const random = chance(seed)
        const server = new FakeTopic(1 + (seed % 2), random)
        server.trouble = { before: 0.03, after: 0.03 }
        const subscription = new FakeSubscription(server, "s", type)
        const count = server.partitions.length
        for (let n = 0; n < 40; n++) server.append(n % count, event(`${n}`, n % 5 === 0 ? "" : `k${n % 4}`))
        await using topics = topicsOf(server, random)
        const running = new Set<string>()
        const done: Array<{ readonly key: string; readonly n: number; readonly at: string }> = []
        const finished = new Set<string>()
        const names = type === "exclusive" ? ["a"] : ["a", "b"]
        for (const consumer of names)
          topics.topic("t").consume(
            "s",
            async (one) => {
              const at = placeOf(one)
              assert.isFalse(running.has(`${consumer} ${at}`), `seed ${seed}: ${at} runs twice at once`)
              running.add(`${consumer} ${at}`)
              for (let i = Math.floor(random() * 4); i > 0; i--) await turn()
              running.delete(`${consumer} ${at}`)
              if (random() < 0.15) throw new Error("not now")
              done.push({ key: one.key, n: Number(one.text()), at })
              finished.add(at)
            },
            { consumer, concurrency: 1 + (seed % 4), prefetch: 1 + (seed % 9) }
          )
        await until(() => subscription.done)
        assert.strictEqual(finished.size, 40, `seed ${seed}`)
        assert.deepStrictEqual(subscription.dead, [])
        if (type === "shared") continue
        // Of a key nothing is done before the one before it was done once.
        for (const key of ["k0", "k1", "k2", "k3"]) {
          const first = new Map<number, number>()
          const mine = done.filter((one) => one.key === key)
          mine.forEach(({ n }, i) => {
            if (!first.has(n)) first.set(n, i)
          })
          const order = [...first.keys()]
          assert.deepStrictEqual(
            order,
            order.toSorted((a, b) => a - b),
            `seed ${seed} ${key}`
          )
        }
      }
    })

  it("QH2 what waits behind one that failed is handed back, not begun, and comes again behind it", async () => {
    const server = new FakeTopic(1)
    new FakeSubscription(server, "s", "key_shared")
    for (const one of ["1", "2", "3"]) server.append(0, event(one, "k"))
    server.append(0, event("x", "other"))
    await using topics = topicsOf(server)
    const consumer = topics.topic("t").consume("s")
    const first = (await consumer.next()).value!
    const other = (await consumer.next()).value!
    assert.deepStrictEqual([first.text(), other.text()], ["1", "x"])
    assert.isUndefined(consumer.take())
    first.fail({ reason: "no" })
    other.accept()
    const heard: Array<string> = []
    for await (const one of consumer) {
      heard.push(`${one.text()}/${one.attempt}`)
      one.accept()
      if (heard.length === 3) break
    }
    assert.deepStrictEqual(heard, ["1/2", "2/1", "3/1"])
  })

  it("QH3 an answer that was lost with the stream is said again, and the event is not begun a second time", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "exclusive")
    server.append(0, event("a"))
    await using topics = topicsOf(server)
    let ran = 0
    topics.topic("t").consume("s", () => {
      ran++
      server.cut()
    })
    await until(() => subscription.done)
    assert.deepStrictEqual([ran, subscription.accepted], [1, ["0:0"]])
  })

  it("QH4 no more is here than may be, and no grant is lost with its stream", async () => {
    const server = new FakeTopic(1, chance(7))
    server.trouble = { before: 0.02 }
    const subscription = new FakeSubscription(server, "s", "shared")
    for (let n = 0; n < 200; n++) server.append(0, event(`${n}`))
    await using topics = topicsOf(server)
    topics.topic("t").consume("s", () => turn(), { prefetch: 8, concurrency: 4 })
    await until(() => subscription.done)
    assert.isAtMost(subscription.mostOut, 8)
  })

  it("QH5 what was called back while it ran comes again", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared")
    server.append(0, event("a"))
    await using topics = topicsOf(server)
    const consumer = topics.topic("t").consume("s")
    const one = (await consumer.next()).value!
    server.cut()
    await until(() => server.opened === 2)
    one.accept()
    one.fail() // the first answer counts
    await until(() => subscription.done)
    assert.deepStrictEqual(subscription.accepted, ["0:0"])
    const hands = new Hands()
    const delivery = (token: bigint) => ({
      ...{ token, partition: 0, epoch: 1, floor: 0n, subscriptionEpoch: 1n },
      events: [{ offset: 5n, attempt: 1, publishedMs: 1n, event: { ...event("b", "k"), timeMs: 0n, headers: {} } }]
    })
    hands.begin(0)
    hands.arrive(delivery(1n), 0)
    const begun = hands.take(0)!
    hands.parked(0, 4, laneOf("k"))
    hands.answer(begun, { kind: 0 }, 0)
    hands.answers(0)
    hands.begin(0)
    hands.arrive(delivery(2n), 0)
    assert.strictEqual(hands.waiting, 1)
  })

  it("QC2 the lease of what is here begins anew, until the application has taken too long: then it has failed", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared", { ackTimeoutMillis: 900 })
    server.append(0, event("slow"))
    await using topics = topicsOf(server)
    const attempts: Array<number> = []
    const aborted: Array<boolean> = []
    topics.topic("t").consume(
      "s",
      async ({ attempt, signal }) => {
        attempts.push(attempt)
        if (attempt > 1) return
        await until(() => signal.aborted)
        aborted.push(true)
      },
      { limitMillis: 2_000, concurrency: 2 }
    )
    await until(() => subscription.done)
    assert.deepStrictEqual(attempts, [1, 2])
    await until(() => aborted.length === 1)
    assert.isAbove(subscription.extended, 0)
  })

  it("QC3 closing hands back what waits, and waits for what runs and for its answer to be durable", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared")
    for (const one of ["a", "b", "c"]) server.append(0, event(one))
    await using topics = topicsOf(server)
    let finish = () => {}
    const begun: Array<string> = []
    const handling = topics.topic("t").consume("s", (one) => {
      begun.push(one.text())
      return new Promise<void>((resolve) => {
        finish = resolve
      })
    })
    await until(() => begun.length === 1)
    const closed = handling.close()
    await turn()
    finish()
    await closed
    await handling.done
    assert.deepStrictEqual(begun, ["a"])
    assert.deepStrictEqual(subscription.accepted, ["0:0"])
    const next = topics.topic("t").consume("s")
    const [b, c] = [(await next.next()).value!, (await next.next()).value!]
    assert.deepStrictEqual([b.attempt, c.attempt], [1, 1]) // to hand back counts as no attempt
    b.accept()
    c.accept()
    await until(() => subscription.done)
  })

  it("QC4 bytes that wait are bounded: the stream is held, and goes on", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared")
    for (let n = 0; n < 60; n++) server.append(0, { payload: Buffer.alloc(1_000_000) })
    await using topics = topicsOf(server)
    const consumer = topics.topic("t").consume("s", { prefetch: 1_000 })
    await until(() => [...server.calls].some(({ held }) => held))
    for await (const one of consumer) {
      one.accept()
      if (one.offset === 59) break
    }
    await until(() => subscription.done)
  })

  it("QD1 QD3 a handler's end is the answer: done, failed, or to the dead letters; it may answer by itself", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared")
    for (const one of ["ok", "throws", "reject", "itself"]) server.append(0, event(one))
    await using topics = topicsOf(server)
    const tries = new Map<string, number>()
    topics.topic("t").consume("s", (one) => {
      const what = one.text()
      tries.set(what, one.attempt)
      if (what === "throws" && one.attempt < 3) throw new Error("again")
      if (what === "reject") throw new Reject("never")
      if (what === "itself") one.reject("mine")
    })
    await until(() => subscription.done)
    assert.deepStrictEqual(Object.fromEntries(tries), { ok: 1, throws: 3, reject: 1, itself: 1 })
    assert.sameMembers(subscription.dead, ["0:2", "0:3"])
  })

  it("QD2 at most so many calls run at once", async () => {
    const server = new FakeTopic(1)
    const subscription = new FakeSubscription(server, "s", "shared")
    for (let n = 0; n < 30; n++) server.append(0, event(`${n}`))
    await using topics = topicsOf(server)
    let [running, most] = [0, 0]
    const work = async () => {
      most = Math.max(most, ++running)
      for (let i = 0; i < 3; i++) await turn()
      running--
    }
    topics.topic("t").consume("s", work, { concurrency: 3 })
    await until(() => subscription.done)
    assert.strictEqual(most, 3)
  })

  it("QL1 QL2 QL3 a stream is opened again, later each time, and not when nothing can change it", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const handling = topics.topic("t").consume("nobody", () => {})
    const error = await handling.done.catch((e) => e)
    assert.deepInclude(error, { name: "TopicError", code: "HRLD-2001", status: 5 })
    assert.strictEqual(server.opened, 1)
  })

  it("QZ1 closing the topics closes all that was opened", async () => {
    const server = new FakeTopic(1)
    new FakeSubscription(server, "s", "shared")
    const topics = topicsOf(server)
    const topic = topics.topic("t")
    await topic.producer({ id: "p" })
    topic.subscribe()
    topic.consume("s", () => {})
    await topics.close()
    assert.strictEqual(server.calls.size, 0)
    assert.throws(() => topics.topic("t"), /closed/)
  })
})
