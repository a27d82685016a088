/** Real Redis servers of a test's own: one, one with Sentinels, or a cluster of three masters with a replica each. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "../../layers/Postgres/Postmaster.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { waitUntil } from "./waitUntil.ts"

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on("data", (data) => {
      resolve(String(data).startsWith("+PONG"))
      socket.destroy()
    })
    socket.on("error", () => resolve(false))
    socket.on("close", () => resolve(false))
  })

/** One process; it keeps its port over restarts. */
export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly #folder = newFolder()
  readonly #flags: ReadonlyArray<string>
  #process: ChildProcess | undefined

  constructor(port: number, flags: ReadonlyArray<string> = []) {
    this.port = port
    this.#flags = flags
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<this> {
    installed("redis-server", ["redis-server"])
    const flags = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    flags.push("--repl-diskless-sync-delay", "0")
    this.#process = spawn("redis-server", [...flags, "--dir", this.#folder.path, ...this.#flags], { stdio: "ignore" })
    await waitUntil("Redis to answer", () => answers(this.port))
    return this
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  }

  /** One command, by redis-cli. */
  cli(...command: ReadonlyArray<string>): string {
    return execFileSync("redis-cli", ["-p", String(this.port), ...command], { encoding: "utf8" }).trim()
  }

  /** Too long for a command line. */
  set(key: string, value: string): void {
    execFileSync("redis-cli", ["-p", String(this.port), "-x", "set", key], { input: value })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    this.#folder.remove()
  }
}

export const startRedis = async (flags: ReadonlyArray<string> = []): Promise<RedisServer> =>
  new RedisServer(await freePort(), flags).start()

/** A replica that never had its master's data is not promoted. */
const inSync = (server: RedisServer): boolean => {
  const info = server.cli("info", "replication")
  return info.includes("role:master") || info.includes("master_link_status:up")
}

export interface RedisGroup extends AsyncDisposable {
  readonly urls: string
  readonly servers: ReadonlyArray<RedisServer>
}

const groupOf = (servers: ReadonlyArray<RedisServer>, urls: string, more?: () => Promise<void>): RedisGroup => ({
  urls,
  servers,
  [Symbol.asyncDispose]: async () => {
    await more?.()
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
})

export const startRedisCluster = async (): Promise<RedisGroup> => {
  const servers: Array<RedisServer> = []
  for (let i = 0; i < 6; i++) {
    const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-config-file", "nodes.conf"]
    // The bus has a port of its own, 10,000 above: any port from 1,024 to 55,535 will do.
    let port = await freePort()
    while (port > 55_535) port = await freePort()
    servers.push(await new RedisServer(port, flags).start())
  }
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`)
  execFileSync("redis-cli", ["--cluster", "create", ...hosts, "--cluster-replicas", "1", "--cluster-yes"])
  await waitUntil("every node to know the cluster", () =>
    servers.every((server) => {
      const info = server.cli("cluster", "info")
      return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:6") && inSync(server)
    })
  )
  return groupOf(servers, servers.map(({ url }) => url).join(","))
}

/** A master, a replica and three Sentinels; `urls` are the Sentinels'. */
export const startRedisSentinel = async (): Promise<RedisGroup> => {
  installed("redis-sentinel", ["redis-sentinel"])
  const master = await startRedis()
  const replica = await startRedis(["--replicaof", "127.0.0.1", String(master.port)])
  const folder = newFolder()
  const sentinels: Array<{ readonly port: number; readonly process: ChildProcess }> = []
  for (let i = 0; i < 3; i++) {
    const port = await freePort()
    const home = join(folder.path, String(i))
    mkdirSync(home)
    const file = join(home, "sentinel.conf")
    writeFileSync(
      file,
      `port ${port}\nbind 127.0.0.1\ndir ${home}\nsentinel monitor mymaster 127.0.0.1 ${master.port} 2\n` +
        "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n"
    )
    sentinels.push({ port, process: spawn("redis-sentinel", [file], { stdio: "ignore" }) })
  }
  await waitUntil("the replica to be in sync", () => inSync(replica))
  for (const { port } of sentinels) {
    await waitUntil("the Sentinels to know each other and the replica", async () => {
      if (!(await answers(port))) return false
      const said = execFileSync("redis-cli", ["-p", String(port), "sentinel", "master", "mymaster"], {
        encoding: "utf8"
      })
      const fields = said.split("\n")
      const of = (name: string) => Number(fields[fields.indexOf(name) + 1])
      return of("num-other-sentinels") === 2 && of("num-slaves") === 1
    })
  }
  return groupOf([master, replica], sentinels.map(({ port }) => `redis://127.0.0.1:${port}`).join(","), async () => {
    for (const { process } of sentinels) process.kill("SIGKILL")
    folder.remove()
  })
}
