/** Programs of a topic, on the SDK: producers and readers that go on through faults and note what they lived through, for the checker. */
import { PublishError } from "../../src/client/ClientError.ts"
import type { Placed, Received, TopicOffset } from "../../src/client/topics/Event.ts"
import type { Producer } from "../../src/client/topics/Producer.ts"
import { type Topic, Topics } from "../../src/client/topics/Topics.ts"
import type { Server } from "./Server.ts"
import { type At, check, type Found, type Happened, type Log } from "./TopicChecker.ts"
import { waitUntil } from "./waitUntil.ts"

/** Milliseconds between tries: a test has no time for more. */
const RECONNECT = { baseMillis: 20, capMillis: 500 }

export const topicsAt = (address: string | ReadonlyArray<string>, token: string): Topics =>
  new Topics({ address, token, reconnect: RECONNECT, openMillis: 60_000, logger: () => {} })

/** Made by REST; of one partition, unless `change` says more. */
export const createTopic = async (server: Server, name: string, change: object = {}): Promise<void> => {
  const { status, body } = await server.call("POST", "/v1/topics", { name, partitions: 1, message: "test", ...change })
  if (status >= 300) throw new Error(JSON.stringify(body))
}

const atOf = ({ partition, epoch, offset }: TopicOffset): At => ({ partition, epoch, offset })

/** What an event of `produce` is called: its text up to the padding. */
export const valueOf = (event: Received): string => event.text().split(" ", 1)[0]!

/** All that there is now, from the beginning. */
export const logOf = async (topic: Topic): Promise<Log> => {
  const log: Array<{ readonly at: At; readonly value: string }> = []
  let isLive = false
  const reader = topic.subscribe({
    from: "earliest",
    onGap: () => {},
    onLive: () => {
      isLive = true
      void reader.close()
    }
  })
  for await (const { events } of reader)
    for (const event of events) log.push({ at: atOf(event), value: valueOf(event) })
  if (!isLive) throw new Error("the log was not read to its end")
  return log
}

export interface Producing {
  readonly partitions?: number
  /** Events of one call of `send`. 50 */
  readonly batch?: number
  /** Calls of `send` that have no answer yet, at most. 8 */
  readonly calls?: number
  /** Characters that each event has besides its name. 80 */
  readonly padding?: number
  /** Milliseconds between two calls. 0 */
  readonly pause?: number
  /** The events of a call have one of so many keys, one after the other, and go to its partition; left out: none, to the partitions in turn. */
  readonly keys?: number
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

export class TopicPrograms implements AsyncDisposable {
  readonly history: Array<Happened> = []
  readonly topic: Topic
  /** What ended a program before its time. */
  readonly errors: Array<string> = []
  /** Events whose fate is `ok`, `info` and `fail`. */
  readonly sent = { ok: 0, info: 0, fail: 0 }
  /** Codes of what was not published. */
  readonly codes = new Set<string>()
  /** How often a producer was opened. */
  opened = 0
  /** The last offset that each reader has been given or told of, by partition. */
  readonly reached = new Map<string, Map<number, number>>()
  readonly #topics: Topics
  readonly #producing: Array<Promise<void>> = []
  #stop = false

  constructor(name: string, address: string | ReadonlyArray<string>, token: string) {
    this.#topics = topicsAt(address, token)
    this.topic = this.#topics.topic(name)
  }

  /** Publishes until `stop`: texts `<id>.<number> <padding>`, to one partition after the other. */
  produce(id: string, options: Producing = {}): void {
    const work = this.#produce(id, options)
    this.#producing.push(work.catch((error) => void this.errors.push(`producer ${id}: ${error}`)))
  }

  /**
   * Publishes by REST until `stop`, without a producer and one at a time: each has an answer, or may be there. `millis`: how long it waits for one. Has
   * its values from `id` as `produce` has.
   */
  post({ http, token }: Pick<Server, "http" | "token">, id: string, millis = 8_000): void {
    const work = this.#post(`${http}/v1/topics/${encodeURIComponent(this.topic.name)}/events`, token, id, millis)
    this.#producing.push(work.catch((error) => void this.errors.push(`posts ${id}: ${error}`)))
  }

