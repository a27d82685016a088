/** Export and apply against the real routes on memory twins: each takes back what the other made, whatever is in it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { afterAll, beforeAll } from "vitest"
import { fileOf, textOf } from "../../../../src/cli/verbs/code/FileName.ts"
import { Choices, jsonText } from "../../../support/JsonText.ts"
import { CodeFolder, MANIFEST } from "./CodeFolder.ts"

let folder: CodeFolder
beforeAll(async () => {
  folder = await CodeFolder.start()
})
afterAll(() => folder[Symbol.asyncDispose]())

/** What a server takes of each type, at the edges of it. */
const TEXTS = [
  ...[
    "",
    "\n",
    "\r",
    "\r\n",
    " ",
    "a\n\n",
    "a\r",
    "\ufeffbom",
    "\u2028",
    "tab\t",
    "no end",
    "0x1F",
    "yes",
    "😀é\u0301"
  ],
  ...["@not a file", "- x: 1", "\\{{not}}", "\u0001\u007f\u0085", "x".repeat(3_000)]
]
const NUMBERS = ["0", "-0", "1.10", "1E5", "9007199254740993", "1e-400", "123456789012345678901234567890", "2.50E+01"]
const YAMLS = [
  "a: 1.10\nb: [x, 'y']\n",
  "# only a comment\na: &x {b: 1}\nc: *x\n",
  "|-\n  text\n",
  "- 1\n- 0x1F",
  "a:   1"
]
const JSONS = ['{"a":1.10,\n "b":[ 1E5 ]}', "[]", " {} ", '"\\u0041"', "9007199254740993"]
const pick = <A>(all: ReadonlyArray<A>, choice: number): A => all[choice % all.length]!
const KEYS = [
  "a",
  "A",
  "a.b",
  "a/../b",
  "a//b:c",
  "con",
  "NUL.x",
  "a.json",
  `${"k".repeat(200)}/${"k".repeat(50)}`,
  "_"
]

type Made = readonly [key: string, type: string, text: string]
const madeOf = (key: string, at: number, choices: ReadonlyArray<number>): Made => {
  const [kind = at, which = at] = choices
  return pick<Made>(
    [
      [key, "string", pick(TEXTS, which)],
      [key, "json", which % 2 === 0 ? jsonText(choices) : pick(JSONS, which)],
      [key, "number", pick(NUMBERS, which)],
      [key, "yaml", pick(YAMLS, which)],
      [key, "boolean", pick(["true", "false"], which)]
    ],
    kind
  )
}

