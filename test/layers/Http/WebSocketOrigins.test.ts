/** Whose pages open WebSockets, and subprotocols whose messages are binary. */
import { assert, describe, it } from "@effect/vitest"
import { BINARY, frame } from "../../../src/edge/websocket/Frame.ts"
import type { Socket } from "../../../src/edge/websocket/Socket.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { masked, text } from "./Masked.ts"
import { dial, start, UPGRADE } from "./SocketDoor.ts"

const opened: Array<Socket> = []
const echo = (socket: Socket) => {
  opened.push(socket)
  socket.hear({
    message: (bytes) => {
      socket.send(frame(BINARY, bytes))
      socket.read()
    },
    leaving: () => {},
    over: () => {}
  })
  socket.read()
}
const answer = async (port: number, origin: string | undefined) => {
  const { seen } = await dial(port, { ...UPGRADE, ...(origin === undefined ? {} : { origin }) })
  await waitUntil("an answer", () => seen.text.includes("\r\n\r\n"))
  return seen.text
}

describe("the origin of a page that opens a WebSocket", () => {
  it("YS4 is one of the list, exactly, or none; it is asked before anything else is", async () => {
    const port = await start(echo, { origins: ["https://app.example.com"] }, { pages: "listed" })
    const before = opened.length
    for (const wrong of [
      "https://app.example.com.evil.com",
      "https://evil.com",
      "http://app.example.com",
      "https://app.example.com:8443",
      "null",
      ""
    ]) {
      const said = await answer(port, wrong)
      assert.match(said, /^HTTP\/1.1 403/, wrong)
      assert.include(said, "HRLD-3110")
    }
    assert.strictEqual(opened.length, before)
    assert.include(await answer(port, "https://app.example.com"), "101 Switching")
    assert.include(await answer(port, "HTTPS://APP.example.com"), "101 Switching")
    assert.include(await answer(port, undefined), "101 Switching")
    // Whatever else is wrong with it: the page is told this first.
    const { seen } = await dial(port, { ...UPGRADE, "sec-websocket-version": "8", origin: "https://evil.com" })
    await waitUntil("an answer", () => seen.text.includes("HRLD-3110"))
  })

  it("AQ12 nothing that is said over a WebSocket waits for a second person, so none is opened that asks for it", async () => {
    const port = await start(echo)
    const { seen } = await dial(port, { ...UPGRADE, "herald-request": "yes" })
    await waitUntil("an answer", () => seen.text.includes("\r\n\r\n"))
    assert.match(seen.text, /^HTTP\/1.1 400/)
    assert.include(seen.text, "HRLD-3099")
  })

  it("YS4 without a list no page opens what asks for one, and any page what does not; a star is every one", async () => {
    const listed = await start(echo, {}, { pages: "listed" })
    assert.include(await answer(listed, "https://app.example.com"), "HRLD-3110")
    const open = await start(echo)
    assert.include(await answer(open, "https://any.example.com"), "101 Switching")
    const named = await start(echo, { origins: ["https://app.example.com"] })
    assert.include(await answer(named, "https://any.example.com"), "HRLD-3110")
    const every = await start(echo, { origins: ["*"] }, { pages: "listed" })
    assert.include(await answer(every, "https://any.example.com"), "101 Switching")
  })
})

describe("a subprotocol whose messages are binary", () => {
  it("YP3, YO1 takes binary messages alone, and the other one text", async () => {
    const port = await start(echo, {}, { binary: "b" })
    const bytes = Buffer.from([0xff, 0, 1])
    const binary = await dial(port, { ...UPGRADE, "sec-websocket-protocol": "b, p" }, masked(BINARY, bytes))
    await waitUntil("its bytes", () => binary.seen.text.includes("\x82\x03\xff\0\x01"))
    assert.include(binary.seen.text, "Sec-WebSocket-Protocol: b")
    assert.isTrue(opened.at(-1)!.isBinary)
    binary.socket.write(text("text"))
    await waitUntil("a close", () => binary.seen.text.includes("\x03\xeb"))
    const other = await dial(port, { ...UPGRADE, "sec-websocket-protocol": "p, b" }, masked(BINARY, bytes))
    await waitUntil("a close", () => other.seen.text.includes("\x03\xeb"))
    assert.isFalse(opened.at(-1)!.isBinary)
  })
})
