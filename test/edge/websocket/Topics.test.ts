/** The WebSocket of topics on a node over memory twins. */
import { readFileSync } from "node:fs"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect } from "effect"
import { parse } from "yaml"
import { Access } from "../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../src/access/Identity.ts"
import { READERS } from "../../../src/edge/websocket/topics/Session.ts"
import { openHttp, SocketClient } from "../../support/WebSockets.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Awaited<ReturnType<typeof openHttp>>
const clients: Array<SocketClient> = []
const client = (token: string | undefined = door.token, protocols?: Array<string>) => {
  const made = new SocketClient(door.port, token, undefined, protocols)
  clients.push(made)
  return made
}
let topics = 0
const topic = async (partitions = 1) => {
  const name = `t/${topics++}`
  assert.strictEqual((await door.call("POST", "/v1/topics", { name, partitions })).status, 201)
  return name
}
const publish = async (name: string, ...values: ReadonlyArray<unknown>) => {
  const path = `/v1/topics/${encodeURIComponent(name)}/events`
  const answer = await door.call("POST", path, { events: values.map((value) => ({ value })) })
  assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
}

beforeAll(async () => {
  door = await openHttp()
})
/** Everything that is told is as the AsyncAPI document says. */
const documented = () => {
  const text = readFileSync(new URL("../../../schema/topics-stream.yaml", import.meta.url), "utf8")
  const { components } = parse(text)
  return new Ajv2020({ strict: false }).compile({ components, $ref: "#/components/schemas/told" })
}
const fits = documented()
afterEach(() => {
  for (const one of clients.splice(0)) {
    one.close()
    for (const said of one.said) assert.isTrue(fits(said), `${JSON.stringify(said)} ${JSON.stringify(fits.errors)}`)
  }
})
afterAll(() => door.close())

