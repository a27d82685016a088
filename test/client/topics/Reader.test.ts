import { assert, describe, it } from "@effect/vitest"
import type { TopicOffset } from "../../../src/client/topics/Event.ts"
import { Topics } from "../../../src/client/topics/Topics.ts"
import { chance } from "../../support/Chance.ts"
import { FakeTopic } from "../../support/FakeTopic.ts"
import { quickClock } from "../../support/QuickClock.ts"
import { turn, until } from "../../support/turn.ts"

const topicsOf = (server: FakeTopic, random = () => 0) =>
  new Topics(
    { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 } },
    { transport: server, clock: quickClock(random) }
  )
const event = (payload: string) => ({ payload: Buffer.from(payload) })

describe("a reader", () => {
  it("ZR1 ZR2 wherever the stream breaks, each event comes once and in order; one that begins anew goes on there: 150 runs", async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = chance(seed)
      const server = new FakeTopic(1 + (seed % 3), random)
      const count = server.partitions.length
      server.trouble = { before: 0.1 }
      const before = Math.floor(random() * 20)
      let n = 0
      const publish = () => server.append(n % count, event(`${n++}`))
      for (let i = 0; i < before; i++) publish()
      const from = seed % 2 === 0 ? "earliest" : "latest"
      await using topics = topicsOf(server, random)
      let reader = topics.topic("t").subscribe({ from })
      const heard: Array<string> = []
      const first = reader.next()
      await settle()
      const start = n
      for (let i = 0; i < 60; i++) publish()
      const take = (batch: Awaited<typeof first>["value"]) => {
        for (const one of batch?.events ?? []) heard.push(one.text())
      }
      take((await first).value)
      const wanted = from === "earliest" ? n : undefined
      const all = () =>
        wanted === undefined
          ? reader.position().every((at) => at.offset >= server.partitions[at.partition]!.events.length) &&
            reader.position().length === count
          : heard.length >= wanted
      while (!all()) {
        if (random() < 0.1) {
          const offsets = reader.position()
          if (offsets.length === count) {
            await reader.close()
            reader = topics.topic("t").subscribe({ from: { offsets } })
          }
        }
        take((await reader.next()).value)
      }
      assert.strictEqual(new Set(heard).size, heard.length, `seed ${seed}: twice`)
      for (let partition = 0; partition < count; partition++) {
        const mine = heard.map(Number).filter((one) => one % count === partition)
        const least = from === "earliest" ? 0 : (mine[0] ?? 0)
        const expected = Array.from({ length: n }, (_, i) => i).filter((i) => i % count === partition && i >= least)
        assert.deepStrictEqual(mine, mine.length === 0 ? [] : expected, `seed ${seed}`)
        if (from === "latest") assert.isAtMost(least, start + count, `seed ${seed}: something was left out`)
      }
    }
  })

  it("ZR1 of a partition of which nothing came yet, what was published while the stream was away comes, too", async () => {
    const server = new FakeTopic(2)
    await using topics = topicsOf(server)
    const reader = topics.topic("t").subscribe({ from: "latest" })
    const first = reader.next()
    await settle()
    assert.deepStrictEqual(
      reader.position().map(({ offset }) => offset),
      [0, 0]
    )
    server.cut()
    server.append(1, event("away"))
    assert.strictEqual((await first).value?.events[0]?.text(), "away")
  })

  it("ZR2 a gap is told in its place, and without onGap it ends reading", async () => {
    const server = new FakeTopic(1)
    for (const one of ["a", "b", "c"]) server.append(0, event(one))
    server.partitions[0]!.first = 2
    await using topics = topicsOf(server)
    const from = { offsets: [{ partition: 0, epoch: 1, offset: 0 }] }
    const gaps: Array<unknown> = []
    const reader = topics.topic("t").subscribe({ from, onGap: (gap) => gaps.push(gap) })
    assert.strictEqual((await reader.next()).value?.events[0]?.text(), "c")
    assert.deepStrictEqual(gaps, [{ partition: 0, epoch: 1, from: 0, to: 2, why: "retention" }])
    const strict = topics.topic("t").subscribe({ from })
    const error = await strict.next().catch((e) => e)
    assert.strictEqual(error.code, "HRLD-5106")
    assert.deepStrictEqual(strict.position(), from.offsets)
  })

  it("ZR3 another epoch is a gap, not a comparison of offsets", async () => {
    const server = new FakeTopic(1)
    server.append(0, event("new"))
    server.partitions[0]!.epoch = 2
    await using topics = topicsOf(server)
    const gaps: Array<string> = []
    const from = { offsets: [{ partition: 0, epoch: 1, offset: 7 }] }
    const reader = topics.topic("t").subscribe({ from, onGap: ({ why }) => gaps.push(why) })
    assert.strictEqual((await reader.next()).value?.events[0]?.text(), "new")
    assert.deepStrictEqual(gaps, ["epoch"])
  })

  it("ZR2 with a filter the position goes on over what did not match", async () => {
    const server = new FakeTopic(1, () => 0)
    for (const one of ["a", "b-", "c-"]) server.append(0, event(one))
    await using topics = topicsOf(server)
    const reader = topics.topic("t").subscribe({ from: "earliest", filter: "x" })
    const heard: Array<TopicOffset> = []
    void (async () => {
      for await (const { events } of reader) heard.push(...events)
    })()
    await until(() => reader.position()[0]?.offset === 3)
    assert.deepStrictEqual(
      heard.map(({ offset }) => offset),
      [0]
    )
  })

  it("ZR4 an application that does not read holds the stream, and gets everything later", async () => {
    const server = new FakeTopic(1, () => 0)
    await using topics = topicsOf(server)
    const reader = topics.topic("t").subscribe({ from: "earliest" })
    for (let n = 0; n < 100; n++) server.append(0, { payload: Buffer.alloc(200_000) })
    await until(() => [...server.calls].some(({ held }) => held))
    let bytes = 0
    for await (const { events } of reader) {
      bytes += events.length
      if (bytes === 100) break
    }
    assert.strictEqual(bytes, 100)
  })

  it("QL2 what can't be read ends it with the server's reason", async () => {
    const server = new FakeTopic(1)
    await using topics = topicsOf(server)
    const reader = topics.topic("t").subscribe({})
    for (const call of server.calls) call.cut({ status: 3, code: "HRLD-1003", message: "the filter is wrong" })
    const error = await reader.next().catch((e) => e)
    assert.deepInclude(error, { name: "TopicError", code: "HRLD-1003", status: 3 })
    assert.strictEqual((await reader.next().catch((e) => e)).code, "HRLD-1003")
  })
})

const settle = async () => {
  for (let i = 0; i < 50; i++) await turn()
}
