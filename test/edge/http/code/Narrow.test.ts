/** Folders in the hands of somebody whose rights end at some keys and kinds: against the real routes on memory twins. */
import { readdirSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { CodeFolder } from "./CodeFolder.ts"

let folder: CodeFolder
let payments = ""
let flags = ""
beforeAll(async () => {
  folder = await CodeFolder.start()
  const put = (path: string, value: unknown) =>
    folder.server.call("PUT", `${path}?environment=production`, { body: { value } })
  for (const key of ["pay.a", "pay.b", "other"]) await put(`/v1/config/${key}`, 1)
  for (const flag of ["pay.new", "other"]) await put(`/v1/flags/${flag}`, { enabled: true })
  const key = async (name: string, rights: object) => {
    const body = { name, role: "publisher", environments: ["*"], ...rights }
    return (await folder.server.call("POST", "/v1/keys", { body })).body.token as string
  }
  payments = await key("payments", { keys: ["pay.*"], kinds: ["config", "flag"] })
  flags = await key("flags", { kinds: ["flag"] })
})
afterAll(() => folder[Symbol.asyncDispose]())

const exported = (as: string, ...more: ReadonlyArray<string>) =>
  folder.run(as, ["export", "--env", "production", "--out", folder.path, "--yes", ...more])
const apply = (as: string, ...more: ReadonlyArray<string>) =>
  folder.run(as, ["apply", "-f", folder.path, "--yes", ...more])
const value = async (path: string) => (await folder.server.call("GET", `${path}?environment=production`)).status

describe("somebody who may touch some keys and kinds", () => {
  it("JW1 exports what they may see, and the manifest says so: another one's --prune deletes nothing else", async () => {
    const done = await exported(payments)
    assert.strictEqual(done.exit, 0, done.said)
    assert.match(done.said, /you may see pay\.\* @flag\/pay\.\*: that is exported/)
    const { "@manifest.yaml": manifest, ...files } = folder.files("production")
    assert.sameMembers(Object.keys(files), ["pay.a.number", "pay.b.number", "@flag/pay.new.json"])
    assert.match(manifest!, /patterns:\n {2}- "pay\.\*"\n {2}- "@flag\/pay\.\*"\n$/)
    const pruned = await apply("admin", "--prune")
    assert.strictEqual(pruned.exit, 0, pruned.said)
    assert.deepInclude(JSON.parse(pruned.printed).environments[0], { create: 0, update: 0, delete: 0, unchanged: 3 })
    assert.deepStrictEqual([await value("/v1/config/other"), await value("/v1/flags/other")], [200, 200])
  })

  it("JW1 of a folder that has more they can't tell what differs, and delete nothing", async () => {
    folder.clear("production")
    await folder.export()
    const drift = await folder.run(payments, ["diff", "-f", folder.path])
    assert.deepStrictEqual([drift.exit, /you may see only pay\.\*/.test(drift.said)], [2, true], drift.said)
    const pruned = await apply(payments, "--prune")
    assert.deepStrictEqual([pruned.exit, /you may see only pay\.\*/.test(pruned.said)], [6, true], pruned.said)
    assert.strictEqual((await folder.diff()).exit, 0)
  })

  it("JR1 apply what is theirs, and are refused as a whole, with the rule, where something is not", async () => {
    folder.clear("production")
    folder.put("production", { "pay.a.number": "2", "other.number": "2" })
    const refused = await apply(payments)
    assert.strictEqual(refused.exit, 6, refused.said)
    assert.match(refused.said, /nothing was changed/)
    assert.match(refused.said, /with the keys pay\.\* of the kinds config, flag; this needs config\.write/)
    const now = await folder.server.call("GET", "/v1/config/pay.a?environment=production")
    assert.strictEqual(now.body.value, "1")
    folder.clear("production")
    folder.put("production", { "pay.a.number": "2" })
    const done = await apply(payments)
    assert.strictEqual(done.exit, 0, done.said)
    const other = await apply(flags)
    assert.deepStrictEqual([other.exit, /nothing was changed|kinds/.test(other.said)], [6, true], other.said)
  })

  it("JW1 who may see nothing of what was asked for is told, and no folder is made", async () => {
    folder.clear("production")
    const none = await exported(flags, "--pattern", "pay.*")
    assert.deepStrictEqual([none.exit, /may see nothing of pay\.\*/.test(none.said)], [6, true], none.said)
    assert.deepStrictEqual(readdirSync(folder.path), [])
    const compared = await folder.run(payments, ["compare", "--env", "production", "--with", "staging"])
    assert.match(compared.said, /only what you may see is compared/)
    assert.notInclude(compared.printed, "other")
  })

  it("JR4 ask for a change that somebody else approves, one for each environment", async () => {
    const protect = (environment: string) =>
      folder.server.call("PUT", `/v1/protections/pay?environment=${environment}`, {
        body: { keys: ["guarded.*"], approvals: 1 }
      })
    for (const environment of ["one", "two"]) {
      const { status, text } = await protect(environment)
      assert.strictEqual(status, 200, text)
      folder.put(environment, { "guarded.a.number": "1" })
    }
    const args = ["--env", "one"]
    const refused = await apply("publisher", ...args)
    assert.deepStrictEqual(
      [refused.exit === 0, /herald change request apply/.test(refused.said)],
      [false, true],
      refused.said
    )
    assert.match(refused.said, /nothing was changed/)
    folder.clear("production")
    const asked = await apply("publisher", "--request")
    assert.strictEqual(asked.exit, 0, asked.said + asked.printed)
    // AQ16 A pipeline that runs again asks for nothing new.
    const again = await apply("publisher", "--request")
    const idsIn = (printed: string) => [...printed.matchAll(/"change": "(c\d+)"/g)].map(([, id]) => id)
    assert.deepStrictEqual([again.exit, idsIn(again.printed)], [0, idsIn(asked.printed)], again.said)
    assert.deepStrictEqual(
      [asked, again].map(({ printed }) => printed.match(/"already": true/g)?.length ?? 0),
      [0, 2]
    )
    const told = await apply("publisher", "--request", "--output", "table")
    assert.match(told.printed, new RegExp(`waits already as ${idsIn(asked.printed)[0]} in one`))
    for (const environment of ["one", "two"]) {
      const { body } = await folder.server.call("GET", `/v1/changes?environment=${environment}`)
      assert.strictEqual(body.changes.length, 1, environment)
      const config = await folder.server.call("GET", `/v1/config/guarded.a?environment=${environment}`)
      assert.strictEqual(config.status, 404)
    }
  })
})
