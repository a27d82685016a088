import { execFile } from "node:child_process"
import { chmod, link, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { digestOf } from "../../layers/Crypto/values/Digest.ts"
import type { Version } from "../../src/client/Entry.ts"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { decode, encode, type Shape, type Snapshot, shapeOf } from "../../src/client/KeptFile.ts"
import { LastKnownGood } from "../../src/client/LastKnownGood.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { connected, FakeTransport } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"

const execFileAsync = promisify(execFile)

const version = (key: string, revision: number, content: string): Version => ({
  key,
  version: revision,
  revision: BigInt(revision),
  epoch: "e1",
  format: "string",
  content,
  digest: digestOf(content),
  deleted: false,
  strict: false,
  unconfirmed: false,
  source: "disk",
  traceparent: ""
})
const snapshot = (revision: number, content: string): Snapshot => ({
  epoch: "e1",
  revision: BigInt(revision),
  versions: [version("shop", revision, content)]
})

const shape: Shape = { environment: "production", service: "shop", labels: {}, patterns: ["shop"] }
const text = async (of: Snapshot, as = shape) => (await Array.fromAsync(encode(of, as))).join("")

let directory = ""
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "herald-lkg-"))
  directory = made
  onTestFinished(() => rm(made, { recursive: true, force: true }))
})

