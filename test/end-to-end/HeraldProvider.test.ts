/** OpenFeature's SDK on Herald's own provider, against a real server: what the server is, what becomes of it, and what is served meanwhile. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { OFREPProvider } from "@openfeature/ofrep-provider"
import { type Client, OpenFeature, ProviderEvents, ProviderStatus } from "@openfeature/server-sdk"
import { afterAll, beforeAll, onTestFinished } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { SDK } from "../../src/openfeature/Flags.ts"
import { HeraldProvider, type HeraldProviderOptions } from "../../src/openfeature/HeraldProvider.ts"
import { bin, root, run } from "../support/Consumer.ts"
import { startDatabase } from "../support/Database.ts"
import { answers, fill, put, toggle } from "../support/FlagCases.ts"
import { newFolder } from "../support/folder.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
  await fill(server)
})
afterAll(async () => {
  await OpenFeature.close()
  await server[Symbol.asyncDispose]()
})

const options = (of = server) => ({
  address: of.grpc,
  token: of.token,
  service: "shop",
  reconnect: { baseMillis: 50, capMillis: 200 }
})

let names = 0
/** The names of its events, in order. */
const using = async (provider: HeraldProvider): Promise<{ client: Client; events: Array<string>; name: string }> => {
  const name = `herald-${++names}`
  const client = OpenFeature.getClient(name)
  const events: Array<string> = []
  for (const event of [ProviderEvents.Ready, ProviderEvents.Stale, ProviderEvents.Error])
    client.addHandler(event, () => void events.push(event))
  client.addHandler(
    ProviderEvents.ConfigurationChanged,
    (event) => void events.push(`changed ${event?.flagsChanged?.toSorted().join()}`)
  )
  await OpenFeature.setProviderAndWait(name, provider).catch(() => {})
  return { client, events, name }
}
const made = (more: Partial<HeraldProviderOptions> = {}, of = server) =>
  new HeraldProvider({ ...options(of), ...more } as HeraldProviderOptions)
const pro = { targetingKey: "ann", plan: "pro" }

