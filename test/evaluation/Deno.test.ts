import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

const run = promisify(execFile)
const program = fileURLToPath(new URL("Answers.ts", import.meta.url))
const root = fileURLToPath(new URL("../..", import.meta.url))

describe("the evaluator", () => {
  it("FE6 answers alike on Node and on Deno", async () => {
    const onNode = await run(process.execPath, [program], { cwd: root })
    const onDeno = await run(`${root}node_modules/.bin/deno`, ["run", "--allow-read", "--allow-env", program], {
      cwd: root
    })

    assert.match(onNode.stdout, /^[0-9a-f]{64} DEFAULT,ERROR,TARGETING_MATCH\n$/)
    assert.strictEqual(onDeno.stdout, onNode.stdout)
  })
})
