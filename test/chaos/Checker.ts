/**
 * The promises that a randomised run is held to.
 *
 *   CP1  A client never goes from a version of a key to an older one; at the end each has the newest acked.
 *   CP2  An idempotency key makes one version, however often and wherever it was sent; nothing acked is lost, and no publish is refused.
 *   CP3  Kafka has a `config_update` for every acked version, those of a key in order.
 *   CP4  Redis holds no older version than the newest acked, or none at all: at the end, after `SETTLED`.
 */
import { randomUUID } from "node:crypto"
import type { HeraldClient } from "../../src/client/HeraldClient.ts"
import { type KafkaServer, Reader } from "../support/Kafka.ts"
import type { Nodes } from "../support/Nodes.ts"
import type { RedisServer } from "../support/Redis.ts"
import { waitUntil } from "../support/waitUntil.ts"

export const KEYS = ["svc", "svc.a", "svc.b"]
/** Milliseconds in which Redis must have been put right. */
const SETTLED = 10_000

export class Checker {
  /** Promises that were broken. */
  readonly wrong: Array<string> = []
  /** The newest acked value of each key, which is its version, too: 1, 2, 3 … */
  readonly acked = new Map(KEYS.map((key) => [key, 0]))
  readonly #nodes: Nodes
  readonly #run = randomUUID()

  constructor(nodes: Nodes) {
    this.#nodes = nodes
  }

  get published(): number {
    return [...this.acked.values()].reduce((sum, n) => sum + n, 0)
  }

  /** The next value of a key, to a node. True when it was acked; otherwise it will be sent again with the same idempotency key. */
  async publish(key: string, node: number): Promise<boolean> {
    const next = this.acked.get(key)! + 1
    const answer = await fetch(`${this.#nodes.servers[node]!.http}/v1/config/${key}?environment=production`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${this.#nodes.token}`,
        "content-type": "application/json",
        "idempotency-key": `${this.#run} ${key} ${next}`
      },
      body: JSON.stringify({ value: next, message: "chaos" }),
      signal: AbortSignal.timeout(3_000)
    }).catch(() => undefined)
    await answer?.body?.cancel().catch(() => {})
    if (answer !== undefined && answer.status >= 400 && answer.status < 500)
      this.wrong.push(`publish ${next} of ${key} was refused with ${answer.status}`) // CP2
    if (answer?.ok === true) this.acked.set(key, next)
    return answer?.ok === true
  }

  /** CP1 */
  watch(client: HeraldClient, name: string): void {
    for (const key of KEYS) {
      let newest = 0
      client.watch(key, {
        apply: (value) => {
          if (Number(value) < newest) this.wrong.push(`${name} went from ${newest} of ${key} back to ${value}`)
          newest = Number(value)
        }
      })
    }
  }

  /** Everything that is only true when all is well again. */
  async end(clients: ReadonlyArray<HeraldClient>, kafka: KafkaServer | undefined): Promise<void> {
    for (const key of KEYS)
      await this.#hold(`${key} to be published once more`, async () => {
        for (let node = 0; node < 3; node++) if (await this.publish(key, node)) return true
        return false
      })
    await this.#hold("every client to have the newest", () =>
      clients.every((client) => KEYS.every((key) => client.get(key) === this.acked.get(key)))
    )
    for (const key of KEYS) {
      const { body } = await this.#nodes.servers[0]!.read(key, "strong")
      if (body.version !== this.acked.get(key))
        this.wrong.push(`${this.acked.get(key)} publishes of ${key} were acked, its version is ${body.version}`) // CP2
    }
    if (kafka !== undefined) await this.#inKafka(kafka)
  }

  /** CP4, before anything else is published. */
  async redisAgrees(redis: RedisServer): Promise<void> {
    const held = new Map<string, string | null>()
    const old = () => [...held].filter(([key, version]) => version !== null && Number(version) < this.acked.get(key)!)
    await waitUntil(
      "Redis to agree",
      async () => {
        for (const key of KEYS) held.set(key, await redis.ask((one) => one.get(`config:version:${key}:production`)))
        return old().length === 0
      },
      SETTLED
    ).catch(() => {
      for (const [key, version] of old())
        this.wrong.push(`Redis has version ${version} of ${key}, ${this.acked.get(key)} is acked`)
    })
  }

  /** CP3: an event that was published again has the same id. */
  async #inKafka(kafka: KafkaServer): Promise<void> {
    await using reader = await new Reader(kafka).start()
    const ids = new Set<string>()
    const told = new Map(KEYS.map((key) => [key, [] as Array<number>]))
    let seen = 0
    await this.#hold("every acked version in Kafka", () => {
      for (; seen < reader.messages.length; seen++) {
        const { key, value, headers } = reader.messages[seen]!
        const id = headers["ce_id"]!
        if (value["event_type"] !== "config_update" || ids.has(id)) continue
        ids.add(id)
        told.get(key)?.push(Number(value["version"]))
      }
      return KEYS.every((key) => told.get(key)!.length >= this.acked.get(key)!)
    })
    for (const [key, versions] of told)
      if (versions.some((version, i) => version !== i + 1))
        this.wrong.push(`the events of ${key} are not in order: ${versions.join(" ")}`)
  }

  async #hold(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
    await waitUntil(what, look).catch(({ message }: Error) => this.wrong.push(message))
  }
}
