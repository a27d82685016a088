/** A client that starts from what a former one left on disk. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { connected, FakeTransport } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

let directory = ""
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "herald-lkg-"))
  directory = made
  onTestFinished(() => rm(made, { recursive: true, force: true }))
})

/** A client whose server is gone. */
const alone = async (options: object = {}) => {
  const transport = new FakeTransport()
  const events: Array<ClientEvent> = []
  transport.greet = () => transport.end()
  const clock = new FakeClock()
  const client = await HeraldClient.connect(
    {
      address: "x:1",
      service: "shop",
      instance: "i1",
      lastKnownGood: { directory },
      onEvent: (event) => events.push(event),
      ...options
    },
    { clock, transport }
  )
  return { client, clock, transport, events }
}

describe("the client", () => {
  const published = [value("shop", 1, { a: 1 }), value("shop.s", 2, 2, { strict: true })]

  it("SDK2: starts without a server from what was good, as stale; strict keys throw", async () => {
    await (await connected(published, { lastKnownGood: { directory } })).client.close()
    const { client, transport } = await alone()

    const entry = client.getEntry("shop")
    assert.deepStrictEqual([entry?.value, entry?.source, entry?.stale, entry?.revision], [{ a: 1 }, "disk", true, 1])
    assert.throws(() => client.get("shop.s"), /HRLD-2004/)
    assert.deepStrictEqual(transport.last.hello.held.map(({ key }) => key).sort(), ["shop", "shop.s"])
    assert.deepStrictEqual(transport.last.hello.position, { epoch: "e1", revision: 2n })
  })

  it("what the server does not send again is live after the sync", async () => {
    await (await connected(published, { lastKnownGood: { directory } })).client.close()
    const { client, clock, transport } = await alone()
    transport.greet = undefined
    await clock.advance(250)
    transport.say(synced(2))
    await client.settled()

    assert.deepStrictEqual([client.getEntry("shop.s")?.source, client.get("shop.s")], ["live", 2])
  })

  it("CU2 HK2: only what passed confirm is kept", async () => {
    const { client, transport } = await connected(published, {
      lastKnownGood: { directory },
      confirm: (_, { version }) => version !== 3
    })
    transport.say(value("shop", 3, { a: "bad" }))
    await client.settled()
    await client.close()

    assert.deepStrictEqual((await alone()).client.get("shop"), { a: 1 })
  })

  it("a value on disk that the hooks refuse gives way to the bootstrap, and is asked for again", async () => {
    await (await connected(published, { lastKnownGood: { directory } })).client.close()
    const { client, clock, transport, events } = await alone({
      bootstrap: { values: { shop: "safe" } },
      validate: (_: unknown, { source }: { source: string }) => source !== "disk"
    })

    assert.strictEqual(client.get("shop"), "safe")
    assert.deepStrictEqual(events.flatMap((event) => (event.type === "local-rejected" ? [event.key] : [])).sort(), [
      "shop",
      "shop.s"
    ])
    await clock.advance(250)
    assert.deepStrictEqual(transport.last.hello.held, [])
  })

  it("LK4: what was rendered for other labels or patterns is not served", async () => {
    const kept = { lastKnownGood: { directory }, labels: { zone: "b" } }
    await (await connected(published, kept)).client.close()
    const serves = async (options: object) =>
      (await alone({ ...options, defaults: { shop: "default" } })).client.get("shop")

    assert.strictEqual(await serves({ labels: { zone: "a" } }), "default")
    assert.strictEqual(await serves({ labels: {} }), "default")
    assert.strictEqual(await serves({ labels: { zone: "b" }, keys: ["shop", "more.*"] }), "default")
    assert.deepStrictEqual(await serves({ labels: { zone: "b" }, instance: "i2" }), { a: 1 })
  })

  it("LK4: with the labels named that shape values, others may change at each start", async () => {
    const of = (labels: Record<string, string>) => ({ lastKnownGood: { directory, labels: ["zone"] }, labels })
    await (await connected(published, of({ zone: "b", version: "1" }))).client.close()
    const serves = async (labels: Record<string, string>) =>
      (await alone({ ...of(labels), defaults: { shop: "default" } })).client.get("shop")

    assert.deepStrictEqual(await serves({ zone: "b", version: "2" }), { a: 1 })
    assert.strictEqual(await serves({ zone: "a", version: "1" }), "default")
    assert.strictEqual(await serves({ version: "1" }), "default")
  })

  it("SDK5 LK6: a hook that ends after close writes nothing: what a later client kept stays", async () => {
    let end = () => {}
    const first = await connected([value("shop", 1, "v0")], {
      lastKnownGood: { directory },
      apply: (v) => (v === "v1" ? new Promise<void>((resolve) => (end = resolve)) : undefined)
    })
    first.transport.say(value("shop", 2, "v1"))
    await turn()
    await first.client.close()
    const second = await connected([value("shop", 3, "v2")], { lastKnownGood: { directory } })
    await second.client.close()
    end()
    for (let n = 0; n < 20; n++) await turn()
    await first.clock.advance(10_000)

    assert.strictEqual((await alone()).client.get("shop"), "v2")
    assert.deepStrictEqual(first.clock.waiting, [])
  })

  it("writes once for many updates", async () => {
    const { client, clock, transport } = await connected([], { lastKnownGood: { directory } })
    for (let n = 1; n <= 50; n++) transport.say(value("shop", n, n))
    await client.settled()
    await turn()

    assert.strictEqual(clock.waiting.filter((millis) => millis <= 100).length, 1)
    await client.close()
    assert.strictEqual((await alone()).client.get("shop"), 50)
  })
})
