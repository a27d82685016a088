import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import type { Version } from "../../src/client/Entry.ts"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { decode, encode, LastKnownGood, type Snapshot } from "../../src/client/LastKnownGood.ts"
import { connected, FakeClock, FakeTransport, sha256, synced, turn, value } from "./FakeServer.ts"

const version = (key: string, revision: number, content: string): Version => ({
  key,
  version: revision,
  revision: BigInt(revision),
  epoch: "e1",
  format: "string",
  content,
  digest: sha256(content),
  deleted: false,
  strict: false,
  unconfirmed: false,
  source: "disk",
  traceparent: ""
})
const snapshot = (revision: number, content: string): Snapshot => ({
  epoch: "e1",
  revision: BigInt(revision),
  patterns: ["shop"],
  versions: [version("shop", revision, content)]
})

let directory = ""
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "herald-lkg-"))
  directory = made
  onTestFinished(() => rm(made, { recursive: true, force: true }))
})

const generations = async (trouble: Array<string>, ...snapshots: ReadonlyArray<Snapshot>) => {
  let now = snapshots[0]!
  const options = { directory, environment: "production", service: "shop" }
  const clock = new FakeClock()
  const file = new LastKnownGood(
    options,
    clock,
    () => now,
    (message) => trouble.push(message)
  )
  for (now of snapshots) {
    file.schedule()
    await file.flush()
  }
  return file
}

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

describe("the file", () => {
  it("is private, complete, without leftovers, and keeps the generation before", async () => {
    const file = await generations([], snapshot(1, "one"), snapshot(2, "two"))

    assert.deepStrictEqual((await readdir(directory)).sort(), [
      "herald-production-shop.json",
      "herald-production-shop.json.previous"
    ])
    assert.strictEqual((await stat(file.path)).mode & 0o777, 0o600)
    assert.doesNotThrow(async () => JSON.parse(await readFile(file.path, "utf8")))
    assert.deepStrictEqual(await file.load(), snapshot(2, "two"))
  })

  it("L1: any changed, missing or added byte is noticed", () => {
    const text = encode(snapshot(1, "one"), "production", "shop")
    assert.deepStrictEqual(decode(text, "production", "shop"), snapshot(1, "one"))
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "0" ? "1" : "0"
      const changed = [
        text.slice(0, at) + other + text.slice(at + 1),
        text.slice(0, at),
        text.slice(0, at) + text.slice(at + 1)
      ]
      for (const bad of changed)
        assert.throws(() => decode(bad, "production", "shop"), undefined, undefined, `at ${at}`)
    }
    assert.throws(() => decode(`${text} `, "production", "shop"))
  })

  it("L1: a file of another service or environment is not used", () => {
    const text = encode(snapshot(1, "one"), "production", "shop")
    assert.throws(() => decode(text, "staging", "shop"), /belongs to shop in production/)
    assert.throws(() => decode(text, "production", "other"), /belongs/)
  })

  it("names of environments and services never collide", () => {
    const path = (environment: string, service: string) =>
      new LastKnownGood(
        { directory, environment, service },
        new FakeClock(),
        () => snapshot(1, ""),
        () => {}
      ).path
    assert.notStrictEqual(path("a-b", "c"), path("a", "b-c"))
    assert.isTrue(path("../../etc", "a/b").startsWith(join(directory, "herald-")))
  })

  it("L1 L2: after a corrupt file the generation before serves, and is not replaced by the corrupt one", async () => {
    const trouble: Array<string> = []
    const file = await generations(trouble, snapshot(1, "one"), snapshot(2, "two"))
    await writeFile(file.path, (await readFile(file.path, "utf8")).slice(0, -5))

    assert.deepStrictEqual(await file.load(), snapshot(1, "one"))
    assert.match(trouble[0]!, /HRLD-5103.*digest/)
    const next = await generations(trouble, snapshot(3, "three"))
    await writeFile(next.path, "")
    assert.deepStrictEqual(await next.load(), snapshot(1, "one"))
  })

  it("L3: a directory that can't be written is an event and nothing more", async () => {
    const trouble: Array<string> = []
    await writeFile(join(directory, "file"), "")
    directory = join(directory, "file", "below")
    await generations(trouble, snapshot(1, "one"))

    assert.match(trouble[0]!, /HRLD-5104/)
  })
})

describe("the client", () => {
  const published = [value("shop", 1, { a: 1 }), value("shop.s", 2, 2, { strict: true })]

  it("SDK2: starts without a server from what was good, as stale; strict keys throw", async () => {
    await (await connected(published, { lastKnownGood: { directory } })).client.close()
    const { client, transport } = await alone()

    const entry = client.getEntry("shop")
    assert.deepStrictEqual([entry?.value, entry?.source, entry?.stale, entry?.revision], [{ a: 1 }, "disk", true, 1n])
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

  it("V2 HK2: only what passed confirm is kept", async () => {
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

  it("a position is not reused for other patterns", async () => {
    await (await connected(published, { lastKnownGood: { directory } })).client.close()
    const { transport } = await alone({ keys: ["shop", "more.*"] })

    assert.isUndefined(transport.last.hello.position)
    assert.deepStrictEqual(
      transport.last.hello.held.map(({ key }) => key),
      ["shop"]
    )
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
