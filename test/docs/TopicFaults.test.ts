/** What docs/topic-faults.md says is held by a test. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../../", import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), "utf8")

describe("docs/topic-faults.md", () => {
  it("names tests that there are", () => {
    const tests = globSync("test/**/*.ts", { cwd: root.pathname }).map(read).join("\n")
    const named = [...read("docs/topic-faults.md").matchAll(/^\| .* \| .* \| `(.+)` \|$/gm)].map(([, name]) => name!)
    assert.isAbove(named.length, 20)
    assert.deepStrictEqual(
      named.filter((name) => !tests.includes(`"${name}"`)),
      []
    )
  })

  it("names files that there are", () => {
    const files = [...read("docs/topic-faults.md").matchAll(/`((?:test|bench)\/[^`]+)`/g)].map(([, name]) => name!)
    assert.isAbove(files.length, 20)
    assert.deepStrictEqual(
      files.filter((name) => !existsSync(new URL(name, root))),
      []
    )
  })
})
