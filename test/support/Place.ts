/**
 * Where the services of a test run: as processes of this machine, or, with HERALD_TEST_SERVICES=containers, in containers of the images that
 * docker-compose.yml names (testcontainers).
 *
 * Either way the programs of one place find each other, and the test finds them, at 127.0.0.1 and the same ports, and see its folders under
 * the same paths. So what a suite knows of a service is the same in both.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"

export type Command = readonly [program: string, ...args: ReadonlyArray<string>]

export interface Program {
  ended(): Promise<boolean>
  signal(signal: NodeJS.Signals): Promise<void>
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>
}

/** Disposing of it ends all that runs in it. */
export interface Place extends AsyncDisposable {
  /** What a program has to listen on. */
  readonly bind: string
  /** Starts it; it may not serve yet. */
  run(command: Command): Promise<Program>
  /** Runs it to its end and returns what it printed; rejects when it fails. */
  do(command: Command): Promise<string>
}

export interface Needs {
  /** The service of docker-compose.yml whose image has the programs. */
  readonly service: "redis" | "kafka" | "prometheus"
  /** What they listen on. */
  readonly ports: ReadonlyArray<number>
  readonly folders: ReadonlyArray<string>
  /** The programs have to reach what the test runs on this machine. */
  readonly reaches?: boolean
}

const MODES = ["native", "containers"] as const
const wanted = process.env["HERALD_TEST_SERVICES"] || "native"
if (!MODES.includes(wanted as "native"))
  throw new Error(`HERALD_TEST_SERVICES is ${wanted}; it is one of ${MODES.join(", ")}`)

export const inContainers = wanted === "containers"

class Process implements Program {
  readonly #child: ChildProcess

  constructor([program, ...args]: Command) {
    this.#child = spawn(program, args, { stdio: "ignore" })
  }

  async ended(): Promise<boolean> {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await ended
  }
}

class Machine implements Place {
  readonly bind = "127.0.0.1"
  readonly #all: Array<Process> = []

  async run(command: Command): Promise<Program> {
    const one = new Process(command)
    this.#all.push(one)
    return one
  }

  async do([program, ...args]: Command): Promise<string> {
    return (await promisify(execFile)(program, args, { timeout: 60_000 })).stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((one) => one.kill()))
  }
}

export const openPlace = async (needs: Needs): Promise<Place> =>
  inContainers ? await (await import("./Containers.ts")).ContainerPlace.open(needs) : new Machine()
