/** The pages that are made from sources are as the sources are, and every invariant has a test. */
import { spawnSync } from "node:child_process"
import { assert, it } from "vitest"

// Only when to give up: a process of its own reads the whole tree, on a machine that may be starved.
it("docs are current (npm run docs), and every invariant is held by a test", { timeout: 180_000 }, () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [new URL("../docs/all.ts", import.meta.url).pathname, "--check"],
    {
      encoding: "utf8"
    }
  )
  assert.strictEqual(status, 0, stderr)
})
