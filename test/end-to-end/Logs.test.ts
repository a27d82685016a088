/** The log of a real server, as a collector reads it. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { newFolder } from "../support/folder.ts"
import { onTerminal } from "../support/Pty.ts"
import { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const main = new URL("../../src/main.ts", import.meta.url).pathname
const streams = new URL("../../layers/Telemetry/Streams.ts", import.meta.url).href
const telemetry = new URL("../../layers/Telemetry/Telemetry.ts", import.meta.url).href

/** Every line of both streams; each must be one object. */
const linesOf = (output: string) =>
  output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe("the log of a real server", () => {
  it("LL1 WM1 is nothing but JSON objects with text for a message; started and stopped are lines, a token is none", async () => {
    await using server = new Server({ HERALD_NODE: "n-1", LOG_LEVEL: "debug" })
    await server.start()
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
    await server.publish("svc", 1, {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
    await server.call("GET", "/v1/config/none?environment=production", undefined, { authorization: "Bearer hrld_x" })
    await waitUntil("a line of the trace", () => server.output.includes(traceId))
    await waitUntil("what was refused", () => server.output.includes('"message":"refused at the door"'))
    const { token } = server
    await server.end("SIGTERM")

    const lines = linesOf(server.output)
    for (const line of lines) {
      assert.match(String(line["time"]), RFC3339)
      assert.include(["debug", "info", "warn", "error"], line["level"])
      assert.isString(line["message"])
      assert.notStrictEqual(line["message"], "")
      assert.strictEqual(line["node"], "n-1")
    }
    const [started] = lines.filter(({ message }) => message === "Herald is serving")
    assert.deepInclude(started, {
      http: server.http,
      grpc: server.grpc,
      admin_token_in: join(server.data, "admin-token"),
      pid: server.pid
    })
    assert.strictEqual(lines.at(-1)?.["message"], "Herald has stopped")
    assert.notInclude(server.output, token)
    assert.notInclude(server.output, "npx herald")
    const traced = lines.find(({ trace_id }) => trace_id === traceId)
    assert.match(String(traced?.["span_id"]), /^[0-9a-f]{16}$/)
    assert.include(lines.find(({ message }) => message === "refused at the door")?.["reason"], "token")
  })

  it("LL1 a start that can't be is a line with code, cause and fix where nobody sits, and a text where somebody does", () => {
    const env = { PATH: process.env["PATH"], HTTP_PORT: "many" }
    const piped = spawnSync(process.execPath, [main], { encoding: "utf8", env })
    const [program, ...args] = onTerminal(process.execPath, main)
    const seen = spawnSync(program!, args, { encoding: "utf8", env })

    assert.strictEqual(piped.status, 2)
    assert.strictEqual(piped.stdout, "")
    const [line] = linesOf(piped.stderr)
    assert.deepInclude(line, { level: "error", message: "Herald can't start", code: "HRLD-4005" })
    for (const name of ["reason", "why", "fix"]) assert.isString(line![name], name)
    assert.include(seen.stdout, "Herald can't start:")
    assert.throws(() => linesOf(seen.stdout))
  })

  it("LL1 a dependency that is away is told with its code and reason beside the message", async () => {
    await using database = await startDatabase()
    await using server = new Server({ DATABASE_URL: database.url.replace(/:\d+\//, ":1/") })
    server.launch({ HTTP_PORT: "0", GRPC_PORT: "0" })
    await waitUntil("it to say so", () => server.output.includes("waiting for the database"))
    await server.end("SIGKILL")

    const [line] = linesOf(server.output).filter(({ message }) => message === "waiting for the database")
    assert.deepInclude(line, { level: "warn", code: "HRLD-4001" })
    assert.isString(line!["reason"])
  })

  it("LL3 a warning of Node and an exception that nobody caught are lines of the log", () => {
    const program = `
      import { Effect } from "effect"
      import * as Telemetry from ${JSON.stringify(telemetry)}
      import * as Streams from ${JSON.stringify(streams)}
      Streams.keepGoing()
      Effect.runFork(Streams.own.pipe(Effect.andThen(Effect.never), Effect.provide(Telemetry.layer({ format: "json", level: "info", node: "n", version: "0" }))))
      process.emitWarning("old", "DeprecationWarning", "DEP1")
      process.emitWarning("hidden", "TimeoutNegativeWarning")
      setTimeout(() => { throw new Error("no one") }, 10)
      setTimeout(() => {}, 60_000)`
    const flags = ["--disable-warning=TimeoutNegativeWarning", "--input-type=module", "--eval", program]
    const ended = spawnSync(process.execPath, flags, { encoding: "utf8", cwd: join(main, "../..") })

    assert.strictEqual(ended.status, 1)
    assert.deepStrictEqual(
      linesOf(ended.stderr).map(({ level, reason, error }) => [level, reason ?? error]),
      [
        ["warn", "old"],
        ["error", "no one"]
      ]
    )
  })

  it("LL4 whoever read its output goes away: it serves on, and ends in order", async () => {
    await using server = new Server({})
    await server.start()
    for (const stream of [server.process!.stdout!, server.process!.stderr!]) {
      stream.destroy()
      await once(stream, "close")
    }
    await server.call("GET", "/v1/keys", undefined, { authorization: "Bearer nobody" }) // is told, a second later
    for (const value of [1, 2, 3]) assert.strictEqual((await server.publish("svc", value)).status, 200)

    assert.strictEqual(await server.end("SIGTERM"), 0)
  })

  it("LL6 of `npm start | head` all ends when npm is told to stop", async () => {
    const folder = newFolder()
    const data = join(folder.path, "data")
    const bin = join(main, "../../node_modules/.bin")
    const npm = spawn("npm", ["start", "--", "--data", data], {
      cwd: join(main, "../.."),
      env: {
        ...process.env,
        PATH: `${bin}:${process.env["PATH"]}`,
        HTTP_PORT: "0",
        GRPC_PORT: "0",
        LOG_FORMAT: "json"
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    npm.stdout.once("data", () => npm.stdout.destroy())
    npm.stderr.resume()
    await waitUntil("it to serve", () => existsSync(join(data, "server.json")))
    const processes = () =>
      execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line.includes(data))
    assert.isAtLeast(processes().length, 3) // npm, its shell, the server, its database
    npm.kill("SIGTERM")
    await waitUntil("all of it to be gone", () => processes().length === 0)
    assert.isFalse(existsSync(join(data, "server.json")))
    folder.remove()
  })

  it("LL5 a terminal that is closed stops it in order", async () => {
    await using server = new Server({})
    await server.start()
    assert.strictEqual(await server.end("SIGHUP"), 0)
    assert.strictEqual(linesOf(server.output).at(-1)?.["message"], "Herald has stopped")
  })
})
