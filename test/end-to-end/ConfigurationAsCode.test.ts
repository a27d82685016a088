/** Folders of configuration against a real server: each verb as a process, and the server killed in the middle of an apply. */
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server as HttpServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { newFolder } from "../support/folder.ts"
import { type Server, startServer } from "../support/Server.ts"
import { terminal } from "../support/Terminal.ts"

const MANIFEST = 'herald: 1\npatterns: ["*", "@flag/*", "@segment/*"]\n'
const bin = new URL("../../bin/herald.js", import.meta.url).pathname

let server: Server
const folder = newFolder()
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder.remove()
})

const herald = async (...args: ReadonlyArray<string>) => {
  const env = { PATH: process.env["PATH"], HERALD_DATA: server.data }
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder.path, env, stdio: ["ignore", "pipe", "pipe"] })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk) => (out += String(chunk)))
  child.stderr.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err, said: out + err }
}
const write = (environment: string, files: Readonly<Record<string, string>>) => {
  for (const [file, text] of Object.entries({ "@manifest.yaml": MANIFEST, ...files })) {
    mkdirSync(join(folder.path, "herald", environment, file, ".."), { recursive: true })
    writeFileSync(join(folder.path, "herald", environment, file), text)
  }
}
const versionOf = async (key: string, environment: string): Promise<number> =>
  (await server.call("GET", `/v1/config/${key}?environment=${environment}&consistency=strong`)).body.version ?? 0

/** What stands between the command line and the server, and ends the server as the release passes. */
const killing = async (when: "before" | "during" | "after"): Promise<HttpServer> => {
  const between = createServer(async (asked, answer) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of asked) chunks.push(chunk as Buffer)
    const release = asked.method === "POST" && asked.url?.includes("dryRun") === false
    if (release && when === "before") await server.end("SIGKILL")
    const on = request(`${server.http}${asked.url}`, { method: asked.method, headers: asked.headers }, (said) => {
      const all: Array<Buffer> = []
      said.on("data", (chunk: Buffer) => all.push(chunk))
      said.on("error", () => asked.socket.destroy())
      said.on("end", async () => {
        if (release) {
          await server.end("SIGKILL")
          asked.socket.destroy()
          return
        }
        answer.writeHead(said.statusCode ?? 500, said.headers)
        answer.end(Buffer.concat(all))
      })
    })
    on.on("error", () => asked.socket.destroy())
    on.end(Buffer.concat(chunks), () => {
      if (release && when === "during") void server.end("SIGKILL")
    })
  })
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve))
  return between
}

describe("configuration as code", () => {
  it("JZ2 JA3 a folder becomes an environment, and comes back as it was, verb by verb", {
    timeout: 240_000
  }, async () => {
    const files = {
      "user-service.json": '{"a": 1.10, "big": 9007199254740993}\n',
      "Motd.txt": "hello\r\n\n",
      "pay%2Fdb%3A1.yaml": "# a comment\nx: 0x1F\n\n",
      "retries.number": "5\n",
      "@schema/user-service.json": '{\n  "type": "object"\n}\n',
      "@segment/staff.json": '{"rule": {"ends_with": [{"var": "email"}, "@example.com"]}}\n',
      "@flag/new.json": '{"enabled": true, "percentage": 5, "segments": ["staff"]}\n'
    }
    write("production", files)
    const drift = await herald("diff", "-f", "herald")
    assert.strictEqual(drift.code, 1, drift.said)
    const asked = await herald("apply", "-f", "herald")
    assert.deepStrictEqual([asked.code, asked.err.includes("--yes")], [2, true])
    const applied = await herald("apply", "-f", "herald", "--yes", "--message", "first")
    assert.strictEqual(applied.code, 0, applied.said)
    assert.strictEqual(JSON.parse(applied.out).environments[0].create, 6)
    assert.strictEqual((await herald("diff", "-f", "herald")).code, 0)
    const exported = await herald("export", "--env", "production", "--out", "again")
    assert.strictEqual(exported.code, 0, exported.said)
    for (const [file, text] of Object.entries(files))
      assert.strictEqual(readFileSync(join(folder.path, "again/production", file), "utf8"), text, file)
    assert.strictEqual((await herald("diff", "-f", "again")).code, 0)

    const promoted = await herald("promote", "*", "--from", "production", "--to", "staging", "--yes")
    assert.strictEqual(promoted.code, 0, promoted.said)
    assert.strictEqual((await herald("compare", "*", "--env", "staging", "--with", "production")).code, 0)
    assert.strictEqual((await herald("compare", "--env", "staging", "--with", "production")).code, 1)

    await server.publish("retries", 6, { type: "number" })
    const other = await herald("diff", "-f", "herald", "--output", "table")
    assert.deepStrictEqual([other.code, /~ retries {2}value/.test(other.out)], [1, true], other.said)
    const nowhere = await herald("apply", "-f", "herald", "--env", "nowhere")
    assert.deepStrictEqual([nowhere.code, /no folder nowhere/.test(nowhere.err)], [2, true])
    const none = await herald("promote", "none", "--from", "production", "--to", "staging", "--yes")
    assert.strictEqual(none.code, 4, none.said)
    writeFileSync(join(folder.path, "herald/production/retries.number"), "five")
    const wrong = await herald("apply", "-f", "herald", "--yes")
    assert.deepStrictEqual([wrong.code, /retries\.number: it can't be read as number/.test(wrong.err)], [2, true])
    writeFileSync(join(folder.path, "herald/production/retries.number"), "7")
    writeFileSync(join(folder.path, "herald/production/@schema/retries.json"), '{"maximum": 6}')
    const refused = await herald("apply", "-f", "herald", "--yes")
    assert.strictEqual(refused.code, 3, refused.said)
    assert.strictEqual((await server.read("retries")).body.value, "6")
    assert.strictEqual((await herald("diff", "-f", "herald", "--server", "http://127.0.0.1:9")).code, 2)
  })

  for (const when of ["before", "during", "after"] as const)
    it(`JR2 the server is killed ${when} the release: all of it, or nothing; again is once`, {
      timeout: 300_000
    }, async () => {
      const environment = `killed-${when}`
      const keys = Array.from({ length: 200 }, (_, n) => `k${n}`)
      write(
        environment,
        Object.fromEntries(keys.map((key, n) => [`${key}.json`, `{"n": ${n}, "x": "${"y".repeat(500)}"}`]))
      )
      const between = await killing(when)
      const token = server.token
      const cli = terminal({
        env: { HERALD_TOKEN: token, HERALD_SERVER: `http://127.0.0.1:${(between.address() as AddressInfo).port}` },
        retries: { within: 0, first: 1, timeout: 60_000 },
        uuid: () => environment
      })
      const exit = await cli.run("apply", "-f", join(folder.path, "herald"), "--env", environment, "--yes")
      between.close()
      between.closeAllConnections()
      assert.strictEqual(exit, 7, cli.said)
      assert.include(cli.said, "Run it again")
      await server.start()
      const there = (await server.call("GET", `/v1/config?environment=${environment}&limit=1000`)).body.keys.length
      assert.include(when === "before" ? [0] : when === "after" ? [200] : [0, 200], there)
      const again = await herald("apply", "-f", "herald", "--env", environment, "--yes")
      assert.strictEqual(again.code, 0, again.said)
      assert.deepStrictEqual([...new Set(await Promise.all(keys.map((key) => versionOf(key, environment))))], [1])
      assert.deepInclude(readdirSync(join(folder.path, "herald", environment)), "k0.json")
    })
})
