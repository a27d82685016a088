/** What is said in bytes: hellos and answers of clients that hold very much. */
import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { SubscribeRequest, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Acks, cut } from "../../src/client/Acks.ts"
import { hello, mostBytes } from "../../src/client/Held.ts"
import { hexBytes } from "../../src/client/Platform.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { connected, FakeTransport } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

const limit = 256 * 1_024
const sizeOf = (request: SubscribeRequest) => SubscribeRequest.encode(request).finish().length
const empty = () => SubscribeRequest.fromPartial({})
const longKey = (n: number) => `shop.${"k".repeat(240)}.${n}`

describe("a hello", () => {
  const first = SubscribeRequest.fromPartial({ serviceName: "shop", instanceId: "i1", control: true })

  it("HE1: of any size is in messages of at most 200 KiB, in order and complete, and all but the last say that more follows", () => {
    for (const [count, key] of [
      [0, longKey],
      [1, longKey],
      [3_000, (n: number) => `k${n}`],
      [100_000, (n: number) => `k${n}`],
      [20_000, longKey],
      [20_000, (n: number) => `ключ${n}`]
    ] as const) {
      const held = Array.from({ length: count }, (_, n) => ({
        key: key(n),
        digest: digestOf(`${n}`),
        revision: 2n ** 50n + BigInt(n)
      }))
      const messages = [...hello(first, 1_000, held, empty, hexBytes)]
      assert.isTrue(
        messages.every((message) => sizeOf(message) <= limit),
        `${count}`
      )
      assert.deepStrictEqual(
        messages.map(({ heldMore }) => heldMore),
        messages.map((_, at) => at < messages.length - 1)
      )
      const all = messages.flatMap((message) => message.held)
      assert.deepStrictEqual(
        all.map(({ key, digest, revision, sha256: bytes }) => [
          key,
          digest || Buffer.from(bytes).toString("hex"),
          revision
        ]),
        held.map(({ key, digest, revision }) => [key, digest, revision])
      )
      assert.strictEqual(messages[0]?.serviceName, "shop")
      for (const more of messages.slice(1)) assert.strictEqual(more.serviceName, "")
      if (messages.length > 1) assert.isTrue(messages.slice(0, -1).every((message) => sizeOf(message) > mostBytes / 3))
    }
  })

  it("HE1: labels and patterns that fill the first message leave the rest to the next", () => {
    const held = Array.from({ length: 4_000 }, (_, n) => ({ key: `k${n}`, digest: digestOf(`${n}`), revision: 1n }))
    const messages = [...hello(first, mostBytes, held, empty, hexBytes)]
    assert.deepStrictEqual([messages[0]?.held, messages[0]?.heldMore], [[], true])
    assert.strictEqual(messages.flatMap((message) => message.held).length, 4_000)
  })

  it("FD3 CO6: 20,000 keys held: the client comes back with all of them, and sends nothing else until it has said them", async () => {
    const many = Array.from({ length: 20_000 }, (_, n) => value(`shop.k${n}`, n + 1, n))
    const { client, clock, transport } = await connected(many)
    await client.settled()
    transport.full = true
    transport.end()
    await clock.advance(250)
    await clock.advance(30_000)
    const stream = transport.last
    assert.deepStrictEqual(stream.sent.length, 1)
    assert.isTrue(stream.hello.heldMore)
    while (stream.sent.at(-1)?.heldMore !== false) stream.events.writable()
    transport.full = false
    stream.events.writable()

    const said = [stream.hello, ...stream.sent].flatMap(({ held }) => held)
    assert.strictEqual(new Set(said.map(({ key }) => key)).size, 20_000)
    assert.deepStrictEqual(stream.hello.position, { epoch: "e1", revision: 20_000n })
    assert.isTrue(stream.sent.every(({ heartbeat, acks }) => !heartbeat && acks.length === 0))
    transport.say(synced(20_000))
    assert.strictEqual(client.state, "live")
    await clock.advance(30_000)
    assert.isTrue(stream.sent.at(-1)?.heartbeat)
    await client.close()
  })

  it("CO6: a server that syncs before it heard all gets no answer between the messages of a hello", async () => {
    const many = Array.from({ length: 5_000 }, (_, n) => value(`shop.k${n}`, n + 1, n))
    const { client, clock, transport } = await connected(many)
    await client.settled()
    transport.full = true
    transport.end()
    await clock.advance(250)
    const stream = transport.last
    transport.say(synced(5_000))
    transport.say(value("shop.k1", 6_000, "new"))
    await client.settled()
    await turn()
    while (stream.sent.at(-1)?.heldMore !== false) stream.events.writable()
    assert.isTrue(stream.sent.every(({ acks }) => acks.length === 0))
    transport.full = false
    stream.events.writable()

    assert.deepStrictEqual(
      stream.sent.at(-1)?.acks.map(({ key }) => key),
      ["shop.k1"]
    )
    await client.close()
  })

  it("FD4: a revision of a history that was lost is not said beside a position of the present one", async () => {
    const { client, clock, transport } = await connected([value("shop", 900, "same"), value("shop.b", 10, "b")])
    await client.settled()
    transport.say(value("shop.b", 740, "b2", { epoch: "e2" }))
    transport.say({ kind: UpdateKind.UPDATE_KIND_HEARTBEAT, epoch: "e2", revision: 750n })
    await client.settled()
    transport.end()
    await clock.advance(250)

    const { held, position } = transport.last.hello
    assert.strictEqual(position?.epoch, "e2")
    assert.deepStrictEqual(
      held.map(({ key, revision }) => [key, revision]),
      [
        ["shop", 0n],
        ["shop.b", 740n]
      ]
    )
    await client.close()
  })

  it("FD3: what was refused is not held, what was refused of a held key leaves the former one held", async () => {
    const { client, clock, transport } = await connected([value("shop", 1, 1), value("shop.bad", 2, 0)], {
      validate: (v) => v !== 0
    })
    transport.say(value("shop", 3, 0))
    await client.settled()
    transport.end()
    await clock.advance(250)

    assert.deepStrictEqual(
      transport.last.hello.held.map(({ key, revision }) => [key, revision]),
      [["shop", 1n]]
    )
  })
})

