import { assert, describe, it } from "@effect/vitest"
import { colours, plain, wantsColour } from "../../src/cli/Paint.ts"
import { ago, facts, table, time } from "../../src/cli/Table.ts"
import { printable } from "../../src/text/Printable.ts"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"

const EVIL = "a\u001b[2J\u009b31m\r\u0007\u202eb"
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
const dangerous = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

describe("tables", () => {
  it("columns are as wide as their widest cell, wide characters included", () => {
    const rows = [
      { name: "配置", n: 5 },
      { name: "plain", n: 1234 }
    ]
    const columns = [
      { title: "NAME", value: (row: (typeof rows)[0]) => row.name },
      { title: "N", value: (row: (typeof rows)[0]) => String(row.n), right: true }
    ]
    assert.strictEqual(table(rows, columns), "NAME      N\n配置      5\nplain  1234")
  })

  it("facts leave out what is empty", () => {
    assert.strictEqual(
      facts([
        ["a", "1"],
        ["empty", ""],
        ["long", "2"]
      ]),
      "a     1\nlong  2"
    )
  })

  it("ages and times read like a person says them", () => {
    assert.deepStrictEqual(
      [0, 5_000, 600_000, 4 * 3_600_000, 3 * 86_400_000].map((age) => ago(1e12, 1e12 + age)),
      ["0 s ago", "5 s ago", "10 min ago", "4 h ago", "3 d ago"]
    )
    assert.strictEqual(ago(0, 1e12), "never")
    assert.strictEqual(time(0), "1970-01-01T00:00:00Z")
    assert.strictEqual(time("nonsense"), "")
  })

  it("PR1 control characters are shown, not sent", () => {
    assert.strictEqual(printable(EVIL), "a\\u001b[2J\\u009b31m\\u000d\\u0007\\u202eb")
    assert.strictEqual(printable("a\nb\tc"), "a↵b\\u0009c")
    assert.strictEqual(printable("a\nb\tc\u001b", true), "a\nb\tc\\u001b")
    assert.notMatch(table([{ v: EVIL }], [{ title: "V", value: (row) => row.v }], plain), dangerous)
    assert.notMatch(facts([["v", EVIL]], plain), dangerous)
  })

  it("PR1 nothing that a server says can steer the terminal, whatever the verb", async () => {
    await using herald = await FakeHerald.start()
    const stored = {
      key: EVIL,
      environment: EVIL,
      version: 1,
      revision: 1,
      value: EVIL,
      type: "string",
      deleted: false,
      schema: null,
      strict: false,
      template: true,
      digest: EVIL,
      createdAt: 1,
      updatedAt: 1,
      updatedBy: EVIL,
      message: EVIL,
      stale: false
    }
    const { stale: _, ...kept } = stored
    const { key, environment, version, revision, digest, strict, template, type, deleted } = kept
    const head = { key, environment, version, revision, digest, strict, template }
    const changed = { key, environment, version, type, digest, deleted }
    const published = { ...changed, revision, epoch: "e", committedAt: 1, replayed: false }
    const difference = { kind: "lines", unified: `--- ${EVIL}\n+++ b\n@@ ${EVIL} @@\n-${EVIL}\n+${EVIL}\n ${EVIL}\n` }
    herald
      .on("GET /v1/config", { body: { keys: [head], next: null } })
      .on("GET /v1/config/a", { body: stored })
      .on("GET /v1/config/a/history", { body: { versions: [kept], next: null } })
      .on("GET /v1/config/a/diff", { body: { key: EVIL, environment: EVIL, from: 1, to: 2, difference } })
      .on("GET /v1/config/a/explain", {
        body: {
          stored: kept,
          variables: {},
          used: [{ name: EVIL, value: EVIL, source: "client" }],
          missing: [EVIL],
          secrets: [EVIL],
          effective: EVIL,
          stale: true
        }
      })
      .on("PUT /v1/config/a", { body: published })
      .on("POST /v1/config/a/validate", {
        body: { changes: [{ key: EVIL, environment: EVIL, clients: 1, difference }] }
      })
      .on("POST /v1/releases", {
        body: { revision: 1, epoch: "e", committedAt: 1, replayed: true, message: EVIL, changes: [changed] }
      })
      .on("GET /v1/clients", {
        body: {
          clients: [
            {
              environment: EVIL,
              service: EVIL,
              instance: EVIL,
              state: "disconnected",
              labels: {},
              patterns: [],
              connectedAt: 1,
              lastSeen: 1,
              ending: EVIL,
              node: EVIL,
              owner: EVIL,
              health: { revision: 1, epoch: EVIL, health: "degraded", message: EVIL, metrics: {}, reportedAt: 1 },
              keys: [
                {
                  key: EVIL,
                  desired: null,
                  sent: null,
                  applied: null,
                  rejected: { version: 1, revision: 1, epoch: EVIL, at: 1, reason: EVIL },
                  problem: EVIL
                }
              ],
              nextKey: null,
              troubled: 1
            }
          ],
          next: null
        }
      })
      .on("GET /v1/audit", {
        body: {
          entries: [
            {
              id: 1,
              configId: EVIL,
              action: EVIL,
              performedBy: EVIL,
              details: { [EVIL]: EVIL },
              createdAt: 1,
              prevHash: EVIL,
              hash: EVIL
            }
          ],
          next: null
        }
      })
      .on("GET /v1/keys", {
        body: {
          keys: [
            {
              id: EVIL,
              name: EVIL,
              role: "viewer",
              environments: [EVIL],
              createdAt: 1,
              createdBy: EVIL,
              expiresAt: 1,
              revokedAt: null
            }
          ]
        }
      })
      .on("POST /v1/keys", {
        body: {
          token: EVIL,
          key: {
            id: EVIL,
            name: EVIL,
            role: "viewer",
            environments: [EVIL],
            createdAt: 1,
            createdBy: EVIL,
            expiresAt: null,
            revokedAt: null
          }
        }
      })
      .on("GET /v1/config/bad", problem("NotFound", EVIL))
    const cli = terminal({ terminal: true, files: { "r.yaml": "changes: [{ key: a, value: x }]" } })
    for (const args of [
      ["list"],
      ["get", "a"],
      ["history", "a"],
      ["diff", "a", "1", "2"],
      ["explain", "a"],
      ["publish", "a", "x"],
      ["validate", "a", "x"],
      ["release", "apply", "r.yaml"],
      ["clients"],
      ["audit", "tail"],
      ["key", "list"],
      ["key", "create", "x", "--role", "viewer", "--env", "*"]
    ]) {
      cli.out.length = 0
      assert.strictEqual(await cli.run(...args, "--server", herald.url), 0, `${args.join(" ")}: ${cli.said}`)
      assert.include(cli.printed, "\\u001b[2J", args.join(" "))
      assert.notMatch(cli.printed, dangerous, args.join(" "))
      for (const more of [["--output", "json"], ["--output", "yaml"], ...(args[0] === "get" ? [["--raw"]] : [])]) {
        cli.out.length = 0
        await cli.run(...args, ...more, "--server", herald.url)
        assert.isAbove(cli.printed.length, 10, cli.said)
        assert.notMatch(cli.printed, dangerous, [...args, ...more].join(" "))
      }
    }
    const pipe = terminal()
    await pipe.run("get", "a", "--raw", "--server", herald.url)
    assert.strictEqual(pipe.printed, EVIL) // what is piped is as it was published
    assert.strictEqual(await cli.run("get", "bad", "--server", herald.url), 4)
    assert.include(cli.said, "\\u001b[2J")
    assert.notMatch(cli.said, dangerous)
  })

  it("colours are for terminals that want them", () => {
    assert.isTrue(wantsColour({}, true))
    assert.isFalse(wantsColour({}, false))
    assert.isFalse(wantsColour({ TERM: "dumb" }, true))
    assert.isFalse(wantsColour({ NO_COLOR: "1", FORCE_COLOR: "1" }, true))
    assert.isTrue(wantsColour({ FORCE_COLOR: "1" }, false))
    assert.strictEqual(colours.red("x"), "\u001b[31mx\u001b[39m")
  })
})
