/** Each verb: what it asks of the server, and what it prints. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { parse } from "yaml"
import { until } from "../client/FakeServer.ts"
import { FakeHerald, problem, type Reply } from "./FakeHerald.ts"
import { NOW, type TerminalOptions, terminal } from "./Terminal.ts"

const stored = {
  key: "shop",
  environment: "production",
  version: 3,
  revision: 7,
  value: '{"x":true}',
  type: "json",
  deleted: false,
  schema: null,
  strict: true,
  template: false,
  digest: "0123456789abcdef",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: "turn x on",
  stale: false
}
const published = { ...stored, epoch: "e", committedAt: 0, replayed: false }
const patch = { kind: "json", patch: [{ op: "replace", path: "/x", value: false }] }
const head = { ...stored, template: true }

/** One run against a server that has this one answer. */
const ask = async (args: ReadonlyArray<string>, line: string, reply: Reply, options: TerminalOptions = {}) => {
  await using herald = await FakeHerald.start()
  herald.on(line, reply)
  const cli = terminal({ terminal: true, ...options })
  const exit = await cli.run(...args, "--server", herald.url)
  return { exit, cli, herald, request: herald.requests[0]!, printed: cli.printed }
}
const CONFIG = "/v1/config/shop"

describe("publish", () => {
  it("sends what was given and nothing else, so that the server keeps the rest", async () => {
    const { exit, request, printed } = await ask(["publish", "shop", "5"], `PUT ${CONFIG}`, { body: published })
    assert.strictEqual(exit, 0)
    assert.deepStrictEqual(request.query, { environment: "production" })
    assert.deepStrictEqual(request.body, { value: "5" })
    assert.strictEqual(printed, "published shop version 3 in production (revision 7)")
  })

  it("takes type, schema, strictness, expected version, message and environment", async () => {
    const { request } = await ask(
      [
        ...["publish", "shop", "@v.json", "--type", "json", "--schema", "@s.json", "--no-strict"],
        ...["--expected-version", "0", "--message", "why", "--env", "staging"]
      ],
      `PUT ${CONFIG}`,
      { body: published },
      { files: { "v.json": '{"x":1}\n', "s.json": '{"type":"object"}' } }
    )
    assert.deepStrictEqual(request.query, { environment: "staging" })
    assert.deepStrictEqual(request.body, {
      value: '{"x":1}',
      type: "json",
      schema: { type: "object" },
      strict: false,
      expectedVersion: 0,
      message: "why"
    })
  })

  it("reads a value from standard input, an escaped @, a leading dash, and a schema's removal", async () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, unknown]> = [
      [["-"], { value: "piped\n" }],
      [["@@name"], { value: "@name" }],
      [["--type", "number", "--", "-5"], { type: "number", value: "-5" }],
      [["x", "--schema", "none"], { value: "x", schema: null }],
      [["x", "--strict"], { value: "x", strict: true }]
    ]
    for (const [args, body] of cases) {
      const dashes = args.indexOf("--")
      const before = dashes < 0 ? args : args.slice(0, dashes)
      await using herald = await FakeHerald.start()
      herald.on(`PUT ${CONFIG}`, { body: published })
      const cli = terminal({ stdin: "piped\n\n" })
      const given = ["publish", "--server", herald.url, "shop", ...before, ...(dashes < 0 ? [] : args.slice(dashes))]
      assert.strictEqual(await cli.run(...given), 0, cli.said)
      assert.deepStrictEqual(herald.last.body, body)
    }
  })

  it("escapes a key in the path", async () => {
    const { exit } = await ask(["publish", "a/b c", "x"], "PUT /v1/config/a%2Fb%20c", { body: published })
    assert.strictEqual(exit, 0)
  })

  it("says that nothing was written when the key was replayed", async () => {
    const { printed } = await ask(["publish", "shop", "x"], `PUT ${CONFIG}`, { body: { ...published, replayed: true } })
    assert.include(printed, "nothing was written now: this idempotency key had this result before")
  })

  it("a wrong schema, a missing file or a missing name is wrong usage, and sends nothing", async () => {
    for (const [args, message] of [
      [["x", "--schema", "{"], "the schema is not JSON"],
      [["@no.json"], "no.json: there is no such file"],
      [["@"], "a file name is missing after @"]
    ] as const) {
      const { exit, cli, herald } = await ask(["publish", "shop", ...args], `PUT ${CONFIG}`, { body: published })
      assert.strictEqual(exit, 2)
      assert.include(cli.said, message)
      assert.deepStrictEqual(herald.lines, [])
    }
  })

  it("validate and --dry-run ask without writing", async () => {
    const body = { changes: [{ key: "shop", environment: "production", difference: patch, clients: 1 }] }
    for (const args of [
      ["validate", "shop", "x"],
      ["publish", "shop", "x", "--dry-run"]
    ]) {
      const { exit, printed, request } = await ask(args, `POST ${CONFIG}/validate`, { body })
      assert.strictEqual(exit, 0)
      assert.deepStrictEqual(request.body, { value: "x" })
      assert.strictEqual(
        printed,
        "valid, nothing was written\nshop in production, 1 connected client would get it\n~ /x false"
      )
    }
  })
})

