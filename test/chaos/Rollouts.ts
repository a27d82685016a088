/**
 * One rollout after the other of a key of its own, with moves drawn by the seed, and what they are held to.
 *
 *   CP5  No client ever has a candidate but those of its cohort, at the position at which they came in, until it is completed; none goes back.
 *   CP6  A rollout takes no step that there is not, skips no stage, and ends once all is well; then each client has what is current.
 */
import type { HeraldClient } from "../../src/client/HeraldClient.ts"
import { edges } from "../../src/rollouts/Step.ts"
import { type Sent, wrongIn } from "../support/Allowed.ts"
import type { Nodes } from "../support/Nodes.ts"
import { Rolling, type Shown } from "../support/Rolling.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { chance } from "./Chance.ts"

export const ROLLED = "rolled.svc"
const PLAN = { stages: "10%,50%,100%", bake: "1s", gates: ["rejected < 1%"], patience: "20s" }
const OVER = ["completed", "rolled_back", "aborted"]
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

export class Rollouts {
  readonly wrong: Array<string> = []
  readonly #rolling: Rolling
  readonly #nodes: Nodes
  readonly #next: () => number
  readonly #sent = new Map<HeraldClient, Sent & { readonly updates: Array<Sent["updates"][number]> }>()
  #stopped = false

  constructor(nodes: Nodes, seed: number) {
    this.#nodes = nodes
    this.#rolling = new Rolling(() => nodes.servers)
    this.#next = chance(seed)
  }

  /** How many were begun. */
  get begun(): number {
    return this.#rolling.ids.length
  }

  watch(client: HeraldClient, instance: string): void {
    const updates: Array<Sent["updates"][number]> = []
    this.#sent.set(client, { instance, labels: {}, resumed: true, updates })
    client.watch(ROLLED, {
      apply: (_, { key, version, revision, epoch }) =>
        void updates.push({ kind: "UPDATE_KIND_VALUE", key, version, revision, epoch })
    })
  }

  /** Until it is told to stop. Whatever is not answered is asked again, or not: it is drawn. */
  async run(): Promise<void> {
    for (let n = 1; !this.#stopped; n++) {
      const id = await this.#rolling.start({ [ROLLED]: n }, PLAN)
      while (!this.#stopped) {
        const shown = await this.#look(id)
        if (shown !== undefined && OVER.includes(shown.state)) break
        const drawn = this.#next()
        if (shown?.state === "paused") await this.#move(id, drawn < 0.3 ? "promote" : "resume")
        else if (drawn < 0.12) await this.#move(id, drawn < 0.04 ? "pause" : drawn < 0.08 ? "promote" : "abort")
        await pause(250)
      }
    }
  }

  stop(): void {
    this.#stopped = true
  }

  /** When all is well again. CP5, CP6 */
  async end(): Promise<void> {
    const last = this.#rolling.ids.at(-1)
    if (last === undefined) return
    await waitUntil("the last rollout to end", async () => {
      const shown = await this.#look(last)
      // A share by lot may take none of so few clients: nobody will ever say that it has arrived.
      if (shown?.state === "paused") await this.#move(last, "resume")
      else if (shown?.waits === "no instance of the cohort is connected") await this.#move(last, "promote")
      return shown !== undefined && OVER.includes(shown.state)
    }).catch(({ message }: Error) => this.wrong.push(message))
    const { body } = await this.#nodes.servers[0]!.read(ROLLED, "strong")
    const has = ({ client }: { readonly client: HeraldClient }) => client.getEntry(ROLLED)?.version === body.version
    const clients = [...this.#sent.keys()].map((client) => ({ client }))
    await waitUntil("every client to have what is current after rollouts", () => clients.every(has)).catch(
      ({ message }: Error) => this.wrong.push(message)
    )
    const truths = await this.#rolling.truths()
    for (const sent of this.#sent.values()) this.wrong.push(...wrongIn([sent], truths))
    for (const id of this.#rolling.ids) this.wrong.push(...stepsOf(await this.#rolling.history(id)))
  }

  #look(id: string): Promise<Shown | undefined> {
    return this.#rolling.look(id).catch(() => undefined)
  }

  async #move(id: string, what: "pause" | "resume" | "promote" | "abort"): Promise<void> {
    await this.#rolling.move(id, what).catch(() => {})
  }
}

/** Steps that there are not. */
const stepsOf = (history: ReadonlyArray<Shown>): ReadonlyArray<string> =>
  history.slice(1).flatMap(({ id, state, stage, version }, nth) => {
    const before = history[nth]!
    const is = edges.some(({ from, to }) => from === before.state && to === state)
    const next = stage === before.stage || (stage === before.stage + 1 && state === "deploying")
    return is && next && version === before.version + 1
      ? []
      : [`${id} went from ${before.state} ${before.stage} to ${state} ${stage}`]
  })
