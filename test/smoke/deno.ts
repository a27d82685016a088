/**
 * Smoke: the server and an SDK client under Deno. One change is pushed and must arrive.
 * Run: `npm run smoke:deno`. Prints `1 passed, 0 failed`, or what went wrong and exits 1.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const deno = join(root, "node_modules/.bin/deno")
const limitMillis = 180_000
const children: Array<ChildProcess> = []
const log: Array<string> = []

const run = (name: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(deno, ["run", "-A", ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  children.push(child)
  child.stderr.on("data", (bytes) => log.push(`${name}: ${String(bytes).trimEnd()}`))
  const lines = createInterface({ input: child.stdout })
  lines.on("line", (line) => log.push(`${name}: ${line}`))
  return { child, lines }
}

const stop = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGTERM")
  const late = setTimeout(() => child.kill("SIGKILL"), 15_000)
  await gone
  clearTimeout(late)
}

const ready = async (child: ChildProcess, data: string): Promise<{ http: string; grpc: string; token: string }> => {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`)
    try {
      const addresses = JSON.parse(await readFile(join(data, "server.json"), "utf8"))
      const token = (await readFile(join(data, "admin-token"), "utf8")).trim()
      return { ...addresses, grpc: addresses.grpc.replace(/^[a-z]+:\/\//, ""), token }
    } catch {
      await pause(100)
    }
  }
}

const smoke = async (folder: string) => {
  const data = join(folder, "data")
  const ports = { HTTP_PORT: "0", GRPC_PORT: "0", HERALD_DATA: data }
  const server = run("server", ["src/main.ts", "--data", data], ports)
  const { http, grpc, token } = await ready(server.child, data)
  const kept = join(folder, "client")
  const client = run("client", ["test/smoke/subscriber.ts", grpc, token, "smoke-service", kept])
  const lines = client.lines[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error("the client ended early")
    return JSON.parse(value)
  }
  const expect = (what: string, was: unknown, wanted: unknown) => {
    if (was !== wanted) throw new Error(`${what} is ${JSON.stringify(was)}, not ${JSON.stringify(wanted)}`)
  }

  expect("the client's state", (await next()).state, "live")
  const started = performance.now()
  const answer = await fetch(`${http}/v1/config/smoke-service?environment=production`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ value: { done: true }, type: "json", message: "smoke" })
  })
  if (!answer.ok) throw new Error(`publishing answered ${answer.status}: ${await answer.text()}`)
  const update = await next()
  const millis = Math.round(performance.now() - started)
  expect("the value", JSON.stringify(update.value), JSON.stringify({ done: true }))
  expect("its source", update.source, "live")
  expect("the client's last state", (await next()).state, "closed")
  console.log(`published over HTTP and applied under Deno after ${millis} ms`)
}

const folder = await mkdtemp(join(tmpdir(), "herald-smoke-"))
await chmod(folder, 0o711)
let late: NodeJS.Timeout | undefined
const limit = new Promise<never>((_, reject) => {
  late = setTimeout(() => reject(new Error(`not done after ${limitMillis} ms`)), limitMillis)
})
try {
  await Promise.race([smoke(folder), limit])
  console.log("1 passed, 0 failed")
} catch (error) {
  console.error(log.slice(-60).join("\n"))
  console.error(error instanceof Error ? error.message : error)
  console.log("0 passed, 1 failed")
  process.exitCode = 1
} finally {
  clearTimeout(late)
  for (const child of children.reverse()) await stop(child)
  await rm(folder, { recursive: true, force: true })
}
