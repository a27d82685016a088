/** Runs services of tests in containers, by testcontainers: a place for several programs, and a PostgreSQL. */
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers"
import { compose } from "./Compose.ts"
import type { Database } from "./Database.ts"
import type { Command, Needs, Place, Program } from "./Place.ts"

const imageOf = (service: string): string => compose.services[service]!.image!

/** Nothing is waited for: whoever starts a program asks it whether it serves, as with a native one. */
const atOnce = Wait.forSuccessfulCommand("true")
/** Files that a program writes into a folder of the test stay the test's. */
const me = `${process.getuid?.() ?? 1000}:${process.getgid?.() ?? 1000}`

/** A container whose ports are open on loopback only. */
class Guarded extends GenericContainer {
  protected override async beforeContainerCreated(): Promise<void> {
    const bindings = (this.hostConfig.PortBindings ?? {}) as Record<string, Array<{ HostIp?: string }>>
    for (const binding of Object.values(bindings).flat()) binding.HostIp = "127.0.0.1"
  }
}

class Container implements Program {
  readonly #started: StartedTestContainer

  constructor(started: StartedTestContainer) {
    this.#started = started
  }

  async #handle() {
    return (await getContainerRuntimeClient()).container.getById(this.#started.getId())
  }

  async ended(): Promise<boolean> {
    return !(await (await this.#handle()).inspect()).State.Running
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    await (await this.#handle()).kill({ signal })
  }

  async kill(): Promise<void> {
    if (await this.ended()) return
    const handle = await this.#handle()
    const ended = handle.wait()
    await handle.kill({ signal: "SIGKILL" })
    await ended
  }

  async remove(): Promise<void> {
    await this.#started.stop({ timeout: 0, remove: true, removeVolumes: true })
  }
}

/**
 * Its containers share the network of one that does nothing, whose ports are open on this machine under their own numbers; or that of this
 * machine, when their programs have to reach the test.
 */
export class ContainerPlace implements Place {
  readonly bind: string
  readonly #needs: Needs
  readonly #holder: StartedTestContainer
  readonly #all: Array<Container> = []

  private constructor(needs: Needs, holder: StartedTestContainer) {
    this.#needs = needs
    this.#holder = holder
    this.bind = needs.reaches === true ? "127.0.0.1" : "0.0.0.0"
  }

  static async open(needs: Needs): Promise<ContainerPlace> {
    const holder = ContainerPlace.#container(needs, ["sleep", "infinity"])
    if (needs.reaches === true) holder.withNetworkMode("host")
    else holder.withExposedPorts(...needs.ports.map((port) => ({ container: port, host: port })))
    return new ContainerPlace(needs, await holder.start())
  }

  static #container({ service, folders }: Needs, [program, ...args]: Command): GenericContainer {
    return new Guarded(imageOf(service))
      .withEntrypoint([program])
      .withCommand([...args])
      .withUser(me)
      .withBindMounts(folders.map((path) => ({ source: path, target: path, mode: "rw" })))
      .withWaitStrategy(atOnce)
  }

  async run(command: Command): Promise<Program> {
    const started = await ContainerPlace.#container(this.#needs, command)
      .withNetworkMode(`container:${this.#holder.getId()}`)
      .start()
    const one = new Container(started)
    this.#all.push(one)
    return one
  }

  async do(command: Command): Promise<string> {
    const { exitCode, output } = await this.#holder.exec([...command])
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${output}`)
    return output
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((one) => one.remove()))
    await this.#holder.stop({ timeout: 0, remove: true, removeVolumes: true })
  }
}

/** Those of the embedded PostgreSQL that make a difference to a suite. */
const settings = ["max_connections=60", "idle_in_transaction_session_timeout=30s", "timezone=UTC"]

export const startPostgresContainer = async (): Promise<Database> => {
  const [user, password] = ["herald", "a password of a test"]
  const started = await new Guarded(imageOf("postgres"))
    .withEnvironment({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "postgres" })
    .withCommand(["postgres", ...settings.flatMap((setting) => ["-c", setting])])
    .withExposedPorts(5432)
    // Over TCP: the server that runs the first set-up listens on a socket only.
    .withWaitStrategy(Wait.forSuccessfulCommand("pg_isready -h 127.0.0.1 -U herald -d postgres"))
    .start()
  const port = started.getMappedPort(5432)
  return {
    url: `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    port,
    [Symbol.asyncDispose]: async () => {
      await started.stop({ timeout: 0, remove: true, removeVolumes: true })
    }
  }
}
