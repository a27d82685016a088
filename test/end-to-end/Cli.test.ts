/** The README's five minutes, word by word, on a real server: every verb, a restart in the middle, wrong input, wrong token. */
import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const herald = (args: ReadonlyArray<string>, env: Record<string, string> = {}): ChildProcess =>
  spawn(process.execPath, [bin, ...args], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })

const run = async (args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const child = herald(args, env)
  let [out, err] = ["", ""]
  child.stdout!.on("data", (chunk) => (out += String(chunk)))
  child.stderr!.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err, json: () => JSON.parse(out) }
}

const json = async (...args: ReadonlyArray<string>) => {
  const done = await run([...args, "--output", "json"])
  assert.strictEqual(done.code, 0, done.err)
  return done.json()
}

describe("the command line", () => {
  it("the README's path, with the server restarted in the middle", async () => {
    const subscriber = herald(["subscribe", "user-service", "--env", "production", "--output", "json"])
    let seen = ""
    subscriber.stdout!.on("data", (chunk) => (seen += String(chunk)))
    const events = () =>
      seen
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line))

    const first = await json(
      "publish",
      "user-service",
      '{"feature":{"x":true}}',
      "--env",
      "production",
      "--type",
      "json",
      "--message",
      "turn x on"
    )
    assert.strictEqual(first.version, 1)
    await waitUntil("the first update", () => events().some((one) => one.version === 1))
    assert.strictEqual(await server.end("SIGTERM"), 0)
    await server.start()
    const second = await json(
      "publish",
      "user-service",
      '{"feature":{"x":false}}',
      "--env",
      "production",
      "--message",
      "turn x off"
    )
    assert.strictEqual(second.version, 2)
    await waitUntil("the update after the restart", () => events().some((one) => one.version === 2))

    assert.strictEqual((await json("get", "user-service", "--env", "production")).value, '{"feature":{"x":false}}')
    assert.deepStrictEqual(
      (await json("list", "--env", "production")).map((one: { key: string }) => one.key),
      ["user-service"]
    )
    assert.deepStrictEqual(
      (await json("history", "user-service", "--env", "production")).map((one: { version: number }) => one.version),
      [2, 1]
    )
    const diff = await json("diff", "user-service", "1", "2", "--env", "production")
    assert.deepStrictEqual(diff.difference.patch, [{ op: "replace", path: "/feature/x", value: false }])
    const client = await waitUntil("the client's answer", async () => {
      const [one] = await json("clients")
      return one?.keys[0]?.applied?.version === 2 && one
    })
    assert.deepInclude(client.keys[0].desired, { version: 2 })
    const table = await run(["clients", "--output", "table"])
    for (const text of ["user-service", "applied", "production"]) assert.include(table.out.toLowerCase(), text)

    const rollback = await json(
      "rollback",
      "user-service",
      "--to",
      "1",
      "--env",
      "production",
      "--message",
      "x is needed after all"
    )
    assert.strictEqual(rollback.version, 3)
    await waitUntil("the rollback", () =>
      events().some((one) => one.version === 3 && one.content === '{"feature":{"x":true}}')
    )
    assert.strictEqual(
      (await json("explain", "user-service", "--env", "production")).effective,
      '{"feature":{"x":true}}'
    )
    assert.strictEqual((await json("explain", "HRLD-2002")).name, "VersionConflict")
    await json("validate", "user-service", '{"feature":1}', "--env", "production")
    assert.strictEqual((await json("get", "user-service", "--env", "production")).version, 3)
    await json("delete", "user-service", "--env", "production", "--message", "gone")
    await waitUntil("the deletion", () => events().some((one) => one.event === "deleted"))
    subscriber.kill("SIGINT")
    assert.strictEqual(await new Promise((resolve) => subscriber.once("close", resolve)), 130)
  })

  it("many keys in one atomic release", async () => {
    const file = join(server.data, "release.yaml")
    writeFileSync(
      file,
      `message: both
environment: production
changes:
  - key: release.a
    type: json
    value: { on: true }
  - key: release.b
    type: string
    value: text
`
    )
    const dry = await json("release", "apply", file, "--dry-run")
    assert.strictEqual(dry.changes.length, 2)
    assert.strictEqual((await run(["get", "release.a"])).code, 4)
    await json("release", "apply", file)
    const [a, b] = [await json("get", "release.a"), await json("get", "release.b")]
    assert.strictEqual(a.revision, b.revision)
  })

  it("keys with a role and an environment, revoked; the audit log knows", async () => {
    const made = await json("key", "create", "deployer", "--role", "publisher", "--env", "staging")
    const as = { HERALD_TOKEN: made.token, HERALD_SERVER: server.http, HERALD_GRPC: server.grpc }
    const allowed = await run(["publish", "staged", "1", "--env", "staging", "--message", "m"], as)
    const forbidden = await run(["publish", "staged", "1", "--env", "production", "--message", "m"], as)
    const manage = await run(["key", "list"], as)
    assert.deepStrictEqual([allowed.code, forbidden.code, manage.code], [0, 6, 6], allowed.err)
    assert.include(forbidden.err, "HRLD-3002")
    assert.include(
      (await json("key", "list")).map((one: { name: string }) => one.name),
      "deployer"
    )
    await json("key", "revoke", made.key.id)
    const revoked = await waitUntil("the revocation", async () => {
      const tried = await run(["get", "staged", "--env", "staging"], as)
      return tried.code === 6 && tried
    })
    assert.include(revoked.err, "revoked")
    const actions = (await json("audit", "tail")).map((one: { action: string }) => one.action)
    for (const action of ["key.create", "publish", "key.revoke"]) assert.include(actions, action)
    assert.isTrue((await json("audit", "verify")).ok)
  })

  it("DN1 a key that is narrowed to some keys does, sees and is told of these, and can-i says so before", async () => {
    for (const key of ["narrow.db", "wide.db"]) await json("publish", key, "1", "--type", "number", "--message", "m")
    const made = await json(
      ...["key", "create", "narrow", "--role", "publisher", "--env", "production"],
      ...["--keys", "narrow.*", "--kinds", "config,flag"]
    )
    const as = { HERALD_TOKEN: made.token }
    const can = async (...args: ReadonlyArray<string>) => {
      const { code, out } = await run(["access", "can-i", ...args, "--env", "production", "--output", "json"], as)
      return [code, JSON.parse(out).rule]
    }
    assert.deepStrictEqual(await can("publish", "narrow.db"), [0, "keys"])
    assert.deepStrictEqual(await can("publish", "wide.db"), [1, "keys"])
    assert.deepStrictEqual(await can("publish", "narrow.db", "--kind", "segment"), [1, "kinds"])
    assert.deepStrictEqual(await can("manage-keys"), [1, "role"])
    const change = (key: string) => run(["publish", key, "2", "--type", "number", "--message", "m"], as)
    assert.strictEqual((await change("narrow.db")).code, 0)
    const refused = await change("wide.db")
    assert.strictEqual(refused.code, 6)
    assert.include(refused.err, "with the keys narrow.*")
    const seen = JSON.parse((await run(["list", "--env", "production", "--output", "json"], as)).out)
    assert.include(JSON.stringify(seen), "narrow.db")
    assert.notInclude(JSON.stringify(seen), "wide.db")
    const who = await json("access", "list", "--for", "publish", "narrow.db", "--env", "production")
    assert.include(JSON.stringify(who), made.key.id)
    const others = await json("access", "list", "--for", "publish", "wide.db", "--env", "production")
    assert.notInclude(JSON.stringify(others), made.key.id)
    assert.strictEqual(JSON.parse((await run(["access", "whoami", "--output", "json"], as)).out).keyId, made.key.id)
    assert.isTrue((await json("audit", "verify")).ok)
  })

  it("wrong input says what, why and how to fix it, with the exit code of its kind", async () => {
    await json("publish", "checked", "1", "--message", "m", "--type", "number")
    const schema = join(server.data, "schema.json")
    writeFileSync(schema, JSON.stringify({ type: "object", required: ["a"] }))
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, string]> = [
      [["publish", "checked", "not a number", "--message", "m"], 3, "HRLD-1003"],
      [["publish", "bad key!", "1", "--message", "m"], 2, "HRLD-1002"],
      [["publish", "with.schema", "{}", "--schema", `@${schema}`, "--type", "json", "--message", "m"], 3, "HRLD-1004"],
      [["publish", "templated", "{{missing}}", "--type", "string", "--message", "m"], 3, "HRLD-1006"],
      [["publish", "checked", "2", "--expected-version", "7", "--message", "m"], 5, "HRLD-2002"],
      [["get", "nowhere"], 4, "HRLD-2001"],
      [["get"], 2, ""],
      [["frobnicate"], 2, ""]
    ]
    for (const [args, code, error] of cases) {
      const done = await run(args)
      assert.strictEqual(done.code, code, `${args.join(" ")}: ${done.err}${done.out}`)
      assert.include(done.err, error)
      if (error !== "") assert.match(done.err, /why[\s\S]*fix/)
    }
  })

  it("a server that is not there is said to be not there", async () => {
    const gone = await run(["get", "x"], {
      HERALD_SERVER: "http://127.0.0.1:9",
      HERALD_TOKEN: "hrld_0_0",
      HERALD_DATA: "/nowhere"
    })
    assert.strictEqual(gone.code, 7)
    assert.include(gone.err, "npx herald start")
  })
})
