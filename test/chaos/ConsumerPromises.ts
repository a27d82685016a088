/**
 * What a randomised run does with subscriptions of a topic: producers of keys, consumers that come and go, events that fail and events that never work.
 *
 *   CP8   Of a shared and of a key_shared subscription every event that was acked is done or a dead letter, and a dead letter is there once; nothing that was
 *         kept as done comes again, not even when a node dies afterwards. Of a key no event is given before those before it were done.
 *   CP9   By `withTransaction`, the effect of every event that was acked is there once, in the order of its key.
 */
import { type Consumed, type Handler, Reject, type Topics, withTransaction } from "../../src/client/HeraldClient.ts"
import { checkConsumed, checkEffects, repeatsOf, type Took } from "../support/ConsumedChecker.ts"
import { eventsIn, topicsOf } from "../support/Consumers.ts"
import { type NativeDatabase, startNativeDatabase } from "../support/Database.ts"
import type { Nodes } from "../support/Nodes.ts"
import { deafPool, pgPool } from "../support/PgPools.ts"
import { createTopic, TopicPrograms, valueOf } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { chance } from "./Chance.ts"

const TOPIC = "work"
const DEAD = "dead"
const PARTITIONS = 3
const KEYS = 12
const CONSUMERS = 3
/** Milliseconds that all may take when all is well again. */
const PATIENCE = 240_000
const TYPES = { shared: "shared", keyed: "key_shared", once: "key_shared" } as const
type Name = keyof typeof TYPES
const NAMES: ReadonlyArray<Name> = ["shared", "keyed", "once"]

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const numberOf = (value: string): number => Number(value.split(".")[1])
const OPTIONS = { maxAttempts: 1_000, backoffMillis: [20, 200], from: "earliest" }
const EFFECTS = "create table effects (id bigserial primary key, value text not null)"

export class ConsumerPromises implements AsyncDisposable {
  readonly wrong: Array<string> = []
  readonly #nodes: Nodes
  readonly #programs: TopicPrograms
  /** The consumers' own: nothing happens to it, but that answers to commits are lost. */
  readonly #database: NativeDatabase
  readonly #pool
  readonly #next: () => number
  readonly #took: Readonly<Record<Name, Array<Took>>> = { shared: [], keyed: [], once: [] }
  readonly #keys = new Map<string, string>()
  readonly #failed = new Set<string>()
  readonly #work: Readonly<Record<Name, Handler>>
  readonly #consumers: Array<{ readonly name: Name; readonly topics: Topics }> = []
  #coming: Promise<void> = Promise.resolve()
  #stopped = false

  /** The topic and its subscriptions are made, and all run. */
  static async start(nodes: Nodes, seed: number): Promise<ConsumerPromises> {
    const [server] = nodes.servers
    await createTopic(server!, TOPIC, { partitions: PARTITIONS })
    await createTopic(server!, DEAD)
    for (const name of NAMES) {
      const asked = { topic: TOPIC, name, type: TYPES[name], deadLetterTopic: DEAD, ...OPTIONS }
      const { status, body } = await server!.call("POST", "/v1/subscriptions", asked)
      if (status >= 300) throw new Error(JSON.stringify(body))
    }
    const promises = new ConsumerPromises(nodes, await startNativeDatabase(), seed)
    await promises.#pool.query(EFFECTS)
    promises.#run()
    return promises
  }

  private constructor(nodes: Nodes, database: NativeDatabase, seed: number) {
    this.#nodes = nodes
    this.#database = database
    this.#next = chance(seed)
    this.#programs = new TopicPrograms(TOPIC, nodes.addresses, nodes.token)
    this.#pool = pgPool(database.url, 8)
    let commits = 0
    const effect = withTransaction(
      deafPool(this.#pool, () => ++commits % 90 === 0),
      async (event, client) => {
        await client.query("insert into effects (value) values ($1)", [valueOf(event)])
      }
    )
    this.#work = {
      shared: (event) => this.#handle("shared", event),
      keyed: (event) => this.#handle("keyed", event),
      once: async (event, consumer) => {
        this.#given("once", event)
        await effect(event, consumer)
        this.#took.once.push({ what: "done", at: event })
      }
    }
  }

  /** Events that were acked. */
  get events(): number {
    return this.#programs.sent.ok
  }

  /** Deliveries, and how many of them beyond one for each event. */
  get deliveries(): { readonly all: number; readonly again: number } {
    const all = NAMES.map((name) => this.#took[name])
    return {
      all: all.flat().filter(({ what }) => what === "given").length,
      again: all.reduce((sum, took) => sum + repeatsOf(took), 0)
    }
  }

  #run(): void {
    for (let n = 0; n < 2; n++) this.#programs.produce(`w${n}`, { batch: 3, calls: 4, pause: 60, keys: KEYS })
    for (const name of NAMES) for (let n = 0; n < CONSUMERS; n++) this.#come(name)
    this.#coming = this.#comeAndGo()
  }

