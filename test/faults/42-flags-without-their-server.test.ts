/**
 * Fault 42: the server is drained, killed, cut from its database while providers of every kind have flags of it. They keep them, say so, and are current again.
 */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Database, startDatabase } from "../support/Database.ts"
import { closeProviders, type Kind, kinds, OWN, type Using, using } from "../support/FlagProviders.ts"
import { watches } from "../support/FlagWatch.ts"
import { measured, seconds } from "../support/measured.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
let proxy: TcpProxy
let server: Server
let providers: ReadonlyArray<Using>
let value = "value 0"

const put = (text: string) =>
  waitUntil("the server to take the flag", async () => {
    const definition = { state: "ENABLED", variants: { a: text }, defaultVariant: "a" }
    return (
      (await server.call("PUT", "/v1/flags/text?environment=production", { value: definition })).status === 200 && text
    )
  })
const valueOf = async (one: Using) => (await one.details()).value

/** What each says once it knows that its server is gone; flagd-web says nothing while it goes on trying. */
const gone: Readonly<Record<Kind, { readonly event?: string; readonly keeps: boolean }>> = {
  "flagd, in process": { event: "stale", keeps: true },
  "flagd, asking": { event: "stale", keeps: false },
  "flagd-web": { keeps: true },
  "OFREP, in a page": { event: "stale", keeps: true },
  "Herald's own": { event: "stale", keeps: true }
}

const saysGone = async (one: Using) => {
  const { event, keeps } = gone[one.kind]
  if (event !== undefined) await waitUntil(`${one.kind} to be ${event}`, () => one.events.includes(event))
  assert.strictEqual(await valueOf(one), keeps ? value : OWN, one.kind)
}

/** With another value than before; returns how long the last took, by kind. */
const becomesCurrent = async (): Promise<Record<string, string>> => {
  const from = performance.now()
  value = await put(`value ${Number(value.split(" ")[1]) + 1}`)
  const took: Record<string, string> = {}
  await Promise.all(
    providers.map(async (one) => {
      await waitUntil(`${one.kind} to be current`, async () => (await valueOf(one)) === value, 150_000)
      took[one.kind] = seconds(performance.now() - from)
    })
  )
  for (const { kind, status } of providers) {
    // It says that it is ready with its next change, and has no event for a stream that is back.
    if (kind !== "OFREP, in a page") await waitUntil(`${kind} to be ready`, () => status() === "READY")
  }
  return Object.fromEntries(kinds.map((kind) => [kind, took[kind]!]))
}
const forget = () => {
  for (const { events } of providers) events.length = 0
}

beforeAll(async () => {
  database = await startDatabase()
  proxy = new TcpProxy(database.port)
  const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
  server = await startServer({ DATABASE_URL: url, STALE_AFTER: "1s", FLAGS_ANONYMOUS: "production" })
  await put(value)
  providers = await Promise.all(kinds.map((kind) => using(kind, server, "text")))
})
afterAll(async () => {
  await closeProviders()
  await server?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

describe("fault 42: flags without their server", () => {
  for (const [how, signal] of [
    ["drained", "SIGTERM"],
    ["killed", "SIGKILL"]
  ] as const)
    it(`FP4 HV2 ${how}: every stream ends with an error, flags are kept, and all are current again`, async () => {
      forget()
      const streams = watches(server.grpc)
      for (const { name, got } of streams) await waitUntil(`${name} to begin`, () => got.length > 0)
      for (const one of providers) assert.strictEqual(await valueOf(one), value, one.kind)
      await server.end(signal)
      for (const { name, ended } of streams) {
        await waitUntil(`${name} to end`, () => ended() !== undefined)
        assert.notStrictEqual(ended(), "ok", name)
        if (signal === "SIGTERM") assert.strictEqual(ended(), 14, name)
      }
      for (const one of providers) await saysGone(one)
      await server.start()
      measured(42, `flags, the server ${how}: current after its start`, await becomesCurrent())
      for (const { close } of streams) close()
    })

  for (const [how, fault] of [
    ["away", "refuse"],
    ["hung", "hold"]
  ] as const)
    it(`HV2 its database ${how}: flags are served on by every way, to newcomers too, no stream breaks, and all are current again`, async () => {
      forget()
      const streams = watches(server.grpc)
      for (const { name, got } of streams) await waitUntil(`${name} to begin`, () => got.length > 0)
      proxy.fault = fault
      if (fault === "refuse") proxy.cut()
      const own = providers.find(({ kind }) => kind === "Herald's own")!
      await waitUntil("Herald's own to be stale", () => own.status() === "STALE")
      const newcomers = watches(server.grpc)
      for (const { name, got } of newcomers) await waitUntil(`${name} to begin`, () => got.length > 0)
      for (const one of providers) assert.strictEqual(await valueOf(one), value, one.kind)
      assert.strictEqual((await fetch(`${server.http}/readyz`)).status, 503)
      proxy.fault = "none"
      proxy.cut()
      measured(42, `flags, the database ${how}: current after it is back`, await becomesCurrent())
      for (const { name, ended, close } of [...streams, ...newcomers]) {
        assert.isUndefined(ended(), name)
        close()
      }
      for (const { kind, events } of providers) if (kind !== "Herald's own") assert.notInclude(events, "stale", kind)
    })

  it("FP4 killed while its database is away: flags are kept until both are back", async () => {
    forget()
    proxy.fault = "refuse"
    proxy.cut()
    await server.end("SIGKILL")
    for (const one of providers) await saysGone(one)
    const before = server.output.length
    const back = server.start()
    await waitUntil("it to wait for its database", () =>
      server.output.slice(before).includes("waiting for the database")
    )
    proxy.fault = "none"
    await back
    measured(42, "flags, killed without its database: current after both are back", await becomesCurrent())
  })
})
