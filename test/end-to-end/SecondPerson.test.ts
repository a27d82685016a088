/** A second person, with a real server, its database, and the command line as people type it. */
import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Server, startServer } from "../support/Server.ts"

let server: Server
const tokens: Record<string, string> = {}
beforeAll(async () => {
  server = await startServer()
  for (const [name, role] of [
    ["ann", "publisher"],
    ["bob", "publisher"],
    ["cid", "admin"]
  ] as const) {
    const made = await server.call("POST", "/v1/keys", { name, role, environments: ["*"], expiresAt: null })
    tokens[name] = made.body.token
  }
  await server.handOver(tokens["cid"]!)
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname

/** A command line of somebody's. */
const herald = async (who: string, ...args: ReadonlyArray<string>) => {
  const env = { PATH: process.env["PATH"], HERALD_SERVER: server.http, HERALD_TOKEN: tokens[who], HOME: server.data }
  const child = spawn(process.execPath, [bin, ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  child.stderr.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err, json: () => JSON.parse(out) }
}
const as = (who: string) => ({ authorization: `Bearer ${tokens[who]}` })
const IN = "environment=production"
const valueOf = async (key: string) => (await server.read(key, "strong")).body.value

describe("a second person", () => {
  it("AQ1 a protected key is changed by what somebody else approved, typed as it is refused", async () => {
    assert.strictEqual((await herald("ann", "publish", "payments.limit", "100", "--type", "number")).code, 0)
    const protection = await herald("cid", "protect", "set", "payments", "payments.*", "--approvals", "1")
    assert.strictEqual(protection.code, 0, protection.err)

    const refused = await herald("ann", "publish", "payments.limit", "500", "--message", "as agreed")
    assert.strictEqual(refused.code, 5)
    assert.include(refused.err, "HRLD-3090")
    const typed = /herald (change request .*)/.exec(refused.err)![1]!
    assert.strictEqual(typed, "change request publish payments.limit 500 --message 'as agreed'")
    const asked = await herald("ann", "change", "request", "publish", "payments.limit", "500", "--message", "as agreed")
    assert.strictEqual(asked.code, 0, asked.err)
    const { change: id } = asked.json()
    assert.strictEqual(await valueOf("payments.limit"), "100")

    const shown = (await herald("bob", "change", "show", id)).json()
    assert.deepInclude(shown, { state: "open", author: "ann", needed: 1, message: "as agreed" })
    const [{ settings, ...difference }] = shown.changes
    assert.deepStrictEqual(difference, { kind: "configuration", key: "payments.limit", before: "100", after: "500" })
    assert.deepInclude(settings, { name: "valueType", before: '"number"', after: '"number"' })
    const early = await herald("ann", "change", "apply", id)
    assert.include(early.err, "HRLD-3090")
    const own = await herald("ann", "change", "approve", id, "--digest", shown.digest)
    assert.include(own.err, "HRLD-3092")
    const other = await herald("bob", "change", "approve", id, "--digest", "0".repeat(64))
    assert.include(other.err, "HRLD-3093")
    const approved = await herald("bob", "change", "approve", id, "--digest", shown.digest.slice(0, 16))
    assert.strictEqual(approved.code, 0, approved.err)
    assert.strictEqual(approved.json().state, "approved")

    const applied = await herald("ann", "change", "apply", id)
    assert.strictEqual(applied.code, 0, applied.err)
    assert.strictEqual(await valueOf("payments.limit"), "500")
    assert.include((await herald("ann", "change", "apply", id)).err, "HRLD-3095")
    assert.deepInclude((await herald("bob", "change", "show", id)).json(), { state: "applied", endedBy: "ann" })
  })

  it("AQ8 an admin breaks the glass with why, and somebody else closes the review", async () => {
    const path = `/v1/config/payments.limit?${IN}&breakGlass=the%20site%20is%20down`
    const denied = await server.call("PUT", path, { value: 1 }, as("ann"))
    assert.deepStrictEqual([denied.status, denied.body.code], [403, "HRLD-3002"])
    const done = await server.call("PUT", path, { value: 1 }, as("cid"))
    assert.strictEqual(done.status, 200, JSON.stringify(done.body))
    const [open] = (await herald("bob", "change", "reviews")).json()
    assert.deepInclude(open, { state: "review", author: "cid", reason: "the site is down" })
    const own = await herald("cid", "change", "review", open.id, "--note", "fine")
    assert.include(own.err, "HRLD-3092")
    const closed = await herald("bob", "change", "review", open.id, "--note", "it was down, and it was right")
    assert.strictEqual(closed.code, 0, closed.err)
    assert.deepStrictEqual((await herald("bob", "change", "reviews")).json(), [])
  })
})