describe("taking back", () => {
  it("rollback names the version to return to", async () => {
    const args = ["rollback", "shop", "--to", "2", "--message", "x broke login"]
    const { request, printed } = await ask(args, `POST ${CONFIG}/rollback`, { body: published })
    assert.deepStrictEqual(request.body, { version: 2, message: "x broke login" })
    assert.strictEqual(printed, "rolled back to version 2: shop version 3 in production (revision 7)")
  })

  it("delete tells why and which version it expects", async () => {
    const args = ["delete", "shop", "--message", "old", "--expected-version", "3"]
    const { request, printed } = await ask(args, `DELETE ${CONFIG}`, { body: published })
    assert.deepStrictEqual(request.query, { environment: "production", message: "old" })
    assert.strictEqual(request.headers["if-match"], "3")
    assert.strictEqual(printed, "deleted shop version 3 in production (revision 7)")
  })
})

describe("get", () => {
  it("shows version, type, author and the value laid out", async () => {
    const { request, printed } = await ask(["get", "shop", "--consistency", "strong"], `GET ${CONFIG}`, {
      body: { ...stored, stale: true }
    })
    assert.deepStrictEqual(request.query, { environment: "production", consistency: "strong" })
    assert.strictEqual(
      printed,
      [
        "shop in production  stale: the server can't confirm that this is the newest",
        "version  3 (revision 7)",
        "type     json, strict",
        "changed  1970-01-01T00:00:00Z by ann",
        "message  turn x on",
        '{\n  "x": true\n}'
      ].join("\n")
    )
  })

  it("prints the value alone with --raw, and an old version with --version", async () => {
    const raw = await ask(["get", "shop", "--raw"], `GET ${CONFIG}`, { body: stored })
    assert.strictEqual(raw.printed, '{"x":true}')
    const old = await ask(["get", "shop", "--version", "2"], `GET ${CONFIG}/versions/2`, { body: stored })
    assert.strictEqual(old.exit, 0)
  })

  it("refuses flags that exclude each other", async () => {
    for (const flag of ["--watch", "--consistency=strong"]) {
      const { exit, cli } = await ask(["get", "shop", "--version", "2", flag], `GET ${CONFIG}`, { body: stored })
      assert.strictEqual(exit, 2)
      assert.include(cli.said, "exclude each other")
    }
  })

  it("--watch prints each new version once, and outlives the server's absence", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${CONFIG}`, { body: stored })
    const cli = terminal()
    const watching = cli.start("get", "shop", "--watch", "--server", herald.url)
    await until(() => cli.out.length === 1)
    herald.on(`GET ${CONFIG}`, problem("DatabaseUnavailable", "gone"))
    await until(() => cli.said.includes("waiting for it"))
    herald.on(`GET ${CONFIG}`, { body: { ...stored, version: 4, revision: 8 } })
    await until(() => cli.out.length === 2)
    await Effect.runPromise(Fiber.interrupt(watching))

    assert.deepStrictEqual(
      cli.out.map((line) => JSON.parse(line).version),
      [3, 4]
    )
    assert.include(cli.said, "connected again")
  })
})

describe("looking", () => {
  it("list shows a page after the other", async () => {
    await using herald = await FakeHerald.start()
    herald.on(
      "GET /v1/config",
      { body: { keys: [head], next: "shop" } },
      { body: { keys: [{ ...head, key: "shop.longer", strict: false, template: false }], next: null } }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("list", "sh", "--server", herald.url), 0)
    assert.deepStrictEqual(
      herald.requests.map(({ query }) => query),
      [
        { environment: "production", prefix: "sh", limit: "1000" },
        { environment: "production", prefix: "sh", limit: "1000", after: "shop" }
      ]
    )
    assert.strictEqual(
      cli.printed,
      [
        "KEY          VERSION  REVISION  MARKS            DIGEST",
        "shop               3         7  strict template  0123456789ab",
        "shop.longer        3         7                   0123456789ab"
      ].join("\n")
    )
  })

  it("list of an empty environment says how to fill it", async () => {
    const { printed } = await ask(["list", "-e", "dev"], "GET /v1/config", { body: { keys: [], next: null } })
    assert.strictEqual(printed, "no keys in dev; publish one: herald publish <key> <value> --env dev")
  })

  it("history lists versions up to the limit", async () => {
    const gone = { ...stored, version: 4, deleted: true, value: "" }
    const { request, printed } = await ask(["history", "shop", "--limit", "2"], `GET ${CONFIG}/history`, {
      body: { versions: [gone, stored], next: 3 }
    })
    assert.deepStrictEqual(request.query, { environment: "production", limit: "2" })
    assert.strictEqual(
      printed,
      [
        "VERSION  REVISION  WHEN                  WHO  TYPE  MESSAGE    VALUE",
        "      4         7  1970-01-01T00:00:00Z  ann  json  turn x on  deleted",
        '      3         7  1970-01-01T00:00:00Z  ann  json  turn x on  {"x":true}'
      ].join("\n")
    )
  })

  it("diff shows a patch, lines or that nothing differs", async () => {
    const shown = async (difference: unknown) => {
      const body = { key: "shop", environment: "production", from: 1, to: 2, difference }
      const { request, printed } = await ask(["diff", "shop", "1", "2"], `GET ${CONFIG}/diff`, { body })
      assert.deepStrictEqual(request.query, { environment: "production", from: "1", to: "2" })
      return printed.split("\n").slice(1)
    }
    assert.deepStrictEqual(
      await shown({
        kind: "json",
        patch: [
          { op: "add", path: "/a", value: [1] },
          { op: "remove", path: "/b" },
          { op: "replace", path: "", value: 5 }
        ]
      }),
      ["+ /a [1]", "- /b", "~ (the whole value) 5"]
    )
    assert.deepStrictEqual(await shown({ kind: "lines", unified: "@@ -1 +1 @@\n-a\n+b\n" }), [
      "@@ -1 +1 @@",
      "-a",
      "+b"
    ])
    assert.deepStrictEqual(await shown({ kind: "none" }), ["no difference"])
  })

  it("clients shows desired, sent, applied, rejected and why", async () => {
    const at = (version: number) => ({ version, revision: version, at: NOW })
    const client = {
      environment: "production",
      service: "shop",
      instance: "i1",
      state: "connected",
      labels: {},
      patterns: ["shop"],
      connectedAt: NOW,
      lastSeen: NOW - 3_000,
      ending: "",
      node: "n",
      health: { revision: 2, health: "degraded", message: "slow", metrics: {}, reportedAt: NOW },
      keys: [
        {
          key: "shop",
          desired: at(3),
          sent: at(3),
          applied: at(2),
          rejected: { ...at(3), reason: "port is taken" },
          problem: ""
        },
        { key: "shop.b", desired: at(1), sent: null, applied: null, rejected: null, problem: "{{zone}} is missing" }
      ]
    }
    const gone = { ...client, instance: "i2", state: "timed_out", ending: "no heartbeat", health: null, keys: [] }
    const { request, printed } = await ask(["clients", "--service", "shop", "-e", "production"], "GET /v1/clients", {
      body: { clients: [client, gone] }
    })
    assert.deepStrictEqual(request.query, { environment: "production", service: "shop", limit: "1000" })
    assert.strictEqual(
      printed,
      [
        "STATE      SERVICE  INSTANCE  ENV         SEEN     KEY     DESIRED  SENT  APPLIED  TROUBLE",
        "connected  shop     i1        production  3 s ago  shop          3     3        2  version 3 rejected: port is taken; degraded: slow",
        "                                                   shop.b        1     -        -  can't be sent: {{zone}} is missing",
        "timed_out  shop     i2        production  3 s ago  -             -     -        -  no heartbeat",
        "1 of 2 connected"
      ].join("\n")
    )
  })

  it("clients says so when there are more than it can show", async () => {
    const client = { state: "connected", service: "s", instance: "i", environment: "e", health: null, keys: [] }
    const { cli } = await ask(["clients"], "GET /v1/clients", {
      body: { clients: Array.from({ length: 1_000 }, () => client) }
    })
    assert.strictEqual(cli.said, "only the first 1000 clients are shown; narrow them with --service or --env")
  })

  it("explain of a code works without a server, of a key tells how its value came about", async () => {
    const offline = terminal({ terminal: true })
    assert.strictEqual(await offline.run("explain", "hrld-2002", "--server", "http://127.0.0.1:1"), 0)
    assert.match(offline.printed, /^HRLD-2002 Someone else changed it first\ncause +The current version/)
    assert.strictEqual(await terminal().run("explain", "HRLD"), 0)
    assert.strictEqual(await terminal().run("explain", "HRLD-0000"), 4)

    const explanation = {
      stored: { ...stored, template: true },
      variables: { region: "eu" },
      used: [{ name: "region", value: "eu", source: "client" }],
      missing: [],
      secrets: ["db"],
      effective: '{"r":"eu"}',
      stale: false
    }
    const { request, printed } = await ask(["explain", "shop", "--label", "region=eu"], `GET ${CONFIG}/explain`, {
      body: explanation
    })
    assert.deepStrictEqual(request.query, { environment: "production", "label.region": "eu" })
    assert.strictEqual(
      printed,
      [
        "shop in production",
        "stored     version 3, revision 7, by ann",
        "type       json",
        "template   yes",
        "variables  {{region}} = eu  (client)",
        "secrets    db (delivered as a reference)",
        'effective value\n{"r":"eu"}'
      ].join("\n")
    )
  })
})

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

  it("key revoke names what it revoked", async () => {
    const { exit, printed } = await ask(["key", "revoke", "3f9c2a"], "DELETE /v1/keys/3f9c2a", { status: 204 })
    assert.strictEqual(exit, 0)
    assert.strictEqual(printed, "revoked 3f9c2a; its streams end within 5 s")
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
      body: { entries: [entry(9), entry(8)] }
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
      { body: { entries: [entry(8)] } },
      { body: { entries: [entry(9)] } },
      { body: { entries: [] } }
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

  it("audit verify ends with 3 when the chain is broken", async () => {
    const good = await ask(["audit", "verify"], "GET /v1/audit/verify", {
      body: { ok: true, entries: 9, broken: null }
    })
    assert.strictEqual(good.exit, 0)
    assert.strictEqual(good.printed, "the chain holds: 9 entries, each follows from the one before")
    const bad = await ask(["audit", "verify"], "GET /v1/audit/verify", { body: { ok: false, entries: 9, broken: 4 } })
    assert.strictEqual(bad.exit, 3)
    assert.strictEqual(bad.printed, "the chain is broken at entry 4")
    assert.include(bad.cli.said, "The audit log was changed")
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
})

describe("--output", () => {
  const reply = { body: stored }

  it("is a table on a terminal and JSON elsewhere", async () => {
    const piped = await ask(["get", "shop"], `GET ${CONFIG}`, reply, { terminal: false })
    assert.deepStrictEqual(JSON.parse(piped.printed), stored)
    const shown = await ask(["get", "shop"], `GET ${CONFIG}`, reply)
    assert.match(shown.printed, /^shop in production\n/)
  })

  it("json, yaml and table hold wherever it goes", async () => {
    const json = await ask(["get", "shop", "--output", "json"], `GET ${CONFIG}`, reply)
    assert.deepStrictEqual(JSON.parse(json.printed), stored)
    const yaml = await ask(["get", "shop", "-o", "yaml"], `GET ${CONFIG}`, reply)
    assert.deepStrictEqual(parse(yaml.printed), stored)
    const table = await ask(["get", "shop", "-o", "table"], `GET ${CONFIG}`, reply, { terminal: false })
    assert.match(table.printed, /^shop in production\n/)
  })

  it("streams are a JSON object a line, or a YAML document each", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${CONFIG}`, { body: stored }, { body: { ...stored, revision: 8 } })
    const cli = terminal()
    const watching = cli.start("get", "shop", "--watch", "-o", "yaml", "--server", herald.url)
    await until(() => cli.out.length === 2)
    await Effect.runPromise(Fiber.interrupt(watching))

    assert.isTrue(cli.out.every((text) => text.startsWith("---\n")))
    assert.deepStrictEqual(
      cli.out.map((text) => parse(text).revision),
      [7, 8]
    )
  })
})
