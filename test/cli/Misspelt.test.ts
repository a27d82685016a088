/** What was typed nearly right: each is refused before anything is done, with what may have been meant. */
import { assert, describe, it } from "vitest"
import { herald } from "../../src/cli/Herald.ts"
import { meantOption, meantVerb, verbsOf } from "../../src/cli/Misspelt.ts"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"
import { ask } from "./Ask.ts"

const said = async (...args: ReadonlyArray<string>) => {
  const cli = terminal()
  const exit = await cli.run(...args)
  return { exit, said: cli.said }
}

describe("verbs and options", () => {
  it("WV1 a verb of another name, or that stands behind another verb, is told with all that is typed for it", async () => {
    for (const [args, meant] of [
      [["publsh", "a", "1"], "herald publish"],
      [["whoami"], "herald access whoami"],
      [["access", "whoani"], "herald access whoami"],
      [["flag", "enabel", "x"], "herald flag enable"]
    ] as const) {
      const { exit, said: told } = await said(...args)
      assert.strictEqual(exit, 2, told)
      assert.include(told, `did you mean ${meant}`)
      assert.notMatch(told, /\n\s*\n/, "no empty lines")
    }
    const { said: nothing } = await said("zzzzzz")
    assert.include(nothing, "there is no herald zzzzzz")
    assert.notInclude(nothing, "did you mean")
  })

  it("WV1 an option that every verb takes is offered as one of the verb's own is, and no letter for a word", async () => {
    for (const [args, meant] of [
      [["list", "--outpt", "json"], "--output"],
      [["list", "--evn", "staging"], "--env"],
      [["get", "a", "--sever", "http://x"], "--server"]
    ] as const) {
      const { exit, said: told } = await said(...args)
      assert.strictEqual(exit, 2, told)
      assert.include(told, `did you mean ${meant}`)
    }
    const { said: letter } = await said("delete", "a", "--yes")
    assert.include(letter, "there is no option --yes")
    assert.notInclude(letter, "-e")
  })

  it("WV1 what is offered is there", () => {
    const verbs = verbsOf(herald)
    assert.includeMembers([...verbs], ["publish", "access whoami", "rollout plan set"])
    assert.deepStrictEqual(meantVerb("review", [], verbs), ["change review"])
    assert.deepStrictEqual(meantOption("--x", ["-e"], ["env"]), [])
  })
})

describe("values of options", () => {
  it("can-i in an environment that was misspelt names it and the one that is near; a new one is answered", async () => {
    const can = async (environment: string, may = true) => {
      await using fake = await FakeHerald.start()
      fake.on("GET /v1/access/can-i", { body: { may, rule: "role", why: may ? null : "no" } })
      fake.on("GET /v1/environments", { body: { environments: [{ environment: "production", keys: 3 }] } })
      const cli = terminal({ terminal: true })
      const exit = await cli.run("access", "can-i", "publish", "a", "--env", environment, "--server", fake.url)
      return { exit, said: cli.said, printed: cli.printed }
    }
    const wrong = await can("prodution")
    assert.strictEqual(wrong.exit, 4, wrong.said)
    assert.match(wrong.said, /there is no environment prodution[\s\S]*Did you mean --env production\?/)
    assert.notInclude(wrong.printed, "yes")
    for (const environment of ["production", "load-test"]) assert.strictEqual((await can(environment)).exit, 0)
    assert.strictEqual((await can("prodution", false)).exit, 1)
  })

  it("--kinds, --for and --expires are told by their flag and their value, before anything is asked", async () => {
    const create = ["key", "create", "a", "--role", "viewer", "--env", "e"]
    for (const [args, told] of [
      [[...create, "--kinds", "confg"], "--kinds confg: there is no kind confg; did you mean config?"],
      [["key", "exchange", "--kinds", "flag,flags"], "there is no kind flags; did you mean flag?"],
      [["protect", "set", "p", "a.*", "--kinds", "flag,"], "--kinds flag,: a name is empty"],
      [[...create, "--expires", "99999999d"], "--expires 99999999d is no span and no date that there is"],
      [["key", "exchange", "--for", "2h"], "--for 2h is longer than an hour"],
      [["key", "exchange", "--for", "0m"], "--for 0m is no time at all"],
      [["key", "exchange", "--for", "3s"], "--for 3s is no span"]
    ] as const) {
      const { exit, said: text } = await said(...args)
      assert.strictEqual(exit, 2, text)
      assert.include(text, told)
    }
  })

  it("a context takes no address that is one word alone", async () => {
    for (const server of ["nonsense", "ftp//x", "http://", "a b.c"]) {
      const { exit, said: text } = await said("context", "add", "x", "--server", server)
      assert.deepStrictEqual([exit, /is no address|is not a URL|no http/.test(text)], [2, true], `${server}: ${text}`)
    }
    for (const server of [
      "http://herald",
      "herald:8080",
      "localhost",
      "https://herald.example.org",
      "10.0.0.1",
      "[::1]:8080"
    ]) {
      const { said: text } = await said("context", "add", "x", "--server", server)
      assert.notInclude(text, "is no address", server)
    }
  })
})

describe("what is so already", () => {
  const flag = (definition: object) => ({
    ...{ flag: "f", environment: "production", version: 3, revision: 7, definition, digest: "d", archived: false },
    ...{ createdAt: 0, updatedAt: 0, updatedBy: "ann", message: "" }
  })
  it("a flag that is enabled is not enabled once more, nor asked for", async () => {
    for (const more of [[], ["--request"]]) {
      const reply = { body: flag({ enabled: true, percentage: 5 }), strange: true }
      const done = await ask(["flag", "enable", "f", ...more], "GET /v1/flags/f", reply)
      assert.strictEqual(done.exit, 0, done.cli.said)
      assert.include(done.printed, "f is enabled in production already")
      assert.deepStrictEqual(done.herald.lines, ["GET /v1/flags/f"])
    }
    const standard = { body: flag({ state: "DISABLED", variants: { on: true } }), strange: true }
    const off = await ask(["flag", "disable", "f"], "GET /v1/flags/f", standard)
    assert.deepStrictEqual([off.exit, off.herald.lines.length], [0, 1], off.cli.said)
    const on = await ask(["flag", "enable", "f"], "GET /v1/flags/f", standard)
    assert.include(on.herald.lines, "PUT /v1/flags/f")
  })
})

describe("a broken glass", () => {
  it("AQ8 names its review and what closes it, where there is one", async () => {
    const published = { key: "a", environment: "production", version: 2, revision: 9, type: "json", digest: "d" }
    for (const [reply, open] of [
      [{ body: { id: "c9", state: "review" }, strange: true }, true],
      [problem("NotFound", "no such change"), false]
    ] as const) {
      await using fake = await FakeHerald.start()
      fake.on("PUT /v1/config/a", { body: published, strange: true })
      fake.on("GET /v1/changes/c9", reply)
      const cli = terminal()
      const args = ["publish", "a", "2", "--break-glass", "the shop is down", "--server", fake.url]
      assert.strictEqual(await cli.run(...args), 0, cli.said)
      assert.strictEqual(cli.said.includes("herald change review c9 --env production --note"), open, cli.said)
      assert.strictEqual(JSON.parse(cli.printed).revision, 9)
    }
  })
})
