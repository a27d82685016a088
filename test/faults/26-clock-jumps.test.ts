/** Fault 26, the client's part: the wall clock jumps by an hour or a year. Timers are monotonic; order is by revision. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { synced, value } from "../support/Said.ts"
import { until } from "../support/turn.ts"
import { WireServer } from "../support/WireServer.ts"

const hour = 3_600_000
const year = 365 * 24 * hour
const trueNow = Date.now
afterEach(() => {
  Date.now = trueNow
})

describe("fault 26: the clock jumps", () => {
  it("CK1 no connection is lost and no update is refused or reordered", async () => {
    await using server = await WireServer.start()
    server.greeting = [value("shop", 1, 0), synced(1)]
    const states: Array<string> = []
    await using client = await HeraldClient.connect({
      address: server.address,
      service: "shop",
      heartbeatMillis: 20,
      onStateChange: (state) => void states.push(state)
    })

    let revision = 1
    for (const jump of [hour, -hour, year, -year]) {
      Date.now = () => trueNow() + jump
      const beats = server.heartbeats
      revision++
      server.say(value("shop", revision, jump, { committedAtMs: BigInt(trueNow() + jump) }))
      await server.heard(() => server.acks.some((ack) => ack.revision === BigInt(revision)))
      await server.heard(() => server.heartbeats >= beats + 3)

      assert.strictEqual(client.get("shop"), jump)
    }

    assert.deepStrictEqual(states, ["live"])
    assert.strictEqual(server.calls.length, 1)
  })

  it("an update with an older commit time and a higher revision is the newer one", async () => {
    await using server = await WireServer.start()
    server.greeting = [value("shop", 1, "first", { committedAtMs: BigInt(year) }), synced(1)]
    await using client = await HeraldClient.connect({ address: server.address, service: "shop" })
    server.say(value("shop", 2, "second", { committedAtMs: 1n }))
    await until(() => client.getEntry("shop")?.revision === 2)

    assert.strictEqual(client.get("shop"), "second")
  })

  it("SDK4 the SDK never asks for the wall clock", () => {
    const folder = fileURLToPath(new URL("../../src/client", import.meta.url))
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
    assert.isAbove(files.length, 20)
    const asking = files.filter((file) =>
      /Date\.now|Date\(\)|timeOrigin/.test(readFileSync(`${folder}/${file}`, "utf8"))
    )

    assert.deepStrictEqual(asking, [])
  })
})
