/** Floods of what costs a client little, on one connection of HTTP/2: they end it, and its neighbours are served. */
import { assert, describe, it } from "@effect/vitest"
import { asker } from "../../support/Protocols.ts"
import * as Raw from "../../support/RawHttp2.ts"
import { counted } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { door, free, waits } from "./Door.ts"

const { certificate, ends, isServed, neighbour, open, start } = door()

const CANCEL = 8
const ENHANCE_YOUR_CALM = 11

describe("floods", () => {
  const calmed = async (reason: string, flood: (client: Raw.RawHttp2, round: number) => void) => {
    const refused = counted("http", reason)
    const port = await start(free)
    const client = await open(port)
    let round = 0
    await waitUntil("the end of the connection", () => {
      if (!client.closed) flood(client, round++)
      return client.closed
    })
    await isServed(port)

    // What a peer has not read when it is cut off in the middle of its flood may be lost, the reason with it.
    assert.oneOf(client.code(0), [ENHANCE_YOUR_CALM, undefined])
    assert.strictEqual(await refused(), 1)
  }

  it("HT3 resets (CVE-2023-44487)", () =>
    calmed("resets", (client, round) => {
      for (let i = 0; i < 50; i++) {
        const id = 1 + 2 * (round * 50 + i)
        client.get(id, i % 2 === 0 ? "/wait" : "/hello")
        client.say(Raw.frame(Raw.RST_STREAM, 0, id, Raw.uint32(CANCEL)))
      }
    }))

  it("HT3 resets that the client provokes (CVE-2025-8671) end its connection, by nghttp2's count or ours", async () => {
    const port = await start(free)
    const client = await open(port)
    let id = 1
    await waitUntil("the end of the connection", () => {
      const posting = Raw.asking("/wait", { ":method": "POST", "content-length": "1" })
      for (let i = 0; i < 50 && !client.closed; i++, id += 2) {
        client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, id, posting))
        client.say(Raw.frame(Raw.DATA, Raw.END_STREAM, id, Buffer.from("{}")))
      }
      return client.closed
    })
    await isServed(port)
    await waitUntil("all that began to be given up", () => waits.interrupted === waits.begun)
  })

  it("HT3 pings (CVE-2019-9512)", () =>
    calmed("pings", (client) =>
      client.say(...Array.from({ length: 10 }, () => Raw.frame(Raw.PING, 0, 0, Buffer.alloc(8))))
    ))

  it("HT3 SETTINGS (CVE-2019-9515)", () =>
    calmed("settings", (client) => client.say(...Array.from({ length: 10 }, () => Raw.frame(Raw.SETTINGS, 0, 0)))))

  it("HT3 requests that go on although they are refused", async () => {
    const refused = counted("http", "refused")
    const port = await start({ open: { perSecond: 0.001, burst: 10 } })
    const client = await open(port)
    let id = 1
    await waitUntil("the end of the connection", () => {
      for (let i = 0; i < 20 && !client.closed; i++, id += 2) client.get(id, "/hello")
      return client.closed
    })

    // What a peer has not read when it is cut off in the middle of its flood may be lost, the reason with it.
    assert.oneOf(client.code(0), [ENHANCE_YOUR_CALM, undefined])
    assert.strictEqual(await refused(), 1)
    assert.strictEqual(await neighbour(port), 404)
  })

  it("HT3 connections of an exempt address stay, whatever becomes of the requests that they carry", async () => {
    const port = await start({ ...free, exempt: ["127.0.0.0/8"] })
    const client = await open(port)
    for (let i = 0; i < 600; i++) {
      client.get(1 + 2 * i, "/wait")
      client.say(Raw.frame(Raw.RST_STREAM, 0, 1 + 2 * i, Raw.uint32(CANCEL)))
    }
    client.get(1_201, "/hello")
    await waitUntil("an answer", () => client.bytesOf(1_201) === "hello".length)
  })

  it("HS4 of 1,000 streams at once 100 begin, and the others are refused", async () => {
    const port = await start(free)
    const client = await open(port)
    for (let i = 0; i < 1_000; i++) client.get(1 + 2 * i, "/wait")
    await waitUntil(
      "the others to be refused, or the connection",
      () => client.of(Raw.RST_STREAM).length === 900 || client.closed
    )
    await isServed(port)

    assert.strictEqual(waits.begun, 100)
  })

  it("HS1 HT8 headers without end, too large or too many, end their stream or connection before a route hears of them", async () => {
    const refused = counted("http", "protocol")
    const port = await start(free)
    const large = await open(port)
    large.get(1, "/wait", { "x-large": "x".repeat(14_000), "x-larger": "x".repeat(14_000) } as never)
    await waitUntil("its end", () => large.code(1) !== undefined || large.closed)
    const many = await open(port)
    many.get(1, "/wait", Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x-${i}`, "1"])))
    await waitUntil("its end", () => many.code(1) !== undefined || many.closed)
    const endless = await open(port) // CVE-2024-27316
    endless.say(Raw.frame(Raw.HEADERS, 0, 1, Raw.asking("/wait")))
    await waitUntil("its end", () => {
      if (!endless.closed) endless.say(Raw.frame(Raw.CONTINUATION, 0, 1, Raw.block({ x: "y" })))
      return endless.closed
    })
    await isServed(port)
    assert.isAtLeast(await refused(), 1)

    assert.strictEqual(waits.begun, 0)
  })

  it("HS1 HT8 empty DATA that ends nothing ends its connection (CVE-2019-9518)", async () => {
    const refused = counted("http", "protocol")
    const port = await start(free)
    const client = await open(port)
    client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, 1, Raw.asking("/read", { ":method": "POST" })))
    await waitUntil("its end", () => {
      if (!client.closed) client.say(...Array.from({ length: 100 }, () => Raw.frame(Raw.DATA, 0, 1)))
      return client.closed
    })
    await isServed(port)
    assert.strictEqual(await refused(), 1)
  })

  it("HS8 a body that nobody reads does not hold up others of its connection", async () => {
    const port = await start(free)
    const { session, ask, close } = asker("HTTP/2", port, certificate.ca)
    ends.push(close)
    const unread = session!.request({ ":path": "/wait", ":method": "POST" })
    unread.on("error", () => {})
    unread.write(Buffer.alloc(200_000))
    await waitUntil("it to wait", () => waits.begun === 1)
    const { text } = await ask("/read", { method: "POST", body: "x".repeat(500_000) })

    assert.strictEqual(text, "500000")
    assert.isFalse(unread.closed)
  })
})
