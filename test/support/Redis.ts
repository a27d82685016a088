/** Real Redis servers on free ports: one, a master with a replica under sentinels, or a Redis Cluster. Installs what is missing. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Redis } from "ioredis"
import { newFolder } from "./folder.ts"
import { waitUntil } from "./waitUntil.ts"

const PROGRAMS = ["redis-server", "redis-sentinel", "redis-cli"]
const COMMANDS = "apt-get update && apt-get install -y redis-server redis-sentinel redis-tools"

const installed = () => PROGRAMS.every((program) => spawnSync("which", [program]).status === 0)

const install = () => {
  if (installed()) return
  const mayInstall = process.getuid?.() === 0 && existsSync("/etc/debian_version")
  // No service is to be started: the tests start their own.
  if (mayInstall)
    spawnSync("sh", ["-c", COMMANDS], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } })
  if (!installed()) throw new Error(`these tests need ${PROGRAMS.join(", ")}. Install them: ${COMMANDS}`)
}

/** Free now, and below 55,000, because a node of a cluster also takes its port plus 10,000. */
const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error("no free port")
}

export class RedisProcess {
  readonly port: number
  readonly #program: string
  readonly #args: ReadonlyArray<string>
  process: ChildProcess | undefined

  constructor(port: number, args: ReadonlyArray<string>, program = "redis-server") {
    this.port = port
    this.#args = args
    this.#program = program
  }

  async start(): Promise<this> {
    this.process = spawn(this.#program, this.#args, { stdio: "ignore" })
    await waitUntil(`Redis on ${this.port}`, () => this.ask((redis) => redis.ping()).catch(() => undefined))
    return this
  }

  /** On a connection of its own. */
  async ask<A>(question: (redis: Redis) => Promise<A>): Promise<A> {
    const redis = new Redis({ port: this.port, host: "127.0.0.1", lazyConnect: true, retryStrategy: null })
    redis.on("error", () => {})
    try {
      await redis.connect()
      return await question(redis)
    } finally {
      redis.disconnect()
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
  }
}

export interface Started extends AsyncDisposable {
  /** As REDIS_URL takes it. */
  readonly url: string
  /** Masters first. */
  readonly nodes: ReadonlyArray<RedisProcess>
}

const urlOf = (nodes: ReadonlyArray<RedisProcess>) => nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(",")

/** Ends all that was started, also when starting failed half-way. */
const starting = async (start: (all: Array<RedisProcess>, folder: string) => Promise<Omit<Started, symbol>>) => {
  install()
  const folder = newFolder()
  const all: Array<RedisProcess> = []
  const end = async () => {
    await Promise.all(all.map((one) => one.kill()))
    folder.remove()
  }
  try {
    return { ...(await start(all, folder.path)), [Symbol.asyncDispose]: end } as Started
  } catch (cause) {
    await end()
    throw cause
  }
}

const server = async (all: Array<RedisProcess>, folder: string, extra: ReadonlyArray<string> = []) => {
  const port = await freePort()
  const args = `--port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly no --maxmemory 256mb --maxmemory-policy allkeys-lru --repl-diskless-sync-delay 0`
  const one = new RedisProcess(port, [...args.split(" "), "--save", "", ...extra])
  all.push(one)
  return one.start()
}

export const startRedis = () =>
  starting(async (all, folder) => {
    const node = await server(all, folder)
    return { url: urlOf([node]), nodes: [node] }
  })

/** Three masters and three replicas. */
export const startCluster = () =>
  starting(async (all, folder) => {
    for (let i = 0; i < 6; i++) {
      const extra = `--cluster-enabled yes --cluster-config-file ${join(folder, `nodes-${i}.conf`)} --cluster-node-timeout 1500`
      await server(all, folder, extra.split(" "))
    }
    const addresses = all.map(({ port }) => `127.0.0.1:${port}`)
    const made = spawnSync(
      "redis-cli",
      ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"],
      { encoding: "utf8", timeout: 60_000 }
    )
    if (made.status !== 0) throw new Error(`no cluster: ${made.stdout}${made.stderr}`)
    for (const one of all)
      await waitUntil("the cluster to be whole", () =>
        one.ask(async (redis) => {
          const info = await redis.cluster("INFO")
          const nodes = String(await redis.cluster("NODES"))
          const replication = await redis.info("replication")
          // A replica that never had its master's data is not promoted.
          const synced = replication.includes("role:master") || replication.includes("master_link_status:up")
          return info.includes("cluster_state:ok") && nodes.split("slave").length === 4 && synced
        })
      )
    return { url: urlOf(all), nodes: all }
  })

/** A master, a replica and three sentinels that watch "mymaster". `url` is the sentinels'. */
export const startSentinel = () =>
  starting(async (all, folder) => {
    const master = await server(all, folder)
    const replica = await server(all, folder, ["--replicaof", "127.0.0.1", String(master.port)])
    await waitUntil("the replica", () =>
      replica.ask(async (redis) => (await redis.info("replication")).includes("master_link_status:up"))
    )
    const sentinels: Array<RedisProcess> = []
    for (let i = 0; i < 3; i++) {
      const port = await freePort()
      const file = join(folder, `sentinel-${i}.conf`)
      writeFileSync(
        file,
        `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor mymaster 127.0.0.1 ${master.port} 2\nsentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n`
      )
      const one = new RedisProcess(port, [file], "redis-sentinel")
      all.push(one)
      sentinels.push(await one.start())
    }
    for (const one of sentinels)
      await waitUntil("sentinels to know each other and the replica", () =>
        one.ask(async (redis) => /slaves=1,sentinels=3/.test(await redis.info("sentinel")))
      )
    return { url: urlOf(sentinels), nodes: [master, replica] }
  })
