/** What export, apply, diff, promote and compare refuse, and what they leave as it was: against the real routes on memory twins. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll, beforeEach } from "vitest"
import { CodeFolder, MANIFEST } from "./CodeFolder.ts"

let folder: CodeFolder
beforeAll(async () => {
  folder = await CodeFolder.start()
})
afterAll(() => folder[Symbol.asyncDispose]())
beforeEach(() => {
  folder.server.before = async () => {}
  for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name), { recursive: true, force: true })
})

const valueOf = async (key: string, environment: string) =>
  (await folder.server.call("GET", `/v1/config/${key}?environment=${environment}`)).body?.value
const publish = (key: string, environment: string, value: unknown) =>
  folder.server.call("PUT", `/v1/config/${key}?environment=${environment}`, { body: { value } })
const writes = () =>
  folder.server.asked.filter(({ method, path }) => method === "POST" && !path.includes("dryRun=true"))

describe("a folder that can't be right", () => {
  const refused = async (files: Record<string, string | Uint8Array>, ...said: ReadonlyArray<RegExp>) => {
    folder.clear("wrong")
    folder.put("wrong", files)
    const before = folder.server.asked.length
    const applied = await folder.apply("--env", "wrong", "--prune")
    assert.strictEqual(applied.exit, 2, applied.said)
    for (const one of said) assert.match(applied.said, one)
    assert.strictEqual(folder.server.asked.length, before, "nothing is asked for a folder that is wrong")
    assert.strictEqual((await folder.diff("--env", "wrong")).exit, 2)
  }

  it("JL1 is refused with the file and the line, all that is wrong at once", async () => {
    await refused(
      {
        "ok.txt": "x",
        "bytes.txt": Uint8Array.of(97, 10, 98, 10, 0xff, 10),
        "a.exe": "x",
        "a.yaml": "x: 1",
        "a.json": "{}",
        "@schema/missing.json": "{}",
        "@schema/ok.json": "{",
        "@secret/x.json": "{}",
        "sub/a.json": "{}",
        "large.txt": "x".repeat(1_048_579)
      },
      /wrong\/bytes\.txt:3: it is not UTF-8/,
      /wrong\/a\.exe: its ending/,
      /wrong\/a\.(json|yaml): it is a, as .* is; keep one/,
      /wrong\/@schema\/missing\.json: there is no file of the key missing/,
      /wrong\/@schema\/ok\.json: it is no JSON that can be a schema/,
      /wrong\/@secret\/x\.json: there is nothing like @secret/,
      /wrong\/sub\/a\.json: a folder in it has no key/,
      /wrong\/large\.txt: it has more than/,
      /Nothing was changed/
    )
    await refused(
      { "@manifest.yaml": "herald: 1\npatterns: [a]\nprune: true\n" },
      /@manifest\.yaml:3: there is no field "prune"/
    )
    await refused({ "@manifest.yaml": Uint8Array.of(0xff) }, /@manifest\.yaml:1: it is not UTF-8/)
    await refused({ "@manifest.yaml": "herald: 1\npatterns: [a]\n", "b.txt": "x" }, /no pattern of .* covers b/)
    await refused({ "@manifest.yaml": `${MANIFEST}strict: [x]\n` }, /strict: there is no file of the key x/)
  })

  it("JL2 JG1 a link is refused, wherever it leads and whatever it is in the place of", async () => {
    const outside = join(folder.path, "outside.txt")
    writeFileSync(outside, "a secret of this machine")
    folder.put("wrong", {})
    symlinkSync(outside, join(folder.path, "wrong/key.txt"))
    symlinkSync(folder.path, join(folder.path, "wrong/@flag"))
    const applied = await folder.apply("--env", "wrong")
    assert.strictEqual(applied.exit, 2)
    assert.match(applied.said, /wrong\/key\.txt: it is a link/)
    assert.match(applied.said, /wrong\/@flag: it is a link/)
    assert.notInclude(applied.said, "a secret")
    symlinkSync(join(folder.path, "wrong"), join(folder.path, "linked"))
    assert.match((await folder.apply("--env", "linked")).said, /linked: it is a link/)
    mkdirSync(join(folder.path, "m"))
    symlinkSync(outside, join(folder.path, "m/@manifest.yaml"))
    assert.match((await folder.apply("--env", "m")).said, /has no folder m with a @manifest\.yaml/)
  })

  it("JL1 a folder that is not there, or has no environment, says how to make one", async () => {
    const none = await folder.run("admin", ["apply", "-f", join(folder.path, "none")])
    assert.deepStrictEqual([none.exit, /there is no such folder[\s\S]*herald export/.test(none.said)], [2, true])
    mkdirSync(join(folder.path, "scripts"))
    const empty = await folder.apply()
    assert.deepStrictEqual([empty.exit, /no folder of an environment/.test(empty.said)], [2, true])
    folder.put("left", { "a.txt": "x" })
    const told = await folder.apply("--dry-run")
    assert.strictEqual(told.exit, 0)
    assert.include(told.said, "left out, as they have no @manifest.yaml: scripts")
  })
})

describe("what somebody changes meanwhile", () => {
  it("JA1 is a conflict: nothing of the release happens, and it is said what to do", async () => {
    await publish("a", "race", 1)
    folder.put("race", { "a.number": "2", "b.number": "3" })
    folder.server.before = async ({ method, path }) => {
      if (method === "POST" && !path.includes("dryRun")) await publish("a", "race", 9)
    }
    const applied = await folder.apply("--env", "race")
    assert.strictEqual(applied.exit, 5, applied.said)
    assert.match(applied.said, /race: [\s\S]*nothing was changed[\s\S]*run herald apply again/)
    assert.deepStrictEqual([await valueOf("a", "race"), await valueOf("b", "race")], ["9", undefined])
    // What came, or went, where the plan saw nothing or something, is one, too.
    folder.server.before = async ({ method, path }) => {
      if (method === "POST" && !path.includes("dryRun")) await publish("b", "race", 8)
    }
    assert.strictEqual((await folder.apply("--env", "race")).exit, 5)
    assert.deepStrictEqual([await valueOf("a", "race"), await valueOf("b", "race")], ["9", "8"])
  })

  it("JR1 what is refused of one environment stops all, before anything is written", async () => {
    folder.put("one", { "a.number": "1" })
    folder.put("two", { "a.json": "{}", "@schema/a.json": '{"type": "array"}' })
    const before = writes().length
    const applied = await folder.apply()
    assert.strictEqual(applied.exit, 3, applied.said)
    assert.match(applied.said, /two: [\s\S]*nothing was changed/)
    assert.strictEqual(writes().length, before)
    assert.isUndefined(await valueOf("a", "one"))
  })

  it("JR1 an answer that is lost is asked for again, and one that stays away leaves it open what to do", async () => {
    folder.put("lost", { "a.number": "1" })
    let lost = 0
    folder.server.before = async ({ method, path }) =>
      method === "POST" && !path.includes("dryRun") && lost++ === 0 ? "drop" : undefined
    const applied = await folder.apply("--env", "lost")
    assert.strictEqual(applied.exit, 0, applied.said)
    assert.strictEqual((await folder.server.call("GET", "/v1/config/a?environment=lost")).body.version, 1)
    folder.put("lost", { "a.number": "2" })
    folder.server.before = async ({ method, path }) =>
      method === "POST" && !path.includes("dryRun") ? "drop" : undefined
    const token = folder.server.tokens.get("admin")!
    const away = await folder.run(token, ["apply", "-f", folder.path, "--yes"], {
      env: { HERALD_TOKEN: token, HERALD_SERVER: folder.server.url },
      retries: { within: 0, first: 1, timeout: 60_000 }
    })
    assert.strictEqual(away.exit, 7, away.said)
    assert.notInclude(away.said, "nothing was changed")
    assert.notInclude(away.said, "--idempotency-key")
    assert.include(away.said, "Run it again: what was released is unchanged then.")
    folder.server.before = async () => {}
    const again = await folder.apply("--env", "lost")
    assert.deepInclude(JSON.parse(again.printed).environments[0], { update: 0, unchanged: 1 })
  })
})

describe("a person", () => {
  it("JR3 is shown the plan and asked; where nobody can answer it takes --yes", async () => {
    folder.put("asked", { "a.json": '{"x":1}' })
    const args = ["apply", "-f", folder.path, "--env", "asked"]
    const silent = await folder.run("admin", args)
    assert.deepStrictEqual([silent.exit, /no terminal[\s\S]*--yes/.test(silent.said)], [2, true])
    const no = await folder.run("admin", args, { terminal: true, answer: "no", ...signedIn() })
    assert.strictEqual(no.exit, 2)
    assert.match(no.printed, /asked: 1 to create, 0 to update[\s\S]*\+ a {2}new[\s\S]*"x": 1/)
    assert.isUndefined(await valueOf("a", "asked"))
    const yes = await folder.run("admin", args, { terminal: true, answer: "yes", ...signedIn() })
    assert.strictEqual(yes.exit, 0, yes.said)
    assert.match(yes.printed, /released asked as revision \d+/)
  })

  const signedIn = () => ({
    env: { HERALD_TOKEN: folder.server.tokens.get("admin")!, HERALD_SERVER: folder.server.url }
  })

  it("JR2 more than a release holds is refused, or made in parts that are told", async () => {
    const files = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`k${n}.number`, String(n)]))
    folder.put("many", files)
    const refused = await folder.apply("--env", "many")
    assert.deepStrictEqual([refused.exit, /501 changes are more[\s\S]*--parts/.test(refused.said)], [2, true])
    assert.isUndefined(await valueOf("k0", "many"))
    const made = await folder.apply("--env", "many", "--parts")
    assert.strictEqual(made.exit, 0, made.said)
    assert.strictEqual(JSON.parse(made.printed).environments[0].revisions.length, 2)
    assert.include(made.said, "many: 2 of 2 releases")
    assert.strictEqual(await valueOf("k500", "many"), "500")
  })
})

describe("deleting", () => {
  it("JA2 --prune deletes what has no file within the manifest's patterns, and nothing without it", async () => {
    for (const key of ["pay.a", "pay.b", "other"]) await publish(key, "pruned", 1)
    folder.put("pruned", { "@manifest.yaml": 'herald: 1\npatterns: ["pay.*"]\n', "pay.a.number": "1" })
    assert.strictEqual((await folder.apply("--env", "pruned")).exit, 0)
    assert.strictEqual(await valueOf("pay.b", "pruned"), "1")
    const pruned = await folder.apply("--env", "pruned", "--prune")
    assert.strictEqual(pruned.exit, 0, pruned.said)
    assert.deepInclude(JSON.parse(pruned.printed).environments[0], { delete: 1, unchanged: 1 })
    assert.isUndefined(await valueOf("pay.b", "pruned"))
    assert.strictEqual(await valueOf("other", "pruned"), "1")
  })

  it("JZ1 JG2 an export that fails leaves the folder that is there, and nothing beside it", async () => {
    await publish("a", "kept", 1)
    assert.strictEqual((await folder.export("kept")).exit, 0)
    writeFileSync(join(folder.path, "kept/mine.txt"), "not applied yet")
    const args = ["export", "--env", "kept", "--out", folder.path]
    assert.match((await folder.run("admin", args)).said, /kept is replaced[\s\S]*Give --yes/)
    folder.server.before = async ({ path }) => (path.startsWith("/v1/values?") ? "drop" : undefined)
    const failed = await folder.export("kept")
    assert.strictEqual(failed.exit, 7, failed.said)
    assert.deepStrictEqual(readdirSync(folder.path), ["kept"])
    assert.include(Object.keys(folder.files("kept")), "mine.txt")
    folder.server.before = async () => {}
    folder.clear("kept")
    mkdirSync(join(folder.path, "kept"))
    writeFileSync(join(folder.path, "kept/README.md"), "mine")
    assert.match((await folder.run("admin", args)).said, /nothing that herald export made/)
  })
})

describe("who may not", () => {
  it("JR1 is refused as a whole, with the rule", async () => {
    await publish("a", "staging", 1)
    folder.put("staging", { "a.number": "2" })
    folder.put("production", { "a.number": "2" })
    const before = writes().length
    const applied = await folder.run("publisher@staging", ["apply", "-f", folder.path, "--yes"])
    assert.strictEqual(applied.exit, 6, applied.said)
    assert.match(applied.said, /environment/)
    assert.strictEqual(writes().length, before)
    assert.strictEqual(await valueOf("a", "staging"), "1")
    const viewer = await folder.run("viewer", ["apply", "-f", folder.path, "--yes", "--env", "staging"])
    assert.deepStrictEqual([viewer.exit, /config\.write/.test(viewer.said)], [6, true])
    assert.strictEqual((await folder.run("viewer", ["diff", "-f", folder.path, "--env", "staging"])).exit, 1)
    for (const as of ["revoked", "expired", "nobody"])
      assert.strictEqual((await folder.run(as, ["diff", "-f", folder.path, "--env", "staging"])).exit, 2, as)
  })
})
