/** Servers that send to many, each as it comes: where a program connects to publish and to read. */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { installed } from "../../test/support/installed.ts"
import type { Protocol } from "../load/Fan.ts"

const NATS = "v2.15.2"

export interface Sending extends AsyncDisposable {
  readonly protocol: Protocol
  readonly pid: number
  readonly read: number
  readonly publish: number
}

const ending = (child: ChildProcess) => async () => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
}

/** Built from Go's modules, once for this user. */
const natsBinary = (): string => {
  const home = join(homedir(), ".cache", "herald", `nats-${NATS}`)
  const program = join(home, "nats-server")
  if (existsSync(program)) return program
  installed("go", ["golang-go"])
  mkdirSync(home, { recursive: true })
  execFileSync("go", ["install", `github.com/nats-io/nats-server/v2@${NATS}`], {
    env: { ...process.env, GOBIN: home },
    stdio: "pipe"
  })
  return program
}

const reached = async (port: number): Promise<void> => {
  const { connect } = await import("node:net")
  for (;;) {
    const socket = connect(port, "127.0.0.1")
    const [what] = await Promise.race([
      once(socket, "connect").then(() => ["open"]),
      once(socket, "error").then(() => ["shut"])
    ]).catch(() => ["shut"])
    socket.destroy()
    if (what === "open") return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const started = async (
  protocol: Protocol,
  program: string,
  args: (port: number) => ReadonlyArray<string>
): Promise<Sending> => {
  const port = await freePort()
  const child = spawn(program, args(port), { stdio: "ignore" })
  process.once("exit", () => child.kill("SIGKILL"))
  await reached(port)
  return { protocol, pid: child.pid!, read: port, publish: port, [Symbol.asyncDispose]: ending(child) }
}

export const peers: { readonly [protocol in Protocol]: () => Promise<Sending> } = {
  herald: async () => {
    const child = fork(fileURLToPath(new URL("../load/FanServer.ts", import.meta.url)))
    const [ports] = (await once(child, "message")) as [{ readonly read: number; readonly publish: number }]
    return { protocol: "herald", pid: child.pid!, ...ports, [Symbol.asyncDispose]: ending(child) }
  },
  nats: () => started("nats", natsBinary(), (port) => ["-a", "127.0.0.1", "-p", String(port)]),
  redis: () => {
    installed("redis-server", ["redis-server"])
    const limit = ["--client-output-buffer-limit", "pubsub 0 0 0"]
    return started("redis", "redis-server", (port) => [
      "--port",
      String(port),
      "--save",
      "",
      "--bind",
      "127.0.0.1",
      ...limit
    ])
  }
}
