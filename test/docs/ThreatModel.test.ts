/** What docs/threat-model.md says is held by a test is held by that test. */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../../", import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), "utf8")
const page = read("docs/threat-model.md")
const matrix = page.slice(page.indexOf("## Attacks"))
const rows = [...matrix.matchAll(/^\| (?!entry|---)(.+?) \| .+ \| .+ \| (.+) \|$/gm)].map(
  ([, entry, tests]) => [entry!, tests!] as const
)

describe("docs/threat-model.md", () => {
  it("has a test for each defence, which is there and begins with the invariant that it is said to hold", () => {
    assert.isAbove(rows.length, 20)
    const wrong = rows.flatMap(([entry, tests]) => {
      const named = [...tests.matchAll(/((?:[A-Z]{1,3}\d+(?:, )?)*) ?`(test\/[^`]+)`/g)]
      if (named.length === 0) return [`${entry}: names no test`]
      return named.flatMap(([, ids = "", file = ""]) => {
        if (!existsSync(new URL(file, root))) return [`${entry}: there is no ${file}`]
        const titles = [...read(file).matchAll(/\(\s*["`]([A-Z]{1,3}\d+[^"`]*)/g)].map(([, title]) => title!)
        return ids
          .split(", ")
          .filter((id) => id !== "" && !titles.some((title) => new RegExp(`\\b${id}\\b`).test(title)))
          .map((id) => `${entry}: no test of ${file} begins with ${id}`)
      })
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("leads to pages that there are", () => {
    const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!)
    assert.deepStrictEqual(
      links.filter((link) => !existsSync(new URL(`docs/${link}`, root))),
      []
    )
  })
})
