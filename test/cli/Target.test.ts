import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Shell } from "../../src/cli/Shell.ts"
import { isLoopback, resolve, type TargetFlags } from "../../src/cli/Target.ts"
import { FakeHerald } from "../support/FakeHerald.ts"
import { type TerminalOptions, terminal } from "../support/Terminal.ts"

const none: TargetFlags = { server: undefined, grpc: undefined, token: undefined, data: undefined }
const target = (flags: Partial<TargetFlags>, options: TerminalOptions = {}) =>
  Effect.runSync(resolve({ ...none, ...flags }).pipe(Effect.provideService(Shell, terminal(options).shell)))

const files = {
  ".herald/server.json": JSON.stringify({ pid: 1, http: "http://127.0.0.1:9001", grpc: "127.0.0.1:9002" }),
  ".herald/admin-token": "local\n",
  "other/admin-token": "other\n"
}
const env = { HERALD_SERVER: "http://localhost:7001/", HERALD_GRPC: "localhost:7002", HERALD_TOKEN: "from-env" }

describe("which server, as whom", () => {
  it("TA1 a flag wins over the environment, the environment over the data folder, and that over the defaults", () => {
    assert.deepStrictEqual(target({}), {
      server: "http://127.0.0.1:8080",
      grpc: "127.0.0.1:50051",
      token: undefined,
      data: ".herald"
    })
    assert.deepStrictEqual(target({}, { files }), {
      server: "http://127.0.0.1:9001",
      grpc: "127.0.0.1:9002",
      token: "local",
      data: ".herald"
    })
    assert.deepStrictEqual(target({}, { files, env }), {
      server: "http://localhost:7001",
      grpc: "localhost:7002",
      token: "from-env",
      data: ".herald"
    })
    assert.deepStrictEqual(
      target({ server: "127.0.0.1:1", grpc: "grpc://127.0.0.1:2", token: "flag", data: "other" }, { files, env }),
      { server: "http://127.0.0.1:1", grpc: "127.0.0.1:2", token: "flag", data: "other" }
    )
  })

  it("TA1 the data folder may be named by a flag or HERALD_DATA; empty settings count as none", () => {
    assert.strictEqual(target({}, { files, env: { HERALD_DATA: "other" } }).token, "other")
    assert.strictEqual(target({ data: ".herald" }, { files, env: { HERALD_DATA: "other" } }).token, "local")
    assert.strictEqual(target({ server: "" }, { env: { HERALD_SERVER: " " } }).server, "http://127.0.0.1:8080")
  })

  it("TA1 a damaged server.json counts as none", () => {
    for (const content of ["", "{", "null", "[]", '{"http":5}']) {
      assert.strictEqual(
        target({}, { files: { ".herald/server.json": content } }).server,
        "http://127.0.0.1:8080",
        content
      )
    }
  })

  it("TA1 a verb asks that server, with that token", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", { body: { keys: [], next: null } })
    const cli = terminal({
      files: { "d/server.json": JSON.stringify({ http: herald.url, grpc: "127.0.0.1:1" }), "d/admin-token": "secret" }
    })

    assert.strictEqual(await cli.run("list", "--data", "d"), 0, cli.said)
    assert.strictEqual(herald.last.headers.authorization, "Bearer secret")
    assert.strictEqual(await cli.run("list", "--data", "d", "--token", "mine"), 0, cli.said)
    assert.strictEqual(herald.last.headers.authorization, "Bearer mine")
  })

  it("TA2 the data folder's token is sent to loopback addresses only", () => {
    for (const server of ["https://herald.example.org", "http://10.0.0.1:8080", "http://127.0.0.1.example.org"]) {
      assert.isUndefined(target({ server }, { files }).token, server)
    }
    assert.isUndefined(target({ grpc: "herald.example.org:50051" }, { files }).token)
    assert.strictEqual(target({ server: "https://herald.example.org", token: "mine" }, { files }).token, "mine")
    for (const server of ["localhost:1", "http://[::1]:1", "127.1.2.3:1"]) {
      assert.strictEqual(target({ server }, { files }).token, "local", server)
    }
  })

  it("TA3 a token that a header can't carry is refused, without being shown, whoever gave it", () => {
    for (const token of ["secret-token\nmore", "secret token", "Bearer secret-token", "secret-tokené"]) {
      for (const [flags, options] of [
        [{ token }, {}],
        [{}, { env: { HERALD_TOKEN: token } }],
        [{}, { files: { ".herald/admin-token": token } }]
      ] as const) {
        const failure = Effect.runSync(
          resolve({ ...none, ...flags }).pipe(Effect.provideService(Shell, terminal(options).shell), Effect.flip)
        )
        assert.match(failure.what, /^the token /)
        assert.notInclude(JSON.stringify(failure), "secret")
      }
    }
  })

  it("TA2 an address that only looks local is not", () => {
    for (const address of ["http://127.0.0.1@example.org", "localhost.example.org", "0.0.0.0:1", "", "http://"]) {
      assert.isFalse(isLoopback(address), address)
    }
  })

  it("TA4 a gRPC address with https:// is spoken to over TLS; one without says what the server's address says", () => {
    for (const [server, grpc, tls] of [
      ["https://h", "https://h:1", true],
      ["http://h", "grpcs://h:1/", true],
      ["https://h", "http://h:1", undefined],
      ["https://h", "h:1", true],
      ["http://h", "h:1", undefined],
      ["https://h", "127.0.0.1:1", undefined],
      ["https://127.0.0.1", "127.0.0.1:1", true]
    ] as const) {
      const found = target({ server, grpc, token: "t" })
      assert.deepStrictEqual([found.grpc, found.tls], [grpc.replace(/^.*:\/\/|\/$/g, ""), tls], `${server} ${grpc}`)
    }
  })

  it("TA4 a context's token goes over TLS to both addresses where its server has it", () => {
    const context = (one: object) =>
      target({}, { env: { HOME: "/h" }, files: { "/h/.config/herald/contexts.json": JSON.stringify(one) } })
    const of = (one: object) => context({ current: "c", contexts: { c: { token: "t", ...one } } })

    for (const one of [
      { server: "https://h" },
      { server: "https://h:8443", grpc: "h:50051" },
      { server: "https://h", grpc: "https://h:50051" }
    ])
      assert.deepInclude(of(one), { grpc: "h:50051", token: "t", tls: true })
    assert.isUndefined(of({ server: "http://h" }).tls)
    assert.isUndefined(of({ server: "https://h", grpc: "http://h:50051" }).tls)
    assert.isTrue(of({ server: "https://localhost:8443" }).tls)
  })
})
