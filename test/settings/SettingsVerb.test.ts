/** `herald settings` says what a server would go by. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { resolve } from "../../layers/Files/Settings.ts"
import { settings } from "../../src/settings/Catalogue.ts"
import { terminal } from "../support/Terminal.ts"

const content = "http:\n  port: 81\npepper: hunter2\nretention: { time: 90m }\n"
const env = { DATABASE_URL: "postgres://u:hunter2@h/d", HTTP_PORT: "82", HERALD_CONFIG: "herald.yaml" }
interface Row {
  readonly setting: string
  readonly value: string
  readonly from: string
  readonly at: string
}

describe("herald settings", () => {
  it("QS1 every setting with its value and where it came from; secrets are redacted; the server finds the same", async () => {
    const cli = terminal({ env, files: { "herald.yaml": content } })
    assert.strictEqual(await cli.run("settings", "--data", "elsewhere", "--output", "json"), 0)
    const rows = JSON.parse(cli.printed) as ReadonlyArray<Row>
    const row = (setting: string) => {
      const { value, from, at } = rows.find((one) => one.setting === setting)!
      return [value, from, at]
    }

    assert.strictEqual(rows.length, settings.length)
    assert.deepStrictEqual(row("http.port"), ["82", "environment", "HTTP_PORT"])
    assert.deepStrictEqual(row("retention.time"), ["90m", "file", "herald.yaml:4"])
    assert.deepStrictEqual(row("dataDir"), ["elsewhere", "flag", "--data"])
    assert.deepStrictEqual(row("node"), ["host", "default", ""])
    assert.deepStrictEqual(row("pepper"), ["<redacted>", "file", "herald.yaml:3"])
    assert.deepStrictEqual(row("database.url"), ["<redacted>", "environment", "DATABASE_URL"])
    assert.notInclude(cli.printed, "hunter2")

    const folder = mkdtempSync(join(tmpdir(), "herald-settings-"))
    try {
      const path = join(folder, "herald.yaml")
      writeFileSync(path, content)
      const { found, values } = await Effect.runPromise(resolve({ env, configFile: path, dataDir: "elsewhere" }))
      assert.strictEqual(found.length, settings.length)
      for (const { setting, shown } of found)
        if (setting !== "node") assert.strictEqual(row(setting)[0], shown, setting)
      assert.deepStrictEqual(
        [values.http.port, values.retention.keepMillis, values.dataDir],
        [82, 5_400_000, "elsewhere"]
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("prints a table on a terminal, and YAML on request", async () => {
    const shown = terminal({ env, files: { "herald.yaml": content }, terminal: true })
    assert.strictEqual(await shown.run("settings"), 0)
    assert.match(shown.printed, /http\.port +HTTP_PORT +82 +environment HTTP_PORT/)
    const yaml = terminal()
    assert.strictEqual(await yaml.run("settings", "-o", "yaml"), 0)
    assert.strictEqual((parse(yaml.printed) as ReadonlyArray<Row>).length, settings.length)
  })

  it("a wrong file ends with the catalogue's exit code and the line; a doubtful variable is a warning", async () => {
    const wrong = terminal({ files: { f: "http:\n  prot: 1" } })
    assert.strictEqual(await wrong.run("settings", "--config", "f"), 2)
    assert.match(wrong.said, /HRLD-4005[\s\S]*http\.prot in f, line 2: did you mean http\.port\?/)
    const doubtful = terminal({ env: { HERALD_PEPER: "x" } })
    assert.strictEqual(await doubtful.run("settings"), 0)
    assert.include(doubtful.said, "HERALD_PEPER is no setting: did you mean HERALD_PEPPER?")
  })
})