describe("answers", () => {
  it("AK3: a reason is cut to 1,024 bytes of well-formed UTF-8", () => {
    for (const text of ["x", "é", "€", "\u{1f600}", "a\u{1f600}", "\ud800", "x\udc00"]) {
      const reason = cut(text.repeat(3_000))
      assert.isAtMost(Buffer.byteLength(reason), 1_024)
      assert.isAbove(Buffer.byteLength(reason), 1_020)
      assert.isTrue(reason.isWellFormed())
    }
    assert.strictEqual(cut("short"), "short")
  })

  it("AK1: 1,200 long rejections go in messages that a server takes, each answer once", async () => {
    const { client, transport } = await connected([], { validate: () => "does not fit: ".repeat(200) })
    for (let n = 1; n <= 1_200; n++) transport.say(value(longKey(n), n, n))
    await client.settled()
    await until(() => transport.acks.length >= 1_200)

    assert.isTrue(transport.last.sent.every((request) => sizeOf(request) <= limit))
    assert.strictEqual(new Set(transport.acks.map(({ key }) => key)).size, 1_200)
    assert.strictEqual(transport.acks.length, 1_200)
    assert.isTrue(transport.acks.every(({ epoch }) => epoch === "e1"))
    await client.close()
  })

  it("AK2: a stream that is full gets no more answers until it has room", async () => {
    const { client, transport } = await connected([], {})
    transport.full = true
    for (let n = 1; n <= 3; n++) transport.say(value(`shop.a${n}`, n, n))
    await client.settled()
    await turn()
    for (let n = 4; n <= 6; n++) transport.say(value(`shop.a${n}`, n, n))
    await client.settled()
    await turn()
    assert.strictEqual(transport.acks.length, 3)
    transport.full = false
    transport.last.events.writable()

    assert.strictEqual(transport.acks.length, 6)
    await client.close()
  })

  it("AK2: flushing costs as much as there is to send", () => {
    const acks = new Acks(new FakeClock(), (some) => {
      sent += some.length
      return true
    })
    let sent = 0
    const version = { version: 1, revision: 1n, epoch: "e1", format: "string", content: "", digest: "", deleted: false }
    for (let n = 0; n < 100_000; n++) {
      acks.applied({ ...version, key: `k${n}`, strict: false, unconfirmed: false, source: "live", traceparent: "" })
    }
    acks.flush()
    assert.strictEqual(sent, 100_000)
  })
})

describe("a server that asks for much", () => {
  it("CO5: a delay that no timer can hold is cut to 10 minutes", async () => {
    for (const reconnectAfterMillis of [2 ** 32, Number.POSITIVE_INFINITY]) {
      const { client, clock, transport } = await connected([])
      transport.end({ reconnectAfterMillis })
      assert.deepStrictEqual(clock.waiting, [600_000])
      await client.close()
    }
    const { client, clock, transport } = await connected([], {
      heartbeatMillis: 2 ** 31 - 1,
      silenceMillis: 2 ** 31 - 1
    })
    transport.say({ kind: 4, reconnectAfterMs: 2 ** 32 - 1 })
    assert.deepStrictEqual(clock.waiting[0], 600_000)
    await client.close()
    assert.deepStrictEqual(new FakeTransport().streams, [])
  })
})