const generations = async (trouble: Array<string>, ...snapshots: ReadonlyArray<Snapshot>) => {
  let now = snapshots[0]!
  const clock = new FakeClock()
  const file = new LastKnownGood(
    { directory, ...shape },
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

    assert.match(file.path, /\/herald-production-shop-[0-9a-f]{16}-[0-9a-f]{12}\.json$/)
    assert.deepStrictEqual((await readdir(directory)).map((name) => join(directory, name)).sort(), [
      file.path,
      `${file.path}.previous`
    ])
    assert.strictEqual((await stat(file.path)).mode & 0o777, 0o600)
    assert.deepStrictEqual(await file.load(), snapshot(2, "two"))
  })

  it("L1 KT1: any changed, missing or added byte is noticed", async () => {
    const good = await text(snapshot(1, "one \u{1f600} é"))
    assert.deepStrictEqual(await decode(good, shape), snapshot(1, "one \u{1f600} é"))
    for (let at = 0; at < good.length; at++) {
      const other = good[at] === "0" ? "1" : "0"
      const changed = [
        good.slice(0, at) + other + good.slice(at + 1),
        good.slice(0, at),
        good.slice(0, at) + good.slice(at + 1)
      ]
      for (const bad of changed) {
        const found = await decode(bad, shape).catch(() => undefined)
        assert.isUndefined(found, `at ${at}`)
      }
    }
    assert.isUndefined(await decode(`${good} `, shape).catch(() => undefined))
  })

  it("L4: a file of another service, environment, labels or patterns is not used, and shapes never collide", async () => {
    const zoned = { ...shape, labels: { zone: "b", region: "eu" } }
    const others: ReadonlyArray<Shape> = [
      shape,
      { ...zoned, environment: "staging" },
      { ...zoned, service: "other" },
      { ...zoned, labels: { zone: "a", region: "eu" } },
      { ...zoned, labels: { zone: "b", region: "eu", more: "" } },
      { ...zoned, labels: { zoneb: "", region: "eu" } },
      { ...zoned, patterns: ["shop", "shop.*"] },
      { ...zoned, environment: "a-b", service: "c" },
      { ...zoned, environment: "a", service: "b-c" }
    ]
    const good = await text(snapshot(1, "one"), zoned)
    for (const other of others) {
      const error = await decode(good, other).catch((e) => e)
      assert.match(String(error), /belongs to shop in production with other labels or patterns/)
    }
    assert.strictEqual(new Set([zoned, ...others].map(shapeOf)).size, others.length + 1)
    const same = { ...zoned, labels: { region: "eu", zone: "b" }, patterns: ["shop", "shop"] }
    assert.strictEqual((await decode(good, same)).versions.length, 1)
  })

  it("L4: names stay short and in the directory, whatever they hold", () => {
    const strange = { ...shape, environment: "../../etc", service: "ü/".repeat(64) }
    const { path } = new LastKnownGood(
      { directory, ...strange },
      new FakeClock(),
      () => snapshot(1, ""),
      () => {}
    )
    assert.isTrue(path.startsWith(join(directory, "herald-")))
    assert.isBelow(Buffer.byteLength(path.slice(directory.length)), 150)
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

  it("L2: a file that was damaged since it was written does not become the generation before", async () => {
    let now = snapshot(1, "one")
    const file = new LastKnownGood(
      { directory, ...shape },
      new FakeClock(),
      () => now,
      () => {}
    )
    const write = async (next: Snapshot) => {
      now = next
      file.schedule()
      await file.flush()
    }
    await write(snapshot(1, "one"))
    await write(snapshot(2, "two"))
    await writeFile(file.path, "damaged")
    await write(snapshot(3, "three"))
    await rm(file.path)

    assert.deepStrictEqual(await file.load(), snapshot(1, "one"))
  })

  it("L5: clients of one kind write files of their own; a restart takes the newest, and what it covers is removed", async () => {
    const a = await generations([], snapshot(5, "five"))
    const b = await generations([], snapshot(4, "four"))
    const c = await generations([], snapshot(3, "three"))
    assert.strictEqual(new Set([a.path, b.path, c.path]).size, 3)
    assert.deepStrictEqual(await c.load(), snapshot(5, "five"))

    const next = await generations([], snapshot(6, "six"), snapshot(7, "seven"))
    assert.deepStrictEqual(await next.load(), snapshot(7, "seven"))
    assert.isAtMost((await readdir(directory)).length, 2)
    await rm(next.path)
    assert.isAtLeast(Number((await next.load())?.revision), 5)
  })

  it("L5: of other epochs the last written serve, and their number is bounded", async () => {
    for (let n = 1; n <= 12; n++) await generations([], { ...snapshot(99 - n, `of e${n}`), epoch: `e${n}` })

    const file = await generations([], { ...snapshot(1, "reborn"), epoch: "e13" })
    assert.isAtMost((await readdir(directory)).length, 5)
    assert.strictEqual((await file.load())?.epoch, "e13")
  })

  it("L5: what can't be compared is not covered, whatever its number", async () => {
    for (const epoch of ["e1", "e2", "e3"]) await generations([], { ...snapshot(5, `of ${epoch}`), epoch })
    await generations([], { ...snapshot(100, "of e4"), epoch: "e4" })

    assert.strictEqual((await readdir(directory)).length, 4)
  })

  it("L1: files behind links, of others or writable by others are refused; what hangs is not waited for", async () => {
    const file = await generations([], snapshot(1, "one"))
    const trouble: Array<string> = []
    const refused = async (why: RegExp) => {
      trouble.length = 0
      const reader = new LastKnownGood(
        { directory, ...shape },
        new FakeClock(),
        () => snapshot(1, ""),
        (m) => trouble.push(m)
      )
      assert.isUndefined(await reader.load())
      assert.match(trouble.join(), why)
    }
    const elsewhere = join(directory, "elsewhere")
    await rename(file.path, elsewhere)
    await symlink(elsewhere, file.path)
    await refused(/HRLD-5103.*it is a link/)
    await rm(file.path)
    await link(elsewhere, file.path)
    await chmod(file.path, 0o622)
    await refused(/HRLD-5103.*others may write it/)
    await rm(file.path)
    await execFileAsync("mkfifo", [file.path])
    await refused(/HRLD-5103.*not a file/)
  })

  it("a file of 0.1.0 is left alone, and that is said", async () => {
    const old = join(directory, "herald-production-shop.json")
    await writeFile(old, "{}")
    const trouble: Array<string> = []
    await generations(trouble, snapshot(1, "one"))
    const reader = new LastKnownGood(
      { directory, ...shape },
      new FakeClock(),
      () => snapshot(1, ""),
      (m) => trouble.push(m)
    )

    assert.deepStrictEqual(await reader.load(), snapshot(1, "one"))
    assert.match(trouble.join(), /HRLD-5103: .*herald-production-shop\.json is ignored: it was written by 0\.1\.0/)
    assert.strictEqual(await readFile(old, "utf8"), "{}")
  })

  it("L3: what comes while a file is written goes together into the next, and writing rests nine times as long as it takes", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => {
        taken++
        return snapshot(taken, "x")
      },
      () => {}
    )
    file.schedule()
    await clock.advance(100)
    for (let n = 0; n < 50; n++) file.schedule()
    assert.strictEqual(taken, 1)
    await until(() => clock.waiting.length === 1)
    await file.flush()
    assert.strictEqual(taken, 2)

    file.schedule()
    await clock.advance(100)
    file.schedule()
    await clock.advance(400) // as if the disk took so long
    await until(() => clock.waiting.length === 1)
    assert.isAtLeast(clock.waiting[0]!, 100)
    await file.close()
  })

  it("L6: nothing is written after close", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => snapshot(++taken, "x"),
      () => {}
    )
    file.schedule()
    await file.close()
    file.schedule()
    await file.flush()
    await clock.advance(10_000)

    assert.deepStrictEqual([taken, clock.waiting], [1, []])
    assert.deepStrictEqual(await file.load(), snapshot(1, "x"))
  })

  it("L6: what is scheduled while close writes is not written", async () => {
    let taken = 0
    const clock = new FakeClock()
    const file: LastKnownGood = new LastKnownGood(
      { directory, ...shape },
      clock,
      () => {
        queueMicrotask(() => file.schedule()) // something is held while the file is written
        return snapshot(++taken, "x")
      },
      () => {}
    )
    file.schedule()
    await file.close()
    assert.deepStrictEqual([taken, clock.waiting], [1, []])
    await clock.advance(10_000)
    assert.strictEqual(taken, 1)
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

  it("L4: what was rendered for other labels or patterns is not served", async () => {
    const kept = { lastKnownGood: { directory }, labels: { zone: "b" } }
    await (await connected(published, kept)).client.close()
    const serves = async (options: object) =>
      (await alone({ ...options, defaults: { shop: "default" } })).client.get("shop")

    assert.strictEqual(await serves({ labels: { zone: "a" } }), "default")
    assert.strictEqual(await serves({ labels: {} }), "default")
    assert.strictEqual(await serves({ labels: { zone: "b" }, keys: ["shop", "more.*"] }), "default")
    assert.deepStrictEqual(await serves({ labels: { zone: "b" }, instance: "i2" }), { a: 1 })
  })

  it("L4: with the labels named that shape values, others may change at each start", async () => {
    const of = (labels: Record<string, string>) => ({ lastKnownGood: { directory, labels: ["zone"] }, labels })
    await (await connected(published, of({ zone: "b", version: "1" }))).client.close()
    const serves = async (labels: Record<string, string>) =>
      (await alone({ ...of(labels), defaults: { shop: "default" } })).client.get("shop")

    assert.deepStrictEqual(await serves({ zone: "b", version: "2" }), { a: 1 })
    assert.strictEqual(await serves({ zone: "a", version: "1" }), "default")
    assert.strictEqual(await serves({ version: "1" }), "default")
  })

  it("SDK5 L6: a hook that ends after close writes nothing: what a later client kept stays", async () => {
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
