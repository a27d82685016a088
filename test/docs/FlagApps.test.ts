/** What docs/flags.md shows of applications is what test/interop/Flags.test.ts runs. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

describe("docs/flags.md", () => {
  it.each([
    ["ts", "node/app.ts"],
    ["ts", "node/ofrep.ts"],
    ["ts", "node/web.ts"],
    ["python", "python/app.py"],
    ["python", "python/ofrep.py"],
    ["go", "go/app.go"],
    ["java", "java/Shop.java"]
  ])("shows the application in %s, %s, as it is run", (language, file) => {
    assert.include(read("docs/flags.md"), `\`\`\`${language}\n${read(`test/interop/guests/flags-${file}`)}\`\`\`\n`)
  })
})
