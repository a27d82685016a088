/** Clients in a process of their own (FleetProcess.ts), as a test sees and commands them. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Truth } from "./Allowed.ts"
import type { Order, Spec, Told } from "./FleetProcess.ts"
import type { Update } from "./Subscriber.ts"
import { waitUntil } from "./waitUntil.ts"

const program = fileURLToPath(new URL("./FleetProcess.ts", import.meta.url))

export interface Got extends Update {
  /** Milliseconds since 1970, when the client had it. */
  readonly at: number
}

export class Fleet implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (answer: unknown) => void>()
  #asked = 0
  /** By instance: all that it was sent. */
  readonly updates = new Map<string, Array<Got>>()
  readonly synced = new Map<string, number>()
  ended = 0

  constructor() {
    this.#child = fork(program)
    this.#child.on("message", (told: Told) => {
      if (told.told === "done") return void this.#answers.get(told.ask)?.(told.answer)
      const { instance, at } = told
      if (told.told === "update") this.#of(instance).push({ ...told.update, at })
      else if (told.told === "synced") this.synced.set(instance, (this.synced.get(instance) ?? 0) + 1)
      else this.ended++
    })
  }

  /** Clients named `web-0` and so on; resolves when each is synced. */
  static async open(
    { addresses, token }: { readonly addresses: ReadonlyArray<string>; readonly token: string },
    specs: ReadonlyArray<Spec>
  ): Promise<Fleet> {
    const fleet = new Fleet()
    await fleet.say({ order: "open", addresses, token, specs })
    await waitUntil("every client to be synced", () => fleet.synced.size === specs.length)
    return fleet
  }

  get instances(): ReadonlyArray<string> {
    return [...this.synced.keys()]
  }

  #of(instance: string): Array<Got> {
    let its = this.updates.get(instance)
    if (its === undefined) this.updates.set(instance, (its = []))
    return its
  }

  /** The newest that it was sent of a key. */
  held(instance: string, key: string): Got | undefined {
    return this.updates.get(instance)?.findLast((update) => update.key === key)
  }

  /** Instances whose newest of a key is that version. */
  having(key: string, version: number): ReadonlyArray<string> {
    return this.instances.filter((instance) => this.held(instance, key)?.version === version)
  }

  /** When each was first sent that version of a key, at or after a moment. */
  times(key: string, version: number, since = 0): ReadonlyArray<number> {
    return [...this.updates.values()].flatMap(
      (its) => its.find((one) => one.key === key && one.version === version && one.at >= since)?.at ?? []
    )
  }

  say(order: Order): Promise<unknown> {
    const ask = ++this.#asked
    return new Promise((resolve) => {
      this.#answers.set(ask, (answer) => {
        this.#answers.delete(ask)
        resolve(answer)
      })
      this.#child.send({ ...order, ask })
    })
  }

  /** Makes connections anew, and waits until they are synced. */
  async again(how: "resume" | "anew" | "take over", of = this.instances): Promise<void> {
    const before = new Map(of.map((instance) => [instance, this.synced.get(instance) ?? 0]))
    await this.say({ order: "again", how, of })
    await waitUntil("clients to be back", () =>
      [...before].every(([instance, times]) => (this.synced.get(instance) ?? 0) > times)
    )
  }

  /** What the clients say that they should never have been sent. */
  judge(truths: ReadonlyArray<Truth>): Promise<ReadonlyArray<string>> {
    return this.say({ order: "judge", truths }) as Promise<ReadonlyArray<string>>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    this.#child.kill("SIGKILL")
    await ended
  }
}

export const specs = (count: number, keys: ReadonlyArray<string>, labels: Readonly<Record<string, string>> = {}) =>
  Array.from({ length: count }, (_, n): Spec => ({ instance: `web-${n}`, keys, labels }))
