/** What a process that uses the SDK does: it ends when it is done, and it does not die of its own listeners. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { synced, value } from "../support/Said.ts"
import { WireServer } from "../support/WireServer.ts"

const script = fileURLToPath(new URL("../support/ClientLife.ts", import.meta.url))
let server: WireServer
beforeAll(async () => {
  server = await WireServer.start()
  server.greeting = [value("shop", 1, { a: 1 }), value("shop.b", 2, "bad"), synced(2)]
})
afterAll(() => server.stop())

const live = async (mode: string) => {
  const child = spawn(process.execPath, [script, mode, server.address], { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  let cried = ""
  child.stdout.on("data", (bytes) => (said += String(bytes)))
  child.stderr.on("data", (bytes) => (cried += String(bytes)))
  const [code] = await once(child, "close")
  assert.strictEqual(code, 0, cried)
  assert.notMatch(cried, /Uncaught|Unhandled/)
  return said
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
}

describe("a process ends by itself after close, with", () => {
  const modes = [
    ...["plain", "three closes", "an iteration", "close inside a hook", "a token that hangs"],
    ...["a retry that waits", "listeners that throw"]
  ]
  for (const mode of modes) {
    it(`GT4 SDK5: ${mode}`, async () => {
      assert.deepStrictEqual((await live(mode)).at(-1), { done: mode })
    })
  }

  it("HK3: a hook that hangs, which is aborted", async () => {
    assert.deepStrictEqual(
      await live("a hook that hangs"),
      [{ aborted: true }, { done: "a hook that hangs" }].reverse()
    )
  })

  it("BT2: a report whose token hangs, which fails", async () => {
    assert.deepInclude(await live("a report whose token hangs"), { report: "ClosedError" })
  })

  it("a connect that failed", async () => {
    assert.deepInclude(await live("a connect that failed"), { failed: "ConnectError" })
  })
})
