/** A real Prometheus with the settings and the command line of docker-compose.yml: only addresses, folders and the pace are a test's own. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { compose, healthy, ROOT } from "./Compose.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

export class Prometheus implements AsyncDisposable {
  readonly #folder = newFolder()
  readonly #process: ChildProcess
  readonly url: string

  private constructor(port: number, targets: Readonly<Record<string, string>>) {
    this.url = `http://127.0.0.1:${port}`
    const folder = this.#folder.path
    cpSync(join(ROOT, "deploy/prometheus"), folder, { recursive: true })
    const config = join(folder, "prometheus.yml")
    let text = readFileSync(config, "utf8").replaceAll("interval: 10s", "interval: 1s")
    for (const [name, address] of Object.entries(targets)) text = text.replace(`"${name}:8080"`, `"${address}"`)
    writeFileSync(config, text)
    const command = compose.services["prometheus"]!.command!.map((argument) =>
      argument.replace("=/etc/prometheus/", `=${folder}/`).replace("=/prometheus", `=${join(folder, "data")}`)
    )
    this.#process = spawn("prometheus", [...command, `--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" })
  }

  /** `targets`: the address of each node that the settings name. */
  static async start(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
    installed("prometheus", ["prometheus"])
    const one = new Prometheus(await freePort(), targets)
    try {
      await waitUntil("Prometheus to be ready", async () => {
        if (one.#process.exitCode !== null) throw new InVain("Prometheus ended")
        return (await fetch(`${one.url}/-/ready`).catch(() => undefined))?.ok
      })
    } catch (error) {
      await one[Symbol.asyncDispose]()
      throw error
    }
    return one
  }

  /** What its health check says. */
  get healthy(): boolean {
    installed("wget", ["wget"])
    return healthy("prometheus", { "http://127.0.0.1:9090": this.url })
  }

  /** https://prometheus.io/docs/prometheus/latest/querying/api/ */
  async ask(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query)}`)
    const { status, data, error } = (await answer.json()) as { status: string; data: unknown; error?: string }
    if (status !== "success") throw new Error(`Prometheus: ${error}`)
    return data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, "exit")
      this.#process.kill("SIGKILL")
      await ended
    }
    this.#folder.remove()
  }
}
