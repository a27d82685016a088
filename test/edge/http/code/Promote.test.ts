/** Promote and compare, against the real routes on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { messageFor } from "../../../../src/cli/verbs/code/Promote.ts"
import { CodeFolder } from "./CodeFolder.ts"

let folder: CodeFolder
beforeAll(async () => {
  folder = await CodeFolder.start()
  const put = (path: string, body: unknown) => folder.server.call("PUT", path, { body })
  const keys: ReadonlyArray<readonly [string, unknown]> = [
    ["pay.db", { value: '{"a": 1.10}', type: "json", schema: { type: "object" }, strict: true }],
    ["pay.db", { value: '{"a": 2.0}', type: "json" }],
    ["pay.url", { value: "x\n", type: "string" }],
    ["other", { value: "1", type: "number" }]
  ]
  for (const [key, body] of keys) await put(`/v1/config/${key}?environment=staging`, body)
  await put("/v1/segments/beta?environment=staging", { value: { targetUsers: ["ann"] } })
  await put("/v1/flags/new?environment=staging", { value: { enabled: true, percentage: 5, segments: ["beta"] } })
})
afterAll(() => folder[Symbol.asyncDispose]())

const run = (as: string, ...args: ReadonlyArray<string>) => folder.run(as, args)
const stagingTo = (to: string, ...more: ReadonlyArray<string>) =>
  run("admin", "promote", ...more, "--from", "staging", "--to", to, "--yes")
const compare = (...more: ReadonlyArray<string>) => run("admin", "compare", "--env", "staging", ...more)

describe("herald promote", () => {
  it("JQ1 gives an environment what another one has, with a message that says which versions", async () => {
    const dry = await stagingTo("live", "pay.*", "@flag/new", "@segment/*", "--dry-run")
    assert.strictEqual(dry.exit, 0, dry.said)
    assert.deepInclude(JSON.parse(dry.printed), { dryRun: true })
    assert.strictEqual((await folder.server.call("GET", "/v1/config/pay.db?environment=live")).status, 404)

    const done = await stagingTo("live", "pay.*", "@flag/new", "@segment/*", "--message", "release 42")
    assert.strictEqual(done.exit, 0, done.said)
    const { body } = await folder.server.call("GET", "/v1/config/pay.db?environment=live&as=text")
    assert.deepInclude(body, { value: '{"a": 2.0}', type: "json", strict: true, version: 1 })
    assert.deepStrictEqual(body.schema, { type: "object" })
    assert.strictEqual(
      body.message,
      "release 42\npromoted from staging: @flag/new version 1, @segment/beta version 1, pay.db version 2, pay.url version 1"
    )
    assert.strictEqual((await folder.server.call("GET", "/v1/config/other?environment=live")).status, 404)
    const again = await stagingTo("live", "pay.*", "@flag/new", "@segment/*")
    assert.deepInclude(JSON.parse(again.printed).environments[0], { create: 0, update: 0, unchanged: 4, revisions: [] })
  })

  it("JQ1 a long message keeps its beginning, and says how many there are besides", () => {
    const versions = Array.from({ length: 500 }, (_, n) => [`key-${n}`, n] as const)
    const message = messageFor("why", "staging", versions)
    assert.isAtMost(message.length, 2_000)
    assert.match(message, /^why\npromoted from staging: key-0 version 0, .* and \d+ more$/)
    assert.strictEqual(messageFor(undefined, "a", [["k", 7]]), "promoted from a: k version 7")
  })

  it("JQ1 what can't be promoted is told with what to do", async () => {
    for (const [args, exit, said] of [
      [["missing"], 4, /no missing in staging[\s\S]*herald list --env staging/],
      [["none.*"], 4, /nothing in staging fits none\.\*/],
      [["a b"], 2, /a b is not a key/],
      [["@rollout/x"], 2, /is of no kind that files have/]
    ] as const) {
      const refused = await stagingTo("live", ...args)
      assert.deepStrictEqual([refused.exit, said.test(refused.said)], [exit, true], refused.said)
    }
    const same = await run("admin", "promote", "pay.db", "--from", "live", "--to", "live")
    assert.deepStrictEqual([same.exit, /both live/.test(same.said)], [2, true])
    const foreign = await run("publisher@staging", "promote", "other", "--from", "staging", "--to", "live", "--yes")
    assert.deepStrictEqual([foreign.exit, /live/.test(foreign.said)], [6, true])
    assert.strictEqual((await folder.server.call("GET", "/v1/config/other?environment=live")).status, 404)
  })
})

describe("an environment that changes all the while", () => {
  it("JQ2 JC1 is not promoted, and whether it differs can't be told; apply goes by the versions of what it changes", async () => {
    let n = 0
    const publish = (value: number) =>
      folder.server.call("PUT", "/v1/config/hot.a?environment=busy", { body: { value } })
    await publish(0)
    await folder.server.call("PUT", "/v1/config/hot.b?environment=busy", { body: { value: 1 } })
    folder.put("busy", { "@manifest.yaml": 'herald: 1\npatterns: ["hot.*"]\n', "hot.b.number": "2" })
    folder.server.before = async ({ method, path }) => {
      if (method === "GET" && path.startsWith("/v1/config?environment=busy")) await publish(++n)
    }
    const [promoted, compared, differs, applied] = [
      await run("admin", "promote", "hot.*", "--from", "busy", "--to", "calm", "--yes"),
      await run("admin", "compare", "hot.*", "--env", "busy", "--with", "calm"),
      await folder.diff("--env", "busy"),
      await folder.apply("--env", "busy")
    ]
    folder.server.before = async () => {}
    assert.deepStrictEqual([promoted.exit, compared.exit, differs.exit, applied.exit], [5, 2, 2, 0], applied.said)
    for (const { said } of [promoted, compared, differs])
      assert.include(said, "busy changed all the while it was read (hot.a)")
    assert.strictEqual((await folder.server.call("GET", "/v1/config/hot.b?environment=calm")).status, 404)
  })
})

describe("herald compare", () => {
  it("JC1 says by its exit code whether two environments differ, or that it can't tell", async () => {
    await stagingTo("twin", "*", "@flag/*", "@segment/*")
    const none = await compare("--with", "twin")
    assert.deepStrictEqual([none.exit, JSON.parse(none.printed)], [0, { same: 5, different: 0, names: [] }])
    await folder.server.call("PUT", "/v1/config/other?environment=twin", { body: { value: 2, strict: true } })
    await folder.server.call("PUT", "/v1/config/more?environment=twin", { body: { value: 2 } })
    const some = await compare("--with", "twin")
    assert.strictEqual(some.exit, 1, some.said)
    assert.deepStrictEqual(JSON.parse(some.printed).names, [
      { name: "more", versions: { staging: null, twin: 1 }, difference: "only in twin" },
      { name: "other", versions: { staging: 1, twin: 2 }, difference: "value, strict" }
    ])
    assert.strictEqual((await compare("pay.*", "--with", "twin")).exit, 0)
    for (const args of [
      ["a b", "--with", "twin"],
      ["--with", "staging"],
      ["--with", "a b"]
    ])
      assert.strictEqual((await compare(...args)).exit, 2, args.join(" "))
    const foreign = await run("publisher@staging", "compare", "--env", "staging", "--with", "twin")
    assert.deepStrictEqual([foreign.exit, foreign.printed], [2, ""])
  })
})
