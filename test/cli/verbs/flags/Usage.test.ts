/** `herald flag usage|stale`, and what `list` and `get` say of use. */
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem, stamped } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { ask } from "../../Ask.ts"

const DAY = 86_400_000
const now = Date.now()
const stored = (flag: string) =>
  stamped({
    ...{ flag, environment: "production", version: 3, revision: 7, definition: { enabled: true }, deleted: false },
    ...{ digest: "d", createdAt: 0, updatedAt: 0, updatedBy: "ann", message: "" }
  })
const use = (flag: string, lastEvaluatedAt: number | null, lastGivenAt: number | null = null) =>
  stamped({
    ...{ flag, lastEvaluatedAt, lastGivenAt },
    ...(lastEvaluatedAt === null ? { door: null, sdk: null } : { door: "flagd-rpc", sdk: "grpc-go" })
  })
const counted = stamped({ since: now - 100 * DAY })
const all = stamped({ allGivenAt: null, ...counted })

describe("how flags are used", () => {
  it("list says when each was evaluated last, page after page", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/flags", { body: { flags: ["a", "b", "c"].map(stored), next: null } })
    herald.on(
      "GET /v1/flag-usage",
      { body: { ...all, uses: [use("a", now - 3 * DAY)], next: "a" } },
      { body: { ...all, uses: [use("b", null, now - 5 * DAY)], next: null } }
    )
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("flag", "list", "--server", herald.url), 0, cli.said)
    assert.match(cli.printed, /EVALUATED/)
    assert.match(cli.printed, /^a .*3 d ago/m)
    assert.match(cli.printed, /^b .*with all, 5 d ago/m)
    assert.match(cli.printed, /^c .*never/m)
    assert.strictEqual(herald.last.query["after"], "a")
  })

  it("get says who evaluated it last; an old version has no such thing", async () => {
    await using herald = await FakeHerald.start()
    const body = { ...use("a", now - 3 * DAY), ...counted, environment: "production", counts: [] }
    herald.on("GET /v1/flags/a", { body: stored("a") })
    herald.on("GET /v1/flags/a/usage", { body })
    herald.on("GET /v1/flags/a/versions/2", { body: stored("a") })
    const cli = terminal({ terminal: true })
    assert.strictEqual(await cli.run("flag", "get", "a", "--server", herald.url), 0, cli.said)
    assert.include(cli.printed, "3 d ago by grpc-go (flagd-rpc)")
    const old = terminal({ terminal: true })
    assert.strictEqual(await old.run("flag", "get", "a", "--version", "2", "--server", herald.url), 0, old.said)
    assert.notInclude(old.printed, "evaluated")
  })

  it("list and get show flags of a server that can't tell how they are used", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/flags", { body: { flags: [stored("a")], next: null } })
    herald.on("GET /v1/flags/a", { body: stored("a") })
    herald.on("GET /v1/flag-usage", problem("DatabaseUnavailable", "away"))
    herald.on("GET /v1/flags/a/usage", problem("DatabaseUnavailable", "away"))
    for (const args of [["list"], ["get", "a"]]) {
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run("flag", ...args, "--server", herald.url), 0, cli.said)
      assert.match(cli.printed, /^a /m)
      assert.notInclude(cli.printed, "never")
    }
  })

  it("usage shows counts by day, and since when it is counted where there are none", async () => {
    const count = {
      day: "2026-11-26",
      door: "report",
      sdk: "js",
      variant: null,
      outcome: "DISABLED",
      version: 3,
      count: 12
    }
    const body = {
      ...{ ...use("a", now - DAY), ...counted, environment: "production" },
      counts: [stamped({ ...count, lastAt: now })]
    }
    const { printed, request } = await ask(["flag", "usage", "a", "--days", "7"], "GET /v1/flags/a/usage", { body })
    assert.strictEqual(request.query["days"], "7")
    assert.match(printed, /2026-11-26 +\(default\) +DISABLED +12 +report +js/)
    const none = await ask(["flag", "usage", "a"], "GET /v1/flags/a/usage", {
      body: { ...use("a", null), ...counted, environment: "production", counts: [] }
    })
    assert.match(none.printed, /never; counted since 20\d\d-\d\d-\d\d/)
  })

  it("stale lists each with why and what to do; --check ends with 3 for what is certain", async () => {
    const flag = (name: string, certain: boolean) =>
      stamped({
        ...{ flag: name, owner: certain ? "team-a" : null, lastEvaluatedAt: null },
        why: [{ reason: "unused", certain, problem: "nobody evaluated it", fix: "archive it" }]
      })
    const run = async (stale: ReadonlyArray<object>, ...args: ReadonlyArray<string>) => {
      await using herald = await FakeHerald.start()
      herald.on("GET /v1/stale-flags", { body: { stale: [], next: "a" } }, { body: { stale, next: null } })
      const cli = terminal({ terminal: true })
      const exit = await cli.run("flag", "stale", ...args, "--server", herald.url)
      return { exit, cli, after: herald.last.query["after"] }
    }
    const both = await run([flag("old", true), flag("maybe", false)], "--check")
    assert.strictEqual(both.exit, 3)
    assert.strictEqual(both.after, "a")
    assert.include(both.cli.printed, "old  team-a\n  unused: nobody evaluated it\n    fix  archive it")
    assert.include(both.cli.printed, "maybe\n  perhaps unused: nobody evaluated it")
    assert.include(both.cli.said, "One flag is stale")
    assert.strictEqual((await run([flag("old", true)])).exit, 0)
    assert.strictEqual((await run([flag("maybe", false)], "--check")).exit, 0)
    const none = await run([], "--check")
    assert.deepStrictEqual([none.exit, none.cli.printed.trim()], [0, "no stale flags in production"])
  })
})