describe("export and apply", () => {
  it.effect.prop(
    "JZ2 what is applied is exported as it was, whatever it is: number spellings, line ends, YAML text, odd keys",
    [Schema.Array(Choices)],
    ([many]) =>
      Effect.promise(async () => {
        const environment = "any"
        const all = KEYS.slice(0, 2 + (many.length % (KEYS.length - 1))).map((key, at) =>
          madeOf(key, at, many[at] ?? [at])
        )
        const names = new Set(all.map(([key]) => key))
        const apart = (key: string) => key.toLowerCase() === "a" && names.has("a") && names.has("A")
        const files = Object.fromEntries(
          all.map(([key, type, text]) => [fileOf(key, type as "json", apart(key)), textOf(text)])
        )
        folder.clear(environment)
        folder.put(environment, files)
        const applied = await folder.apply("--prune", "--env", environment)
        assert.strictEqual(applied.exit, 0, applied.said)
        const { "@manifest.yaml": _, ...before } = folder.files(environment)
        const exported = await folder.export(environment)
        assert.strictEqual(exported.exit, 0, exported.said)
        const { "@manifest.yaml": __, ...after } = folder.files(environment)
        assert.deepStrictEqual(after, before)
        assert.strictEqual((await folder.diff("--env", environment)).exit, 0)
      }),
    { arbitrary: { runs: 10 }, timeout: 120_000 }
  )

  it("JZ2 schemas, strictness, flags and segments come back as they were", async () => {
    const files = {
      "@manifest.yaml": `${MANIFEST}strict: ["limits"]\n`,
      "limits.json": '{"max": 1.50}\n',
      "@schema/limits.json": '{"type": "object", "properties": {"max": {"maximum": 10}}}\n',
      "@flag/new-checkout.json": '{ "enabled": true,\n  "percentage": 5, "segments": ["staff"] }\n',
      "@segment/staff.json": '{"rule": {"ends_with": [{"var": "email"}, "@example.com"]}}\n'
    }
    folder.put("whole", files)
    const applied = await folder.apply("--env", "whole", "--message", "all of it")
    assert.strictEqual(applied.exit, 0, applied.said)
    const [made] = JSON.parse(applied.printed).environments
    assert.deepInclude(made, { environment: "whole", create: 3, update: 0, delete: 0 })
    assert.strictEqual(made.revisions.length, 1)
    assert.strictEqual((await folder.export("whole")).exit, 0)
    const after = folder.files("whole")
    assert.deepStrictEqual(JSON.parse(after["@schema/limits.json"]!), JSON.parse(files["@schema/limits.json"]))
    assert.match(after["@manifest.yaml"]!, /strict:\n {2}- "limits"/)
    for (const name of ["limits.json", "@flag/new-checkout.json", "@segment/staff.json"] as const)
      assert.strictEqual(after[name], files[name])
    const { body } = await folder.server.call("GET", "/v1/config/limits?environment=whole")
    assert.deepInclude(body, { strict: true, message: "all of it" })
    // What the folder no longer has of a key is taken away as well.
    folder.put("whole", { "@manifest.yaml": MANIFEST })
    assert.strictEqual((await folder.diff("--env", "whole")).exit, 1)
    const again = await folder.apply("--env", "whole")
    assert.strictEqual(again.exit, 0, again.said)
    assert.deepStrictEqual(JSON.parse(again.printed).environments[0].changes[0].parts, ["strict"])
    assert.strictEqual((await folder.apply("--env", "whole")).exit, 0)
    assert.strictEqual((await folder.diff("--env", "whole")).exit, 0)
  })

  it("JZ2 the largest value arrives and comes back", async () => {
    const value = `"${"\\u0041é".repeat(131_000)}"` // 1,048,002 bytes of JSON, which as a string in a body are more
    folder.put("large", { "big.json": `${value}\n`, "text.txt": `${"\\\n".repeat(500_000)}\n` })
    const applied = await folder.apply("--env", "large")
    assert.strictEqual(applied.exit, 0, applied.said)
    const before = folder.files("large")
    assert.strictEqual((await folder.export("large")).exit, 0)
    assert.strictEqual(folder.files("large")["big.json"], before["big.json"])
    assert.strictEqual(folder.files("large")["text.txt"], before["text.txt"])
  })

  it("JE1 what changes while it is read is read again: the files are of one moment", async () => {
    const publish = (key: string, value: number) =>
      folder.server.call("PUT", `/v1/config/${key}?environment=moving`, { body: { value } })
    await publish("a", 1)
    await publish("b", 1)
    let [read, done] = [false, false]
    folder.server.before = async ({ path }) => {
      // The values were read; their versions are looked at once more.
      if (!read) return void (read = path.startsWith("/v1/values?"))
      if (done || !path.startsWith("/v1/config?")) return
      done = true
      await publish("a", 2)
      await folder.server.call("DELETE", "/v1/config/b?environment=moving")
      await publish("c", 3)
    }
    const exported = await folder.export("moving")
    folder.server.before = async () => {}
    assert.strictEqual(exported.exit, 0, exported.said)
    const { "@manifest.yaml": _, ...files } = folder.files("moving")
    assert.deepStrictEqual(files, { "a.number": "2\n", "c.number": "3\n" })
  })
})
