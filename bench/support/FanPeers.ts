/** Servers that send to many, each as it comes: where a program connects to publish and to read. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync } from "node:fs"
import { connect } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { installed } from "../../test/support/installed.ts"
import { batch, type Protocol, transaction } from "../load/Fan.ts"
import { Etcd } from "./Etcd.ts"

const NATS = "v2.15.2"

export interface Sending extends AsyncDisposable {
  readonly protocol: Protocol
  readonly pid: number
  /** Where readers connect. */
  readonly read: number
  readonly publisher: () => Promise<Publisher>
}

export interface Publisher {
  /** Publishes `count` events from `first` on; what it gives, if anything, is to be waited for before the next. */
  readonly publish: (first: number, count: number) => Promise<unknown> | undefined
  readonly close: () => void
}

/** Publishes on a socket, and waits for no answer. */
const onSocket = (protocol: Exclude<Protocol, "etcd">, port: number) => async (): Promise<Publisher> => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  socket.on("data", () => {})
  if (protocol === "nats") socket.write('CONNECT {"verbose":false}\r\n')
  return {
    publish: (first, count) => void socket.write(batch(protocol, first, count)),
    close: () => socket.destroy()
  }
}

/** It ends with this process, at the latest. */
const bound = (child: ChildProcess): void => {
  const kill = () => void child.kill("SIGKILL")
  process.once("exit", kill)
  child.once("exit", () => process.off("exit", kill))
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
  protocol: "nats" | "redis",
  program: string,
  args: (port: number) => ReadonlyArray<string>
): Promise<Sending> => {
  const port = await freePort()
  const child = spawn(program, args(port), { stdio: "ignore" })
  bound(child)
  await reached(port)
  const publisher = onSocket(protocol, port)
  return { protocol, pid: child.pid!, read: port, publisher, [Symbol.asyncDispose]: ending(child) }
}

/** `program`: node, or deno. */
export const herald = async (program = process.execPath, args: ReadonlyArray<string> = []): Promise<Sending> => {
  const file = fileURLToPath(new URL("../load/FanServer.ts", import.meta.url))
  const child = spawn(program, [...args, file], { stdio: ["pipe", "pipe", "inherit"] })
  bound(child)
  const [said] = (await once(child.stdout, "data")) as [Buffer]
  const { read, publish } = JSON.parse(String(said)) as { readonly read: number; readonly publish: number }
  const publisher = onSocket("herald", publish)
  return { protocol: "herald", pid: child.pid!, read, publisher, [Symbol.asyncDispose]: ending(child) }
}

/** On Deno. */
export const onDeno = (): Promise<Sending> =>
  herald(fileURLToPath(new URL("../../node_modules/.bin/deno", import.meta.url)), ["run", "-A"])

export const peers: { readonly [protocol in Protocol]: () => Promise<Sending> } = {
  herald: () => herald(),
  etcd: async () => {
    const etcd = await new Etcd().start(["--unsafe-no-fsync"])
    const port = Number(etcd.address.split(":")[1])
    const publisher = async (): Promise<Publisher> => {
      const connection = etcd.connect()
      return {
        publish: (first, count) => connection.call("/etcdserverpb.KV/Txn", transaction(first, count)),
        close: () => connection.close()
      }
    }
    const dispose = () => etcd[Symbol.asyncDispose]()
    return { protocol: "etcd", pid: etcd.pid, read: port, publisher, [Symbol.asyncDispose]: dispose }
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
