/** A real server process, as `npm start` runs it, on free ports and a data folder of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { giveCluster } from "./Cluster.ts"
import { newFolder } from "./folder.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
  readonly body: any
  readonly headers: Headers
}

/** HERALD_TEST_GRPC: what the gRPC doors of all servers of tests stand on, instead of what is usual. */
const below = process.env["HERALD_TEST_GRPC"]
const BELOW = below === undefined ? {} : { GRPC_SERVER: below }

/** Where Node keeps what it compiled, as the command line does by itself: most of a start goes into compiling. */
export const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") }

/** Milliseconds until a start is given up, that of its database included: a machine that is starved takes several times as long as any other. */
const PATIENCE = 240_000

export class Server {
  readonly data: string
  process: ChildProcess | undefined
  output = ""
  http = ""
  grpc = ""
  #remove: () => void
  #env: Record<string, string>
  #descriptors: number | undefined
  #command: ReadonlyArray<string>
  /** Whether its database may begin as a copy of another new one. */
  #usual: boolean

  /**
   * `descriptors`: how many files and sockets the process may have open. `data`: its folder, instead of a new one. `command`: what starts
   * it, instead of this tree's `src/main.ts`. Who gives either has its database made by initdb.
   */
  constructor(
    env: Record<string, string>,
    {
      descriptors,
      data,
      command
    }: { readonly descriptors?: number; readonly data?: string; readonly command?: ReadonlyArray<string> } = {}
  ) {
    this.#descriptors = descriptors
    this.#usual = data === undefined && command === undefined
    this.#command = command ?? [process.execPath, new URL("../../src/main.ts", import.meta.url).pathname]
    const folder = newFolder()
    this.data = data ?? join(folder.path, "data")
    this.#remove = folder.remove
    this.#env = env
  }

  get pid(): number {
    return this.process!.pid!
  }

  /** Set when another node of a cluster made the admin key. */
  given: string | undefined

  get token(): string {
    return this.given ?? readFileSync(join(this.data, "admin-token"), "utf8").trim()
  }

  /** Undefined when this server made no admin key. */
  get ownToken(): string | undefined {
    const file = join(this.data, "admin-token")
    return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined
  }

  /** Runs the server and waits until it serves. A second call is a restart, on the ports of the first. */
  async start(env: Record<string, string> = {}): Promise<this> {
    const ports =
      this.http === ""
        ? { HTTP_PORT: "0", GRPC_PORT: "0" }
        : { HTTP_PORT: this.http.split(":")[2]!, GRPC_PORT: this.grpc.split(":")[1]! }
    this.launch({ ...ports, ...env })
    const file = join(this.data, "server.json")
    const { http, grpc } = await waitUntil(
      "the server to serve",
      () => {
        if (this.process?.exitCode != null) throw new InVain(`the server ended: ${this.output}`)
        if (!existsSync(file)) return undefined
        const said = JSON.parse(readFileSync(file, "utf8")) as { pid: number; http: string; grpc: string }
        return said.pid === this.pid ? said : undefined
      },
      PATIENCE
    )
    this.http = http
    this.grpc = grpc
    return this
  }

  /** Runs the server without waiting for anything. */
  launch(env: Record<string, string> = {}): void {
    const command = [...this.#command, "--data", this.data]
    const limited = ["sh", "-c", `ulimit -n ${this.#descriptors}; exec "$@"`, "sh", ...command]
    const [program, ...args] = this.#descriptors === undefined ? command : limited
    const all = { ...this.#env, ...env }
    if (this.#usual && all["DATABASE_URL"] === undefined) giveCluster(this.data)
    const child = spawn(program!, args, {
      env: { PATH: process.env["PATH"], ...COMPILED, LOG_FORMAT: "json", DRAIN_SPREAD: "500ms", ...BELOW, ...all },
      stdio: ["ignore", "pipe", "pipe"]
    })
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (this.output += String(chunk)))
    this.process = child
  }

  /** Sends the signal and waits for the end. Returns the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.process!
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      child.kill(signal)
      await ended
    }
    return child.exitCode
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(`${this.http}${path}`, {
      method,
      headers: {
        ...("authorization" in headers ? {} : { authorization: `Bearer ${this.token}` }),
        "content-type": "application/json",
        ...headers
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000)
    })
    if (answer.headers.get("content-type")?.startsWith("text/event-stream") === true) {
      await answer.body?.cancel() // it has no end
      return { status: answer.status, body: "", headers: answer.headers }
    }
    const text = await answer.text()
    const json = answer.headers.get("content-type")?.includes("json") === true && text !== ""
    return { status: answer.status, body: json ? JSON.parse(text) : text, headers: answer.headers }
  }

  /** As whoever installs a server does in the end: the first admin's key ends, and `token` is another admin's from then on. */
  async handOver(token: string): Promise<void> {
    const [, id] = this.token.split("_")
    const { status } = await this.call("DELETE", `/v1/keys/${id}`)
    if (status !== 204) throw new Error(`the first admin's key was not revoked: ${status}`)
    this.given = token
  }

  publish(key: string, value: unknown, extra: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
    return this.call(
      "PUT",
      `/v1/config/${encodeURIComponent(key)}?environment=production`,
      { value, message: "test", ...extra },
      headers
    )
  }

  /** Publishes until the server gets to it: on a starved machine it says, again and again, that nothing was written in time. */
  published(...asked: Parameters<Server["publish"]>): Promise<Answer> {
    return waitUntil("the server to get to a publish", async () => {
      const answer = await this.publish(...asked)
      return answer.body.code !== "HRLD-4004" && answer
    })
  }

  /** With the exact text of its value. */
  read(key: string, consistency = "cached") {
    const query = `environment=production&as=text&consistency=${consistency}`
    return this.call("GET", `/v1/config/${encodeURIComponent(key)}?${query}`)
  }

  /** Ends it as a user would, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process !== undefined) await this.end("SIGTERM")
    this.#remove()
  }
}

export const startServer = (env: Record<string, string> = {}): Promise<Server> => new Server(env).start()
