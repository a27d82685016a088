/** The verbs that administer: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { NOW, terminal } from "../../../support/Terminal.ts"
import { until } from "../../../support/turn.ts"
import { ask } from "../../Ask.ts"

describe("administering", () => {
  const key = {
    id: "3f9c2a",
    name: "ci",
    role: "publisher",
    environments: ["staging", "dev"],
    createdAt: NOW,
    createdBy: "admin",
    expiresAt: NOW + 90 * 86_400_000,
    revokedAt: null
  }

  it("key create shows the token once", async () => {
    const args = ["key", "create", "ci", "--role", "publisher", "-e", "staging", "-e", "dev", "--expires", "90d"]
    const { request, printed } = await ask(args, "POST /v1/keys", { body: { token: "hrld_secret", key } })
    assert.deepStrictEqual(request.body, {
      name: "ci",
      role: "publisher",
      environments: ["staging", "dev"],
      expiresAt: key.expiresAt
    })
    assert.strictEqual(
      printed,
      [
        "id       3f9c2a",
        "role     publisher in staging, dev",
        "expires  2026-04-02T03:04:05Z",
        "hrld_secret",
        "this token is shown once: keep it now, for example as HERALD_TOKEN"
      ].join("\n")
    )
  })

  it("key create takes spans and dates, and refuses what is neither", async () => {
    for (const [text, at] of [
      ["12h", NOW + 12 * 3_600_000],
      ["15m", NOW + 15 * 60_000],
      ["2027-01-31", Date.UTC(2027, 0, 31)]
    ] as const) {
      const args = ["key", "create", "ci", "--role", "viewer", "--env", "*", "--expires", text]
      const { request } = await ask(args, "POST /v1/keys", { body: { token: "t", key } })
      assert.deepInclude(request.body as object, { expiresAt: at })
    }
    const cli = terminal()
    assert.strictEqual(await cli.run("key", "create", "ci", "--role", "viewer", "-e", "*", "--expires", "soon"), 2)
    assert.include(cli.said, "--expires soon is no span and no date")
  })

  it("key create asks for a further key only with --add", async () => {
    const args = ["key", "create", "ci", "--role", "viewer", "--env", "*", "--add"]
    const { request } = await ask(args, "POST /v1/keys", { body: { token: "t", key } })
    assert.deepInclude(request.body as object, { add: true })
  })

  it("key rotate finds the one good key of a principal, and asks which where it has several", async () => {
    const rotated = async (keys: ReadonlyArray<object>, ...args: ReadonlyArray<string>) => {
      await using herald = await FakeHerald.start()
      herald.on("GET /v1/keys", { body: { keys } })
      herald.on("POST /v1/keys/3f9c2a/rotate", { body: { token: "hrld_secret", key: { ...key, id: "new" } } })
      const cli = terminal()
      const exit = await cli.run("key", "rotate", ...args, "--server", herald.url)
      return { exit, body: herald.requests[1]?.body, said: cli.said + cli.out.join("") }
    }
    const gone = { ...key, id: "gone", revokedAt: 1 }
    const byName = await rotated([key, gone], "ci")
    assert.deepStrictEqual([byName.exit, byName.body], [0, { graceMillis: 86_400_000 }])
    assert.include(byName.said, "hrld_secret")
    assert.deepStrictEqual((await rotated([key], "3f9c2a", "--grace", "0m")).body, { graceMillis: 0 })
    const several = await rotated([key, { ...key, id: "other" }], "ci")
    assert.deepStrictEqual([several.exit, several.body], [2, undefined])
    assert.include(several.said, "3f9c2a, other")
    assert.strictEqual((await rotated([key], "ci", "--grace", "soon")).exit, 2)
    assert.notInclude(byName.said, "the old key")
    assert.include((await rotated([key], "ci", "--token", "hrld_3f9c2a_old")).said, "this command used the old key")
  })

  it("key list tells which keys are good", async () => {
    const keys = [
      key,
      { ...key, id: "b", expiresAt: NOW - 60_000 },
      { ...key, id: "c", revokedAt: NOW - 5_000 },
      { ...key, id: "d", expiresAt: null }
    ]
    const { printed } = await ask(["key", "list"], "GET /v1/keys", { body: { keys } })
    assert.deepStrictEqual(
      printed
        .split("\n")
        .slice(1)
        .map((line) => /(good|expired|revoked).*$/.exec(line)?.[0]),
      ["good until 2026-04-02T03:04:05Z", "expired 60 s ago", "revoked 5 s ago", "good"]
    )
  })

  const entry = (id: number) => ({
    id,
    configId: "production/shop",
    action: "publish",
    performedBy: "ann",
    details: { version: 3, message: "why", empty: "" },
    createdAt: NOW,
    prevHash: "",
    hash: ""
  })

  it("audit tail prints the last entries, oldest first", async () => {
    const { request, printed } = await ask(["audit", "tail", "--limit", "2"], "GET /v1/audit", {
      body: { entries: [entry(9), entry(8)], next: null }
    })
    assert.deepStrictEqual(request.query, { limit: "2" })
    assert.strictEqual(
      printed,
      [
        "ID  WHEN                  WHO  WHAT     WHERE            DETAILS",
        " 8  2026-01-02T03:04:05Z  ann  publish  production/shop  version=3 message=why",
        " 9  2026-01-02T03:04:05Z  ann  publish  production/shop  version=3 message=why"
      ].join("\n")
    )
  })

  it("audit tail --follow goes on after the last entry", async () => {
    await using herald = await FakeHerald.start()
    herald.on(
      "GET /v1/audit",
      { body: { entries: [entry(8)], next: null } },
      { body: { entries: [entry(9)], next: null } },
      { body: { entries: [], next: null } }
    )
    const cli = terminal()
    const following = cli.start("audit", "tail", "--follow", "--server", herald.url)
    await until(() => cli.out.length === 2)
    await Effect.runPromise(Fiber.interrupt(following))

    assert.deepStrictEqual(
      cli.out.map((line) => JSON.parse(line).id),
      [8, 9]
    )
    assert.strictEqual(herald.requests[1]?.query["after"], "8")
  })

  const page = (changed: Record<string, unknown> = {}) => ({
    ok: true,
    entries: 9,
    total: 9,
    broken: null,
    problem: null,
    next: null,
    checkpoints: { checked: 2, unsigned: 0, newest: { entry: 8, at: 0 } },
    ...changed
  })

  it("audit verify ends with 3 when something is wrong, and says what", async () => {
    const good = await ask(["audit", "verify"], "GET /v1/audit/verify", { body: page() })
    assert.strictEqual(good.exit, 0)
    assert.strictEqual(
      good.printed,
      "the chain holds: 9 entries, and what they tell of is as they say; 2 checkpoints agree, the newest of 1970-01-01T00:00:00Z with entry 8"
    )
    const unsigned = await ask(["audit", "verify"], "GET /v1/audit/verify", {
      body: page({ checkpoints: { checked: 0, unsigned: 3, newest: null } })
    })
    assert.include(unsigned.printed, "no checkpoint to compare with")
    assert.include(unsigned.printed, "left out: 3 of this node's checkpoints")
    const bad = await ask(["audit", "verify"], "GET /v1/audit/verify", {
      body: page({
        ok: false,
        broken: 4,
        problem: { kind: "changed", message: "the hash of entry 4 does not\u001b[2J follow" }
      })
    })
    assert.strictEqual(bad.exit, 3)
    assert.match(bad.printed, /^changed \(entry 4\): the hash of entry 4 does not.* follow$/)
    assert.notInclude(bad.printed, "\u001b")
    assert.include(bad.cli.said, "The audit log was changed")
  })

  it("audit verify goes on page by page, shows how far it is, and says where to go on when it is ended", async () => {
    await using herald = await FakeHerald.start()
    const more = (entries: number, next: string) =>
      page({ ok: false, entries, total: 1_200_000, next, checkpoints: null })
    herald.on(
      "GET /v1/audit/verify",
      { body: { ...more(400_000, "p1"), checkpoints: page().checkpoints } },
      { body: more(800_000, "p2") },
      { body: page({ entries: 1_200_000, total: 1_200_000, checkpoints: null }) }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("audit", "verify", "--checkpoint", "a line", "--server", herald.url), 0)
    assert.deepStrictEqual(
      herald.requests.map(({ query }) => [query["from"], query["checkpoint"]]),
      [
        [undefined, "a line"],
        ["p1", undefined],
        ["p2", undefined]
      ]
    )
    assert.include(cli.said, "checked 400,000 of 1,200,000 entries")
    assert.include(cli.printed, "1,200,000 entries")
    assert.include(cli.printed, "2 checkpoints agree")

    await using refusing = await FakeHerald.start()
    refusing.on("GET /v1/audit/verify", problem("InvalidInput", "no"))
    const refused = terminal({ terminal: true })
    assert.notStrictEqual(await refused.run("audit", "verify", "--from", "x", "--server", refusing.url), 0)
    assert.notInclude(refused.said, "go on with")

    await using failing = await FakeHerald.start()
    failing.on("GET /v1/audit/verify", { body: more(400_000, "p1") }, problem("Forbidden", "no"))
    const ended = terminal({ terminal: true })
    assert.notStrictEqual(await ended.run("audit", "verify", "--from", "p0", "--server", failing.url), 0)
    assert.strictEqual(failing.requests[0]?.query["from"], "p0")
    assert.include(ended.said, "go on with: herald audit verify --from p1")
  })

  it("start passes folder, ports, database and further flags on, and ends as the server does", async () => {
    const cli = terminal()
    assert.strictEqual(
      await cli.run(
        ...["start", "--data", "/d", "--http-port", "9000", "--grpc-port", "9001"],
        ...["--database", "postgres://x", "--", "--verbose"]
      ),
      0
    )
    assert.deepStrictEqual(cli.servers, [
      {
        args: ["--data", "/d", "--verbose"],
        env: { HTTP_PORT: "9000", GRPC_PORT: "9001", DATABASE_URL: "postgres://x" }
      }
    ])
    assert.strictEqual(await terminal({ serverExit: 143 }).run("start"), 143)
  })

  it("key recover is the server's own work, with its folder, and ends as it does", async () => {
    const cli = terminal()
    assert.strictEqual(await cli.run("key", "recover", "--data", "/srv/herald"), 0)
    assert.deepStrictEqual(cli.servers, [{ args: ["--data", "/srv/herald", "--recover-admin"], env: {} }])
    assert.strictEqual(await terminal({ serverExit: 3 }).run("key", "recover"), 3)
  })
})
