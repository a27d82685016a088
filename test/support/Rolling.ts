/** Rollouts at the door of a node, as an operator has them, and what clients have to know of them (Allowed.ts). */
import { assert } from "@effect/vitest"
import { bucketOf } from "../../src/rollouts/Cohort.ts"
import type { Truth } from "./Allowed.ts"
import type { Answer, Server } from "./Server.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

/** As the API shows it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
export type Shown = any

export interface PlanBody {
  readonly stages: string | ReadonlyArray<string>
  readonly [name: string]: unknown
}

const over = ["completed", "rolled_back", "aborted"]

const whomOf = (text: string): Pick<Truth["stages"][number], "where" | "instances"> => {
  const whom = text.includes("=") || text.startsWith("@") ? text.replace(/:[\d.]+%?$/, "") : ""
  if (whom.startsWith("@")) return { where: {}, instances: whom.slice(1).split("+") }
  const pairs = whom === "" ? [] : whom.split("&").map((pair) => pair.split("=") as [string, string])
  return { where: Object.fromEntries(pairs), instances: undefined }
}

export class Rolling {
  /** Those that it began. */
  readonly ids: Array<string> = []
  readonly #nodes: () => ReadonlyArray<Server>

  /** `nodes`: those that serve now; the first that answers is asked. */
  constructor(nodes: () => ReadonlyArray<Server>) {
    this.#nodes = nodes
  }

  async #ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    let last: unknown
    for (const node of this.#nodes())
      try {
        const answer = await node.call(method, path, body, headers)
        if (answer.status < 500) return answer
        last = new Error(JSON.stringify(answer.body))
      } catch (error) {
        last = error
      }
    throw last
  }

  /** Of values by their keys. */
  async start(values: Readonly<Record<string, unknown>>, plan: PlanBody, more: object = {}): Promise<string> {
    const changes = Object.entries(values).map(([key, value]) => ({ key, value }))
    const asked = { environment: "production", changes, plan, message: "a test", ...more }
    const key = crypto.randomUUID()
    const { status, body } = await waitUntil("a node to begin a rollout", () =>
      this.#ask("POST", "/v1/rollouts", asked, { "idempotency-key": key })
    )
    assert.strictEqual(status, 200, JSON.stringify(body))
    this.ids.push(body.id)
    return body.id as string
  }

  async look(id: string): Promise<Shown> {
    const { status, body } = await this.#ask("GET", `/v1/rollouts/${id}?environment=production`)
    assert.strictEqual(status, 200, JSON.stringify(body))
    return body
  }

  move(
    id: string,
    what: "pause" | "resume" | "promote" | "abort",
    body: object = {},
    idempotency: string = crypto.randomUUID()
  ) {
    return this.#ask("POST", `/v1/rollouts/${id}/${what}?environment=production`, body, {
      "idempotency-key": idempotency
    })
  }

  /** Until it is so; fails at once when it is over and is not. */
  until(id: string, what: string, is: (shown: Shown) => boolean, patience?: number): Promise<Shown> {
    return waitUntil(
      `${id} to be ${what}`,
      async () => {
        const shown = await this.look(id)
        if (is(shown)) return shown
        if (over.includes(shown.state)) throw new InVain(`${id} is ${shown.state}, not ${what}: ${shown.reason}`)
        throw new Error(JSON.stringify(shown))
      },
      patience
    )
  }

  /** `stage`: from 1. */
  reaches(id: string, state: string, stage?: number): Promise<Shown> {
    return this.until(
      id,
      `${state}${stage === undefined ? "" : ` in stage ${stage}`}`,
      (shown) => shown.state === state && (stage === undefined || shown.stage === stage)
    )
  }

  /** Until the database has so many clients: a count is of those that are known when its stage begins. */
  async known(clients: number): Promise<void> {
    await waitUntil("all clients to be known", async () => {
      const { body } = await this.#ask("GET", "/v1/clients?environment=production&limit=1000")
      return body.clients.filter(({ state }: Shown) => state === "connected").length >= clients
    })
  }

  /** Its transitions, oldest first. */
  async history(id: string): Promise<ReadonlyArray<Shown>> {
    const { body } = await this.#ask("GET", `/v1/rollouts/${id}/history?environment=production&limit=1000`)
    return body.transitions
  }

  /** `scheduled 0`, `deploying 1`, … */
  async path(id: string): Promise<ReadonlyArray<string>> {
    return (await this.history(id)).map(({ state, stage }) => `${state} ${stage}`)
  }

  /** Of those, who is to have the candidate now: of stages that name anybody. */
  async cohort(id: string, instances: ReadonlyArray<string>): Promise<ReadonlyArray<string>> {
    const { salt, stages, state } = await this.look(id)
    if (state === "rolled_back" || state === "aborted") return []
    const has = (instance: string) =>
      stages.some(({ below, also }: Shown) => bucketOf(salt, instance) < (below ?? 0) || also?.includes(instance))
    return instances.filter((instance) => state === "completed" || has(instance))
  }

  async truths(): Promise<ReadonlyArray<Truth>> {
    const truths: Array<Truth> = []
    for (const id of this.ids) {
      const history = await this.history(id)
      const newest = history.at(-1)!
      const stages = newest.stages.map(({ text, below, also }: Shown, nth: number) => {
        const revision = history.find(({ stage }) => stage === nth + 1)?.revision
        return { ...whomOf(text), begun: below === null ? null : { revision, below, also: also ?? [] } }
      })
      const completed = newest.state === "completed" ? (newest.revision as number) : null
      for (const { key, version } of newest.targets)
        truths.push({ id, key, version, salt: newest.salt, stages, completed })
    }
    return truths
  }
}