describe("HeraldProvider", () => {
  it("HV1 FK1 answers as the server's doors do", async () => {
    const { client } = await using(made())
    await OpenFeature.setProviderAndWait(
      "doors",
      new OFREPProvider({ baseUrl: server.http, headers: [["Authorization", `Bearer ${server.token}`]] })
    )
    const mine = await answers(client)
    assert.deepStrictEqual(mine, await answers(OpenFeature.getClient("doors")))
    assert.deepStrictEqual(mine.match, [true, "on", "TARGETING_MATCH", undefined])
    for (const own of [true, false]) {
      const dark = await client.getBooleanDetails("dark", own)
      assert.deepStrictEqual([dark.value, dark.reason], [own, "DISABLED"])
      assert.strictEqual(await client.getBooleanValue("open", own), own)
    }
    assert.strictEqual((await client.getBooleanDetails("after", true, {})).flagMetadata["prerequisiteFailed"], "toggle")
    assert.strictEqual((await client.getNumberDetails("object", 1)).errorCode, "TYPE_MISMATCH")
  })

  it("HV4 a change is told by name when it can be evaluated, with those that stand on it, and a release once", async () => {
    const { client, events } = await using(made())
    let seen: unknown
    client.addHandler(ProviderEvents.ConfigurationChanged, async () => {
      seen = await client.getStringValue("text", "code")
    })
    await put(server, "text", { state: "ENABLED", variants: { full: "text" }, defaultVariant: "full" })
    await waitUntil("the change", () => events.includes("changed text"))
    await waitUntil("its value", () => seen === "text")
    await put(server, "toggle", toggle({ metadata: { again: true } }))
    await waitUntil("it alone, as the other reads as before", () => events.includes("changed toggle"))
    await put(server, "toggle", toggle({ defaultVariant: "on" }))
    await waitUntil("both", () => events.includes("changed after,toggle"))
    await put(server, "toggle", toggle())
    await put(server, "text", { state: "ENABLED", variants: { empty: "" }, defaultVariant: "empty" })
    const flags = ["one", "two"].map((flag) => ({ flag, environment: "production", value: toggle() }))
    const { status } = await server.call("POST", "/v1/releases", {
      changes: [{ key: "shop", environment: "production", value: 1, type: "number" }],
      flags
    })
    assert.strictEqual(status, 200)
    await waitUntil("the release", () => events.includes("changed one,two"))
  })

  it("HV2 FH2 FK4 serves on while the server is gone, says so, and is current again by itself", async () => {
    const own = await startServer()
    onTestFinished(() => own[Symbol.asyncDispose]())
    await fill(own)
    let served = true
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { client, events } = await using(made({}, own))
      assert.deepStrictEqual(events, [ProviderEvents.Ready])
      const now = () => client.getBooleanValue("toggle", !served, pro)
      await own.end(signal)
      await waitUntil("the provider to know", () => events.includes(ProviderEvents.Stale))
      assert.strictEqual(client.providerStatus, ProviderStatus.STALE)
      assert.strictEqual(await now(), served)
      await own.start()
      served = !served
      await put(own, "toggle", toggle({ targeting: { if: [true, served ? "on" : "off"] } }))
      await waitUntil("the flag", async () => (await now()) === served)
      await waitUntil("the provider to be ready", () => client.providerStatus === ProviderStatus.READY)
    }
  })

  it("HV2 is stale while its node has no database, a new one too, and ready when there is one again", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using own = await startServer({ DATABASE_URL: url, STALE_AFTER: "1s" })
    await fill(own)
    const before = await using(made({}, own))
    proxy.fault = "refuse"
    proxy.cut()
    await waitUntil("it to be stale", () => before.client.providerStatus === ProviderStatus.STALE)
    const newcomer = await using(made({}, own))
    await waitUntil("it to be stale", () => newcomer.client.providerStatus === ProviderStatus.STALE)
    for (const { client } of [before, newcomer])
      assert.strictEqual(await client.getBooleanValue("toggle", false, pro), true)
    proxy.fault = "none"
    for (const { client } of [before, newcomer])
      await waitUntil("it to be ready", () => client.providerStatus === ProviderStatus.READY)
    await OpenFeature.clearProviders()
  })

  it("HV3 without a server it begins with the flags from before, and with none it is in error until there is one", async () => {
    const { path: directory, remove } = newFolder()
    const own = await startServer()
    onTestFinished(async () => {
      await own[Symbol.asyncDispose]()
      remove()
    })
    await fill(own)
    const lastKnownGood = { lastKnownGood: { directory, delayMillis: 1 } }
    const first = made(lastKnownGood, own)
    await using(first)
    await first.onClose()
    await own.end("SIGKILL")

    const cold = await using(made({ ...lastKnownGood, connectTimeoutMillis: 2_000 }, own))
    await waitUntil("it to be stale", () => cold.client.providerStatus === ProviderStatus.STALE)
    assert.strictEqual(await cold.client.getBooleanValue("toggle", false, pro), true)
    const empty = await using(made({ connectTimeoutMillis: 300 }, own))
    assert.strictEqual(empty.client.providerStatus, ProviderStatus.ERROR)
    const asked = await empty.client.getBooleanDetails("toggle", true, pro)
    assert.deepStrictEqual([asked.value, asked.errorCode], [true, "PROVIDER_NOT_READY"])

    await own.start()
    for (const { client } of [cold, empty]) {
      await waitUntil("it to be ready", () => client.providerStatus === ProviderStatus.READY)
      assert.strictEqual(await client.getBooleanValue("toggle", false, pro), true)
    }
  })

  it("HV2 a client that is refused says why, and HV5 one that the application gave stays open", async () => {
    const refused = await using(made({ token: "none", connectTimeoutMillis: 2_000 }))
    assert.strictEqual(refused.client.providerStatus, ProviderStatus.ERROR)
    const client = await HeraldClient.connect({ ...options(), flags: ["toggle"], keys: ["shop"] })
    onTestFinished(() => client.close())
    const provider = new HeraldProvider({ client })
    const shared = await using(provider)
    assert.strictEqual(await shared.client.getBooleanValue("toggle", false, pro), true)
    assert.strictEqual((await shared.client.getBooleanDetails("half", false, pro)).errorCode, "FLAG_NOT_FOUND")
    await provider.onClose()
    assert.strictEqual(client.state, "live")
  })

  it("RB5 the server counts what was evaluated here, once, and knows who was shown what", async () => {
    await put(server, "trial", { enabled: true, percentage: 100, purpose: "experiment" })
    const refused: Array<unknown> = []
    const onEvent = (event: { readonly type: string }) => event.type === "report" && refused.push(event)
    const provider = made({ report: { everyMillis: 60_000 }, onEvent: (event) => void onEvent(event) })
    const { client, name } = await using(provider)
    for (let n = 0; n < 3; n++) await client.getBooleanValue("trial", false, pro)
    client.track("paid", pro, { value: 12.5, plan: "pro" })
    assert.isTrue(await provider.flush())
    assert.isTrue(await provider.flush())
    await client.getBooleanValue("trial", false, pro)
    await OpenFeature.setProviderAndWait(name, made())
    const used = async () => (await server.call("GET", "/v1/flags/trial/usage?environment=production")).body
    await waitUntil("the last report", async () => (await used()).counts?.[0]?.count === 4)
    const { counts, sdk } = await used()
    assert.lengthOf(counts, 1)
    assert.deepInclude(counts[0], { variant: "on", version: 1, outcome: "STATIC", sdk: SDK, count: 4 })
    assert.strictEqual(sdk, SDK)
    assert.deepStrictEqual(refused, []) // exposures and tracks neither
  })

  it("HV1 the example of the page runs as it stands, on Node and on Deno", async () => {
    const page = readFileSync(join(root, "docs/flags.md"), "utf8")
    const [, example = ""] = /## TypeScript with Herald's own provider[\s\S]*?```ts\n([\s\S]*?)```/.exec(page) ?? []
    const at = (path: string) => JSON.stringify(pathToFileURL(join(root, path)).href)
    const { path, remove } = newFolder()
    onTestFinished(remove)
    const text = example
      .replace('"@herald/client/openfeature"', at("src/openfeature/HeraldProvider.ts"))
      .replace('"@openfeature/server-sdk"', JSON.stringify(import.meta.resolve("@openfeature/server-sdk")))
      .replace("/var/lib/shop", join(path, "flags"))
    await put(server, "new-checkout", { enabled: true, percentage: 100 })
    const env = { HERALD_GRPC: server.grpc, HERALD_TOKEN: server.token }
    for (const argv of [
      [process.execPath, "--input-type=module-typescript", "--eval"],
      [bin("deno"), "eval", "--ext=ts"]
    ]) {
      const said = await run([...argv, `${text}\nawait OpenFeature.close()`], root, env)
      assert.strictEqual(said, "the new checkout\n", argv.join(" "))
    }
  })
})
