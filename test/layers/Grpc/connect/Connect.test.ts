/** Connect and gRPC-Web at the gRPC door, with the clients of their own library. */
import { connect } from "node:net"
import zlib from "node:zlib"
import { Code } from "@connectrpc/connect"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { MESSAGE_BYTES } from "../../../../src/edge/grpc/Decode.ts"
import {
  type Any,
  clientOf,
  codeOf,
  follow,
  put,
  transportOf,
  V2,
  type Way,
  ways
} from "../../../support/ConnectClients.ts"
import { Door } from "../../../support/Door.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

let door: Door
const bearer = () => ({ authorization: `Bearer ${door.token}` })
beforeAll(async () => {
  door = await Door.open({ server: "lane" })
  const rule = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
  const toggle = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting: rule }
  await put(door, "toggle", toggle)
  await put(door, "dark", { ...toggle, state: "DISABLED" })
  await put(door, "whole", { state: "ENABLED", variants: { big: 9_007_199_254_740_991 }, defaultVariant: "big" })
  await put(door, "object", { state: "ENABLED", variants: { a: { list: [1, "x", null] } }, defaultVariant: "a" })
})
afterAll(() => door.close())

const v2 = (way: Way, headers: Readonly<Record<string, string>> = bearer(), more: object = {}): Any =>
  clientOf(V2, transportOf(`http://${door.address}`, way, headers, more))

const makeKey = (to: Door, name: string) =>
  to.run(
    Effect.flatMap(Access, ({ createKey }) =>
      createKey({ add: true, name, role: "subscriber", environments: ["production"], expiresAt: null })
    ).pipe(
      Effect.map(({ token, key }) => ({ token, id: key.id })),
      Effect.provideService(CurrentIdentity, system)
    )
  )
const revoke = (at: Door, id: string) =>
  at.run(Effect.flatMap(Access, ({ revokeKey }) => revokeKey(id)).pipe(Effect.provideService(CurrentIdentity, system)))

/** The beginning of a request, whose body never comes, and the answer to it. */
const ask = async (line: string, headers: string) => {
  const [host = "", port = ""] = door.address.split(":")
  const socket = connect(Number(port), host)
  socket.on("error", () => {})
  let said = ""
  socket.on("data", (bytes) => {
    said += String(bytes)
  })
  socket.write(`${line} HTTP/1.1\r\nhost: a\r\n${headers}\r\n`)
  await waitUntil("an answer", () => /unauthenticated|grpc-status/.test(said))
  socket.destroy()
  return said
}

