/** What a server that is not to be trusted, and values that are secrets, come to in folders, plans and errors. */
import { existsSync, readdirSync, renameSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { newFolder } from "../../../support/folder.ts"
import { terminal } from "../../../support/Terminal.ts"
import { CodeFolder } from "./CodeFolder.ts"

let folder: CodeFolder
beforeAll(async () => {
  folder = await CodeFolder.start()
})
afterAll(() => folder[Symbol.asyncDispose]())

const TOKENS = [
  `hrld_${"0a".repeat(8)}_${"1b".repeat(32)}`,
  `hrst_${"aB-_".repeat(40)}.${"1b".repeat(32)}`,
  `eyJhbGciOiJSUzI1NiJ9.${"aZ-_".repeat(40)}.${"b0".repeat(30)}`
]
const HIDDEN = ["1b1b1b1b", "aB-_aB-_", "aZ-_aZ-_"]
const head = { version: 3 }
const stored = { value: "1", type: "json", version: 3, digest: "", strict: false, schema: null }
const publish = (key: string, environment: string, value: unknown) =>
  folder.server.call("PUT", `/v1/config/${key}?environment=${environment}`, { body: { value } })

describe("a server that is not to be trusted", () => {
  /** `old`: of before values came many at once. */
  const exported = async (keys: ReadonlyArray<object>, reading: object, next: string | null = null, old = false) => {
    await using herald = await FakeHerald.start()
    const values = keys.map((one) => ({ ...stored, schemaDigest: null, ...reading, ...one }))
    herald.on("GET /v1/values", old ? problem("NoSuchRoute", "/v1/values") : { body: { values, next }, strange: true })
    const { path, remove } = newFolder()
    herald.on("GET /v1/access/whoami", { body: { name: "ann" }, strange: true })
    herald.on("GET /v1/config", { body: { keys, next }, strange: true })
    for (const list of ["flags", "segments"]) herald.on(`GET /v1/${list}`, { body: { [list]: [], next: null } })
    for (const { key } of keys as ReadonlyArray<{ key: string }>)
      herald.on(`GET /v1/config/${encodeURIComponent(key)}`, { body: { ...stored, ...reading }, strange: true })
    const cli = terminal()
    const out = join(path, "in/herald")
    const exit = await cli.run("export", "--env", "e", "--out", out, "--yes", "--server", herald.url)
    const left = readdirSync(path, { recursive: true }).filter((one) => /\.(txt|json|number)$/.test(String(one)))
    remove()
    return { exit, said: cli.said, left }
  }

  it("JE2 JG1 names that would lead out of the folder, on whatever system, are refused and nothing is written", async () => {
    for (const key of ["..\\..\\evil", "../evil", "C:evil\\x", "a\\b", "evil\u0000", "@flag/x", "evil.", "", "evil "]) {
      const { exit, said, left } = await exported([{ ...head, key }], {})
      assert.strictEqual(exit, 2, `${JSON.stringify(key)} ${said}`)
      assert.include(said, "which this herald does not know")
      assert.deepStrictEqual(left, [])
    }
    for (const old of [false, true]) {
      const fine = await exported([{ ...head, key: "shop" }], {}, null, old)
      assert.deepStrictEqual([fine.exit, fine.left.length], [0, 1], fine.said)
    }
  })

  it("JE2 a type that is none does not become a string, and a page that is its own next one ends", async () => {
    for (const type of ["toml", "constructor", "__proto__"])
      for (const old of [false, true]) {
        const { exit, said } = await exported([{ ...head, key: "shop" }], { type }, null, old)
        assert.deepStrictEqual([exit, said.includes(`of the type "${type}"`)], [2, true], said)
      }
    const bare = await exported([{ ...head, key: "shop" }], { value: undefined })
    assert.deepStrictEqual([bare.exit, /shop without a value/.test(bare.said)], [2, true], bare.said)
    const again = await exported([{ ...head, key: "shop" }], {}, "shop")
    assert.deepStrictEqual([again.exit, /followed by itself/.test(again.said)], [2, true], again.said)
  })
})

describe("environments whose names differ in their capitals alone", () => {
  it("JF1 get folders that no system takes for one, or are refused", async () => {
    for (const environment of ["prod", "Prod"]) await publish("a", environment, environment)
    assert.strictEqual((await folder.export("prod")).exit, 0)
    assert.strictEqual((await folder.export("Prod")).exit, 0)
    assert.sameMembers(readdirSync(folder.path), ["prod", "%50rod"])
    assert.strictEqual((await folder.diff("--env", "Prod")).exit, 0)
    assert.strictEqual((await folder.export("Prod")).exit, 0)
    assert.sameMembers(readdirSync(folder.path), ["prod", "%50rod"])

    folder.clear("prod")
    renameSync(join(folder.path, "%50rod"), join(folder.path, "Prod"))
    const refused = await folder.export("prod")
    assert.strictEqual(refused.exit, 2, refused.said)
    assert.match(refused.said, /Prod is there[\s\S]*Rename it to %50rod/)
    assert.isFalse(existsSync(join(folder.path, "prod")))
    assert.strictEqual((await folder.export("Prod")).exit, 0)
    assert.deepStrictEqual(readdirSync(folder.path), ["Prod"])

    folder.put("%50rod", {})
    const twice = await folder.apply("--env", "Prod")
    assert.deepStrictEqual([twice.exit, /it is the environment Prod, as %50rod is/.test(twice.said)], [2, true])
    for (const one of ["Prod", "%50rod"]) folder.clear(one)
  })
})

describe("values that are secrets", () => {
  it("TU2 a token in a value is written to its file as it is, and told by no plan and no difference", async () => {
    const before = TOKENS.map((token) => token.replaceAll("1b", "2c").replaceAll("aZ", "cX")).join(" ")
    await publish("keys", "tokens", before)
    assert.strictEqual((await folder.export("tokens")).exit, 0)
    assert.strictEqual(folder.files("tokens")["keys.txt"], `${before}\n`)
    folder.put("tokens", { "keys.txt": TOKENS.join(" "), "new.json": JSON.stringify(TOKENS) })
    for (const options of [{ terminal: true }, {}]) {
      const env = { HERALD_TOKEN: folder.server.tokens.get("admin")!, HERALD_SERVER: folder.server.url }
      for (const verb of ["apply", "diff"]) {
        const more = verb === "apply" ? ["--dry-run"] : []
        const run = await folder.run("admin", [verb, "-f", folder.path, "--env", "tokens", ...more], {
          env,
          ...options
        })
        assert.strictEqual(run.exit, verb === "apply" ? 0 : 1, run.said)
        for (const hidden of [...HIDDEN, "2c2c2c2c", "cX-_cX-_"])
          assert.notInclude(run.printed + run.said, hidden, verb)
      }
    }
    assert.strictEqual((await folder.apply("--env", "tokens")).exit, 0)
    const { body } = await folder.server.call("GET", "/v1/config/keys?environment=tokens")
    assert.strictEqual(body.value, TOKENS.join(" "))
    folder.clear("tokens")
  })

  it("TU2 an error tells no token, whoever put it there", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/config", problem("Unauthenticated", `the tokens ${TOKENS.join(", ")} are none`))
    for (const output of ["table", "json"]) {
      const cli = terminal()
      assert.strictEqual(await cli.run("list", "--server", herald.url, "--output", output), 6)
      for (const hidden of HIDDEN) assert.notInclude(cli.said + cli.printed, hidden)
      assert.include(cli.said, `hrld_${"0a".repeat(8)}_redacted`)
    }
  })

  it("QJ1 a value that is refused is told by its key, its file's type and its place, never by what is in it", async () => {
    const SECRET = "hunter2pass"
    const schema = { type: "object", properties: { password: { type: "number" } } }
    for (const files of [
      { "a.json": `{"password": "${SECRET}"` },
      { "a.json": SECRET },
      { "a.yaml": `password: "${SECRET}\n` },
      { "a.yaml": `${SECRET}: [` },
      { "a.number": SECRET },
      { "a.boolean": SECRET },
      { "a.json": `{"password": "${SECRET}"}`, "@schema/a.json": JSON.stringify(schema) },
      { "a.json": "{}", "@schema/a.json": `{"const": ${SECRET}}` },
      { "a.json": `{"a": 1, "a": "${SECRET}"}` }
    ]) {
      folder.clear("secret")
      folder.put("secret", files)
      const { exit, said, printed } = await folder.apply("--env", "secret")
      assert.notInclude(said + printed, SECRET, JSON.stringify(files))
      assert.include([2, 3], exit, JSON.stringify(files) + said)
    }
    folder.clear("secret")
  })
})
