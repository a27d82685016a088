/** What was released goes on working: programs of before speak to servers of now, and the other way round. */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"

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

it("and a protocol that lacks what there is does", () => {
  const { status, said } = breaking("released/0.1.0.binpb", "generated/herald.binpb")
  assert.strictEqual(status, 100)
  assert.include(said, "herald/publishing/v1/publishing.proto")
})
