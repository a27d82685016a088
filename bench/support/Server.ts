/** A server as `npm start` runs it: a process of its own, on free ports, with a data folder that goes with it. */

import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { serverFlags } from "../../src/cli/Process.ts"
import { newFolder } from "../../test/support/folder.ts"
import { Http } from "./Http.ts"
import { until } from "./Process.ts"

/** Milliseconds until a start is given up: a machine that is starved takes several times as long as any other. */
const PATIENCE = 240_000
const ROOT = new URL("../../", import.meta.url).pathname

/** Limits that are there to be hit by people, not by a benchmark; everything else is as it ships. */
const LIMITS = {
  GRPC_MAX_STREAMS: "20000",
  LIMIT_STREAMS_PER_IDENTITY: "20000",
  LIMIT_STREAMS_PER_ENVIRONMENT: "20000",
  LIMIT_REQUESTS_PER_SECOND: "1000000",
  LIMIT_BURST: "1000000",
  LOG_LEVEL: "warn",
  LOG_FORMAT: "json"
}

/** Servers that run: a benchmark that is stopped with Ctrl-C leaves none behind. */
const running = new Set<ChildProcess>()
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill("SIGTERM")
    process.stderr.write(`stopped by ${signal}\n`)
    process.exit(130)
  })
}

export class Server implements AsyncDisposable {
  readonly data: string
  readonly #folder = newFolder()
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  output = ""
  http = ""
  grpc = ""

  /** `env`: settings besides those of every benchmark. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env
    this.data = join(this.#folder.path, "data")
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get token(): string {
    return readFileSync(join(this.data, "admin-token"), "utf8").trim()
  }

  /** The embedded PostgreSQL's first process; all others of it are its children. */
  get databasePid(): number {
    return Number(readFileSync(join(this.data, "postgres/postmaster.pid"), "utf8").split("\n")[0])
  }

  /** The embedded PostgreSQL's address, for looking into it past the server. */
  get database(): string {
    const read = (file: string) => readFileSync(join(this.data, file), "utf8")
    const port = read("postgres/postmaster.pid").split("\n")[3]!
    return `postgres://herald:${read("postgres-password").trim()}@127.0.0.1:${port}/postgres`
  }

  /** Runs it; `flags` are Node's. The ports stay the same from start to start. */
  launch(flags: ReadonlyArray<string> = []): void {
    const port = (address: string) => address.split(":").at(-1) || "0"
    this.output = ""
    const child = spawn(process.execPath, [...serverFlags, ...flags, join(ROOT, "src/main.ts"), "--data", this.data], {
      env: {
        PATH: process.env["PATH"],
        ...LIMITS,
        ...this.#env,
        HTTP_PORT: port(this.http),
        GRPC_PORT: port(this.grpc)
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (this.output += String(chunk)))
    running.add(child)
    child.once("exit", () => running.delete(child))
    this.#child = child
  }

  async start(flags: ReadonlyArray<string> = []): Promise<this> {
    this.launch(flags)
    const file = join(this.data, "server.json")
    const said = await until(
      "the server to serve",
      () => {
        if (this.#child?.exitCode != null) throw new Error(`the server ended: ${this.output}`)
        if (!existsSync(file)) return undefined
        const found = JSON.parse(readFileSync(file, "utf8")) as { pid: number; http: string; grpc: string }
        return found.pid === this.pid ? found : undefined
      },
      PATIENCE
    )
    this.http = said.http
    this.grpc = said.grpc
    return this
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    await ended
  }

  /** A keep-alive connection with the admin's token. */
  connect(): Promise<Http> {
    return Http.connect(this.http, this.token)
  }

  /** A counter or gauge of /metrics; 0 while the server hasn't got it. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.http}/metrics`)).text()
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? 0)
  }

  collectGarbage(): void {
    process.kill(this.pid, "SIGUSR2")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#folder.remove()
  }
}

/** What `collectGarbage` needs. */
export const collectable = ["--expose-gc", "--import", new URL("./Collect.ts", import.meta.url).pathname]
