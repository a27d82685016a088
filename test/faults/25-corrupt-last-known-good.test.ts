/** Fault 25: a corrupt last-known-good file. Its digest is refused and the generation before is kept: 100 % detected. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"
import { decode, headOf } from "../../src/client/KeptFile.ts"
import { LastKnownGood } from "../../src/client/LastKnownGood.ts"
import { systemClock } from "../../src/client/Platform.ts"
import { measured } from "../support/measured.ts"
import { synced, value } from "../support/Said.ts"
import { until } from "../support/turn.ts"
import { WireServer } from "../support/WireServer.ts"

let directory = ""
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), "herald-fault-25-"))
  directory = made
  onTestFinished(() => rm(made, { recursive: true, force: true }))
})

const options = (address: string, events: Array<ClientEvent> = []) => ({
  address,
  service: "shop",
  lastKnownGood: { directory, delayMillis: 1 },
  reconnect: { baseMillis: 5, capMillis: 20 },
  connectTimeoutMillis: 2_000,
  onEvent: (event: ClientEvent) => void events.push(event)
})
const shape = { environment: "production", service: "shop", labels: {}, patterns: ["shop", "shop.*"] }
const files = (end: RegExp) =>
  readdirSync(directory)
    .filter((name) => end.test(name))
    .map((name) => join(directory, name))
/** The first that there is. */
const path = () => files(/\.json$/)[0] ?? join(directory, "none")

/** Two generations on disk: {a: 1}, then {a: 2}. The server is gone afterwards. */
const lived = async () => {
  const server = await WireServer.start()
  server.greeting = [value("shop", 1, { a: 1 }), synced(1)]
  const client = await HeraldClient.connect(options(server.address))
  await until(() => existsSync(path()))
  server.say(value("shop", 2, { a: 2 }))
  await server.heard(() => server.acks.some(({ revision }) => revision === 2n))
  await client.close()
  server.stop()
  return server.address
}

describe("fault 25: a corrupt last-known-good file", () => {
  it("every damaged byte of it is noticed, and the generation before serves", async () => {
    const address = await lived()
    const intact = await readFile(path())
    let noticed = 0
    for (let at = 0; at < intact.length; at++) {
      const damaged = Buffer.from(intact)
      damaged[at] = damaged[at]! ^ 1
      try {
        await decode(damaged.toString("utf8"), shape)
      } catch {
        noticed++
      }
    }
    assert.strictEqual(noticed, intact.length)
    measured(25, "one bit of each byte of the file flipped", { bytes: intact.length, noticed })

    const events: Array<ClientEvent> = []
    await writeFile(path(), intact.subarray(0, intact.length / 2))
    await using client = await HeraldClient.connect(options(address, events))

    assert.deepStrictEqual(client.get("shop"), { a: 1 })
    assert.deepStrictEqual([client.state, client.getEntry("shop")?.source], ["stale", "disk"])
    assert.match(events.flatMap((e) => (e.type === "last-known-good" ? [e.message] : [])).join(), /HRLD-5103/)
  })

  it("with every generation corrupt the bootstrap serves, and the server repairs the file", async () => {
    const address = await lived()
    for (const file of files(/\.json/)) await writeFile(file, "\0\0\0")
    await using client = await HeraldClient.connect({
      ...options(address),
      bootstrap: { values: { shop: { a: 0 } } }
    })
    assert.deepStrictEqual(client.get("shop"), { a: 0 })

    await using server = await WireServer.start(Number(address.split(":")[1]))
    server.greeting = [value("shop", 3, { a: 3 }), synced(3)]
    await until(() => client.state === "live")
    await client.settled()
    await client.close()

    const texts = await Promise.all(files(/\.json$/).map((file) => readFile(file, "utf8")))
    const kept = await decode(texts.find((text) => headOf(text) !== undefined)!, shape)
    assert.deepStrictEqual(
      kept.versions.map(({ content }) => content),
      ['{"a":3}']
    )
  })

  it("a process killed at any moment of writing leaves an intact generation", async () => {
    const script = fileURLToPath(new URL("../support/KeepWriting.ts", import.meta.url))
    const silent = () => {}
    const reader = new LastKnownGood(
      { directory, ...shape },
      systemClock,
      () => assert.fail("nothing is written"),
      silent
    )
    for (let round = 0; round < 8; round++) {
      const writer = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] })
      let written = 0
      writer.stdout.on("data", (lines: Buffer) => {
        written += String(lines).split("\n").length - 1
      })
      await until(() => writer.exitCode !== null || written > round * 2)
      assert.isNull(writer.exitCode)
      writer.kill("SIGKILL")
      await once(writer, "exit")

      const kept = await reader.load()
      assert.strictEqual(kept?.versions.length, 1)
      assert.isAtLeast(Number(kept?.revision), round * 2)
    }
  })
})
