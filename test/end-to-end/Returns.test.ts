/** What clients get and what the fleet says of them, when the node was unsure, a label was missing, or there is very much: real processes. */
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { connect, startDatabase } from "../support/Database.ts"
import { newFolder } from "../support/folder.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const get = (client: HeraldClient, key: string) => {
  try {
    return client.get(key)
  } catch (error) {
    return (error as Error).name
  }
}
/** What the fleet says of an instance: for each key what was sent, applied, rejected. */
const factsOf = async (server: Server, instance: string) => {
  const { body } = await server.call("GET", `/v1/clients?environment=production&instance=${instance}`)
  const version = (of: { readonly version: number } | null) => of?.version ?? 0
  return Object.fromEntries(
    // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by hand
    (body.clients[0]?.keys ?? []).map((key: any) => [
      key.key,
      [version(key.sent), version(key.applied), version(key.rejected), key.problem === "" ? "" : "problem"].join(" ")
    ])
  )
}

describe("clients that come back", () => {
  it("DV1 DV3 a strict key: nobody serves it while the database is away; who reconnected meanwhile gets it afterwards", async () => {
    await using database = await startDatabase()
    await using away = new TcpProxy(Number(new URL(database.url).port))
    const url = new URL(database.url)
    url.port = String(await away.listen())
    await using server = await startServer({ DATABASE_URL: url.href })
    await using wire = new TcpProxy(Number(server.grpc.split(":")[1]))
    const address = `127.0.0.1:${await wire.listen()}`
    await server.publish("s.strict", "1", { strict: true })
    await server.publish("s.plain", "1")
    const options = { service: "s", token: server.token, reconnect: { baseMillis: 100, capMillis: 500 } }
    const before = await HeraldClient.connect({ ...options, address: server.grpc, instance: "before" })
    try {
      assert.strictEqual(get(before, "s.strict"), "1")
      away.fault = "refuse"
      away.cut()
      await waitUntil("the connected client to hear that nobody is sure", () => !before.confirmed)
      assert.deepStrictEqual([get(before, "s.strict"), get(before, "s.plain")], ["StaleError", "1"])
      assert.strictEqual(before.state, "live")
      const late = await HeraldClient.connect({ ...options, address, instance: "late" })
      try {
        await waitUntil("the late client to be live", () => late.state === "live")
        assert.deepStrictEqual([late.confirmed, late.keys()], [false, ["s.plain"]])
        wire.fault = "refuse"
        wire.cut()
        away.fault = "none"
        await waitUntil("the connected client to hear that it is over", () => before.confirmed)
        assert.strictEqual(get(before, "s.strict"), "1")
        assert.isUndefined((await factsOf(server, "late"))["s.strict"]?.match(/[1-9]/) ?? undefined)
        wire.fault = "none"
        await waitUntil("the strict key to come to the late one", () => get(late, "s.strict") === "1")
        assert.isTrue(late.confirmed)
        await waitUntil("the fleet to know", async () => (await factsOf(server, "late"))["s.strict"] === "1 1 0 ")
      } finally {
        await late.close()
      }
    } finally {
      await before.close()
    }
  })

  it("DV1 a key that a missing label kept back comes when the label is put right, though there is a file", async () => {
    await using server = await startServer()
    await server.publish("t.plain", "1")
    await server.publish("t.tpl", "zone-{{client.zone}}")
    const folder = newFolder()
    const run = async (labels: Record<string, string>) => {
      const client = await HeraldClient.connect({
        address: server.grpc,
        service: "t",
        instance: "t1",
        labels,
        token: server.token,
        lastKnownGood: { directory: folder.path }
      })
      await waitUntil("the client to be live", () => client.state === "live")
      await client.settled()
      const keys = client.keys()
      await client.close()
      return keys
    }
    try {
      assert.deepStrictEqual(await run({}), ["t.plain"])
      await waitUntil("the problem to be known", async () =>
        ((await factsOf(server, "t1"))["t.tpl"] ?? "").includes("problem")
      )
      assert.sameMembers(await run({ zone: "a" }), ["t.plain", "t.tpl"])
      await waitUntil("the fleet to know", async () => (await factsOf(server, "t1"))["t.tpl"] === "1 1 0 ")
    } finally {
      folder.remove()
    }
  })

  it("G10 BL3 a client of 9,000 long keys, 1,200 of them rejected with long reasons, is back after a restart, and nothing is written anew", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    const name = (i: number) => `shop.feature-flags.checkout.experiments.variant-rollout.k${String(i).padStart(6, "0")}`
    const [all, bad] = [9_000, 1_200]
    for (let i = 0; i < all; i += 500) {
      const changes = Array.from({ length: 500 }, (_, j) => ({
        key: name(i + j),
        environment: "production",
        value: i + j < bad ? "bad" : "v",
        type: "string"
      }))
      assert.strictEqual((await server.call("POST", "/v1/releases", { changes, message: "m" })).status, 200)
    }
    let lost = 0
    const client = await HeraldClient.connect({
      address: server.grpc,
      service: "shop",
      instance: "large",
      token: server.token,
      connectTimeoutMillis: 60_000,
      reconnect: { baseMillis: 100, capMillis: 500 },
      validate: (value) => value !== "bad" || "the value does not fit: ".padEnd(1_500, "expected a string; "),
      onEvent: (event) => {
        if (event.type === "disconnected") lost++
      }
    })
    await using session = await connect(database.url)
    const count = async (where: string) =>
      Number((await session.query(`select count(*)::int as n from instance_keys where ${where}`))[0]!["n"])
    try {
      await waitUntil("all to be applied or rejected, and written", async () => {
        return (
          (await count("applied_epoch is not null")) === all - bad &&
          (await count("rejected_epoch is not null")) === bad
        )
      })
      assert.strictEqual(lost, 0)
      const { body } = await server.call("GET", "/v1/clients?instance=large")
      assert.deepInclude(body.clients[0], { troubled: 1_000 })
      assert.isAtMost(JSON.stringify(body).length, 5 * 1024 * 1024)
      const written = async () =>
        (
          await session.query(
            "select md5(string_agg(ctid::text, ',' order by key)) as at from instance_keys where applied_epoch is not null"
          )
        )[0]!["at"]
      const before = await written()
      await server.end("SIGKILL")
      await server.start()
      await waitUntil("the client to be back", () => lost > 0 && client.state === "live")
      const tries = lost // while there was no server
      await server.publish("shop.more", "1")
      await waitUntil("the next value", () => get(client, "shop.more") === "1")
      await waitUntil(
        "the books to be up to date",
        async () => (await count("key = 'shop.more' and applied_epoch is not null")) === 1
      )
      assert.strictEqual(lost, tries)
      const after = (
        await session.query(
          "select md5(string_agg(ctid::text, ',' order by key)) as at from instance_keys where applied_epoch is not null and key <> 'shop.more'"
        )
      )[0]!["at"]
      assert.strictEqual(after, before)
    } finally {
      await client.close()
    }
  })
})