describe("Connect", () => {
  it.each(ways)("CJ5, FP1 answers what gRPC answers, by %s", async (way) => {
    const client = v2(way)
    const pro = await client.resolveBoolean({ flagKey: "toggle", context: { plan: "pro", __proto__: null } })
    assert.deepInclude(pro, { value: true, variant: "on", reason: "TARGETING_MATCH" })
    const off = await client.resolveBoolean({ flagKey: "toggle" })
    assert.deepInclude(off, { value: false, variant: "off", reason: "DEFAULT" })
    const dark = await client.resolveBoolean({ flagKey: "dark" })
    assert.deepStrictEqual([dark.value, dark.variant, dark.reason], [undefined, undefined, "DISABLED"])
    assert.strictEqual((await client.resolveInt({ flagKey: "whole" })).value, 9_007_199_254_740_991n)
    assert.deepStrictEqual((await client.resolveObject({ flagKey: "object" })).value, { list: [1, "x", null] })
    assert.strictEqual(await codeOf(client.resolveString({ flagKey: "gone" })), "5")
    assert.strictEqual(await codeOf(client.resolveString({ flagKey: "toggle" })), "3")
  })

  it.concurrent.each(ways)(
    "CJ2, FT1, FT4 a stream tells of changes, and ends with an error when its key is revoked, by %s",
    async (way) => {
      const name = way.replace(/[ ,/]+/g, "-")
      const { token, id } = await makeKey(door, name)
      const { got, end } = follow(v2(way, { "x-api-key": token }).eventStream({}))
      await waitUntil("the first message", () => got[0]?.type === "provider_ready")
      await put(door, name, { enabled: true })
      await waitUntil("the change", () => got.some(({ data }) => data?.flags?.[name]?.type === "write"))
      assert.strictEqual(end.code, undefined)
      await revoke(door, id)
      await waitUntil("its end", () => end.code)
      assert.strictEqual(end.code, Code.Unauthenticated)
    }
  )

  it("FP8 whoever comes again is told of what changed of late", async () => {
    await put(door, "late", { enabled: true })
    const { got } = follow(v2("Connect, binary").eventStream({}))
    await waitUntil("the change", () => got[1])
    assert.deepStrictEqual(
      got.slice(0, 2).map(({ type, data }) => [type, data?.flags?.late?.type]),
      [
        ["provider_ready", undefined],
        ["configuration_change", "write"]
      ]
    )
  })

  it.each(ways)("G5, FG5 asks who calls, in every way that gRPC knows, by %s", async (way) => {
    const staging = await door.key("subscriber", ["staging"], `staging ${way.replace(/,/g, "")}`)
    const admin = await door.key("admin", ["staging"], `admin ${way.replace(/,/g, "")}`)
    await put(door, "here", { enabled: true }, "staging")
    const asked = (headers: Readonly<Record<string, string>>) =>
      codeOf(v2(way, headers).resolveBoolean({ flagKey: "here" }))
    assert.strictEqual(await asked({}), "16")
    assert.strictEqual(await asked({ authorization: "Bearer wrong" }), "16")
    assert.strictEqual(await asked({ authorization: `Bearer ${staging}` }), "ok")
    assert.strictEqual(await asked({ "x-api-key": admin }), "ok")
    assert.strictEqual(await asked({ "x-api-key": admin, "flagd-selector": "flagSetId=production" }), "7")
    assert.strictEqual(await asked({ ...bearer(), "flagd-selector": "flagSetId=staging" }), "ok")
    assert.strictEqual(await asked({ ...bearer(), "flagd-selector": "what=staging" }), "3")
    for (const headers of [{}, { "x-api-key": admin, "flagd-selector": "flagSetId=production" }]) {
      const { got, end } = follow(v2(way, headers).eventStream({}))
      await waitUntil("its end", () => end.code)
      assert.deepStrictEqual([got.length, end.code], [0, Object.keys(headers).length === 0 ? 16 : 7])
    }
  })

  it("CJ1, G5 who may not call is told before anything of the call has come, with nothing of it unpacked", async () => {
    const looks = vi.spyOn(zlib, "gunzip")
    for (const type of ["application/proto", "application/json", "application/connect+proto", "application/grpc-web"]) {
      const method = type.includes("connect") ? "EventStream" : "ResolveBoolean"
      const said = await ask(`POST /${V2}/${method}`, `content-type: ${type}\r\ncontent-length: 1000\r\n`)
      assert.match(said, /unauthenticated|grpc-status: ?16/i, type)
    }
    assert.strictEqual(looks.mock.calls.length, 0)
  })

  it("CJ4, D3 a message that is too long, nested too deep, no message or compressed is refused", async () => {
    const looks = vi.spyOn(zlib, "gunzip")
    const post = (method: string, type: string, body: string | Uint8Array<ArrayBuffer>, more = {}) =>
      fetch(`http://${door.address}/${V2}/${method}`, {
        ...{ method: "POST", body },
        headers: { ...bearer(), "content-type": type, ...more }
      })
    const code = async (answer: Promise<Response>) => ((await (await answer).json()) as { code: string }).code
    const long = JSON.stringify({ flagKey: "x".repeat(MESSAGE_BYTES) })
    assert.strictEqual(await code(post("ResolveBoolean", "application/json", long)), "resource_exhausted")
    assert.strictEqual(
      await code(post("ResolveBoolean", "application/proto", new Uint8Array(MESSAGE_BYTES + 1))),
      "resource_exhausted"
    )
    const deep = `{"context":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`
    assert.strictEqual(await code(post("ResolveBoolean", "application/json", deep)), "invalid_argument")
    assert.strictEqual(await code(post("ResolveBoolean", "application/json", "{")), "invalid_argument")
    assert.strictEqual(await code(post("ResolveBoolean", "application/proto", "\xff")), "invalid_argument")
    const packed = { "content-encoding": "gzip" }
    assert.strictEqual(await code(post("ResolveBoolean", "application/proto", "x", packed)), "unimplemented")
    assert.strictEqual(looks.mock.calls.length, 0)
    assert.strictEqual((await post("ResolveBoolean", "application/grpc", "x")).status, 415)
    assert.strictEqual((await post("Nothing", "application/json", "{}")).status, 404)
    const streamed = await post("EventStream", "application/connect+json", Uint8Array.from([0, 0xff, 0, 0, 0]))
    assert.match(await streamed.text(), /resource_exhausted|invalid_argument/)
  })

  it("CJ2 a call has the time that its client gives it", async () => {
    const client = v2("Connect, binary")
    const { got, end } = follow(client.eventStream({}, { timeoutMs: 300 }))
    await waitUntil("its end", () => end.code)
    assert.deepStrictEqual([got[0]?.type, end.code], ["provider_ready", Code.DeadlineExceeded])
    const late = { ...bearer(), "content-type": "application/json", "connect-timeout-ms": "9999999999" }
    const answer = await fetch(`http://${door.address}/${V2}/ResolveBoolean`, {
      ...{ method: "POST", body: "{}", headers: late }
    })
    assert.strictEqual(((await answer.json()) as { code: string }).code, "not_found")
  })

  it("CJ7, FP7 all flags as JSON are what the library makes of them", async () => {
    await put(door, "text", {
      state: "ENABLED",
      variants: { a: "\u00e9\u2028" },
      defaultVariant: "a",
      metadata: { n: 1.5 }
    })
    await put(door, "open", { state: "ENABLED", variants: { a: true }, defaultVariant: null })
    const all = async (way: Way) => {
      const service = clientOf("flagd.evaluation.v1.Service", transportOf(`http://${door.address}`, way, bearer()))
      return (await service.resolveAll({ context: { plan: "pro" } })).flags as Record<string, unknown>
    }
    const found = await all("Connect, JSON")
    assert.includeMembers(Object.keys(found), ["toggle", "dark", "whole", "object", "text"])
    assert.notProperty(found, "open")
    for (const way of ["Connect, binary", "gRPC-Web, JSON", "Connect on HTTP/2, JSON"] as const)
      assert.deepStrictEqual(await all(way), found)
    const answer = await fetch(`http://${door.address}/flagd.evaluation.v1.Service/ResolveAll`, {
      ...{ method: "POST", body: "{}" },
      headers: { ...bearer(), "content-type": "application/json; charset=utf-8" }
    })
    const text = await answer.text()
    assert.strictEqual(Number(answer.headers.get("content-length")), Buffer.byteLength(text))
    assert.deepInclude((JSON.parse(text) as { flags: Record<string, object> }).flags["dark"], {
      ...{ reason: "DISABLED", boolValue: false }
    })
  })

  it("CJ5 sends all flags for sync.v1, and says how the server is without a key", async () => {
    const transport = transportOf(`http://${door.address}`, "Connect, JSON", bearer())
    const { got } = follow(clientOf("flagd.sync.v1.FlagSyncService", transport).syncFlags({}))
    const document = await waitUntil("the flags", () => got[0]?.flagConfiguration)
    assert.strictEqual(JSON.parse(document).flags.toggle.defaultVariant, "off")
    const health = clientOf("grpc.health.v1.Health", transportOf(`http://${door.address}`, "Connect, JSON"))
    assert.strictEqual((await health.check({})).status, 1)
    assert.strictEqual(await codeOf(health.check({ service: "gone" })), "5")
  })

  it("CJ6, G9 text that is no UTF-8 is refused, and never changed", async () => {
    const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))
    for (const [type, body] of [
      ["application/json", hex("7b22666c61674b6579223a22e9227d")],
      ["application/proto", hex("0a01e9")],
      ["application/proto", hex("0aff")],
      ["application/proto", hex("0b0c")]
    ] as const) {
      const answer = await fetch(`http://${door.address}/${V2}/ResolveBoolean`, {
        ...{ method: "POST", body },
        headers: { ...bearer(), "content-type": type }
      })
      assert.strictEqual(((await answer.json()) as { code: string }).code, "invalid_argument")
    }
    const framed = hex("00000000020aff")
    const answer = await fetch(`http://${door.address}/${V2}/EventStream`, {
      ...{ method: "POST", body: framed },
      headers: { ...bearer(), "content-type": "application/connect+proto" }
    })
    assert.include(await answer.text(), "invalid_argument")
  })

  it("CJ2, D1, FP4 a server that leaves ends streams with an error", async () => {
    const leaving = await Door.open({ server: "lane", grace: 60_000 })
    const streams = ways.map((way) => {
      const transport = transportOf(`http://${leaving.address}`, way, { authorization: `Bearer ${leaving.token}` })
      return follow(clientOf(V2, transport).eventStream({}))
    })
    for (const { got } of streams) await waitUntil("a stream to be open", () => got.length === 1)
    await leaving.close()
    for (const { end } of streams) await waitUntil("its end", () => end.code)
    assert.deepStrictEqual(
      streams.map(({ end }) => end.code),
      ways.map(() => Code.Unavailable)
    )
  })

  it.each(["lane", "grpc-js"] as const)("a door on %s says whether it serves HTTP/1.1", async (server) => {
    const one = await Door.open({ server })
    try {
      const answer = fetch(`http://${one.address}/`)
      if (server === "lane") assert.include(await (await answer).text(), "Connect")
      else
        assert.strictEqual(
          await answer.then(
            () => "answered",
            () => "refused"
          ),
          "refused"
        )
    } finally {
      await one.close()
    }
  })
})