describe("the WebSocket of topics", () => {
  it("YI1 serves whoever says a token first, and nobody else", async () => {
    const right = client()
    assert.strictEqual((await right.until("welcome")).name, "admin")
    const wrong = client("hrld_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
    const { code, reason } = await wrong.ended()
    assert.strictEqual(code, 4401)
    assert.match(reason, /^HRLD-\d{4}: /)
    const none = client("")
    assert.strictEqual((await none.ended()).code, 4401)
    const other = new SocketClient(door.port, undefined)
    clients.push(other)
    await waitUntil("an open socket", () => other.socket.readyState === 1)
    other.say({ type: "read", id: "a", topic: "x" })
    assert.strictEqual((await other.ended()).code, 4401)
  })

  it("YO1 answers the subprotocol that it speaks, and refuses others", async () => {
    const right = client(door.token, ["other", "herald.topics.v1"])
    await right.until("welcome")
    assert.strictEqual(right.socket.protocol, "herald.topics.v1")
    assert.strictEqual((await client(door.token, ["other"]).ended()).code, 1006)
    const { status } = await fetch(`http://127.0.0.1:${door.port}/v1/topics/stream`, {
      headers: { authorization: `Bearer ${door.token}` }
    })
    assert.strictEqual(status, 404)
  })

  it("YW1, YE2 reads several topics on one socket, each from where it says, and goes on into what is new", async () => {
    const [a, b] = [await topic(), await topic(2)]
    await publish(a, { n: 1 }, "two")
    const reader = client()
    await reader.until("welcome")
    reader.say({ type: "read", id: "a", topic: a, from: "earliest" })
    reader.say({ type: "read", id: "b", topic: b })
    await reader.until("live", "a")
    await reader.until("live", "b")
    await publish(a, [3])
    await publish(b, { n: 4 })
    const events = await reader.events("a", 3)
    assert.deepStrictEqual(
      events.map(({ value }) => value),
      [{ n: 1 }, "two", [3]]
    )
    assert.strictEqual(events[0].id, `${a}:0:${reader.said.find((one) => one.type === "events").epoch}:0`)
    assert.deepStrictEqual(
      (await reader.events("b", 1)).map(({ value }) => value),
      [{ n: 4 }]
    )
    assert.lengthOf((await reader.until("started", "b")).places, 2)

    const { partition, epoch } = await reader.until("events", "a")
    reader.say({ type: "read", id: "c", topic: a, from: [{ partition, epoch, offset: 2 }] })
    assert.deepStrictEqual(
      (await reader.events("c", 1)).map(({ value }) => value),
      [[3]]
    )
    reader.say({ type: "end", id: "a" })
    await reader.until("ended", "a")
    await publish(a, "five")
    await reader.events("c", 2)
    assert.lengthOf(await reader.events("a", 3), 3)
  })

  it("YE1 shows payloads as JSON on one line, or to the byte as text", async () => {
    const name = await topic()
    const exact = '{"a":1.50,\n "b":"x\\ny"}'
    await publish(name, exact)
    const reader = client()
    await reader.until("welcome")
    reader.say({ type: "read", id: "json", topic: name, from: "earliest" })
    reader.say({ type: "read", id: "text", topic: name, from: "earliest", as: "text" })
    assert.deepStrictEqual((await reader.events("json", 1))[0].value, { a: 1.5, b: "x\ny" })
    assert.strictEqual((await reader.events("text", 1))[0].value, exact)
  })

  it("BX9 filters and gives fields", async () => {
    const name = await topic()
    const reader = client()
    await reader.until("welcome")
    reader.say({ type: "read", id: "a", topic: name, filter: "price > 100.0", fields: ["price"] })
    await reader.until("live", "a")
    await publish(name, { price: 99.5, x: 1 }, { price: 100.5, x: 2 })
    assert.deepStrictEqual(
      (await reader.events("a", 1)).map(({ value }) => value),
      [{ price: 100.5 }]
    )
    reader.say({ type: "read", id: "b", topic: name, filter: "price >" })
    assert.match((await reader.until("failed", "b")).problem.code, /^HRLD-/)
  })

  it("YW4 publishes in order, several at a time, with an answer for each", async () => {
    const name = await topic()
    const program = client()
    await program.until("welcome")
    program.say({ type: "open", id: "o", topic: name, producer: "p" })
    const { epoch, partitions } = await program.until("opened", "o")
    assert.strictEqual(partitions, 1)
    for (let n = 1; n <= 50; n++)
      program.say({
        ...{ type: "publish", id: String(n), topic: name, events: [{ value: { n } }] },
        ...{ partition: 0, producer: "p", epoch, sequence: n }
      })
    for (let n = 1; n <= 50; n++) {
      const { placed } = await program.until("published", String(n))
      assert.strictEqual(placed[0].offset, n - 1)
    }
    program.say({
      ...{ type: "publish", id: "again", topic: name, events: [{ value: { n: 3 } }] },
      ...{ partition: 0, producer: "p", epoch, sequence: 3 }
    })
    assert.deepInclude((await program.until("published", "again")).placed[0], { offset: 2, duplicate: true })
    program.say({
      type: "publish",
      id: "gap",
      topic: name,
      events: [{ value: 1 }],
      partition: 0,
      producer: "p",
      epoch,
      sequence: 90
    })
    assert.strictEqual((await program.until("failed", "gap")).problem.code, "HRLD-2075")
  })

  it("YW3 refuses what is wrong by its id, and ends a socket that sends no messages", async () => {
    const name = await topic()
    const program = client()
    await program.until("welcome")
    program.say({ type: "read", id: "a", topic: name, filtre: "x" })
    assert.include((await program.until("failed", "a")).problem.detail, "did you mean filter?")
    program.say({ type: "read", id: "b", topic: "no/such" })
    assert.strictEqual((await program.until("failed", "b")).problem.status, 404)
    program.say({ type: "publish", id: "c", topic: name, events: [{ value: 1, base64: "AA==" }] })
    await program.until("failed", "c")
    program.say({ type: "publish", id: "d", topic: name, events: [{ value: "fine" }] })
    await program.until("published", "d")
    program.say({ type: "grant", id: "nobody", granted: 1 })
    await program.until("failed", "nobody")
    program.say("{broken")
    const { code, reason } = await program.ended()
    assert.strictEqual(code, 4400)
    assert.match(reason, /^HRLD-/)
  })

  it("YW7 refuses too many partitions, ends for what publishes nothing and is large, and for more events than a batch has", async () => {
    const [large, many] = [client(), client()]
    await Promise.all([large.until("welcome"), many.until("welcome")])
    large.say({
      type: "read",
      id: "a",
      topic: await topic(),
      partitions: Array.from({ length: 140_000 / 2 }, () => 10)
    })
    assert.strictEqual((await large.until("failed", "a")).problem.code, "HRLD-1001")
    const places = Array.from({ length: 12_000 }, () => ({ partition: 1, epoch: 1, offset: 1_000 }))
    const other = client()
    await other.until("welcome")
    other.say({ type: "read", id: "a", topic: "t", from: places })
    assert.strictEqual((await other.ended()).code, 4413)
    many.say({ type: "publish", id: "p", topic: "t", events: Array.from({ length: 10_001 }, () => ({})) })
    assert.match((await many.ended()).reason, /10001 entries/)
  })

  it("YP2, YC3 ends for a message of 10 MB, and other sockets go on", async () => {
    const [large, other] = [client(), client()]
    await Promise.all([large.until("welcome"), other.until("welcome")])
    large.say({ type: "publish", id: "p", topic: "x", events: [{ value: "x".repeat(10_000_000) }] })
    assert.strictEqual((await large.ended()).code, 1009)
    other.say({ type: "publish", id: "p", topic: await topic(), events: [{ value: "x" }] })
    await other.until("published", "p")
  })

  it("YW2 has so many readers on a socket and no more, and what it has goes on", async () => {
    const name = await topic()
    const program = client()
    await program.until("welcome")
    for (let n = 0; n < 2_000; n++) program.say({ type: "read", id: `r${n}`, topic: name })
    await program.until("failed", "r1999")
    assert.lengthOf(
      program.said.filter(({ type }) => type === "failed"),
      2_000 - READERS
    )
    assert.strictEqual(program.said.find(({ type }) => type === "failed").problem.status, 429)
    await publish(name, "all")
    for (let n = 0; n < READERS; n++) await program.events(`r${n}`, 1)
  })

  it("YH2 sends what was granted and waits for more", async () => {
    const name = await topic()
    const program = client()
    await program.until("welcome")
    program.say({ type: "read", id: "a", topic: name, granted: 1 })
    program.say({ type: "read", id: "b", topic: name })
    await program.until("live", "b")
    await publish(name, "one")
    await program.events("b", 1)
    assert.deepStrictEqual(
      program.said.filter(({ id }) => id === "a").map(({ type }) => type),
      ["started"]
    )
    program.say({ type: "grant", id: "a", granted: 100_000 })
    await program.events("a", 1)
  })

  it("YI2, A3 ends a socket whose key was revoked, and says so", async () => {
    const { token, key } = await door.mint("leaver", "subscriber")
    const program = client(token)
    await program.until("welcome")
    program.say({ type: "publish", id: "p", topic: await topic(), events: [{ value: 1 }] })
    assert.strictEqual((await program.until("failed", "p")).problem.status, 403)
    const revoke = Effect.flatMap(Access, (access) => access.revokeKey(key.id))
    await door.runtime.runPromise(Effect.provideService(revoke, CurrentIdentity, system))
    const { code } = await program.ended()
    assert.strictEqual(code, 4401)
  })
})

describe("leaving", () => {
  it("YW6 tells sockets to come to another node", async () => {
    const other = await openHttp()
    const program = new SocketClient(other.port, other.token)
    await program.until("welcome")
    await other.close()
    assert.strictEqual((await program.ended()).code, 4503)
  })
})

describe("a socket over its rate", () => {
  it("YW5 is read as fast as it may, and each of its batches is answered", async () => {
    const slow = await openHttp({ ratePerSecond: 200, rateBurst: 60 })
    const program = new SocketClient(slow.port, slow.token)
    try {
      assert.strictEqual((await slow.call("POST", "/v1/topics", { name: "t" })).status, 201)
      await program.until("welcome")
      for (let n = 0; n < 50; n++) program.say({ type: "publish", id: `${n}`, topic: "t", events: [{ value: n }] })
      const { placed } = await program.until("published", "49")
      assert.strictEqual(placed[0].offset, 49)
      assert.isEmpty(program.said.filter(({ type }) => type === "failed"))
    } finally {
      program.close()
      await slow.close()
    }
  })
})
