/** Flags on a real server: by the command line and over REST, before and after a restart. */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const run = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, "flag", ...args], {
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
  const done = await run(...args, "--output", "json")
  assert.strictEqual(done.code, 0, done.err)
  return JSON.parse(done.out)
}
const table = async (...args: ReadonlyArray<string>) => {
  const done = await run(...args, "--output", "table")
  assert.strictEqual(done.code, 0, done.err)
  return done.out
}
const ask = async (method: string, path: string, body?: string) => {
  const answer = await fetch(`${server.http}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body })
  })
  return { status: answer.status, text: await answer.text() }
}

describe("flags", () => {
  it("FU1, FU2 a flag is made, targeted, evaluated, switched, compared, rolled back and archived, over a restart", async () => {
    const first = await json("create", "checkout", "--percentage", "0", "--user", "ann", "--owner", "team-a")
    assert.deepInclude(first, { flag: "checkout", version: 1, deleted: false, replayed: false, warnings: [] })
    const again = await run("create", "checkout", "--output", "json")
    assert.strictEqual(again.code, 5)
    assert.include(again.err, "HRLD-2002")

    const of = async (key: string) => {
      const { variant, value, reason } = await json("eval", "checkout", "--key", key)
      return { variant, value, reason }
    }
    assert.deepStrictEqual(await of("ann"), { variant: "on", value: true, reason: "TARGETING_MATCH" })
    assert.deepStrictEqual(await of("bob"), { variant: "off", value: false, reason: "TARGETING_MATCH" })
    assert.strictEqual((await json("target", "checkout", "--add", "bob", "--dry-run")).difference.kind, "json")
    assert.deepInclude(await json("target", "checkout", "--add", "bob", "--percentage", "10"), { version: 2 })
    assert.strictEqual((await of("bob")).variant, "on")

    await server.end("SIGKILL")
    await server.start()

    assert.strictEqual((await of("bob")).variant, "on")
    assert.deepInclude(await json("disable", "checkout"), { version: 3 })
    assert.deepStrictEqual(await of("ann"), { variant: null, value: null, reason: "DISABLED" })
    assert.deepInclude(await json("enable", "checkout"), { version: 4 })
    assert.deepInclude((await json("get", "checkout")).definition, {
      enabled: true,
      percentage: 10,
      targetUsers: ["ann", "bob"]
    })
    assert.deepStrictEqual((await json("diff", "checkout", "1", "2")).difference.kind, "json")
    assert.deepInclude(await json("rollback", "checkout", "--to", "1", "--message", "too early"), { version: 5 })
    assert.deepStrictEqual(
      (await json("history", "checkout")).map((one: { version: number; message: string }) => [
        one.version,
        one.message
      ]),
      [
        [5, "too early"],
        [4, ""],
        [3, ""],
        [2, ""],
        [1, ""]
      ]
    )
    assert.deepInclude(await json("archive", "checkout"), { version: 6, deleted: true })
    const gone = await run("get", "checkout")
    assert.strictEqual(gone.code, 4)
    assert.deepInclude(await json("rollback", "checkout", "--to", "1"), { version: 7 })
    assert.include(await table("list"), "checkout")
  })

  it("FG2 a definition with mistakes is refused with all of them; one with a rule is explained step by step", async () => {
    const wrong = await run(
      "set",
      "banner",
      '{"state":"ENABLED","variants":{"a":"x"},"defaultVariant":"b","targeting":{"iff":[]}}'
    )
    assert.strictEqual(wrong.code, 3)
    assert.include(wrong.err, '/defaultVariant is "b", which is no variant')
    assert.include(wrong.err, "/targeting/iff is no operator; is if meant?")

    const rule = {
      if: [
        { in: [{ var: "country" }, ["de", "at"]] },
        {
          fractional: [
            ["red", 50],
            ["blue", 50]
          ]
        },
        "blue"
      ]
    }
    const banner = {
      state: "ENABLED",
      variants: { red: "#f00", blue: "#00f" },
      defaultVariant: "blue",
      targeting: rule
    }
    assert.deepInclude(await json("set", "banner", JSON.stringify(banner)), { version: 1 })
    const told = await table("eval", "banner", "--key", "ann", "--with", "country=de")
    assert.match(told, /banner in production: (red|blue) "#(f00|00f)" TARGETING_MATCH/)
    assert.include(told, "/targeting/if/0/in")
    assert.match(told, /bucket \d+ of 100/)
    const target = await run("target", "banner", "--percentage", "5")
    assert.strictEqual(target.code, 2)
  })

  it("B4 a definition is kept as it was written, and what it needs of others holds", async () => {
    const text =
      '{ "state":"ENABLED",  "variants":{"on":1.50,"off":1e0},"defaultVariant":"off","targeting":{"if":[{"var":"x"},"on"]} }'
    const put = await ask("PUT", "/v1/flags/price?environment=production", `{"value": ${text}, "message": "m"}`)
    assert.strictEqual(put.status, 200, put.text)
    assert.include((await ask("GET", "/v1/flags/price?environment=production")).text, `"definition":${text}`)
    const next = await ask(
      "PUT",
      "/v1/flags/next?environment=production",
      '{"value":{"enabled":true,"prerequisites":[{"flag":"price","variant":"on"}]}}'
    )
    assert.strictEqual(next.status, 200, next.text)
    const needed = await ask("DELETE", "/v1/flags/price?environment=production")
    assert.strictEqual(needed.status, 409)
    assert.include(needed.text, "HRLD-2010")
    const evaluated = await ask("POST", "/v1/flags/next/evaluate?environment=production", '{"context":{"x":1}}')
    assert.deepInclude(JSON.parse(evaluated.text), { variant: "on", value: true })
    const none = await ask("POST", "/ofrep/v1/evaluate/flags/next")
    assert.deepInclude(JSON.parse(none.text), { key: "next", variant: "off", reason: "DEFAULT" })
    const deep = `{"value":{"state":"ENABLED","variants":{"a":1},"targeting":${'{"!":['.repeat(10_000)}1${"]}".repeat(10_000)}}}`
    assert.include([400, 422], (await ask("PUT", "/v1/flags/deep?environment=production", deep)).status)
  })

  it("UR1 UG2 what is reported is there after the server was killed, and what doors counted after it left", async () => {
    assert.deepInclude(await json("create", "counted", "--percentage", "50"), { version: 1 })
    const batch = JSON.stringify({
      batchId: "end-to-end-1",
      sdk: "my-sdk/1.0",
      evaluations: [{ flag: "counted", variant: "on", reason: "TARGETING_MATCH", count: 7 }],
      exposures: [{ flag: "counted", variant: "on", unit: "ann" }]
    })
    const reported = async () => JSON.parse((await ask("POST", "/v1/reports", batch)).text)
    assert.deepInclude(await reported(), { accepted: 2, replayed: false, refusedCount: 0 })

    await server.end("SIGKILL")
    await server.start()

    assert.deepInclude(await reported(), { accepted: 2, replayed: true })
    assert.strictEqual(
      (await ask("POST", "/ofrep/v1/evaluate/flags/counted", '{"context":{"targetingKey":"a"}}')).status,
      200
    )

    await server.end("SIGTERM")
    await server.start()

    const { counts } = await json("usage", "counted")
    assert.deepStrictEqual(
      counts.map(({ door, sdk, count }: { door: string; sdk: string; count: number }) => [door, sdk, count]),
      [
        ["report", "my-sdk/1.0", 7],
        ["ofrep", "node", 1]
      ]
    )
    assert.match(await table("get", "counted"), /evaluated +\d+ (s|min) ago by node \(ofrep\)/)
    assert.match(await table("list", "counted"), /ago/)
    const stale = await run("stale", "--check", "--output", "table")
    assert.strictEqual(stale.code, 0, stale.out + stale.err)
  })

  it("FI1, FX1 two thousand flags are taken over from a file of flagd, and come out as one", async () => {
    const rule = {
      if: [
        { $ref: "staff" },
        "on",
        {
          fractional: [
            ["on", 10],
            ["off", 90]
          ]
        }
      ]
    }
    const flag = (n: number) => ({
      state: "ENABLED",
      variants: { on: true, off: false },
      defaultVariant: "off",
      targeting: rule,
      metadata: { n }
    })
    const file = join(server.data, "flags.json")
    const write = (flags: object) =>
      writeFileSync(
        file,
        JSON.stringify({ $evaluators: { staff: { ends_with: [{ var: "email" }, "@x.org"] } }, flags })
      )
    const all = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`imported-${n}`, flag(n)]))
    write(all)
    const dry = await json("import", file, "--env", "imports", "--dry-run")
    assert.deepInclude(dry, { imported: 2_000, unchanged: 0, archived: 0 })
    const first = await json("import", file, "--env", "imports")
    assert.deepInclude(first, { imported: 2_000, unchanged: 0 })
    assert.strictEqual(first.revisions.length, 4)
    const { "imported-0": _, ...fewer } = all
    write({ ...fewer, "imported-1": flag(7) })
    assert.deepInclude(await json("import", file, "--env", "imports", "--replace"), {
      imported: 1,
      unchanged: 1_998,
      archived: 1
    })

    const { flags } = await json("export", "--env", "imports")
    assert.strictEqual(Object.keys(flags).length, 1_999)
    assert.deepStrictEqual(flags["imported-1"], {
      ...flag(7),
      targeting: { if: [{ ends_with: [{ var: "email" }, "@x.org"] }, ...rule.if.slice(1)] }
    })
    const core = new FlagdCore()
    core.setConfigurations(JSON.stringify({ flags }))
    const context = { targetingKey: "ann", email: "ann@x.org" }
    assert.strictEqual(core.resolveBooleanEvaluation("imported-5", false, context as never).value, true)
    const etag = (
      await fetch(`${server.http}/v1/flagd?environment=imports`, {
        headers: { authorization: `Bearer ${server.token}` }
      })
    ).headers.get("etag")!
    const held = await fetch(`${server.http}/v1/flagd?environment=imports`, {
      headers: { authorization: `Bearer ${server.token}`, "if-none-match": etag }
    })
    assert.strictEqual(held.status, 304)
  })
})