  async #post(url: string, token: string, id: string, millis: number): Promise<void> {
    for (let order = 0; !this.#stop; order++) {
      const value = `${id}.${order}`
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
      const body = JSON.stringify({ events: [{ value, key: id }] })
      const asked = { method: "POST", headers, body, signal: AbortSignal.timeout(millis) }
      const answer = await fetch(url, asked)
        .then(async (one) => ({ ok: one.ok, body: JSON.parse(await one.text()) }))
        .catch(() => undefined)
      const [placed] = answer?.ok === true ? (answer.body.placed as ReadonlyArray<At>) : []
      const code = answer?.ok === false ? String(answer.body.code) : undefined
      if (code !== undefined) this.codes.add(code)
      const outcome = placed !== undefined ? "ok" : code === undefined || code === "HRLD-4006" ? "info" : "fail"
      this.sent[outcome]++
      const one = { what: "send", producer: id, value, partition: placed?.partition ?? 0, order, outcome } as const
      this.history.push(placed === undefined ? one : { ...one, at: atOf(placed) })
      if (outcome !== "ok") await pause(50)
    }
  }

  async #produce(id: string, options: Producing): Promise<void> {
    const { partitions = 1, batch = 50, calls = 8, padding = 80, pause: millis = 0, keys } = options
    const filling = "x".repeat(padding)
    const under = new Set<Promise<void>>()
    let n = 0
    while (!this.#stop) {
      const producer = await this.topic.producer({ id })
      this.opened++
      let isOver = false
      for (let call = 0; !this.#stop && !isOver; call++) {
        const values = Array.from({ length: batch }, () => `${id}.${n++}`)
        const to = keys === undefined ? { partition: call % partitions } : { key: `k${call % keys}` }
        const sending = this.#send(producer, id, to, n, values, filling).then((ended) => {
          under.delete(sending)
          isOver ||= ended
        })
        under.add(sending)
        if (under.size >= calls) await Promise.race(under)
        if (millis > 0) await pause(millis)
      }
      await Promise.all(under)
      await producer.close()
    }
  }

  /** Whether another producer has to be opened. */
  async #send(
    producer: Producer,
    id: string,
    { key, partition }: { readonly key?: string; readonly partition?: number },
    order: number,
    values: ReadonlyArray<string>,
    filling: string
  ): Promise<boolean> {
    const events = values.map((value) => ({ key, payload: `${value} ${filling}` }))
    const note = (outcome: "ok" | "info" | "fail", places: ReadonlyArray<At> = []) => {
      this.sent[outcome] += values.length
      for (const [i, value] of values.entries()) {
        const at = places[i]
        const to = at?.partition ?? partition ?? 0
        const one = { what: "send", producer: id, value, partition: to, order: order + i, outcome } as const
        this.history.push(at === undefined ? one : { ...one, at })
      }
    }
    try {
      note("ok", placesOf(await producer.send(events, { partition })))
      return false
    } catch (error) {
      if (!(error instanceof PublishError)) throw error
      this.codes.add(error.code)
      note(error.outcome === "failed" ? "fail" : "info")
      return true
    }
  }

  /** Reads from the beginning until it is disposed. */
  follow(name: string): void {
    const { history } = this
    const reached = new Map<number, number>()
    this.reached.set(name, reached)
    const reader = this.topic.subscribe({
      from: "earliest",
      onGap: ({ partition, to, why }) => {
        history.push({ what: "gap", reader: name, partition, to, trimmed: why === "retention" })
        reached.set(partition, to - 1)
      }
    })
    const reading = async () => {
      for await (const { partition, next, events } of reader) {
        reached.set(partition, next - 1)
        const got = events.map((event) => ({ at: atOf(event), value: valueOf(event) }))
        history.push({ what: "poll", reader: name, got })
      }
    }
    void reading().catch((error) => this.errors.push(`reader ${name}: ${error}`))
  }

  /** Producers publish nothing more; resolves when all that was sent has its fate. */
  async stop(): Promise<void> {
    this.#stop = true
    await Promise.all(this.#producing)
  }

  /** After `stop`: waits until readers have all, and says what is wrong with the history and the log as it is now. */
  async judge(): Promise<{ readonly log: Log; readonly found: ReadonlyArray<Found> }> {
    const log = await logOf(this.topic)
    const last = new Map(log.map(({ at }) => [at.partition, at.offset]))
    await waitUntil("readers to have all", () =>
      [...this.reached.values()].every((its) => [...last].every(([one, offset]) => (its.get(one) ?? -1) >= offset))
    )
    return { log, found: check(this.history, log) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop = true
    await this.#topics.close()
  }
}

const placesOf = (placed: ReadonlyArray<Placed>): ReadonlyArray<At> =>
  placed.flatMap(({ partition, epoch, offset, count }) =>
    offset === undefined ? [] : Array.from({ length: count }, (_, i) => ({ partition, epoch, offset: offset + i }))
  )
