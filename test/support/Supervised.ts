/** A program that is started again whenever it dies, as a supervisor does, and what it said. */
import { type ChildProcess, spawn } from "node:child_process"

export class Supervised<Line> implements AsyncDisposable {
  /** By life. */
  readonly lives: Array<Array<Line & { readonly at: number }>> = []
  /** Milliseconds since 1970, of each death. */
  readonly deaths: Array<number> = []
  #child: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #over = false

  constructor(program: string, args: ReadonlyArray<string>) {
    const live = () => {
      const said: Array<Line & { readonly at: number }> = []
      this.lives.push(said)
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })
      let rest = ""
      child.stdout.on("data", (chunk) => {
        const lines = (rest + String(chunk)).split("\n")
        rest = lines.pop()!
        for (const line of lines) said.push({ ...(JSON.parse(line) as Line), at: Date.now() })
      })
      this.#child = child
      this.#ended = new Promise((resolve) =>
        child.once("exit", () => {
          this.deaths.push(Date.now())
          if (!this.#over) live()
          resolve(undefined)
        })
      )
    }
    live()
  }

  /** Of all its lives. */
  get said(): ReadonlyArray<Line & { readonly at: number }> {
    return this.lives.flat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    this.#child!.kill("SIGKILL")
    await this.#ended
  }
}
