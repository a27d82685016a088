/** The verbs that look: what they ask of the server, and what they print. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { difference } from "../../src/values/Diff.ts"
import { passUntil } from "../support/Clock.ts"
import { FakeHerald, fakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"
import { ask, CONFIG, head, kept, published, stored } from "./Ask.ts"

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
    assert.deepStrictEqual(request.query, { environment: "production", as: "text", limit: "2" })
    assert.strictEqual(
      printed,
      [
        "VERSION  REVISION  WHEN                  WHO  TYPE  MESSAGE    VALUE",
        "      4         7  1970-01-01T00:00:00Z  ann  json  turn x on  deleted",
        '      3         7  1970-01-01T00:00:00Z  ann  json  turn x on  {"x":true}'
      ].join("\n")
    )
  })

  it("RQ4 history says of which rollouts versions are candidates", async () => {
    const { printed } = await ask(["history", "shop"], `GET ${CONFIG}/history`, {
      body: { versions: [{ ...kept, version: 4, rollout: { id: "r17", state: "withdrawn" } }, kept], next: null }
    })
    assert.deepStrictEqual(printed.match(/ROLLOUT|r17 withdrawn/g), ["ROLLOUT", "r17 withdrawn"])
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
    assert.deepStrictEqual(await shown(difference("", "5")), ["+ 5"])
    assert.deepStrictEqual(await shown(difference("5", "")), ["- 5"])
    assert.deepStrictEqual(await shown(difference("", "++a\n-b\n")), ["+++a", "+-b"])
    assert.deepStrictEqual(await shown({ kind: "none" }), ["no difference"])
  })

  it("diff shows what was beside what is, where both are known", async () => {
    await using herald = await FakeHerald.start()
    const patch = [
      { op: "replace", path: "/a~1b/1", value: 5 },
      { op: "remove", path: "/list/0" },
      { op: "replace", path: "/list/0", value: "c" },
      { op: "add", path: "/new", value: 1 }
    ]
    const difference = { kind: "json", patch }
    herald.on(`GET ${CONFIG}/diff`, { body: { key: "shop", environment: "production", from: 1, to: 2, difference } })
    const { stale: _, ...version } = { ...stored, value: '{"a/b":[1,{"x":2}],"list":["a","b"]}' }
    herald.on(`GET ${CONFIG}/versions/1`, { body: version })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("diff", "shop", "1", "2", "--server", herald.url), 0, cli.said)
    assert.deepStrictEqual(cli.printed.split("\n").slice(1), [
      '~ /a~1b/1 {"x":2} → 5',
      '- /list/0 "a"',
      '~ /list/0 "b" → "c"',
      "+ /new 1"
    ])
  })

  it("publish shows old and new, and the first lines of a long difference", async () => {
    await using herald = await FakeHerald.start()
    const unified = `@@ -1 +1 @@\n${Array.from({ length: 60 }, (_, at) => `+line ${at}\n`).join("")}`
    const body = { key: "shop", environment: "production", from: 2, to: 3, difference: { kind: "lines", unified } }
    herald.on(`PUT ${CONFIG}`, { body: published }).on(`GET ${CONFIG}/diff`, { body })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("publish", "shop", "x", "--server", herald.url), 0, cli.said)
    const lines = cli.printed.split("\n")
    assert.deepStrictEqual([lines.length, lines[1], lines.at(-1)], [42, "@@ -1 +1 @@", "… 21 more lines"])
  })

  it("explain of what looks like a code, and is neither that nor a key, says so, with the code that may be meant", async () => {
    await using herald = await FakeHerald.start()
    for (const [typed, meant] of [
      ["9999", ""],
      ["HRDL-2002", "Did you mean HRLD-2002?"],
      ["VersionConflit", "Did you mean VersionConflict?"]
    ] as const) {
      const cli = terminal({ terminal: true })
      herald.on(`GET /v1/config/${typed}/explain`, problem("NotFound", `there is no key ${typed} in production`))
      assert.strictEqual(await cli.run("explain", typed, "--server", herald.url), 4)
      assert.include(cli.said, `there is no error code ${typed}`)
      assert.include(cli.said, meant)
    }
  })

  it("explain of a code works without a server, of a key tells how its value came about", async () => {
    const offline = terminal({ terminal: true })
    assert.strictEqual(await offline.run("explain", "hrld-2002", "--server", "http://127.0.0.1:1"), 0)
    assert.match(offline.printed, /^HRLD-2002 Someone else changed it first\ncause +The current version/)
    assert.strictEqual(await terminal().run("explain", "HRLD"), 0)
    assert.strictEqual(await terminal().run("explain", "HRLD-0000"), 4)
    const number = terminal({ terminal: true })
    assert.strictEqual(await number.run("explain", "2002"), 0)
    assert.match(number.printed, /^HRLD-2002 /)

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
    assert.deepStrictEqual(request.query, { environment: "production", as: "text", "label.region": "eu" })
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
