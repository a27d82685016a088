/**
 * Fault 18, promotion: the primary is killed and its standby promoted. With a synchronous standby nothing acked is lost and the epoch
 * stays; with an asynchronous one the epoch ends, and clients get what is left.
 */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { startPair } from "../support/Standby.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const epochOf = async (node: { query: (text: string) => Promise<ReadonlyArray<Record<string, unknown>>> }) =>
  (await node.query("select epoch from herald_epoch"))[0]!["epoch"]

describe("fault 18: a standby is promoted", () => {
  it("PG3 PG4 synchronous: nothing acked is lost, streams stay up, writes work within 10 s, and the epoch stays", async () => {
    await using pair = await startPair({ synchronous: true })
    await using server = await startServer({ DATABASE_URL: pair.url })
    const subscribers = Array.from(
      { length: 10 },
      (_, i) => new Subscriber(server.grpc, { token: server.token, instance: `i${i}` })
    )
    const epoch = await epochOf(pair.primary)
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
    await waitUntil("publishes", () => acked.size > 50)
    await pair.primary.kill()
    const before = acked.size
    const from = performance.now()
    await pair.standby.query("select pg_promote()")
    await waitUntil("publishes on the promoted server", () => acked.size > before + 2)
    const took = performance.now() - from
    await waitUntil("more publishes", () => acked.size > before + 50)
    stop = true
    await publisher

    assert.isBelow(took, 10_000)
    for (const code of refused) assert.match(code, /^503 HRLD-400[12]$|^504 HRLD-400[46]$/)
    assert.strictEqual(await epochOf(pair.standby), epoch)
    const kept = new Map(
      (await pair.standby.query("select version, value from configuration_history where key = 'svc'")).map((row) => [
        row["version"],
        Number(row["value"])
      ])
    )
    for (const [version, n] of acked) assert.strictEqual(kept.get(version), n)
    measured(18, "a synchronous standby promoted", {
      "first writes after": seconds(took),
      "acked publishes": acked.size,
      lost: [...acked].filter(([version, n]) => kept.get(version) !== n).length
    })
    const newest = await server.read("svc", "strong")
    await waitUntil("everybody has the newest", () =>
      subscribers.every((one) => one.content("svc") === newest.body.value)
    )
    for (const one of subscribers) {
      assert.isFalse(one.ended)
      assert.deepStrictEqual(one.backwards, [])
      assert.deepStrictEqual(new Set(one.updates.map((update) => update.epoch).filter(Boolean)), new Set([epoch]))
      one.close()
    }
  })

  it("PG4 asynchronous: what the standby did not have is lost, the epoch ends, and clients get what is left", async () => {
    await using pair = await startPair({ synchronous: false })
    await using server = await startServer({ DATABASE_URL: pair.url })
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", "kept")
    await server.publish("svc.other", "kept")
    await waitUntil("both values", () => subscriber.held.size === 2)
    await waitUntil("the standby has both", async () => {
      const [row] = await pair.standby.query("select count(*)::int as n from configurations")
      return row!["n"] === 2
    })
    await pair.standby.stop()
    const lost = await server.publish("svc", "lost")
    assert.strictEqual(lost.status, 200)
    await waitUntil("the client has what will be lost", () => subscriber.content("svc") === "lost")
    const epoch = await epochOf(pair.primary)
    await pair.primary.kill()
    await pair.standby.start()
    await pair.standby.query("select pg_promote()")

    await waitUntil("the client has what is left", () => subscriber.content("svc") === "kept")
    const again = await waitUntil("a write", async () => {
      const answer = await server.publish("svc", "after")
      return answer.status < 300 ? answer : undefined
    })
    await waitUntil("the client has the new value", () => subscriber.content("svc") === "after")
    const ended = await epochOf(pair.standby)
    assert.notStrictEqual(ended, epoch)
    assert.strictEqual(again.body.revision, lost.body.revision)
    assert.strictEqual(subscriber.held.get("svc")?.epoch, ended)
    assert.isFalse(subscriber.ended)
    subscriber.close()
  })

  it("PG3 a primary that hangs is left for the standby that was promoted, and does not hold up the end of the server", async () => {
    await using pair = await startPair({ synchronous: true })
    await using proxy = new TcpProxy(pair.primary.port)
    const port = await proxy.listen()
    await using server = await startServer({ DATABASE_URL: pair.url.replace(`:${pair.primary.port},`, `:${port},`) })
    await server.publish("svc", "one")
    proxy.fault = "hold"
    const from = performance.now()
    await pair.standby.query("select pg_promote()")
    const codes = new Set<string>()
    await waitUntil("a write on the promoted server", async () => {
      const { status, body } = await server.publish("svc", "two")
      if (status >= 300) codes.add(`${status} ${body.code}`)
      return status < 300
    })
    const took = performance.now() - from
    assert.isBelow(took, 10_000)
    for (const code of codes) assert.match(code, /^503 HRLD-4001$|^504 HRLD-400[46]$/)
    assert.strictEqual((await server.read("svc", "strong")).body.value, "two")
    assert.strictEqual(
      (await pair.standby.query("select value from configurations where key = 'svc'"))[0]!["value"],
      "two"
    )

    const until = performance.now()
    assert.strictEqual(await server.end("SIGTERM"), 0)
    const ended = performance.now() - until
    measured(18, "the primary hangs and its standby is promoted", {
      "first write after": seconds(took),
      "the server ended in": seconds(ended)
    })
    assert.isBelow(ended, 5_000)
  })

  it("PG3 with every server hung a write fails typed, and the server ends within 5 s", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using server = await startServer({ DATABASE_URL: url })
    await server.publish("svc", "one")
    proxy.fault = "hold"
    const refused = await server.publish("svc", "two")
    assert.deepStrictEqual([refused.status, refused.body.code], [503, "HRLD-4001"])
    const until = performance.now()
    assert.strictEqual(await server.end("SIGTERM"), 0)
    const ended = performance.now() - until
    measured(18, "every server of the database hangs", { "the server ended in": seconds(ended) })
    assert.isBelow(ended, 5_000)
  })
})
