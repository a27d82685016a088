import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { PublishError } from "../../../src/client/ClientError.ts"
import { Topics } from "../../../src/client/topics/Topics.ts"
import { chance } from "../../support/Chance.ts"
import { FakeTopic } from "../../support/FakeTopic.ts"
import { newFolder } from "../../support/folder.ts"
import { quickClock } from "../../support/QuickClock.ts"
import { until } from "../../support/turn.ts"

const topicsOf = (server: FakeTopic, random = () => 0) =>
  new Topics(
    { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 } },
    { transport: server, clock: quickClock(random) }
  )
const text = (payload: string, key?: string) => ({ payload, key })
const failed = (promise: Promise<unknown>): Promise<PublishError> =>
  promise.then(
    () => assert.fail("it was published"),
    (error) => error
  )

describe("a producer", () => {
  it("QP1 whatever breaks, each event is there once, and those of a key are in order: 150 runs", async () => {
    let whole = 0
    for (let seed = 1; seed <= 150; seed++) {
      const random = chance(seed)
      const server = new FakeTopic(1 + (seed % 3), random)
      server.trouble = { before: 0.08, after: 0.08, busy: 0.08 }
      await using topics = topicsOf(server, random)
      const producer = await topics.topic("t").producer({ id: "p", inFlight: 1 + (seed % 6) })
      const sends: Array<Promise<unknown>> = []
      const wanted = new Set<string>()
      for (let n = 0; n < 60; n++) {
        const bad = seed % 2 === 0 && random() < 0.05
        const events = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) => `${bad ? "bad" : ""}${n}.${i}`)
        if (!bad) for (const one of events) wanted.add(one)
        const sent = producer.send(events.map((one) => text(one, `k${n % 4}`)))
        sent.catch(() => {})
        sends.push(bad ? failed(sent) : sent)
        if (random() < 0.2) await new Promise((resolve) => setImmediate(resolve))
      }
      const outcomes = await Promise.allSettled(sends)
      // What was refused for good while it was not known whether an earlier try is there ends the producer: QO4.
      const ended = outcomes.filter((one) => one.status === "rejected")
      const there = server.texts
      assert.strictEqual(new Set(there).size, there.length, `seed ${seed}: twice`)
      if (ended.length === 0) assert.deepStrictEqual(new Set(there), wanted, `seed ${seed}`)
      if (ended.length === 0) whole++
      for (const { reason } of ended) assert.instanceOf(reason, PublishError)
      for (const { events } of server.partitions)
        for (const key of ["k0", "k1", "k2", "k3"]) {
          const order = events
            .filter(({ event }) => event.key === key)
            .map(({ event }) => Number(event.payload.toString()))
          assert.deepStrictEqual(
            order,
            order.toSorted((a, b) => a - b),
            `seed ${seed}: ${key}`
          )
        }
    }
    assert.isAtLeast(whole, 75)
  })

  it("QO1 several batches are under way at once, and no more than is allowed", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const producer = await topics.topic("t").producer({ id: "p", inFlight: 4 })
    const sends = Array.from({ length: 10 }, (_, n) => producer.send(Array.from({ length: 600 }, () => text(`${n}`))))
    const placed = (await Promise.all(sends)).flat()
    assert.deepStrictEqual(
      placed.map(({ offset }) => offset),
      Array.from({ length: 10 }, (_, n) => n * 600)
    )
    assert.isTrue(placed.every(({ duplicate, epoch, partition }) => !duplicate && epoch === 1 && partition === 0))
  })

  it("QO4 an event that is refused is given back alone, those around it are published in order", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const producer = await topics.topic("t").producer({ id: "p" })
    const sends = ["a", "bad", "b", "c"].map((one) => producer.send([text(one)]))
    const error = await failed(sends[1]!)
    assert.deepStrictEqual([error.code, error.outcome], ["HRLD-1003", "failed"])
    await Promise.all([sends[0], sends[2], sends[3]])
    assert.deepStrictEqual(server.texts, ["a", "b", "c"])
  })

  it("QO4 behind one that the application numbered itself nothing is published, until it comes again from there", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const producer = await topics.topic("t").producer({ id: "p" })
    const numbered = (payload: string, sequence: number) => producer.send([text(payload)], { partition: 0, sequence })
    const [first, bad, behind] = [numbered("a", 1), failed(numbered("bad", 2)), failed(numbered("c", 3))]
    await first
    assert.strictEqual((await bad).code, "HRLD-1003")
    assert.strictEqual((await behind).code, "HRLD-5109")
    const [again] = await numbered("a", 1)
    assert.deepInclude(again, { duplicate: true, offset: 0 })
    await Promise.all([numbered("b", 2), numbered("c", 3)])
    assert.deepStrictEqual(server.texts, ["a", "b", "c"])
    assert.match(String(await failed(numbered("d", 5))), /sequence is 1 to 4/)
  })

  it("QP2 whoever opens it later ends it, and what it still sends is refused", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const old = await topics.topic("t").producer({ id: "p" })
    await old.send([text("a")])
    const next = await topics.topic("t").producer({ id: "p" })
    const error = await failed(old.send([text("b")]))
    assert.deepStrictEqual([error.code, error.outcome], ["HRLD-2074", "failed"])
    assert.strictEqual((await failed(old.send([text("c")]))).code, "HRLD-2074")
    assert.isAbove(next.epoch, old.epoch)
    await next.send([text("d")])
    assert.deepStrictEqual(server.texts, ["a", "d"])
  })

  it("QP3 when it is closed, what has no answer is said to be unknown, and what was never sent to have failed", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const producer = await topics.topic("t").producer({ id: "p", inFlight: 1 })
    server.publishStream = () => ({ send: () => true, hold: () => {}, drop: () => {}, finish: async () => {} })
    server.cut()
    await until(() => server.calls.size === 0)
    const sent = failed(producer.send([text("a")]))
    await new Promise((resolve) => setImmediate(resolve)) // QP4
    const waiting = failed(producer.send([text("b")]))
    await producer.close(0)
    assert.strictEqual((await waiting).outcome, "failed")
    assert.include(["unknown", "failed"], (await sent).outcome)
    assert.strictEqual((await producer.send([text("c")]).catch((e) => e)).code, "HRLD-5102")
  })

  it("QP4 what is sent in one turn goes together, and what is sent in the next does not wait for it", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const producer = await topics.topic("t").producer({ id: "p" })
    const batches: Array<number> = []
    const { publishStream } = server
    server.publishStream = (...args) => {
      const call = publishStream.apply(server, args)
      const send: typeof call.send = (request) => {
        batches.push(request.publish!.events.length)
        return call.send(request)
      }
      return { ...call, send }
    }
    server.cut()
    await until(() => server.calls.size === 1)
    const first = ["a", "b", "c"].map((one) => producer.send([text(one)]))
    await Promise.resolve()
    await Promise.all([...first, producer.send([text("d")])])
    assert.deepStrictEqual(batches, [3, 1])
    assert.deepStrictEqual(server.texts, ["a", "b", "c", "d"])
  })

  it("ZS1 what was not published survives the process, and is there once: 60 runs", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = chance(seed)
      const server = new FakeTopic(2, random)
      const folder = newFolder()
      const path = join(folder.path, "spool")
      const wanted: Array<string> = []
      let n = 0
      for (let life = 0; life < 4; life++) {
        server.trouble = { before: 0.2, after: 0.2, busy: 0.1 }
        const topics = topicsOf(server, random)
        const producer = await topics.topic("t").producer({ id: "p", file: path })
        for (let i = 0; i < 8; i++) {
          wanted.push(`${n}`)
          producer.send([text(`${n++}`, "k")]).catch(() => {})
        }
        const turns = Math.floor(random() * 30)
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
        await producer.close(0)
        await topics.close()
      }
      server.trouble = {}
      await using topics = topicsOf(server, random)
      const last = await topics.topic("t").producer({ id: "p", file: path })
      await last.flush()
      const there = server.texts
      assert.strictEqual(new Set(there).size, there.length, `seed ${seed}: twice`)
      assert.deepStrictEqual(
        [...there].sort((a, b) => Number(a) - Number(b)),
        wanted,
        `seed ${seed}`
      )
      assert.deepStrictEqual(
        there.map(Number),
        there.map(Number).toSorted((a, b) => a - b),
        `seed ${seed}: order`
      )
      folder.remove()
    }
  })

  it("QE1 what can't be an event is refused before anything is sent", async () => {
    await using topics = topicsOf(new FakeTopic(1))
    const topic = topics.topic("t")
    const wrong = [{}, { payload: "a", json: 1 }, { payload: "a", key: "" }, { payload: "\ud800" }, { json: 1n }]
    for (const event of [
      ...wrong,
      { payload: "a", key: "k".repeat(513) },
      { payload: Buffer.alloc(1_048_577) },
      { payload: "a", time: 0.5 }
    ])
      assert.strictEqual(
        (await topic.publish([event as never]).catch((e) => e)).name,
        "OptionError",
        JSON.stringify(Object.keys(event))
      )
  })

  it("QP3 publish without a producer says what it knows: refused is failed, cut off is unknown", async () => {
    const server = new FakeTopic(1, () => 0)
    await using topics = topicsOf(server)
    const topic = topics.topic("t")
    assert.strictEqual((await failed(topic.publish([text("bad")]))).outcome, "failed")
    server.trouble = { after: 1 }
    assert.strictEqual((await failed(topic.publish([text("a")]))).outcome, "unknown")
    server.trouble = {}
    assert.deepStrictEqual(await topic.publish([text("b")]), [
      { partition: 0, epoch: 1, offset: 1, count: 1, duplicate: false }
    ])
  })
})
