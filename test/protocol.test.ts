/** What was released goes on working: programs of before speak to servers of now, and the other way round. */
import { spawnSync } from "node:child_process"
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { newFolder } from "./support/folder.ts"

const proto = fileURLToPath(new URL("../proto", import.meta.url))
const buf = fileURLToPath(new URL("../node_modules/.bin/buf", import.meta.url))
const breaking = (...[input, against]: readonly [input: string, against: string]) => {
  const { status, stdout, stderr } = spawnSync(buf, ["breaking", input, "--against", against], {
    cwd: proto,
    encoding: "utf8"
  })
  return { status, said: `${stdout}${stderr}` }
}

for (const image of readdirSync(`${proto}/released`))
  it(`the protocol breaks nothing of ${image.replace(".binpb", "")}, neither its bytes nor its JSON`, () => {
    assert.deepStrictEqual(breaking(".", `released/${image}`), { status: 0, said: "" })
  })

it("and a field with another number would", () => {
  const folder = newFolder()
  const file = "herald/distribution/v1/distribution.proto"
  cpSync(proto, folder.path, { recursive: true })
  const path = join(folder.path, file)
  const text = readFileSync(path, "utf8")
  writeFileSync(path, text.replace(/ string key = \d+;/, " string key = 777;"))
  const { status, said } = breaking(folder.path, "released/0.1.0.binpb")
  folder.remove()
  assert.strictEqual(status, 100)
  assert.include(said, file)
})
