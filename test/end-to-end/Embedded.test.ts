/** `npm start` on its embedded default: what it starts, what it leaves, what it says when it can't. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { newFolder } from "../support/folder.ts"
import { onTerminal } from "../support/Pty.ts"
import { COMPILED, Server, startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const postmasterOf = (server: Server) =>
  Number(readFileSync(join(server.data, "postgres", "postmaster.pid"), "utf8").split("\n")[0])

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Of the shell that ends this postmaster when its server is gone. */
const watcherOf = (postmaster: number): number | undefined => {
  const all = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n")
  const line = all.find((one) => one.trimEnd().endsWith(`herald-database-watcher ${postmaster}`))
  return line === undefined ? undefined : Number.parseInt(line, 10)
}

/** Processes of this server's database. */
const left = (server: Server): string =>
  execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(join(server.data, "postgres")))
    .join("\n")

const main = new URL("../../src/main.ts", import.meta.url).pathname
const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...COMPILED, HTTP_PORT: "0", GRPC_PORT: "0", ...env }
  })

/** It says so after it has told the CLI where it is. */
const welcomed = (server: Server) => waitUntil("its welcome", () => server.output.includes("Herald is serving"))

describe("the embedded default", () => {
  it("WM1 says on a terminal what it started and what to type next, and keeps its secrets to itself", async () => {
    await using server = new Server({ LOG_FORMAT: "auto" }, { command: onTerminal(process.execPath, main) })
    server.launch({ HTTP_PORT: "0", GRPC_PORT: "0" })
    await waitUntil("its welcome", () => server.output.includes("Ctrl-C stops everything"))
    const { http, grpc } = JSON.parse(readFileSync(join(server.data, "server.json"), "utf8"))
    Object.assign(server, { http, grpc })
    for (const text of [
      server.http,
      server.grpc,
      "NOT for production",
      server.token,
      "npx herald subscribe",
      "npx herald publish",
      "npx herald clients",
      `${server.http}/docs`
    ]) {
      assert.include(server.output, text)
    }
    for (const file of ["admin-token", "pepper", "postgres-password"]) {
      assert.strictEqual(statSync(join(server.data, file)).mode & 0o777, 0o600, file)
    }
    for (const address of [server.http, server.grpc]) assert.include(address, "127.0.0.1")
    const listening = execFileSync("ps", ["-o", "args=", "-p", String(postmasterOf(server))], { encoding: "utf8" })
    assert.include(listening, "listen_addresses=127.0.0.1")
    assert.strictEqual((await server.call("GET", "/readyz")).body.status, "ready")
  })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} ends it with code 0 and leaves no process; the next start has the data and no new token`, async () => {
      await using server = await startServer()
      const subscriber = new Subscriber(server.grpc, { token: server.token })
      await server.publish("svc", "kept")
      await waitUntil("the value", () => subscriber.content("svc") === "kept")
      assert.strictEqual(await server.end(signal), 0)
      assert.strictEqual(left(server), "")
      assert.isFalse(existsSync(join(server.data, "server.json")))
      subscriber.close()

      const token = server.token
      server.output = ""
      await server.start()
      assert.strictEqual((await server.read("svc")).body.value, "kept")
      assert.strictEqual(server.token, token)
      await welcomed(server)
      assert.notInclude(server.output, "hrld_")
    })
  }

  it("EM3 killed by SIGKILL, its database ends by itself", async () => {
    await using server = await startServer()
    await server.publish("svc", "kept")
    const [postmaster, watcher] = [postmasterOf(server), watcherOf(postmasterOf(server))]
    await server.end("SIGKILL")
    await waitUntil("its processes to be gone", () => left(server) === "" && !alive(postmaster) && !alive(watcher!))
    await server.start()
    assert.strictEqual((await server.read("svc")).body.value, "kept")
  })

  it("EM3 a watcher ends only the database it was begun for: neither the next start's nor another server's", async () => {
    await using other = await startServer()
    await using server = await startServer()
    const watchers: Array<number> = []
    for (const round of [1, 2, 3]) {
      watchers.push(watcherOf(postmasterOf(server))!)
      await server.end("SIGKILL")
      await server.start() // at once: while the watcher is at work
      assert.strictEqual((await server.publish("svc", round)).status, 200)
    }
    await waitUntil("the old watchers to be gone", () => !watchers.some(alive))
    for (const one of [server, other]) {
      assert.isTrue(alive(postmasterOf(one)))
      assert.strictEqual((await one.publish("svc", 4)).status, 200)
      assert.notInclude(one.output, "the embedded PostgreSQL died")
    }
  })

  it("EM1 K2 a database that was left all the same is ended by the next start", async () => {
    await using server = await startServer()
    await server.publish("svc", "kept")
    const orphan = postmasterOf(server)
    process.kill(watcherOf(orphan)!, "SIGKILL")
    await server.end("SIGKILL")
    assert.isTrue(alive(orphan))
    await server.start()

    assert.notStrictEqual(postmasterOf(server), orphan)
    assert.strictEqual((await server.read("svc")).body.value, "kept")
    assert.strictEqual(await server.end("SIGTERM"), 0)
    assert.strictEqual(left(server), "")
  })

  it("EM2 a database that dies is started again on the same port", async () => {
    await using server = await startServer()
    const port = () => readFileSync(join(server.data, "postgres", "postmaster.pid"), "utf8").split("\n")[3]
    const [pid, before] = [postmasterOf(server), port()]
    process.kill(pid, "SIGKILL")
    // The pid file is gone for a moment, and then empty.
    await waitUntil("another postmaster", () => {
      try {
        return ![0, pid].includes(postmasterOf(server))
      } catch {
        return false
      }
    })
    await waitUntil("a publish", async () => (await server.publish("svc", "again")).status === 200)

    assert.strictEqual(port(), before)
  })

  it("J1 an initdb that was cut short is begun again", async () => {
    const folder = newFolder()
    mkdirSync(join(folder.path, "data", "postgres.new", "base"), { recursive: true })
    await using server = new Server({}, { data: join(folder.path, "data") })
    await server.start()
    assert.strictEqual((await server.publish("svc", "fine")).status, 200)
    await server.end("SIGTERM")
    folder.remove()
  })

  it("J2 nobody gets into the database without its password", async () => {
    await using server = await startServer()
    const rules = readFileSync(join(server.data, "postgres", "pg_hba.conf"), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    for (const rule of rules) assert.match(rule, /scram-sha-256$/)
    assert.isAbove(rules.length, 0)
  })

  it("K2 a second server on the same folder is refused and the first is not disturbed", async () => {
    await using server = await startServer()
    const second = run(["--data", server.data])

    assert.strictEqual(second.status, 2)
    assert.include(second.stderr, "HRLD-4005")
    assert.include(second.stderr, `process ${server.pid}`)
    assert.strictEqual((await server.publish("svc", "still here")).status, 200)
  })
})

describe("a start that can't be", () => {
  const folder = newFolder()
  const data = ["--data", join(folder.path, "data")]

  it("a port that is taken names it and the setting", async () => {
    const taken = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => taken.once("listening", resolve))
    const { port } = taken.address() as { port: number }
    const http = run(data, { HTTP_PORT: String(port) })
    const grpc = run(data, { GRPC_PORT: String(port) })
    taken.close()

    assert.deepStrictEqual([http.status, grpc.status], [2, 2])
    assert.match(http.stderr, new RegExp(`HTTP port 127.0.0.1:${port}.*HTTP_PORT`))
    assert.match(grpc.stderr, new RegExp(`gRPC port 127.0.0.1:${port}.*GRPC_PORT`))
  })

  it("an unknown setting names the nearest right one, a wrong value what is expected, an unknown flag --help", () => {
    const file = join(folder.path, "settings.yaml")
    writeFileSync(file, "http:\n  prot: 9000\n")
    const unknown = run([...data, "--config", file])
    const wrong = run(data, { HEARTBEAT_INTERVAL: "soon" })
    const flag = run(["--dta", "x"])
    const url = run(data, { DATABASE_URL: "nonsense" })

    assert.deepStrictEqual([unknown.status, wrong.status, flag.status], [2, 2, 2])
    assert.match(unknown.stderr, /http\.prot.*http\.port/)
    assert.match(wrong.stderr, /HEARTBEAT_INTERVAL.*soon.*30s/)
    assert.match(flag.stderr, /--dta.*--help/s)
    assert.notStrictEqual(url.status, 0)
    assert.notInclude(url.stderr, "    at ")
  })

  it("--help and --version", () => {
    assert.include(run(["--help"]).stdout, "--data <folder>")
    assert.match(run(["--version"]).stdout, /^\d+\.\d+\.\d+\n$/)
  })
})
