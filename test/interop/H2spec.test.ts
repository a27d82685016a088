/** h2spec, strict: the lane in clear text, in TLS, and on Deno. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import { makeCertificates } from "../support/Certificates.ts"
import { testService } from "./service/TestService.ts"
import { goProgram } from "./Tools.ts"

const path = (from: string) => fileURLToPath(new URL(from, import.meta.url))

let h2spec: string
const folder = mkdtempSync(join(tmpdir(), "herald-h2spec-"))
beforeAll(async () => {
  h2spec = await goProgram("h2spec")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** All of its cases pass. */
const passes = (port: number, ...more: ReadonlyArray<string>): Promise<void> =>
  new Promise((resolve, reject) => {
    const args = ["--strict", "-h", "127.0.0.1", "-p", String(port), "-o", "10", ...more]
    execFile(h2spec, args, { timeout: 110_000, maxBuffer: 16_777_216 }, (_, said) => {
      const failures = said.slice(said.indexOf("\nFailures:"))
      try {
        assert.include(said, "146 tests, 146 passed, 0 skipped, 0 failed", failures)
        resolve()
      } catch (error) {
        reject(error)
      }
    })
  })

describe("h2spec --strict", () => {
  it.each(["clear text", "TLS"])("146 of 146 in %s", async (kind) => {
    const defects: Array<unknown> = []
    const lane = new LaneServer({ handlers: testService(), defect: (error) => void defects.push(error) })
    if (kind === "TLS") {
      const { certificate, key } = makeCertificates(folder)
      lane.make({ cert: readFileSync(certificate), key: readFileSync(key) })
    }
    try {
      await passes(await lane.listen("127.0.0.1", 0), ...(kind === "TLS" ? ["-t", "-k"] : []))
    } finally {
      lane.destroy()
    }
    assert.deepStrictEqual(defects, [])
  })

  it("146 of 146 on Deno", async () => {
    const deno = spawn(path("../../node_modules/.bin/deno"), ["run", "-A", path("service/serve.ts")], {
      cwd: path("../.."),
      stdio: ["pipe", "pipe", "pipe"]
    })
    let said = ""
    deno.stderr.on("data", (chunk) => (said += String(chunk)))
    const ended = once(deno, "exit")
    const [port] = await Promise.race([once(createInterface({ input: deno.stdout }), "line"), ended])
    try {
      assert.match(String(port), /^\d{2,}$/, said)
      await passes(Number(port))
    } finally {
      deno.stdin.end()
      await ended
    }
    assert.strictEqual(said, "")
  })
})
