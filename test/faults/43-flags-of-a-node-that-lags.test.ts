/**
 * Fault 43: a load balancer takes what asks for flags again to a node that lags. By OFREP it gets what it was told of or nothing; by flagd's protocols it is told again.
 */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { Balancer } from "../support/Balancer.ts"
import { type Database, startDatabase } from "../support/Database.ts"
import { closeProviders, using } from "../support/FlagProviders.ts"
import { measured, seconds } from "../support/measured.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
let proxy: TcpProxy
let ahead: Server
let behind: Server

const put = async (text: string) => {
  const value = { state: "ENABLED", variants: { a: text }, defaultVariant: "a" }
  const { status, body } = await ahead.call("PUT", "/v1/flags/text?environment=production", { value })
  assert.strictEqual(status, 200, JSON.stringify(body))
  return `${body.epoch}.${body.revision}`
}
const ask = (at: string, query: string) =>
  fetch(`${at}/ofrep/v1/evaluate/flags${query}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}"
  })
const textOf = async (answer: Response) =>
  ((await answer.json()) as { readonly flags: ReadonlyArray<{ readonly value: string }> }).flags[0]!.value
/** From now on it hears nothing: no hint, no poll. */
const lag = () => {
  proxy.fault = "hold"
}
const catchUp = () => {
  proxy.fault = "none"
  proxy.cut()
}
const hasCaughtUp = (text: string) =>
  waitUntil("it to catch up", async () => (await textOf(await ask(behind.http, ""))) === text)

beforeAll(async () => {
  database = await startDatabase()
  proxy = new TcpProxy(database.port)
  const env = { HERALD_PEPPER: "shared", FLAGS_ANONYMOUS: "production" }
  ahead = await startServer({ ...env, DATABASE_URL: database.url, HERALD_NODE: "ahead" })
  const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
  behind = await startServer({ ...env, DATABASE_URL: url, HERALD_NODE: "behind" })
})
afterAll(async () => {
  await closeProviders()
  for (const one of [ahead, behind, proxy, database]) await one?.[Symbol.asyncDispose]()
})

describe("fault 43: flags of a node that lags", () => {
  it("RG3 a page is told by one node and asks another, which waits until it has that", async () => {
    await hasCaughtUp(await put("before").then(() => "before"))
    await using balancer = new Balancer((path) => (path.startsWith("/ofrep/v1/events") ? ahead.http : behind.http))
    const address = await balancer.listen()
    const page = await using("OFREP, in a page", { http: `http://${address}`, grpc: "", token: "" }, "text")
    const value = async () => (await page.details()).value
    const seen: Array<string> = [await value()]
    const published = ["before"]
    const changes: Record<string, string> = {}
    while (Object.keys(changes).length < 3) {
      const text = `change ${published.length}`
      await waitUntil("its stream", () => balancer.asked.some((path) => path.startsWith("/ofrep/v1/events")))
      lag()
      page.events.length = 0
      const told = encodeURIComponent(await put(text))
      published.push(text)
      await waitUntil("it to ask again", () => balancer.asked.some((path) => path.includes(`flagConfigEtag=${told}`)))
      const from = performance.now()
      catchUp()
      // A machine that is starved takes longer than the node waits: the page says so, and is current with the next change.
      await waitUntil("the change", async () => {
        const now = await value()
        if (seen.at(-1) !== now) seen.push(now)
        return now === text || page.events.includes("stale")
      })
      await hasCaughtUp(text)
      if (seen.at(-1) === text) changes[`${text}, after the node has its database`] = seconds(performance.now() - from)
    }
    const order = seen.map((text) => published.indexOf(text))
    assert.deepStrictEqual(
      order,
      order.toSorted((one, other) => one - other)
    )
    measured(43, "a page asks the node that lags", changes)
  })

  it("RG3 for longer than it waits: told to come again, and not given the older state", async () => {
    await hasCaughtUp(await put("older").then(() => "older"))
    lag()
    const at = await put("newer")
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(behind.http, `?flagConfigEtag=${encodeURIComponent(at)}`))
    )
    for (const answer of answers) {
      assert.strictEqual(answer.status, 503)
      assert.isAtLeast(Number(answer.headers.get("retry-after")), 1)
      assert.include(await answer.text(), "HRLD-4012")
    }
    // Who was told of nothing is answered meanwhile, from what the node has.
    assert.strictEqual(await textOf(await ask(behind.http, "")), "older")
    catchUp()
    await waitUntil("the node to have it", async () => {
      const answer = await ask(behind.http, `?flagConfigEtag=${encodeURIComponent(at)}`)
      return answer.status === 200 && (await textOf(answer)) === "newer"
    })
  })

  it("FP8 a provider that asks over gRPC is moved to the node that lags, and is current once that is", async () => {
    await hasCaughtUp(await put("older").then(() => "older"))
    await using balancer = new TcpProxy(Number(ahead.grpc.split(":")[1]))
    const grpc = `127.0.0.1:${await balancer.listen()}`
    const [asking, holding] = await Promise.all(
      (["flagd, asking", "flagd, in process"] as const).map((kind) =>
        using(kind, { grpc, http: "", token: "" }, "text")
      )
    )
    const providers = [asking!, holding!]
    for (const one of providers) assert.strictEqual((await one.details()).value, "older", one.kind)
    lag()
    await put("newer")
    for (const one of providers)
      await waitUntil(`${one.kind} to have it`, async () => (await one.details()).value === "newer")
    balancer.target = Number(behind.grpc.split(":")[1])
    for (const { events } of providers) events.length = 0
    balancer.cut()
    for (const { kind, events } of providers) await waitUntil(`${kind} to be back`, () => events.includes("ready"))
    await asking!.details() // of the node that lags, and kept
    catchUp()
    for (const one of providers)
      await waitUntil(`${one.kind} to be current`, async () => (await one.details()).value === "newer")
  })

  it("FT9 a page that is told over Connect by one node, and given the older state by the other, is current once that is", async () => {
    await hasCaughtUp(await put("begin").then(() => "begin"))
    const grpc = ({ grpc }: Server) => `http://${grpc}`
    await using balancer = new Balancer((path) => (path.endsWith("/EventStream") ? grpc(ahead) : grpc(behind)))
    const page = await using("flagd-web", { grpc: await balancer.listen(), http: "", token: "" }, "text")
    const asked = () => balancer.asked.filter((path) => path.endsWith("/ResolveAll")).length
    assert.strictEqual((await page.details()).value, "begin")
    for (let round = 1, inTime = false; !inTime; round++) {
      const text = `round ${round}`
      lag()
      const before = asked()
      await put(text)
      await waitUntil("it to ask again", () => asked() > before)
      const from = performance.now()
      catchUp()
      await hasCaughtUp(text)
      // A machine that is starved shows nothing: the node would not be ready, and asked no more.
      inTime = performance.now() - from < 3_000
      if (!inTime) continue
      await waitUntil("the page to be current", async () => (await page.details()).value === text)
      measured(43, "flagd-web asks the node that lags", { "current after": seconds(performance.now() - from) })
    }
  })
})
