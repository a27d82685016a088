/** How a run ends: where things are printed and with which exit code. test/end-to-end/CliProcess.test.ts: of a real process. */
import { assert, describe, it } from "@effect/vitest"
import { fromAnswer, render } from "../../src/cli/CliFailure.ts"
import { plain } from "../../src/cli/Paint.ts"
import { problemOf } from "../../src/edge/http/Problem.ts"
import { catalogue, type ErrorName } from "../../src/errors/Catalogue.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"

describe("a run", () => {
  it("CM1 results go to standard output alone, errors and help on wrong usage to standard error alone", async () => {
    await using server = await FakeHerald.start()
    server.on("GET /v1/config", { body: { keys: [], next: null } })
    const good = terminal()
    assert.strictEqual(await good.run("list", "--server", server.url), 0)
    assert.deepStrictEqual([good.json, good.err], [[], []])

    for (const args of [
      ["get", "missing", "--server", server.url],
      ["get"],
      ["nonsense"],
      ["list", "--nonsense"],
      ["diff", "a", "one", "2"],
      ["publish", "a", "x", "--type", "xml"],
      ["publish", "a", "x", "--at", "-2h"]
    ]) {
      const cli = terminal()
      assert.notStrictEqual(await cli.run(...args), 0)
      assert.deepStrictEqual(cli.out, [], args.join(" "))
      assert.match(cli.said, /^error/, args.join(" "))
    }
  })

  it("CM1 help that was asked for is a result", async () => {
    for (const args of [["--help"], ["publish", "--help"], []]) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args), 0)
      assert.include(cli.printed, "USAGE")
      assert.deepStrictEqual(cli.err, [])
    }
  })

  it("CM2 CF1 the exit code is the catalogue's for every code that a server answers with", async () => {
    await using server = await FakeHerald.start()
    for (const name of Object.keys(catalogue) as Array<ErrorName>) {
      server.on("GET /v1/config/a", problem(name, "so it is", { strange: true })) // some only another door says
      const cli = terminal()
      assert.strictEqual(await cli.run("get", "a", "--server", server.url), catalogue[name].exit, name)
      assert.include(cli.said, catalogue[name].code)
    }
  })

  it("CM2 wrong usage is 2, a defect is 1", async () => {
    for (const args of [["publish", "a"], ["nonsense"], ["list", "--limit", "x"], ["get", "a", "--output", "xml"]]) {
      const cli = terminal()
      assert.strictEqual(await cli.run(...args), 2, args.join(" "))
      assert.match(cli.said, /^error: Wrong usage\n {2}what {2}.+\n {2}fix {3}See: herald.* --help$/, args.join(" "))
    }
    await using server = await FakeHerald.start()
    server.on("GET /v1/config", { body: { nothing: "known" }, strange: true })
    const cli = terminal()
    assert.strictEqual(await cli.run("list", "--server", server.url), 1)
    assert.include(cli.said, catalogue.Internal.code)
  })
})

describe("errors", () => {
  it("a problem is shown with code, what, why, fix, trace and where there is more", async () => {
    await using server = await FakeHerald.start()
    server.on("PUT /v1/config/a", problem("VersionConflict", "a is at version 4, not 3"))
    const cli = terminal()

    assert.strictEqual(await cli.run("publish", "a", "x", "--expected-version", "3", "--server", server.url), 5)
    assert.strictEqual(
      cli.said,
      [
        "error HRLD-2002: Someone else changed it first",
        "  what  a is at version 4, not 3",
        "  why   The current version is not the one that you expected.",
        "  fix   Read the current version, merge, and publish again with its number.",
        "  trace t1",
        "  more  herald explain HRLD-2002"
      ].join("\n")
    )
  })

  it("with --output json an error is JSON on standard error", async () => {
    await using server = await FakeHerald.start()
    server.on("GET /v1/config/a", problem("NotFound", "no key a"))
    for (const flag of [["--output", "json"], ["--output=json"], ["-o", "json"]]) {
      const cli = terminal()
      assert.strictEqual(await cli.run("get", "a", "--server", server.url, ...flag), 4)
      const { cause, code, title } = catalogue.NotFound
      const fix = catalogue.NotFound.fix.replace("--env …", "--env production")
      assert.deepStrictEqual(JSON.parse(cli.said), {
        error: { code, title, detail: "no key a", cause, fix, exit: 4, traceId: "t1" }
      })
    }
  })

  it("what to do names the rollout that was meant", () => {
    const fixOf = (details: object) => {
      const problem = failure("InRollout", "it is in the rollout r5", { details: { ...details } })
      return fromAnswer("http://herald", 409, problemOf(problem, "t1"), "", "").fix
    }
    const named = fixOf({ key: "shop", environment: "staging", rollout: "r5" })
    assert.include(named, "`herald rollout status r5 --env staging`")
    assert.include(named, "`herald rollout abort r5 --env staging`")
    for (const details of [{}, { rollout: "r5; rm", environment: "staging" }, { rollout: "r5", environment: "$(id)" }])
      assert.include(fixOf(details), "rollout status <id>")
  })

  it("CF1 an answer without a code has the exit code of its status", () => {
    const exit = (status: number) => fromAnswer("http://proxy", status, undefined, "<html>", "").exit
    assert.deepStrictEqual(
      [400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 502, 503, 504].map(exit),
      [3, 6, 6, 4, 5, 5, 3, 3, 7, 1, 7, 7, 7]
    )
    assert.strictEqual(
      render(fromAnswer("http://proxy", 502, undefined, "<html>", ""), plain),
      "error: http://proxy answered 502\n  what  <html>\n" +
        "  fix   Check that --server is the address of a Herald server and not of something else."
    )
  })
})
