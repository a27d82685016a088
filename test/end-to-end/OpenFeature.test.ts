/** OpenFeature's own SDK and providers, as they are in their registry, against a real server: nothing of Herald is in them. */

import { assert, describe, it } from "@effect/vitest"
import { FlagdProvider } from "@openfeature/flagd-provider"
import { OFREPProvider } from "@openfeature/ofrep-provider"
import { type Client, OpenFeature, ProviderEvents } from "@openfeature/server-sdk"
import { afterAll, beforeAll } from "vitest"
import { answers, fill, put, toggle } from "../support/FlagCases.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
let open: Server
beforeAll(async () => {
  server = await startServer({ FLAGS_ANONYMOUS: "none" })
  open = await startServer({ FLAGS_ANONYMOUS: "production" })
  for (const one of [server, open]) await fill(one)
})
afterAll(async () => {
  await OpenFeature.close()
  await server[Symbol.asyncDispose]()
  await open[Symbol.asyncDispose]()
})

let names = 0
const clientOf = async (provider: FlagdProvider | OFREPProvider): Promise<Client> => {
  const name = `client-${++names}`
  await OpenFeature.setProviderAndWait(name, provider)
  return OpenFeature.getClient(name)
}
const address = (of: Server) => {
  const [host = "", port = ""] = of.grpc.split(":")
  return { host, port: Number(port) }
}
const flagd = (of: Server, resolverType: "rpc" | "in-process", more: object = {}) =>
  new FlagdProvider({ ...address(of), resolverType, cache: "disabled", deadlineMs: 10_000, ...more })
/** Providers that can send no header say their key as the name of the server. */
const named = () => ({ defaultAuthority: `${server.token}.flags` })
const ofrep = () => new OFREPProvider({ baseUrl: server.http, headers: [["Authorization", `Bearer ${server.token}`]] })

describe("OpenFeature", () => {
  it("FP1, FP2, FP3, FX1, OF1 providers of all three ways give the same answers", async () => {
    const found = []
    for (const provider of [
      ofrep(),
      flagd(server, "rpc", named()),
      flagd(server, "in-process", named()),
      flagd(open, "rpc"),
      flagd(open, "in-process")
    ]) {
      found.push(await answers(await clientOf(provider)))
    }
    const [first, ...others] = found
    assert.deepStrictEqual(first!.match, [true, "on", "TARGETING_MATCH", undefined])
    assert.deepStrictEqual(first!.default, [false, "off", "DEFAULT", undefined])
    assert.deepStrictEqual(first!.after, [true, false])
    assert.deepStrictEqual(first!.text, ["", "empty", "STATIC", undefined])
    assert.deepStrictEqual(first!.whole, [0, "zero", "STATIC", undefined])
    assert.deepStrictEqual(first!.object, { list: [1, "x", null] })
    assert.deepStrictEqual(first!.gone, [true, undefined, "ERROR", "FLAG_NOT_FOUND"])
    assert.strictEqual(first!.wrong, "TYPE_MISMATCH")
    assert.includeMembers(first!.buckets, [true, false])
    for (const other of others) assert.deepStrictEqual(other, first)
  })

  it("FP1 a flag that is disabled, and one without a default, give the caller's own", async () => {
    for (const provider of [flagd(server, "rpc", named()), flagd(server, "in-process", named())]) {
      const client = await clientOf(provider)
      for (const own of [true, false]) {
        const dark = await client.getBooleanDetails("dark", own)
        assert.deepStrictEqual([dark.value, dark.reason], [own, "DISABLED"])
        assert.strictEqual(await client.getBooleanValue("open", own), own)
      }
    }
  })

  it("FT1, FP6 a change reaches a provider in process and the cache of one that asks", async () => {
    const inProcess = await clientOf(flagd(server, "in-process", named()))
    const asking = await clientOf(flagd(server, "rpc", { ...named(), cache: "lru" }))
    const heard: Array<string> = []
    for (const [name, client] of [
      ["in-process", inProcess],
      ["rpc", asking]
    ] as const)
      client.addHandler(
        ProviderEvents.ConfigurationChanged,
        (event) => void heard.push(`${name} ${event?.flagsChanged?.join()}`)
      )
    assert.strictEqual(await asking.getStringValue("text", "code"), "")
    await put(server, "text", { state: "ENABLED", variants: { full: "text" }, defaultVariant: "full" })

    await waitUntil("both to hear of it", () => heard.includes("in-process text") && heard.includes("rpc text"))
    assert.strictEqual(await inProcess.getStringValue("text", "code"), "text")
    assert.strictEqual(await asking.getStringValue("text", "code"), "text")
  })

  it("FP4 providers keep their flags while the server is gone, and are current again when it is back", async () => {
    const client = await clientOf(flagd(open, "in-process", { retryBackoffMs: 50, retryBackoffMaxMs: 100 }))
    const events: Array<string> = []
    client.addHandler(ProviderEvents.Stale, () => void events.push("stale"))
    client.addHandler(ProviderEvents.Ready, () => void events.push("ready"))
    await open.end("SIGTERM")
    await waitUntil("the provider to know", () => events.includes("stale"))
    assert.strictEqual(await client.getBooleanValue("toggle", false, { plan: "pro" }), true)
    events.length = 0
    await open.start()
    await put(open, "toggle", toggle({ targeting: { if: [true, "off"] } }))
    await waitUntil(
      "the provider to be current",
      async () => !(await client.getBooleanValue("toggle", true, { plan: "pro" }))
    )
    assert.include(events, "ready")
  })

  it("G5 nobody reads flags without a key where that is not allowed, nor of another environment where it is", async () => {
    const refused = async (provider: FlagdProvider, name: string) => {
      const failed = await OpenFeature.setProviderAndWait(name, provider).then(
        () => "ready",
        () => "refused"
      )
      await provider.onClose?.()
      return failed
    }
    const short = { deadlineMs: 1_000, fatalStatusCodes: ["UNAUTHENTICATED", "PERMISSION_DENIED"] }
    assert.strictEqual(await refused(flagd(server, "in-process", short), "refused-1"), "refused")
    assert.strictEqual(
      await refused(flagd(open, "in-process", { ...short, selector: "flagSetId=staging" }), "refused-2"),
      "refused"
    )
  })
})
