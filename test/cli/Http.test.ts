import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem, type Reply } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"

const PUT = "PUT /v1/config/a"
const published: Reply = {
  body: {
    key: "a",
    environment: "production",
    version: 1,
    type: "string",
    digest: "d",
    deleted: false,
    revision: 1,
    epoch: "e",
    committedAt: 0,
    replayed: false
  }
}
const busy = problem("DatabaseUnavailable", "no connection")
const keysOf = (herald: FakeHerald) => herald.requests.map(({ headers }) => headers["idempotency-key"])
const nowhere = async (): Promise<string> => {
  const herald = await FakeHerald.start()
  await herald.stop()
  return herald.url
}

describe("requests", () => {
  it("CH1 every attempt of a write carries the same idempotency key, and each write its own", async () => {
    await using herald = await FakeHerald.start()
    herald.on(PUT, busy, { drop: true }, { status: 504, raw: "" }, published)
    const cli = terminal()

    assert.strictEqual(await cli.run("publish", "a", "x", "--server", herald.url), 0, cli.said)
    assert.deepStrictEqual(keysOf(herald), ["uuid-1", "uuid-1", "uuid-1", "uuid-1"])
    assert.strictEqual(cli.err.filter((line) => line.includes("with the same idempotency key")).length, 3)
    await cli.run("publish", "a", "x", "--server", herald.url)
    assert.strictEqual(keysOf(herald).at(-1), "uuid-2")
    await cli.run("publish", "a", "x", "--server", herald.url, "--idempotency-key", "mine")
    assert.strictEqual(keysOf(herald).at(-1), "mine")
  })

  it("CH1 a read carries none", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", { body: { keys: [], next: null } })
    await terminal().run("list", "--server", herald.url)

    assert.deepStrictEqual(keysOf(herald), [undefined])
  })

  it("CH2 reads, dry runs and key creation are never repeated", async () => {
    await using herald = await FakeHerald.start()
    for (const line of ["GET /v1/config/a", "POST /v1/config/a/validate", "POST /v1/keys"]) herald.on(line, busy)
    for (const args of [
      ["get", "a"],
      ["validate", "a", "x"],
      ["publish", "a", "x", "--dry-run"],
      ["key", "create", "ci", "--role", "viewer", "--env", "*"]
    ]) {
      herald.requests.length = 0
      assert.strictEqual(await terminal().run(...args, "--server", herald.url), 7, args.join(" "))
      assert.strictEqual(herald.requests.length, 1, args.join(" "))
    }
  })

  it("CH2 an answer that another attempt won't change is not asked for again", async () => {
    await using herald = await FakeHerald.start()
    const replies: ReadonlyArray<readonly [Reply, number]> = [
      [problem("VersionConflict", "it is at 4"), 5],
      [problem("DatabaseReadOnly", "disk full"), 7],
      [problem("DatabaseNewer", "schema 9"), 7],
      [problem("RateLimited", "slow down"), 7],
      [{ status: 500, raw: "oops" }, 1],
      [{ status: 502, raw: "bad gateway" }, 7]
    ]
    for (const [reply, exit] of replies) {
      herald.requests.length = 0
      herald.on(PUT, reply, published)
      assert.strictEqual(await terminal().run("publish", "a", "x", "--server", herald.url), exit)
      assert.strictEqual(herald.requests.length, 1)
    }
  })

  it("CH5 a read that came too often waits as long as the server asks for, and comes again", async () => {
    await using herald = await FakeHerald.start()
    const often = problem("RateLimited", "slow down", { headers: { "retry-after": "0.01" } })
    herald.on("GET /v1/config", often, often, { body: { keys: [], next: null } })
    const cli = terminal()
    assert.strictEqual(await cli.run("list", "--server", herald.url), 0, cli.said)
    assert.strictEqual(herald.requests.length, 3)
    herald.on("GET /v1/config", problem("RateLimited", "slow down", { headers: { "retry-after": "3600" } }))
    assert.strictEqual(await terminal().run("list", "--server", herald.url), 7)
  })

  it("CH2 a write gives up when its time is over, and says how to go on safely", async () => {
    await using herald = await FakeHerald.start()
    herald.on(PUT, busy, { ...busy, headers: { "retry-after": "3600" } }, published)
    const cli = terminal()

    assert.strictEqual(await cli.run("publish", "a", "x", "--server", herald.url), 7)
    assert.strictEqual(herald.requests.length, 2)
    assert.include(cli.said, "Repeat it safely with: --idempotency-key uuid-1")
  })

  it("CH3 a server that isn't running is said at once, with what to do", async () => {
    const url = await nowhere()
    for (const args of [["list"], ["publish", "a", "x"]]) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args, "--server", url), 7)
      assert.strictEqual(
        cli.said,
        [
          `error: Can't reach Herald at ${url}`,
          "  what  nothing listens there (ECONNREFUSED)",
          "  why   The server isn't running, or it uses another port.",
          "  fix   Start it with `npx herald start`, or give its address with --server or HERALD_SERVER."
        ].join("\n")
      )
    }
  })

  it("CH3 a write that has reached the server outlives a restart", async () => {
    await using herald = await FakeHerald.start()
    herald.on(PUT, { ...busy, headers: { connection: "close" } }, published)
    let away: Promise<void> | undefined
    const cli = terminal({
      progress: (line) => {
        if (line.includes("HRLD-4001")) away = herald.stop()
        if (line.includes("ECONNREFUSED")) away = away?.then(() => herald.listen())
      }
    })

    assert.strictEqual(await cli.run("publish", "a", "x", "--server", herald.url), 0, cli.said)
    await away
    assert.deepStrictEqual(keysOf(herald), ["uuid-1", "uuid-1"])
  })

  it("an address that is no URL, or is no Herald, is said", async () => {
    const wrong = terminal()
    assert.strictEqual(await wrong.run("list", "--server", "http://a b"), 2)
    assert.include(wrong.said, "http://a b is not a URL")

    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", { raw: "<html>" })
    const other = terminal()
    await other.run("list", "--server", herald.url)
    assert.include(other.said, "the answer is not JSON")
    assert.include(other.said, "not of something else")
  })
})
