/** Files of a folder that can't be right: all of them are named, with the line and what to do, and the server is asked for nothing. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll, beforeEach } from "vitest"
import { CodeFolder, MANIFEST } from "./CodeFolder.ts"

let folder: CodeFolder
beforeAll(async () => {
  folder = await CodeFolder.start()
})
afterAll(() => folder[Symbol.asyncDispose]())
beforeEach(() => folder.clear("wrong"))

const refused = async (files: Readonly<Record<string, string | Uint8Array>>) => {
  folder.put("wrong", files)
  const before = folder.server.asked.length
  const { exit, said } = await folder.apply("--env", "wrong")
  assert.strictEqual(exit, 2, said)
  assert.strictEqual(folder.server.asked.length, before, "nothing is asked for a folder that is wrong")
  assert.include(said, "Nothing was changed")
  return said
}
const BOMB = `a: &a [x]\n${Array.from({ length: 40 }, (_, n) => `b${n}: [*a, *a, *a, *a]`).join("\n")}\n`
const deep = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times)

describe("files that can't be right", () => {
  it("JL1 of a thousand files each that is wrong is named with its line, and none of the others is applied", async () => {
    const right = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}.json`, `{"n": ${n}}`]))
    const wrong = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`w${n}.json`, `{\n  "n": ${n},\n}`]))
    const said = await refused({ ...right, ...wrong })
    for (const file of Object.keys(wrong)) assert.match(said, new RegExp(`wrong/${file}:3: it can't be read as json`))
    assert.notMatch(said, /wrong\/k\d/)
    folder.clear("wrong")
    folder.put("wrong", { ...right, "w.json": "{" })
    assert.match((await folder.apply("--env", "wrong", "--parts")).said, /wrong\/w\.json:1: /)
    const { body } = await folder.server.call("GET", "/v1/config?environment=wrong")
    assert.deepStrictEqual(body.keys, [])
  })

  it("JL1 YAML that grows, that says a name twice, that is nested without end, and what is no value of its type", async () => {
    const said = await refused({
      "bomb.yaml": BOMB,
      "twice.yaml": "a: 1\nb: 2\na: 3\n",
      "deep.yaml": deep("[", "]", 5_000),
      "deep.json": deep("[", "]", 5_000),
      "proto.json": '{"__proto__": {}}',
      "bom.json": "\ufeff{}",
      "many.number": "1 2",
      "yes.boolean": "yes",
      "binary.yaml": Uint8Array.of(0, 1, 2, 10, 0xc3, 0x28)
    })
    for (const [file, why] of [
      ["bomb\\.yaml", "alias"],
      ["twice\\.yaml", "twice"],
      ["deep\\.yaml", ""],
      ["deep\\.json", ""],
      ["proto\\.json", "__proto__"],
      ["bom\\.json", "byte order mark"],
      ["many\\.number", "not a finite number"],
      ["yes\\.boolean", "neither true nor false"],
      ["binary\\.yaml:2", "not UTF-8"]
    ])
      assert.match(said, new RegExp(`wrong/${file}.*${why}`), said)
  })

  it("JL1 JM1 a manifest that is nested without end, that grows, or says a field twice", async () => {
    for (const [manifest, said] of [
      [deep("[", "]", 200_000), /@manifest\.yaml:1: /],
      ["herald: 1\npatterns: [a]\npatterns: [b]\n", /@manifest\.yaml:3: it is not YAML: Map keys must be unique/],
      [`herald: 1\npatterns: &p ["*"]\nstrict: [*p]\n`, /@manifest\.yaml:3: strict has to be a list of texts/],
      [`${MANIFEST}? [a]\n: b\n`, /@manifest\.yaml:\d+: /]
    ] as const) {
      folder.clear("wrong")
      assert.match(await refused({ "@manifest.yaml": manifest }), said)
    }
  })

  it("JL2 a pipe in the place of a file holds nobody up", async () => {
    folder.put("wrong", {})
    execFileSync("mkfifo", [join(folder.path, "wrong/pipe.txt")])
    assert.match(await refused({}), /wrong\/pipe\.txt: it is no regular file/)
  })
})
