/** How a run of `herald` ends as a process that a user starts: its streams, its exit code, what a signal makes of it. */
import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import packageJson from "../../package.json" with { type: "json" }
import { synced, value } from "../support/Said.ts"
import { until } from "../support/turn.ts"
import { WireServer } from "../support/WireServer.ts"

const bin = fileURLToPath(new URL("../../bin/herald.js", import.meta.url))

/** `herald` as a user starts it, in a folder without a server. */
const herald = (...args: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "herald-cli-"))
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const seen = { out: "", err: "" }
  child.stdout.on("data", (chunk) => {
    seen.out += chunk
  })
  child.stderr.on("data", (chunk) => {
    seen.err += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve)).finally(() =>
    rmSync(folder, { recursive: true })
  )
  return { child, seen, ended }
}

describe("a process", () => {
  it("CM2 Ctrl-C is 130, SIGTERM 143, of a process that shows a stream", async () => {
    await using wire = await WireServer.start()
    wire.greeting = [value("shop", 1, { x: true }), synced(1)]
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143]
    ] as const) {
      const { child, seen, ended } = herald("subscribe", "shop", "--grpc", wire.address, "--token", "secret")
      await until(() => seen.err.includes("1 key, up to date") || child.exitCode !== null)
      child.kill(signal)
      assert.strictEqual(await ended, code, seen.err)
      assert.deepInclude(JSON.parse(seen.out), { key: "shop", content: '{"x":true}' })
    }
    assert.deepStrictEqual(wire.tokens, ["Bearer secret", "Bearer secret"])
  })

  it("CM1 CM2 a process keeps the streams apart, and a version needs no server", async () => {
    const version = herald("--version")
    assert.strictEqual(await version.ended, 0)
    assert.deepStrictEqual(version.seen, { out: `herald ${packageJson.version}\n`, err: "" })

    const wrong = herald("publish")
    assert.strictEqual(await wrong.ended, 2)
    assert.strictEqual(wrong.seen.out, "")
    assert.include(wrong.seen.err, "Wrong usage")
  })

  it("a version is said without a module of the command being read: at once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "herald-bin-"))
    mkdirSync(join(folder, "bin"))
    mkdirSync(join(folder, "src/cli"), { recursive: true })
    copyFileSync(bin, join(folder, "bin/herald.js"))
    writeFileSync(join(folder, "src/cli/main.ts"), "throw new Error('it was read')")
    writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "1.2.3", type: "module" }))
    const said = spawnSync(process.execPath, [join(folder, "bin/herald.js"), "--version"], { encoding: "utf8" })
    rmSync(folder, { recursive: true })
    assert.deepStrictEqual([said.stdout, said.stderr, said.status], ["herald 1.2.3\n", "", 0])
  })
})
