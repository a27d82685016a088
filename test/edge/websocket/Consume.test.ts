/** Consumers of subscriptions at the WebSocket of topics, on a node over memory twins. The client is `ws`, which nobody here wrote. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Access } from "../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../src/access/Identity.ts"
import { READERS } from "../../../src/edge/websocket/topics/Session.ts"
import { ConsumerSocket } from "../../support/ConsumerSocket.ts"
import { openHttp, type Said } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
beforeAll(async () => {
  door = await openHttp()
})
afterAll(() => door.close())

const clients: Array<ConsumerSocket> = []
const clientOf = (token = door.token, port = door.port) => {
  const made = new ConsumerSocket(`http://127.0.0.1:${port}`, token)
  clients.push(made)
  return made
}
afterEach(() => {
  for (const one of clients.splice(0)) one.close()
})

let made = 0
const ok = async (method: string, path: string, body?: unknown, at = door) => {
  const answer = await at.call(method, path, body)
  assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
  return answer.body
}
const publish = (topic: string, events: ReadonlyArray<unknown>) => ok("POST", `/v1/topics/${topic}/events`, { events })
const subscribed = async (change: Record<string, unknown> = {}, at = door) => {
  const topic = `work-${++made}`
  await ok("POST", "/v1/topics", { name: topic }, at)
  const body = { topic, name: "s", type: "key_shared", from: "earliest", backoffMillis: [1], ...change }
  await ok("POST", "/v1/subscriptions", body, at)
  return topic
}
const consuming = async (topic: string, change: Record<string, unknown> = {}, client = clientOf()) => {
  await client.until("welcome", "")
  client.says({ type: "consume", id: "c", topic, subscription: "s", granted: 100, ...change })
  return client
}

describe("consumers over the WebSocket of topics", () => {
  it("CY1 an event comes as it was published, no more of them than were granted, and a receipt says when it is done", async () => {
    const topic = await subscribed()
    await publish(topic, [
      { key: "k", value: { n: 1 }, headers: { from: "a test" }, occurredAt: 17 },
      { key: "k", value: "two" },
      { key: "k", base64: "AP8=" }
    ])
    const client = await consuming(topic, { consumer: "w1", granted: 2 })
    assert.deepInclude(await client.until("joined"), {
      ...{ consumer: "w1", subscriptionType: "key_shared", ackTimeoutMillis: 30_000, maxAttempts: 16 }
    })
    const [one, two] = await client.eventsUntil(2)
    const { partition, epoch } = await client.until("delivery")
    assert.deepInclude(one, { id: `${topic}:${partition}:${epoch}:0`, offset: 0, attempt: 1, key: "k" })
    assert.deepInclude(one, { value: { n: 1 }, headers: { from: "a test" }, occurredAt: 17 })
    assert.strictEqual(two.value, "two")
    assert.isAbove(one.publishedAt, 1_700_000_000_000)
    const answers = [{ kind: "accept", token: one.token, first: 0, last: 1 }]
    client.says({ type: "answer", id: "c", answers, receipt: 7 })
    assert.strictEqual((await client.until("durable")).receipt, 7)
    assert.lengthOf(client.events, 2)
    client.says({ type: "grant", id: "c", granted: 3 })
    assert.strictEqual((await client.eventsUntil(3))[2].base64, "AP8=")
  })

  it("LC3 each answer does what it says: release, fail with its delay, reject, extend", async () => {
    const dead = `dead-${++made}`
    await ok("POST", "/v1/topics", { name: dead })
    const topic = await subscribed({ type: "shared", deadLetterTopic: dead })
    const values = ["release", "fail", "reject", "extend"]
    await publish(
      topic,
      values.map((value) => ({ value }))
    )
    const client = await consuming(topic)
    const events = await client.eventsUntil(4)
    const answer = ({ value, token, offset }: Said) => ({
      ...{ kind: value, token, first: offset },
      ...(value === "fail" || value === "reject" ? { reason: "it was asked for" } : {}),
      ...(value === "fail" ? { delayMillis: 5 } : {})
    })
    client.says({ type: "answer", id: "c", answers: events.map(answer), granted: 200 })
    const again = (await client.eventsUntil(6)).slice(4).map(({ value, attempt }) => `${value} ${attempt}`)
    assert.sameMembers(again, ["release 1", "fail 2"])
    const [letter] = await waitUntil("a dead letter", async () => {
      const { deadLetters } = await ok("GET", `/v1/subscriptions/${topic}/s/dead-letters`)
      return deadLetters.length > 0 && deadLetters
    })
    assert.deepInclude(letter, { value: "reject", cause: "it was asked for" })
  })

  it("DI1 an answer that comes too late is refused, and why a subscription is in error is told", async () => {
    const topic = await subscribed({ deadLetterTopic: "" })
    await publish(topic, [{ value: 1 }])
    const client = await consuming(topic)
    const [{ token }] = await client.eventsUntil(1)
    client.says({ type: "answer", id: "c", answers: [{ kind: "accept", token: 1, first: 0 }] })
    assert.deepInclude(await client.until("refused"), { token: 1, first: 0, last: 0, why: "late" })
    client.says({ type: "answer", id: "c", answers: [{ kind: "reject", token, first: 0, reason: "no" }] })
    const { reason } = await waitUntil("it is in error", () =>
      client.all("state").find(({ status }) => status === "error")
    )
    assert.match(reason, /no dead-letter topic/)
  })

  it("LC3 what is behind one that failed is called back, and comes again behind it", async () => {
    const topic = await subscribed()
    await publish(topic, [
      { key: "k", value: "1" },
      { key: "k", value: "2" }
    ])
    const client = await consuming(topic)
    const [{ token }] = await client.eventsUntil(2)
    client.says({ type: "answer", id: "c", answers: [{ kind: "fail", token, first: 0 }] })
    const recalled = await client.until("recalled")
    assert.deepInclude(recalled, { partition: 0, offset: 0 })
    assert.isAbove(recalled.keyHash, 0)
    client.says({ type: "answer", id: "c", answers: [{ kind: "release", token, first: 1 }], granted: 200 })
    const [, , again] = await client.eventsUntil(3)
    assert.deepInclude(again, { offset: 0, attempt: 2 })
    client.says({ type: "answer", id: "c", answers: [{ kind: "accept", token: again.token, first: 0 }] })
    const last = await waitUntil("the second", () => client.events.slice(2).find(({ offset }) => offset === 1))
    assert.strictEqual(last.attempt, 1)
  })

  it("YK2 who grants bytes is sent one message more than that, until it grants more", async () => {
    const topic = await subscribed({ type: "shared" })
    await publish(
      topic,
      Array.from({ length: 8 }, (_, n) => ({ value: `${n}${"x".repeat(400_000)}` }))
    )
    const client = await consuming(topic, { grantedBytes: 1_000 })
    await client.until("delivery")
    const other = await consuming(topic, { id: "d", granted: 1 }, client)
    await other.until("joined", "d")
    assert.lengthOf(client.all("delivery"), 1)
    client.says({ type: "grant", id: "c", granted: 100, grantedBytes: 100_000_000 })
    await waitUntil("the rest", () => client.told.flatMap(({ events = [] }) => events).length === 8)
  })

  it("YW1 YW2 several consumers share a socket, each id once, and not more than may be", async () => {
    const topic = await subscribed({ type: "shared" })
    const client = await consuming(topic)
    await client.until("joined")
    client.says({ type: "consume", id: "c", topic, subscription: "s" })
    assert.strictEqual((await client.until("failed")).problem.code, "HRLD-1001")
    client.says({ type: "answer", id: "x", answers: [] })
    assert.strictEqual((await client.until("failed", "x")).problem.code, "HRLD-1001")
    for (let n = 1; n < READERS; n++) client.says({ type: "consume", id: `${n}`, topic, subscription: "s" })
    await client.until("joined", `${READERS - 1}`)
    client.says({ type: "read", id: "r", topic })
    assert.strictEqual((await client.until("failed", "r")).problem.code, "HRLD-3004")
  })

  it("YW3 what is wrong is told of its id and ends nothing", async () => {
    const topic = await subscribed()
    const client = await consuming(topic)
    await client.until("joined")
    const wrong: ReadonlyArray<Said> = [
      { type: "consume", id: "1", topic, subscription: "none" },
      { type: "consume", id: "2", topic: "none", subscription: "s" },
      { type: "consume", id: "3", topic, subscription: "s", consumer: "\u0000" },
      { type: "consume", id: "4", topic, subscription: "s", life: -1 },
      { type: "answer", id: "c", answers: [{ kind: "eat", token: 1, first: 1 }] },
      { type: "answer", id: "c", answers: [{ kind: "fail", token: 1, first: 1, reason: "x".repeat(1_001) }] },
      { type: "answer", id: "c", answers: [{ kind: "fail", token: 1, first: 1, delayMillis: 86_400_001 }] }
    ]
    for (const one of wrong) client.say(one)
    const failed = await waitUntil("all are refused", () => {
      const all = client.told.filter(({ type }) => type === "failed")
      return all.length === wrong.length && all
    })
    assert.deepStrictEqual(
      failed.map(({ id, problem }) => `${id} ${problem.code}`),
      ["1 HRLD-2084", "2 HRLD-2077", "3 HRLD-1001", "4 HRLD-1001", "c HRLD-1001", "c HRLD-1001", "c HRLD-1001"]
    )
    await publish(topic, [{ value: 1 }])
    await client.eventsUntil(1)
    const { token } = await door.mint("reader", "viewer")
    const viewer = await consuming(topic, {}, clientOf(token))
    assert.strictEqual((await viewer.until("failed")).problem.code, "HRLD-3002")
    const other = await door.mint("elsewhere", "subscriber", ["other/*"])
    const stranger = await consuming(topic, {}, clientOf(other.token))
    assert.strictEqual((await stranger.until("failed")).problem.code, "HRLD-3002")
  })

  it("QU3 who says goodbye is told what is durable, and ends well; nothing of it comes to the next", async () => {
    const topic = await subscribed()
    await publish(topic, [
      { key: "a", value: 1 },
      { key: "b", value: 2 }
    ])
    const client = await consuming(topic)
    const [{ token }] = await client.eventsUntil(2)
    client.says({ type: "answer", id: "c", answers: [{ kind: "accept", token, first: 0 }], receipt: 1 })
    client.says({ type: "end", id: "c" })
    assert.notProperty(await client.until("ended"), "problem")
    assert.lengthOf(client.all("durable"), 1)
    const next = await consuming(topic)
    const [one] = await next.eventsUntil(1)
    assert.deepInclude(one, { offset: 1, attempt: 1 })
  })

  it("AZ1 a socket that breaks is a consumer that is lost: what it had comes again, and counts", async () => {
    const topic = await subscribed({ type: "shared" })
    await publish(topic, [{ value: 1 }])
    const client = await consuming(topic)
    await client.eventsUntil(1)
    client.socket.terminate()
    const next = await consuming(topic)
    assert.deepInclude((await next.eventsUntil(1))[0], { offset: 0, attempt: 2 })
  })

  it("CY2 another one of its name takes its place, and it is told so", async () => {
    const topic = await subscribed()
    const client = await consuming(topic, { consumer: "w" })
    await client.until("joined")
    const next = await consuming(topic, { consumer: "w" })
    await next.until("joined")
    assert.strictEqual((await client.until("ended")).problem.code, "HRLD-2088")
    await ok("DELETE", `/v1/subscriptions/${topic}/s`)
    assert.strictEqual((await next.until("ended")).problem.code, "HRLD-2084")
  })

  it("SM2 a pause is told, and that it is over", async () => {
    const topic = await subscribed()
    const client = await consuming(topic)
    await client.until("joined")
    const status = (wanted: string) => waitUntil(`it is ${wanted}`, () => client.all("state").at(-1)?.status === wanted)
    await ok("POST", `/v1/subscriptions/${topic}/s/pause`, {})
    await status("paused")
    await ok("POST", `/v1/subscriptions/${topic}/s/resume`, {})
    await status("active")
  })

  it("QU2 whoever loses its key, or whose server leaves, is ended, and what it had counts as no attempt", async () => {
    const topic = await subscribed({ type: "shared" })
    await publish(topic, [{ value: 1 }])
    const { token, key } = await door.mint("goes", "admin")
    const client = await consuming(topic, {}, clientOf(token))
    await client.eventsUntil(1)
    const revoked = Effect.flatMap(Access, (access) => access.revokeKey(key.id))
    await door.runtime.runPromise(Effect.provideService(revoked, CurrentIdentity, system))
    assert.strictEqual((await client.until("ended")).problem.code, "HRLD-5005")
    assert.strictEqual((await waitUntil("its end", () => client.closed)).code, 4401)
    const next = await consuming(topic)
    assert.deepInclude((await next.eventsUntil(1))[0], { offset: 0, attempt: 1 })

    const other = await openHttp()
    const its = await subscribed({}, other)
    const last = await consuming(its, {}, clientOf(other.token, other.port))
    await last.until("joined")
    await other.close()
    assert.strictEqual((await last.until("ended")).problem.code, "HRLD-5001")
    assert.strictEqual((await waitUntil("its end", () => last.closed)).code, 4503)
  })
})
