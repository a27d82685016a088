/**
 * A real Prometheus, of this machine or in a container (Place.ts), with the settings and the command line of docker-compose.yml: only
 * addresses, folders and the pace are a test's own.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { compose, healthy, ROOT } from "./Compose.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { inContainers, openPlace } from "./Place.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

/** Its arguments, with the settings in a folder of the test. */
const prepared = (folder: string, targets: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  cpSync(join(ROOT, "deploy/prometheus"), folder, { recursive: true })
  const config = join(folder, "prometheus.yml")
  let text = readFileSync(config, "utf8").replaceAll("interval: 10s", "interval: 1s")
  text = text.replace(/ +scheme: https\n +tls_config: .*\n/, "") // the test's nodes have no TLS
  for (const [name, address] of Object.entries(targets)) text = text.replace(`"${name}:8080"`, `"${address}"`)
  writeFileSync(config, text)
  return compose.services["prometheus"]!.command!.map((argument) =>
    argument.replace("=/etc/prometheus/", `=${folder}/`).replace("=/prometheus", `=${join(folder, "data")}`)
  )
}

export class Prometheus implements AsyncDisposable {
  readonly url: string
  readonly #all: AsyncDisposableStack

  private constructor(url: string, all: AsyncDisposableStack) {
    this.url = url
    this.#all = all
  }

  /** `targets`: the address of each node that the settings name. */
  static async start(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
    if (!inContainers) installed("prometheus", ["prometheus"])
    await using all = new AsyncDisposableStack()
    const { path: folder } = all.adopt(newFolder(), ({ remove }) => remove())
    const port = await freePort()
    const place = all.use(await openPlace({ service: "prometheus", ports: [port], folders: [folder], reaches: true }))
    const address = `${place.bind}:${port}`
    const program = await place.run(["prometheus", ...prepared(folder, targets), `--web.listen-address=${address}`])
    await waitUntil("Prometheus to be ready", async () => {
      if (await program.ended()) throw new InVain("Prometheus ended")
      return (await fetch(`http://${address}/-/ready`).catch(() => undefined))?.ok
    })
    return new Prometheus(`http://${address}`, all.move())
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
    await this.#all.disposeAsync()
  }
}
