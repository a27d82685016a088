/** Segments on a real server: by the command line and over REST, before and after a restart. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const run = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, ...args, "--output", "json"], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let [out, err] = ["", ""]
  child.stdout!.on("data", (chunk) => (out += String(chunk)))
  child.stderr!.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err }
}
const json = async (...args: ReadonlyArray<string>) => {
  const done = await run(...args)
  assert.strictEqual(done.code, 0, done.err)
  return JSON.parse(done.out)
}
const ask = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${server.http}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any kind
  return { status: answer.status, etag: answer.headers.get("etag"), body: (await answer.json()) as any }
}
const variantOf = async (key: string) => (await json("flag", "eval", "shop", "--key", key)).variant
const evaluated = () => ask("POST", "/ofrep/v1/evaluate/flags", { context: { targetingKey: "bob" } })

describe("segments", () => {
  it("FV6, FN4, FX1 a segment decides over flags, over a restart, in every form, until nothing names it", async () => {
    assert.deepInclude(await json("segment", "create", "beta", "--user", "ann"), { segment: "beta", version: 1 })
    assert.strictEqual((await run("flag", "create", "shop", "--percentage", "0", "--segment", "betta")).code, 3)
    await json("flag", "create", "shop", "--percentage", "0", "--segment", "beta")
    assert.deepStrictEqual([await variantOf("ann"), await variantOf("bob")], ["on", "off"])
    const before = await evaluated()

    await json("segment", "set", "beta", '{"targetUsers":["bob"]}', "--expected-version", "1")
    const after = await evaluated()
    assert.deepStrictEqual([await variantOf("ann"), await variantOf("bob")], ["off", "on"])
    assert.notStrictEqual(after.etag, before.etag)
    assert.deepInclude(after.body.flags[0], { key: "shop", variant: "on" })
    const used = await run("segment", "archive", "beta")
    assert.strictEqual(used.code, 5)
    assert.include(used.err, "the flag shop in production names the segment beta")

    await server.end("SIGKILL")
    await server.start()

    assert.deepStrictEqual([await variantOf("ann"), await variantOf("bob")], ["off", "on"])
    const core = new FlagdCore()
    core.setConfigurations(JSON.stringify((await ask("GET", "/v1/flagd?environment=production")).body))
    for (const key of ["ann", "bob"])
      assert.strictEqual(core.resolveBooleanEvaluation("shop", false, { targetingKey: key }).value, key === "bob")
    assert.deepInclude(await json("segment", "rollback", "beta", "--to", "1"), { version: 3 })
    assert.strictEqual(await variantOf("ann"), "on")
    assert.strictEqual((await json("segment", "history", "beta")).length, 3)
    assert.strictEqual((await json("segment", "diff", "beta", "1", "2")).difference.kind, "json")
    await json("flag", "target", "shop", "--remove-segment", "beta", "--add", "zoe")
    assert.deepInclude(await json("segment", "archive", "beta"), { deleted: true, version: 4 })
    assert.deepStrictEqual(await json("segment", "list"), [])
  })

  it("W1 a release has segments, flags and configurations in one revision, or none of them; a dry run says so before", async () => {
    const environment = "production"
    const release = (segment: string) => ({
      changes: [{ key: "shop", environment, value: 1 }],
      flags: [{ flag: "sale", environment, value: { percentage: 0, segments: ["staff"] } }],
      segments: [{ segment, environment, value: { targetUsers: ["ann"] } }]
    })
    const refused = await ask("POST", "/v1/releases", release("stuff"))
    assert.strictEqual(refused.status, 422)
    assert.strictEqual(refused.body.code, "HRLD-1020")
    assert.include(refused.body.detail, 'sale names the rule "staff"')
    assert.strictEqual((await ask("GET", `/v1/segments/stuff?environment=${environment}`)).status, 404)
    const dry = await ask("POST", "/v1/releases?dryRun=true", release("staff"))
    assert.deepStrictEqual(
      [dry.body.flags[0].flag, dry.body.segments[0].segment, dry.body.segments[0].difference.kind],
      ["sale", "staff", "lines"]
    )
    const done = await ask("POST", "/v1/releases", release("staff"))
    assert.strictEqual(done.status, 200, JSON.stringify(done.body))
    assert.deepInclude(done.body.segments[0], { segment: "staff", version: 1 })
    assert.deepInclude(done.body.flags[0], { flag: "sale", version: 1 })
    assert.strictEqual(done.body.changes.length, 1)
    assert.strictEqual((await json("audit", "verify")).problem ?? null, null)
  })

  it("IL7, IL8, WB3 ids of a file decide over flags, over a restart; bucketing is tried, set and said", async () => {
    const file = join(server.data, "ids.txt")
    writeFileSync(file, Array.from({ length: 3_000 }, (_, n) => `user-${n}`).join("\r\n"))
    assert.deepInclude(await json("segment", "ids", "crowd", "replace", "--file", file), { version: 1, count: 3_000 })
    const { warnings } = await json("flag", "create", "fair", "--percentage", "0", "--segment", "crowd")
    assert.lengthOf(warnings, 1)
    const variant = async (key: string) =>
      (await ask("POST", "/ofrep/v1/evaluate/flags/fair", { context: { targetingKey: key } })).body.variant
    assert.deepStrictEqual([await variant("user-2999"), await variant("user-3000")], ["on", "off"])

    await server.end("SIGKILL")
    await server.start()

    await waitUntil("the list to be there", async () => (await variant("user-0")) === "on")
    assert.strictEqual(await variant("user-3000"), "off")
    writeFileSync(file, "user-0\n")
    assert.deepInclude(await json("segment", "ids", "crowd", "remove", "--file", file), { version: 2, count: 2_999 })
    assert.strictEqual(await variant("user-0"), "off")

    await json("flag", "create", "half", "--percentage", "50")
    const { moving } = await json("flag", "bucketing", "v3", "--dry-run")
    assert.strictEqual(moving.moved[0].flag, "half")
    assert.deepInclude(await json("flag", "bucketing", "v3", "--message", "new"), { version: 1, deleted: false })
    assert.deepInclude(await json("flag", "bucketing"), { version: 1, bucketing: "v3", disagree: [] })
    const told = await json("flag", "eval", "half", "--key", "ann")
    assert.deepInclude(told, { metadata: { bucketing: "v3" } })
    assert.include(JSON.stringify(told.steps), "bucketing v3")
    assert.strictEqual((await json("audit", "verify")).problem ?? null, null)
  })
})
