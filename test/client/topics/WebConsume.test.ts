/** Consumers of the SDK over a WebSocket, on a node over memory twins. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import type { ConsumeRequest } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { type Consumed, Reject, Topics } from "../../../src/client/topics/Web.ts"
import { consumeOver } from "../../../src/client/topics/WebConsuming.ts"
import type { Hearing } from "../../../src/client/topics/WebJson.ts"
import { openHttp, type Said } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
beforeAll(async () => {
  door = await openHttp()
})
afterAll(() => door.close())
const all: Array<Topics> = []
const topicsOf = (token = door.token) => {
  const address = `http://127.0.0.1:${door.port}`
  const made = new Topics({ address, token, reconnect: { baseMillis: 5, capMillis: 20 }, logger: () => {} })
  all.push(made)
  return made
}
afterEach(async () => {
  for (const one of all.splice(0)) await one.close()
})

const ok = async (method: string, path: string, body?: unknown) => {
  const answer = await door.call(method, path, body)
  assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
  return answer.body
}
let made = 0
const subscribed = async (change: Record<string, unknown> = {}) => {
  const topic = `w-${++made}`
  await ok("POST", "/v1/topics", { name: topic, partitions: 2 })
  const body = { topic, name: "s", type: "key_shared", from: "earliest", backoffMillis: [1], ...change }
  await ok("POST", "/v1/subscriptions", body)
  return topic
}
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ key: `k${n % 7}`, json: n }))
const backlogOf = async (topic: string) => (await ok("GET", `/v1/subscriptions/${topic}/s/stats`)).backlog

describe("consumers over a WebSocket", () => {
  it("QH6 a seek right behind the last answer gives everything again", async () => {
    const topic = await subscribed()
    const seen: Array<number> = []
    let sought: Promise<unknown> | undefined
    topicsOf()
      .topic(topic)
      .consume("s", (event) => {
        if (seen.push(event.json<number>()) === 50)
          sought = ok("POST", `/v1/subscriptions/${topic}/s/seek`, { to: "earliest" })
      })
    await topicsOf().topic(topic).publish(numbers(50))
    await waitUntil("it was moved", () => sought)
    await waitUntil("all came again", () => new Set(seen.slice(50)).size === 50)
  })

  it("QC1 QD1 XB2 each event is done once it succeeds, in the order of its key, and bytes arrive as they were", async () => {
    const dead = `dead-${++made}`
    await ok("POST", "/v1/topics", { name: dead })
    const topic = await subscribed({ deadLetterTopic: dead, maxAttempts: 4 })
    const seen: Array<Consumed> = []
    const failed = new Set<number>()
    const work = (event: Consumed) => {
      const n = event.headers["binary"] === "yes" ? -1 : event.json<number>()
      if (n % 20 === 3 && !failed.has(n)) {
        failed.add(n)
        throw new Error("not yet")
      }
      if (n === 50) throw new Reject("it is nonsense")
      seen.push(event)
    }
    for (const consumer of ["a", "b"])
      topicsOf().topic(topic).consume("s", work, { consumer, concurrency: 4, prefetch: 20 })
    await topicsOf().topic(topic).publish(numbers(200))
    const bytes = Uint8Array.from([0, 255, 128])
    await topicsOf()
      .topic(topic)
      .publish([{ key: "k", payload: bytes, headers: { binary: "yes" }, time: 12 }])
    await waitUntil("all are done", () => seen.length === 200)
    await waitUntil("all of it is kept", async () => (await backlogOf(topic)) === 0)
    const binary = seen.find(({ headers }) => headers["binary"] === "yes")!
    assert.deepStrictEqual([[...binary.payload], binary.time, binary.key], [[...bytes], 12, "k"])
    for (let key = 0; key < 7; key++) {
      const its = seen.filter((one) => one.key === `k${key}`).map((one) => one.json<number>())
      assert.deepStrictEqual(
        its,
        [...its].sort((a, b) => a - b)
      )
    }
    assert.isTrue(seen.filter((one) => one.attempt === 2).length >= 10)
    const { deadLetters } = await ok("GET", `/v1/subscriptions/${topic}/s/dead-letters`)
    assert.deepStrictEqual(
      deadLetters.map(({ cause }: Said) => cause),
      ["it is nonsense"]
    )
  })

  it("XB7 QC3 what was answered before a consumer closes is durable, and nothing of it comes to the next", async () => {
    const topic = await subscribed({ type: "shared" })
    await topicsOf().topic(topic).publish(numbers(60))
    const first: Array<number> = []
    const one = topicsOf()
      .topic(topic)
      .consume("s", (event) => void first.push(event.json<number>()), { prefetch: 10 })
    await waitUntil("some are done", () => first.length >= 20)
    await one.close()
    const second: Array<Consumed> = []
    topicsOf()
      .topic(topic)
      .consume("s", (event) => void second.push(event))
    await waitUntil("the rest is done", async () => (await backlogOf(topic)) === 0)
    const done = [...first, ...second.map((event) => event.json<number>())].sort((a, b) => a - b)
    assert.deepStrictEqual(
      done,
      numbers(60).map(({ json }) => json)
    )
    assert.isTrue(second.every(({ attempt }) => attempt === 1))
  })

  it("QL2 ends for good for what another try can't change", async () => {
    const topic = await subscribed()
    const code = (subscription: string, token = door.token) =>
      topicsOf(token)
        .topic(topic)
        .consume(subscription, () => {})
        .done.then(
          () => "",
          (error) => error.code
        )
    assert.strictEqual(await code("none"), "HRLD-2084")
    const { token } = await door.mint("reader", "viewer")
    assert.strictEqual(await code("s", token), "HRLD-3002")
  })

  it("XB6 grants no more bytes while it is held, and goes on where it was", () => {
    const said: Array<Said> = []
    let hearing: Hearing | undefined
    const messages: Array<unknown> = []
    const first = { topic: "t", subscription: "s", consumer: "", granted: 9n, answers: [], receipt: 0n, life: 1n }
    const call = consumeOver(
      (its) => {
        hearing = its
        return { say: (message) => said.push(message) > 0, drop: () => {} }
      },
      first satisfies ConsumeRequest,
      { message: (response) => messages.push(response), writable: () => {}, ended: () => {} }
    )
    hearing!.welcome()
    const [{ grantedBytes: ahead }] = said
    call.hold(true)
    const state = { id: "c", type: "state", status: "active", blocked: "" }
    for (let n = 0; n < 4; n++) hearing!.said(state, ahead / 2)
    assert.lengthOf(said, 1)
    assert.lengthOf(messages, 4)
    call.hold(false)
    assert.deepStrictEqual(said.slice(1), [{ type: "grant", id: "c", granted: 9, grantedBytes: 3 * ahead }])
    call.send({ ...first, granted: 20n, receipt: 3n })
    assert.deepInclude(said.at(-1), { type: "answer", granted: 20, receipt: 3, grantedBytes: 3 * ahead })
  })
})
