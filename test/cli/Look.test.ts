/** The verbs that look: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { passUntil } from "../support/Clock.ts"
import { FakeHerald, fakeHerald } from "../support/FakeHerald.ts"
import { NOW, terminal } from "../support/Terminal.ts"
import { ask, CONFIG, head, kept, stored } from "./Ask.ts"

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
    const gone = { ...kept, version: 4, deleted: true, value: "" }
    const { request, printed } = await ask(["history", "shop", "--limit", "2"], `GET ${CONFIG}/history`, {
      body: { versions: [gone, kept], next: 3 }
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

  it("PB1 history and audit go on where a page was short, and say so", async () => {
    await using herald = await FakeHerald.start()
    const versions = [5, 4, 3, 2, 1].map((version) => ({ ...kept, version }))
    herald.on(
      `GET ${CONFIG}/history`,
      { body: { versions: versions.slice(0, 2), next: 4 } },
      { body: { versions: versions.slice(2, 3), next: 3 } },
      { body: { versions: versions.slice(3, 4), next: 2 } }
    )
    const cli = terminal()
    await cli.run("history", "shop", "--limit", "4", "--output", "json", "--server", herald.url)
    assert.deepStrictEqual(
      herald.requests.map(({ query }) => [query["limit"], query["before"]]),
      [
        ["4", undefined],
        ["2", "4"],
        ["1", "3"]
      ]
    )
    assert.deepStrictEqual(
      JSON.parse(cli.out.join("")).map(({ version }: { version: number }) => version),
      [5, 4, 3, 2]
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
    assert.deepStrictEqual(await shown({ kind: "lines", unified: "====\n@@ -1 +1 @@\n-a\n+b\n" }), [
      "@@ -1 +1 @@",
      "-a",
      "+b"
    ])
    assert.deepStrictEqual(await shown({ kind: "none" }), ["no difference"])
  })

  it("clients shows desired, sent, applied, rejected and why", async () => {
    const of = (version: number) => ({ version, revision: version, epoch: "e" })
    const at = (version: number) => ({ ...of(version), at: NOW })
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
      owner: "team-a",
      health: { revision: 2, epoch: "e", health: "degraded", message: "slow", metrics: {}, reportedAt: NOW },
      keys: [
        {
          key: "shop",
          desired: of(3),
          sent: at(3),
          applied: at(2),
          rejected: { ...at(3), reason: "port is taken" },
          problem: ""
        },
        { key: "shop.b", desired: of(1), sent: null, applied: null, rejected: null, problem: "{{zone}} is missing" }
      ],
      nextKey: null,
      troubled: 2
    }
    const gone = { ...client, instance: "i2", state: "timed_out", ending: "no heartbeat", health: null, keys: [] }
    const { request, printed } = await ask(["clients", "--service", "shop", "-e", "production"], "GET /v1/clients", {
      body: { clients: [client, gone], next: null }
    })
    assert.deepStrictEqual(request.query, { environment: "production", service: "shop", limit: "1000" })
    assert.strictEqual(
      printed,
      [
        "1 of 2 connected, 2 with trouble, 1 lagging",
        "STATE      SERVICE  INSTANCE  OWNER   ENV         SEEN     KEY     DESIRED  SENT  APPLIED  TROUBLE",
        "connected  shop     i1        team-a  production  3 s ago  shop          3     3        2  version 3 rejected: port is taken; degraded: slow",
        "                                                           shop.b        1     -        -  can't be sent: {{zone}} is missing",
        "timed_out  shop     i2        team-a  production  3 s ago  -             -     -        -  no heartbeat"
      ].join("\n")
    )
  })

  it("clients tells nobody at all from nobody of that name", async () => {
    const body = { clients: [], next: null }
    const nobody = await ask(["clients"], "GET /v1/clients", { body })
    assert.include(nobody.printed, "try: herald subscribe")
    for (const narrow of [
      ["--service", "a"],
      ["--instance", "a"],
      ["--env", "a"]
    ]) {
      const none = await ask(["clients", ...narrow], "GET /v1/clients", { body })
      assert.strictEqual(none.printed, "no such client; herald clients shows all that there are")
    }
  })

  it("clients says so when there are more than it can show", async () => {
    const client = {
      ...{ environment: "e", service: "s", instance: "i", state: "connected", labels: {}, patterns: [], owner: "" },
      ...{ connectedAt: 0, lastSeen: 0, ending: "", node: "n", health: null, keys: [], nextKey: null, troubled: 0 }
    }
    const { cli } = await ask(["clients"], "GET /v1/clients", {
      body: { clients: Array.from({ length: 1_000 }, () => client), next: "more" }
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
      stored: { ...kept, template: true },
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

  it.effect("streams are a JSON object a line, or a YAML document each", () =>
    Effect.gen(function* () {
      const herald = yield* fakeHerald
      herald.on(`GET ${CONFIG}`, { body: stored }, { body: { ...stored, revision: 8 } })
      const cli = terminal()
      yield* Effect.forkScoped(cli.effect("get", "shop", "--watch", "-o", "yaml", "--server", herald.url))
      yield* passUntil(() => cli.out.length === 2)

      assert.isTrue(cli.out.every((text) => text.startsWith("---\n")))
      assert.deepStrictEqual(
        cli.out.map((text) => parse(text).revision),
        [7, 8]
      )
    })
  )
})
