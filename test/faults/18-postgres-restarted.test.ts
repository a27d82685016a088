/**
 * Fault 18: PostgreSQL dies and comes back. Nothing acked is lost, streams stay up, reads are served and marked stale, writes fail
 * fast with a typed error, and everything heals by itself.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 18: PostgreSQL restarted", () => {
  it("kill -9 of the embedded postmaster while clients are connected and a publisher keeps writing", async () => {
    await using server = await startServer()
    /** 0 while a new one starts: the file is away then, or empty. */
    const pidOf = () => {
      const file = join(server.data, "postgres", "postmaster.pid")
      return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : 0
    }
    const subscribers = Array.from(
      { length: 10 },
      (_, i) => new Subscriber(server.grpc, { token: server.token, instance: `i${i}` })
    )
    /** By version: what was refused has none. */
    const acked = new Map<number, number>()
    const refused = new Set<string>()
    let stop = false
    const publisher = (async () => {
      for (let n = 1; !stop; n++) {
        const { status, body } = await server.publish("svc", n)
        if (status < 300) acked.set(body.version, n)
        else refused.add(`${status} ${body.code}`)
      }
    })()
    const down: Array<number> = []
    for (let round = 0; round < 3; round++) {
      const before = acked.size
      await waitUntil("publishes", () => acked.size > before + 50)
      const killed = pidOf()
      const from = performance.now()
      process.kill(killed, "SIGKILL")
      await waitUntil("another postmaster", () => ![0, killed].includes(pidOf()))
      const after = acked.size
      await waitUntil("a publish", () => acked.size > after)
      down.push(performance.now() - from)
      await waitUntil("publishes again", () => acked.size > after + 50)
    }
    stop = true
    await publisher
    const newest = await server.read("svc", "strong")
    await waitUntil("everybody has the newest", () =>
      subscribers.every((one) => one.content("svc") === newest.body.value)
    )

    for (const one of subscribers) {
      assert.isFalse(one.ended)
      assert.deepStrictEqual(one.backwards, [])
    }
    for (const code of refused) assert.match(code, /^503 HRLD-4001$|^504 HRLD-400[46]$/)
    const history = await server.call("GET", "/v1/config/svc/history?environment=production&limit=1")
    const versions = await Promise.all(
      [...acked]
        .slice(-200)
        .map(
          async ([version, n]) =>
            [n, await server.call("GET", `/v1/config/svc/versions/${version}?environment=production`)] as const
        )
    )
    assert.isAtLeast(history.body.versions[0].version, acked.size)
    for (const [n, { status, body }] of versions) assert.deepStrictEqual([status, body.value], [200, String(n)])
    measured(18, "embedded PostgreSQL killed three times", {
      "first publish after the kill, slowest": seconds(Math.max(...down)),
      "acked publishes": acked.size
    })
    for (const one of subscribers) one.close()
  })

  it("unreachable for a while: reads are served as stale, strict ones refused, writes fail typed, then all is well again", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using server = await startServer({ DATABASE_URL: url, STALE_AFTER: "1s" })
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", "one")
    await server.publish("svc.strict", "one", { strict: true })
    await waitUntil("both values", () => subscriber.held.size === 2)
    proxy.fault = "refuse"
    proxy.cut()

    await waitUntil("reads marked stale", async () => (await server.read("svc")).body.stale === true)
    const [cached, strict, strong, write] = await Promise.all([
      server.read("svc"),
      server.read("svc.strict"),
      server.read("svc", "strong"),
      server.publish("svc", "lost")
    ])
    assert.deepStrictEqual([cached.status, cached.body.value], [200, "one"])
    assert.deepStrictEqual([strict.status, strict.body.code], [503, "HRLD-2004"])
    assert.deepStrictEqual([strong.status, strong.body.code], [503, "HRLD-4001"])
    assert.deepStrictEqual([write.status, write.body.code], [503, "HRLD-4001"])
    assert.strictEqual((await server.call("GET", "/readyz")).status, 503)
    assert.strictEqual((await server.call("GET", "/livez")).status, 200)
    const newcomer = new Subscriber(server.grpc, { token: server.token, instance: "newcomer" })
    await waitUntil("a new client gets what is known", () => newcomer.content("svc") === "one")
    assert.isTrue(newcomer.held.get("svc")?.stale)
    assert.isUndefined(newcomer.held.get("svc.strict"))

    proxy.fault = "none"
    const from = performance.now()
    await waitUntil("writes", async () => (await server.publish("svc", "two")).status === 200)
    const writes = performance.now() - from
    await waitUntil("reads that are not stale", async () => (await server.read("svc.strict")).status === 200)
    measured(18, "PostgreSQL unreachable, then back", {
      "first write after": seconds(writes),
      "first strict read after": seconds(performance.now() - from)
    })
    await waitUntil(
      "the newcomer has all",
      () => newcomer.content("svc.strict") === "one" && newcomer.content("svc") === "two"
    )
    await waitUntil("the streams stayed", () => subscriber.content("svc") === "two")
    assert.isFalse(subscriber.ended)
    assert.deepStrictEqual(subscriber.backwards, [])
    for (const one of [subscriber, newcomer]) one.close()
  })
})
