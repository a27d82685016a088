/**
 * Runs the services of docker-compose.yml without containers: by the same scripts and settings files of deploy/, with addresses and folders
 * of the test's own. PostgreSQL is Debian's, as the embedded one has no pg_basebackup; the scripts know no version.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { compose, healthy, ROOT, replaced } from "./Compose.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { KafkaServer } from "./Kafka.ts"
import { Server } from "./Server.ts"
import { waitUntil } from "./waitUntil.ts"

type Env = Readonly<Record<string, string>>
type Ports = Readonly<Record<"postgres" | "replica" | "redis", number>>

const findServer = () => globSync("/usr/lib/postgresql/*/bin/postgres").sort().at(-1)

/** PostgreSQL refuses to run as root: then it runs as Debian's user for it. */
const ownerOfPostgres = () => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

export class Deployed implements AsyncDisposable {
  readonly #folder = newFolder()
  readonly #running: Array<ChildProcess> = []
  readonly #nodes: Array<Server> = []
  readonly #ports: Ports
  readonly #owner: { readonly uid?: number; readonly gid?: number }
  readonly #bin: string
  #kafka: KafkaServer | undefined
  /** The environment of the node that was started last, with its secrets. */
  environment: Record<string, string> = {}

  private constructor(ports: Ports) {
    installed("a PostgreSQL server", ["postgresql"], () => findServer() !== undefined)
    installed("redis-server", ["redis-server"])
    this.#ports = ports
    this.#bin = dirname(findServer()!)
    this.#owner = ownerOfPostgres()
    cpSync(join(ROOT, "deploy"), this.#at("deploy"), { recursive: true })
    // Root makes these folders; PostgreSQL's user shall have them, and nothing else.
    for (const path of ["secrets", "tls", "primary", "replica"]) mkdirSync(this.#at(path))
    for (const path of ["primary", "replica"]) this.#give(this.#at(path))
  }

  static async prepare(): Promise<Deployed> {
    return new Deployed({ postgres: await freePort(), replica: await freePort(), redis: await freePort() })
  }

  #at(path: string): string {
    return join(this.#folder.path, path)
  }

  #give(path: string): void {
    if (this.#owner.uid !== undefined) chownSync(path, this.#owner.uid, this.#owner.gid!)
  }

  /** What the containers' addresses and paths are here. */
  get #here(): Env {
    const { postgres, replica, redis } = this.#ports
    return {
      "postgres-replica:5432": `127.0.0.1:${replica}`,
      "postgres:5432": `127.0.0.1:${postgres}`,
      "redis:6379": `127.0.0.1:${redis}`,
      "kafka:9092": this.#kafka?.address ?? "",
      "/secrets": this.#at("secrets"),
      "/tls": this.#at("tls")
    }
  }

  #run(program: string, args: ReadonlyArray<string>, env: Env, owner = {}): ChildProcess {
    const path = `${this.#bin}:${process.env["PATH"]}`
    const child = spawn(program, args, {
      env: { PATH: path, ...env },
      cwd: this.#folder.path,
      stdio: "ignore",
      ...owner
    })
    this.#running.push(child)
    return child
  }

  #do(program: string, args: ReadonlyArray<string>, env: Env, owner = {}): void {
    const path = `${this.#bin}:${process.env["PATH"]}`
    const { status, stderr } = spawnSync(program, args, {
      env: { PATH: path, ...env },
      cwd: this.#folder.path,
      encoding: "utf8",
      ...owner
    })
    if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`)
  }

  secrets(): void {
    const mine = String(process.getuid?.() ?? 0)
    const uids = { REDIS_UID: mine, GRAFANA_UID: mine, HERALD_UID: mine }
    this.#do("sh", [this.#at("deploy/secrets/generate.sh"), this.#at("secrets")], {
      ...uids,
      POSTGRES_UID: String(this.#owner.uid ?? mine)
    })
    chmodSync(this.#at("secrets"), 0o755)
    for (const name of ["database-url", "replica-url", "redis-url"]) {
      const file = this.#at(`secrets/herald/${name}`)
      writeFileSync(file, replaced(readFileSync(file, "utf8"), this.#here))
    }
  }

  /** What the service that makes certificates does; again changes nothing. */
  certificates(): void {
    this.#do("sh", [this.#at("deploy/tls/generate.sh"), this.#at("tls")], {
      HERALD_UID: String(process.getuid?.() ?? 0)
    })
  }

  /** The authority of the nodes, in PEM. */
  get authority(): string {
    return readFileSync(this.#at("tls/ca.pem"), "utf8")
  }

  /** As the image does: initdb, a server on a socket for the set-up scripts, then the server with the command of the compose file. */
  async postgres(): Promise<void> {
    const [folder, port] = [this.#at("primary"), String(this.#ports.postgres)]
    const [data, env] = [join(folder, "data"), { PGHOST: folder, PGPORT: port }]
    const superuser = `--pwfile=${this.#at("secrets/postgres/superuser")}`
    this.#do(
      "initdb",
      ["-D", data, "-U", "postgres", superuser, "--auth-local=trust", "--auth-host=scram-sha-256", "--locale=C.UTF-8"],
      {},
      this.#owner
    )
    const own = ["-D", data, "-p", port, "-k", folder]
    const first = this.#run("postgres", [...own, "-c", "listen_addresses="], {}, this.#owner)
    await waitUntil(
      "the server for the set-up",
      () => spawnSync("pg_isready", { env: { ...process.env, ...env } }).status === 0
    )
    this.#do(
      "bash",
      [this.#at("deploy/postgres/init-replication.sh")],
      { ...env, PGDATA: data, SECRETS: this.#at("secrets/postgres") },
      this.#owner
    )
    const ended = once(first, "exit")
    first.kill("SIGINT")
    await ended
    const [program, ...args] = compose.services["postgres"]!.command!
    this.#run(program!, [...args, ...own], {}, this.#owner)
  }