  #come(name: Name): void {
    const topics = topicsOf(this.#nodes.addresses, this.#nodes.token)
    const handling = topics
      .topic(TOPIC)
      .consume(name, this.#work[name], { concurrency: 8, prefetch: 64, onState: () => {} })
    handling.done.catch((error) => this.wrong.push(`consumers: one of ${name} ended: ${error}`))
    this.#consumers.push({ name, topics })
  }

  /** What is drawn leaves, with a moment for what it is at, and another one comes. */
  async #comeAndGo(): Promise<void> {
    while (!this.#stopped) {
      await pause(1_000 + 4_000 * this.#next())
      const [gone] = this.#consumers.splice(Math.floor(this.#next() * this.#consumers.length), 1)
      if (gone === undefined) continue
      await gone.topics.close()
      this.#come(gone.name)
    }
  }

  #given(name: Name, event: Consumed): string {
    const value = valueOf(event)
    this.#keys.set(value, event.key)
    this.#took[name].push({ what: "given", at: event, key: event.key, value })
    return value
  }

  async #handle(name: Name, event: Consumed): Promise<void> {
    const value = this.#given(name, event)
    await pause(2)
    const n = numberOf(value)
    if (n % 100 === 50) {
      this.#took[name].push({ what: "rejected", at: event })
      throw new Reject("it is nonsense")
    }
    if (n % 37 === 5 && !this.#failed.has(`${name} ${value}`)) {
      this.#failed.add(`${name} ${value}`)
      throw new Error("not yet")
    }
    this.#took[name].push({ what: "done", at: event })
  }

  /** After the faults. CP8, CP9 */
  async end(): Promise<void> {
    await this.#end().catch(({ message }: Error) => this.wrong.push(`work: ${message}`))
  }

  async #end(): Promise<void> {
    this.#stopped = true
    const before = this.events
    await waitUntil("work to be taken again", () => this.events > before + 20)
    await this.#programs.stop()
    await this.#coming
    await this.#kept()
    for (const name of NAMES) this.#took[name].push({ what: "kept" })
    await Promise.all(this.#consumers.splice(0).map(({ topics }) => topics.close()))
    // Nobody has anything in memory but a node that dies.
    await this.#nodes.servers[0]!.end("SIGKILL")
    await this.#nodes.servers[0]!.start()
    await using last = new TopicPrograms(TOPIC, this.#nodes.addresses, this.#nodes.token)
    for (const name of NAMES) this.#come(name)
    last.produce("last", { batch: 2, calls: 2, keys: KEYS })
    await waitUntil("more work", () => last.sent.ok >= 4 * KEYS)
    await last.stop()
    await this.#kept()
    await Promise.all(this.#consumers.splice(0).map(({ topics }) => topics.close()))
    const { log, found } = await this.#programs.judge()
    const errors = [...this.#programs.errors, ...last.errors]
    this.wrong.push(
      ...[...found, ...(await this.#judged(log))].map(({ anomaly, why }) => `work: ${anomaly}: ${why}`),
      ...errors
    )
  }

  async #judged(log: Awaited<ReturnType<TopicPrograms["judge"]>>["log"]) {
    const keyOf = (value: string) => this.#keys.get(value)
    const rejected = NAMES.flatMap((name) => this.#took[name]).filter(({ what }) => what === "rejected")
    const places = new Set(rejected.flatMap((one) => ("at" in one ? `${one.at.partition}:${one.at.offset}` : [])))
    const dead = await waitUntil("dead letters in their topic", async () => {
      const all = await eventsIn(this.#nodes.servers[0]!, DEAD)
      return all.length >= places.size * 2 && all
    }).catch(() => eventsIn(this.#nodes.servers[0]!, DEAD))
    const of = (name: Name) =>
      dead
        .filter(({ headers }) => headers["herald-subscription"] === name)
        .map(({ headers }) => headers["herald-origin"]!.split(":").slice(-3).join(":"))
    const { rows } = await this.#pool.query("select value from effects order by id")
    const effects = rows.map(({ value }: { readonly value: string }) => value)
    return [
      ...checkConsumed(this.#took.shared, log, keyOf, { ordered: false, dead: of("shared") }),
      ...checkConsumed(this.#took.keyed, log, keyOf, { ordered: true, dead: of("keyed") }),
      ...checkConsumed(this.#took.once, log, keyOf, { ordered: true, dead: of("once") }),
      ...checkEffects(effects, log, keyOf)
    ]
  }

  async #kept(): Promise<void> {
    for (const name of NAMES)
      await waitUntil(
        `all of ${name} to be kept`,
        async () => {
          const { status, body } = await this.#nodes.servers[1]!.call("GET", `/v1/subscriptions/${TOPIC}/${name}/stats`)
          return status === 200 && body.backlog === 0
        },
        PATIENCE
      )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    await this.#coming
    await Promise.all(this.#consumers.map(({ topics }) => topics.close()))
    await this.#programs[Symbol.asyncDispose]()
    await this.#pool.end()
    await this.#database[Symbol.asyncDispose]()
  }
}
