/** Connect by HTTP/2, as browsers speak it in TLS: what the library's clients do not do. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { WINDOW } from "../../../../layers/Grpc/lane/Frames.ts"
import { FlagStreams } from "../../../../src/flags/FlagStreams.ts"
import { put, V2 } from "../../../support/ConnectClients.ts"
import { Door } from "../../../support/Door.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

let door: Door
let session: ClientHttp2Session
beforeAll(async () => {
  door = await Door.open({ server: "lane", origins: ["https://app.test"] })
  session = connect(`http://${door.address}`)
  session.on("error", () => {})
})
afterAll(async () => {
  session.destroy()
  await door.close()
})

const request = (path: string, headers: Readonly<Record<string, string>>) => {
  const stream = session.request({ ":method": "POST", ":path": path, ...headers })
  const heard = { headers: {} as Record<string, unknown>, text: "", closed: false }
  stream.on("response", (head) => {
    heard.headers = head
  })
  stream.on("data", (bytes) => {
    heard.text += String(bytes)
  })
  stream.on("error", () => {})
  stream.on("close", () => {
    heard.closed = true
  })
  return { stream, heard }
}
const ended = async (of: { readonly stream: ClientHttp2Stream; readonly heard: { closed: boolean } }, body = "") => {
  of.stream.end(body)
  await waitUntil("its end", () => of.heard.closed)
}
const bearer = () => ({ authorization: `Bearer ${door.token}` })
const json = () => ({ ...bearer(), "content-type": "application/json" })
const open = () => door.run(Effect.map(FlagStreams, ({ size }) => size()))
/** `{}` in the envelope of a stream. */
const EMPTY = "\0\0\0\0\x02{}"

describe("Connect by HTTP/2", () => {
  it("OX1, OX2 lets pages of named origins ask, and no others", async () => {
    const preflight = (origin: string) =>
      request(`/${V2}/ResolveBoolean`, {
        ...{ ":method": "OPTIONS", origin, "access-control-request-headers": "x-api-key" }
      })
    const [asked, other] = [preflight("https://app.test"), preflight("https://other.test")]
    await ended(asked)
    await ended(other)
    assert.strictEqual(asked.heard.headers[":status"], 204)
    assert.strictEqual(asked.heard.headers["access-control-allow-headers"], "x-api-key")
    assert.strictEqual(other.heard.headers[":status"], 405)
    const call = request(`/${V2}/ResolveBoolean`, { ...json(), origin: "https://app.test" })
    await ended(call, '{"flagKey":"gone"}')
    assert.strictEqual(call.heard.headers["access-control-allow-origin"], "https://app.test")
    assert.include(call.heard.text, "not_found")
  })

  it("CJ2, FT3 a stream that its client gives up has its place no longer", async () => {
    const call = request(`/${V2}/EventStream`, { ...bearer(), "content-type": "application/connect+json" })
    call.stream.end(EMPTY)
    await waitUntil("it to be open", () => call.heard.text.includes("provider_ready"))
    assert.strictEqual(await open(), 1)
    call.stream.close(8)
    await waitUntil("its place to be free", async () => (await open()) === 0)
  })

  it("HO5 what is no call is refused as ever, and a body that is never ended is no call", async () => {
    const wrong = [
      [`/${V2}/ResolveBoolean`, { ":method": "GET" }, 405],
      [`/${V2}/Nothing`, json(), 415],
      [`/${V2}/ResolveBoolean`, { ...bearer(), "content-type": "text/plain" }, 415],
      [`/${V2}/ResolveBoolean`, { ...json(), "x-wrong": "\u00e9" }, 404]
    ] as const
    for (const [path, headers, status] of wrong) {
      const call = request(path, headers)
      await ended(call, "{}")
      assert.strictEqual(call.heard.headers[":status"], status, path)
    }
    const long = request(`/${V2}/ResolveBoolean`, json())
    long.stream.write("x".repeat(WINDOW * 6))
    await waitUntil("its end", () => long.heard.closed)
    assert.include(long.heard.text, "resource_exhausted")
  })

  it("HO6 a value that is larger than a window comes whole, however slowly it is read", async () => {
    const value = "x".repeat(200_000)
    await put(door, "large", { state: "ENABLED", variants: { a: value }, defaultVariant: "a" })
    const call = request(`/${V2}/ResolveString`, json())
    call.stream.pause()
    call.stream.end('{"flagKey":"large"}')
    await waitUntil("the beginning", () => call.heard.headers[":status"] === 200)
    call.stream.resume()
    await waitUntil("the end", () => call.heard.closed)
    assert.strictEqual((JSON.parse(call.heard.text) as { value: string }).value, value)
  })
})
