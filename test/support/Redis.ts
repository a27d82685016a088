/**
 * Real Redis servers on free ports: one, a master with a replica under sentinels, or a Redis Cluster; of this machine, or in containers
 * (Place.ts). Installs what is missing.
 */
import { spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Redis } from "ioredis"
import { type Certificates, makeCertificates } from "./Certificates.ts"
import { newFolder } from "./folder.ts"
import { type Command, inContainers, openPlace, type Place, type Program } from "./Place.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

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

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** Free now, with the port plus 10,000, which a node of a cluster also takes. */
const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
  throw new Error("no free port")
}

/** What a client needs to get in. */
interface Access {
  readonly password: string
  readonly certificates: Certificates
}

/** Arguments of a server that takes TLS only, and wants a password from clients and from its peers. */
const guarded = (port: number, { password, certificates: { ca, key, certificate } }: Access) => {
  const tls = `--port 0 --tls-port ${port} --tls-cert-file ${certificate} --tls-key-file ${key} --tls-ca-cert-file ${ca}`
  return `${tls} --tls-auth-clients no --tls-replication yes --tls-cluster yes --requirepass ${password} --masterauth ${password}`
}

export class RedisServer {
  readonly port: number
  readonly #place: Place
  readonly #command: Command
  readonly #access: Access | undefined
  #program: Program | undefined

  constructor(place: Place, port: number, command: Command, access?: Access) {
    this.port = port
    this.#place = place
    this.#command = command
    this.#access = access
  }

  async start(): Promise<this> {
    const program = await this.#place.run(this.#command)
    this.#program = program
    await waitUntil(`Redis on ${this.port}`, async () => {
      if (await program.ended()) throw new InVain(`Redis on ${this.port} ended`)
      return await this.ask((redis) => redis.ping()).catch(() => undefined)
    })
    return this
  }

  /** Asks on a connection of its own. */
  async ask<A>(question: (redis: Redis) => Promise<A>): Promise<A> {
    const access = this.#access
    const redis = new Redis({
      port: this.port,
      host: "127.0.0.1",
      lazyConnect: true,
      retryStrategy: null,
      ...(access === undefined ? {} : { password: access.password, tls: access.certificates.trusted })
    })
    redis.on("error", () => {})
    try {
      await redis.connect()
      return await question(redis)
    } finally {
      redis.disconnect()
    }
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    await this.#program?.signal(signal)
  }

  async kill(): Promise<void> {
    await this.#program?.kill()
  }
}

export interface Started extends AsyncDisposable {
  /** Undefined unless it was started `secured`. */
  readonly access: Access | undefined
  /** As REDIS_URL takes it. */
  readonly url: string
  /** Masters first. */
  readonly nodes: ReadonlyArray<RedisServer>
}

const urlOf = (nodes: ReadonlyArray<RedisServer>, access: Access | undefined) =>
  nodes
    .map(({ port }) => `${access === undefined ? "redis://" : `rediss://:${access.password}@`}127.0.0.1:${port}`)
    .join(",")

interface Setting {
  readonly place: Place
  /** One for each server. */
  readonly ports: ReadonlyArray<number>
  readonly folder: string
  readonly access: Access | undefined
}

/** Starts servers; ends all that was started even when starting failed half-way. */
const starting = async (
  secured: boolean,
  servers: number,
  start: (setting: Setting) => Promise<Pick<Started, "url" | "nodes">>
): Promise<Started> => {
  if (!inContainers) install()
  await using all = new AsyncDisposableStack()
  const { path: folder } = all.adopt(newFolder(), ({ remove }) => remove())
  const access = secured ? { password: "s3cret", certificates: makeCertificates(folder) } : undefined
  const free = new Set<number>()
  while (free.size < servers) free.add(await freePort())
  const ports = [...free]
  const place = all.use(await openPlace({ service: "redis", ports, folders: [folder] }))
  const started = await start({ place, ports, folder, access })
  const kept = all.move()
  return { ...started, access, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Starts the server with the port of this number. */
const server = ({ place, ports, folder, access }: Setting, index: number, extra: ReadonlyArray<string> = []) => {
  const port = ports[index]!
  const door = access === undefined ? `--port ${port}` : guarded(port, access)
  const args = `${door} --bind ${place.bind} --protected-mode no --dir ${folder} --appendonly no --maxmemory 256mb --maxmemory-policy allkeys-lru --repl-diskless-sync-delay 0`
  const one = new RedisServer(place, port, ["redis-server", ...args.split(" "), "--save", "", ...extra], access)
  return one.start()
}

export const startRedis = (secured = false) =>
  starting(secured, 1, async (setting) => {
    const node = await server(setting, 0)
    return { url: urlOf([node], setting.access), nodes: [node] }
  })

const cliOf = (access: Access | undefined) =>
  access === undefined ? [] : ["--tls", "--cacert", access.certificates.ca, "-a", access.password]

/** The arguments of a command line as lines of a file. */
const confOf = (port: number, access: Access) =>
  guarded(port, access)
    .slice(2)
    .replaceAll(/ --(?=[a-z])/g, "\n")

/** Three masters and three replicas. */
export const startCluster = (secured = false) =>
  starting(secured, 6, async (setting) => {
    const { place, ports, folder, access } = setting
    const all: Array<RedisServer> = []
    for (let i = 0; i < ports.length; i++) {
      const extra = `--cluster-enabled yes --cluster-config-file ${join(folder, `nodes-${i}.conf`)} --cluster-node-timeout 1500 --cluster-announce-ip 127.0.0.1`
      all.push(await server(setting, i, extra.split(" ")))
    }
    const addresses = all.map(({ port }) => `127.0.0.1:${port}`)
    const create = ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"]
    await place.do(["redis-cli", ...cliOf(access), ...create])
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
    return { url: urlOf(all, access), nodes: all }
  })

/** A master, a replica and three sentinels that watch "mymaster". `url` is the sentinels'. */
export const startSentinel = (secured = false) =>
  starting(secured, 5, async (setting) => {
    const { place, ports, folder, access } = setting
    const master = await server(setting, 0)
    const replica = await server(setting, 1, ["--replicaof", "127.0.0.1", String(master.port)])
    await waitUntil("the replica", () =>
      replica.ask(async (redis) => (await redis.info("replication")).includes("master_link_status:up"))
    )
    const sentinels: Array<RedisServer> = []
    for (const [i, port] of ports.slice(2).entries()) {
      const file = join(folder, `sentinel-${i}.conf`)
      writeFileSync(
        file,
        `${access === undefined ? `port ${port}` : confOf(port, access)}\nbind ${place.bind}\nprotected-mode no\ndir ${folder}\nsentinel monitor mymaster 127.0.0.1 ${master.port} 2\nsentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n${access === undefined ? "" : `sentinel auth-pass mymaster ${access.password}\n`}`
      )
      sentinels.push(await new RedisServer(place, port, ["redis-sentinel", file], access).start())
    }
    for (const one of sentinels)
      await waitUntil("sentinels to know each other and the replica", () =>
        one.ask(async (redis) => /slaves=1,sentinels=3/.test(await redis.info("sentinel")))
      )
    return { url: urlOf(sentinels, access), nodes: [master, replica] }
  })