  replica(): void {
    const [folder, port] = [this.#at("replica"), String(this.#ports.replica)]
    const command = compose.services["postgres-replica"]!.command!
    this.#run(
      "bash",
      [this.#at("deploy/postgres/replica.sh"), ...command, "-p", port, "-k", folder],
      {
        PGDATA: join(folder, "data"),
        SECRETS: this.#at("secrets/postgres"),
        PRIMARY_HOST: "127.0.0.1",
        PRIMARY_PORT: String(this.#ports.postgres)
      },
      this.#owner
    )
  }

  redis(): void {
    const args = [this.#at("deploy/redis/start.sh"), "--port", String(this.#ports.redis), "--bind", "127.0.0.1"]
    this.#run("sh", args, { SECRETS: this.#at("secrets/redis") })
  }

  /** A broker that is formatted and not started. */
  async kafka(): Promise<KafkaServer> {
    const file = readFileSync(this.#at("deploy/kafka/server.properties"), "utf8")
    this.#kafka = await KafkaServer.prepare({
      properties: ({ port, controller, logs, bind }) =>
        replaced(file, {
          "PLAINTEXT://kafka:9092": `PLAINTEXT://127.0.0.1:${port}`,
          "://:9092": `://${bind}:${port}`,
          "://:9093": `://127.0.0.1:${controller}`,
          "localhost:9093": `127.0.0.1:${controller}`,
          "/var/lib/kafka/data": logs
        })
    })
    return this.#kafka
  }

  /** A node with the compose file's environment, its secrets read by with-secrets.sh. */
  async herald(name: string): Promise<Server> {
    const environment = Object.fromEntries(
      Object.entries(compose.services[name]!.environment!).map(([key, value]) => [key, replaced(value, this.#here)])
    )
    const print = [process.execPath, "-p", "JSON.stringify(process.env)"]
    const { stdout, stderr } = spawnSync("sh", [this.#at("deploy/herald/with-secrets.sh"), ...print], {
      env: { PATH: process.env["PATH"], ...environment },
      encoding: "utf8"
    })
    if (stdout === "") throw new Error(stderr)
    this.environment = JSON.parse(stdout) as Record<string, string>
    const node = new Server(this.environment)
    this.#nodes.push(node)
    await node.start()
    const token = this.#nodes[0]!.ownToken
    node.given = token
    return node
  }

  /** What the service's health check says. */
  healthy(service: "postgres" | "postgres-replica" | "redis" | "kafka" | "herald-1"): boolean {
    const { postgres, replica, redis } = this.#ports
    switch (service) {
      case "postgres":
        return healthy(service, {}, { PGPORT: String(postgres) })
      case "postgres-replica":
        return healthy(service, {}, { PGPORT: String(replica) })
      case "redis":
        return healthy(service, { "/secrets": this.#at("secrets"), "redis-cli": `redis-cli -p ${redis}` })
      case "kafka":
        return healthy(service, {
          "/opt/kafka/bin/kafka-topics.sh": this.#kafka!.script("org.apache.kafka.tools.TopicCommand"),
          "localhost:9092": this.#kafka!.address
        })
      case "herald-1":
        return healthy(service, {
          "127.0.0.1:8080": this.#nodes[0]?.http.replace("https://", "") ?? "127.0.0.1:1",
          "/tls": this.#at("tls")
        })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]()
    await this.#kafka?.[Symbol.asyncDispose]()
    await Promise.all(
      this.#running.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const ended = once(child, "exit")
        child.kill("SIGINT")
        await ended
      })
    )
    this.#folder.remove()
  }
}
