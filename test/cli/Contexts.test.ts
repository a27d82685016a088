/** Servers by name: which one is meant, and where a token goes. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../support/FakeHerald.ts"
import { terminal } from "../support/Terminal.ts"

const source = new URL("../../src/cli", import.meta.url).pathname
const PATH = "/home/ann/.config/herald/contexts.json"
const env = { HOME: "/home/ann" }
const tokenSeen = (herald: FakeHerald) => herald.last.headers.authorization
const fileOf = (url: string, more: object = {}) =>
  JSON.stringify({ current: "prod", contexts: { prod: { server: url, env: "staging", token: "kept", ...more } } })

describe("contexts", () => {
  it("CX1 add keeps a token from standard input, a file or a command, and refuses one on the command line", async () => {
    const cli = terminal({ env, stdin: "hrld_secret\n" })
    const add = ["context", "add", "prod", "--server", "https://h.example"]
    assert.strictEqual(await cli.run(...add, "--token-stdin", "--use"), 0, cli.said)
    assert.deepStrictEqual(JSON.parse(cli.saved[PATH] ?? ""), {
      current: "prod",
      contexts: { prod: { server: "https://h.example", token: "hrld_secret" } }
    })
    assert.notInclude(cli.said + cli.printed, "secret")
    await cli.run(...add, "--token-file", "t", "--grpc", "h.example:1")
    assert.deepStrictEqual(JSON.parse(cli.saved[PATH] ?? "").contexts.prod, {
      server: "https://h.example",
      grpc: "h.example:1",
      tokenFile: "/here/t"
    })
    for (const args of [
      ["--token", "secret"],
      ["--token-stdin", "--token-command", "x"]
    ])
      assert.strictEqual(await terminal({ env }).run(...add, ...args), 2)
    assert.strictEqual(await terminal({ env }).run("context", "add", "no server"), 2)
  })

  it("TA1 the one in use says server, token and environment; a flag, the environment and --data win over it", async () => {
    await using herald = await FakeHerald.start()
    await using other = await FakeHerald.start()
    const body = { keys: [], next: null }
    herald.on("GET /v1/config", { body })
    other.on("GET /v1/config", { body })
    const files = { [PATH]: fileOf(herald.url) }
    await terminal({ env, files }).run("list")
    assert.strictEqual(tokenSeen(herald), "Bearer kept")
    assert.strictEqual(herald.last.query["environment"], "staging")
    await terminal({ env, files }).run("list", "--env", "dev", "--token", "mine")
    assert.deepStrictEqual([tokenSeen(herald), herald.last.query["environment"]], ["Bearer mine", "dev"])
    const local = { ...files, "d/server.json": JSON.stringify({ http: other.url }), "d/admin-token": "local" }
    await terminal({ env, files: local }).run("list", "--data", "d")
    assert.strictEqual(tokenSeen(other), "Bearer local")
    await terminal({ env: { ...env, HERALD_CONTEXT: "none", HERALD_SERVER: other.url }, files }).run("list")
    assert.strictEqual(tokenSeen(other), undefined)
    const unknown = terminal({ env, files })
    assert.strictEqual(await unknown.run("list", "--context", "prd"), 2)
    assert.include(unknown.said, "There are: prod.")
  })

  it("CX2 a context's token is never sent to another address", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", { body: { keys: [], next: null } })
    const files = { [PATH]: fileOf("https://h.example") }
    for (const given of [
      ["--server", herald.url],
      ["--server", herald.url, "--context", "prod"]
    ]) {
      assert.strictEqual(await terminal({ env, files }).run("list", ...given), 0)
      assert.strictEqual(tokenSeen(herald), undefined)
    }
  })

  it("CX1 a token's file and command are asked each time", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", { body: { keys: [], next: null } })
    const of = (more: object) => JSON.stringify({ current: "p", contexts: { p: { server: herald.url, ...more } } })
    await terminal({ env, files: { [PATH]: of({ tokenFile: "/t" }), "/t": "from-file\n" } }).run("list")
    assert.strictEqual(tokenSeen(herald), "Bearer from-file")
    const commands = { "pass show x": "from-command\n" }
    await terminal({ env, commands, files: { [PATH]: of({ tokenCommand: "pass show x" }) } }).run("list")
    assert.strictEqual(tokenSeen(herald), "Bearer from-command")
    assert.strictEqual(await terminal({ env, files: { [PATH]: of({ tokenFile: "/no" }) } }).run("list"), 2)
  })

  it("TA5 a server that asks for a token is told of the context that has none, with the command that gives it one", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", problem("Unauthenticated", "there is no token"))
    const { token: _, ...bare } = JSON.parse(fileOf(herald.url)).contexts.prod
    const files = {
      [PATH]: JSON.stringify({ current: "prod", contexts: { prod: bare } }),
      ".herald/admin-token": "local"
    }
    const own = terminal({ env, files })
    assert.strictEqual(await own.run("list"), 6)
    assert.strictEqual(tokenSeen(herald), undefined)
    const add = `herald context add prod --server ${herald.url} --env staging --token-file .herald/admin-token`
    assert.include(own.said, `The context prod has no token. Give it one: ${add}`)
    assert.notInclude(own.said, "where no context is used")
    assert.include(own.said, "herald key recover")

    const other = terminal({ env, files: { [PATH]: fileOf("https://h.example") } })
    assert.strictEqual(await other.run("list", "--server", herald.url), 6)
    assert.include(other.said, "The context prod keeps its token for its own addresses")
    const wrong = terminal({ env, files: { [PATH]: fileOf(herald.url) } })
    assert.strictEqual(await wrong.run("list"), 6)
    assert.include(wrong.said, "herald key recover")
  })

  it("use, list and remove; a token is not shown", async () => {
    const cli = terminal({ env, terminal: true, files: { [PATH]: fileOf("https://h.example") } })
    assert.strictEqual(await cli.run("context", "list"), 0)
    assert.match(cli.printed, /^\s+NAME .*\n\*\s+prod\s+https:\/\/h\.example\s+-\s+staging\s+kept$/)
    assert.notInclude(cli.printed, '"kept"')
    assert.strictEqual(await cli.run("context", "use", "none"), 0)
    assert.isUndefined(JSON.parse(cli.saved[PATH] ?? "").current)
    assert.strictEqual(await cli.run("context", "use", "prod"), 0)
    assert.strictEqual(await cli.run("context", "use", "other"), 2)
    assert.strictEqual(await cli.run("context", "remove", "prod"), 0)
    assert.deepStrictEqual(JSON.parse(cli.saved[PATH] ?? ""), { contexts: {} })
  })

  it("CX5 what this version does not know stays, and what a context has besides its token", async () => {
    const login = { issuer: "https://login.example", refresh: "hidden" }
    const tls = { ca: "/ca.pem", cert: "/me.pem", key: "/me.key" }
    const kept = { server: "https://h.example", login, ...tls, later: [1] }
    const file = { version: 9, current: "prod", contexts: { odd: { servers: [] }, prod: kept } }
    const cli = terminal({ env, files: { [PATH]: JSON.stringify(file) } })
    await cli.run("context", "add", "other", "--server", "https://o.example", "--use")
    await cli.run("context", "rename", "prod", "prod-eu")
    await cli.run("context", "remove", "other")
    const contexts = { odd: { servers: [] }, "prod-eu": kept }
    assert.deepStrictEqual(JSON.parse(cli.saved[PATH] ?? ""), { version: 9, contexts })
    assert.strictEqual(await cli.run("context", "show", "prod-eu"), 0, cli.said)
    const shown = { name: "prod-eu", server: kept.server, grpc: null, env: null, token: "by herald login", ...tls }
    assert.deepStrictEqual(cli.json, shown)
    assert.notInclude(cli.printed + cli.said, "hidden")
  })

  it("rename keeps the one in use and takes no other's name; show says which is used", async () => {
    const cli = terminal({ env, files: { [PATH]: fileOf("https://h.example") }, terminal: true })
    assert.strictEqual(await cli.run("context", "rename", "prod", "live"), 0, cli.said)
    assert.strictEqual(JSON.parse(cli.saved[PATH] ?? "").current, "live")
    assert.strictEqual(await cli.run("context", "show"), 0, cli.said)
    assert.match(cli.printed, /name +live\nserver +https:\/\/h\.example\ngrpc +-\nenv +staging\ntoken +kept/)
    assert.notInclude(cli.printed, '"kept"')
    await cli.run("context", "add", "next", "--server", "https://n.example")
    for (const [to, said] of [
      ["next", "there is a context next already"],
      ["none", "none can't be the name of a context"],
      ["a b", "can't be the name"]
    ] as const) {
      assert.strictEqual(await cli.run("context", "rename", "live", to), 2)
      assert.include(cli.said, said)
    }
    assert.strictEqual(await cli.run("context", "rename", "gone", "here"), 2)
    assert.strictEqual(await cli.run("context", "show", "gone"), 2)
    await cli.run("context", "use", "none")
    assert.strictEqual(await cli.run("context", "show"), 2)
  })

  it("a name that is not there is answered with those that are, or with how to add one", async () => {
    for (const args of [
      ["context", "use", "prd"],
      ["context", "remove", "prd"],
      ["list", "--context", "prd"]
    ]) {
      const none = terminal({ env })
      assert.strictEqual(await none.run(...args), 2)
      assert.include(none.said, "None was added yet: herald context add <name>")
      const some = terminal({ env, files: { [PATH]: fileOf("https://h.example") } })
      assert.strictEqual(await some.run(...args), 2)
      assert.include(some.said, "There are: prod.")
    }
  })

  it("no variable that the command line reads is taken for a misspelt setting", async () => {
    const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
    const names = files.flatMap((file) =>
      [...readFileSync(join(source, file), "utf8").matchAll(/env\["(HERALD_\w+)"\]/g)].map(([, name]) => name ?? "")
    )
    assert.includeMembers(names, ["HERALD_CONTEXT", "HERALD_EDITOR", "HERALD_TOKEN"])
    const others = names.filter((name) => name !== "HERALD_CONFIG" && name !== "HERALD_DATA")
    const cli = terminal({
      env: {
        ...Object.fromEntries(others.map((name) => [name, /_CA$|_CERT/.test(name) ? "" : "none"])),
        HOME: "/nowhere"
      }
    })
    assert.strictEqual(await cli.run("settings"), 0, cli.said)
    assert.deepStrictEqual(cli.err, [])
  })
})
