/** A server is killed under consumers over WebSockets: one of `ws`, which comes back by itself, and one of the SDK. */
import { assert, describe, it } from "@effect/vitest"
import type { Consumed } from "../../src/client/topics/Consumed.ts"
import { ConsumerSocket } from "../support/ConsumerSocket.ts"
import { type Server, startServer } from "../support/Server.ts"
import { topicsAt } from "../support/TopicPrograms.ts"
import type { Said } from "../support/WebSockets.ts"
import { waitUntil } from "../support/waitUntil.ts"

const [EVENTS, KEYS] = [2_000, 20]

/** Accepts each event at once, by the protocol alone. */
class Worker {
  readonly done: Array<readonly [key: string, n: number]> = []
  sockets = 0
  #stopped = false
  #now: ConsumerSocket | undefined
  readonly #server: Server
  readonly #topic: string

  constructor(server: Server, topic: string) {
    this.#server = server
    this.#topic = topic
    this.#begin()
  }

  #begin(): void {
    const socket = new ConsumerSocket(this.#server.http, this.#server.token)
    this.#now = socket
    let granted = 50
    socket.heard = (told: Said) => {
      if (told.type === "welcome") {
        this.sockets++
        const wish = { topic: this.#topic, subscription: "s", consumer: "raw", granted, life: 7 }
        socket.says({ type: "consume", id: "c", ...wish })
      }
      if (told.type !== "delivery") return
      const { token, events } = told
      for (const { key, value } of events) this.done.push([key, Number(value)])
      granted += events.length
      const answers = [{ kind: "accept", token, first: events[0].offset, last: events.at(-1).offset }]
      socket.says({ type: "answer", id: "c", answers, granted, receipt: granted })
    }
    socket.socket.on("close", () => {
      if (!this.#stopped) setTimeout(() => this.#begin(), 100)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#now?.close()
  }
}

describe("consumers over WebSockets", () => {
  it("SO2 LC2 AZ1 a server that is killed in the middle loses nothing, and keys keep their order", async () => {
    await using server = await startServer()
    const ok = async (method: string, path: string, body?: unknown) => {
      const answer = await server.call(method, path, body)
      assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
      return answer.body
    }
    await ok("POST", "/v1/topics", { name: "work", partitions: 2 })
    await ok("POST", "/v1/subscriptions", { topic: "work", name: "s", type: "key_shared", from: "earliest" })
    await using topics = topicsAt(server.http, server.token)
    const worker = new Worker(server, "work")
    const bySdk: Array<readonly [key: string, n: number]> = []
    const handler = (event: Consumed) => void bySdk.push([event.key, event.json<number>()])
    topics.topic("work").consume("s", handler, { consumer: "sdk", concurrency: 8, prefetch: 50 })
    const numbers = Array.from({ length: EVENTS }, (_, n) => n)
    const events = numbers.map((n) => ({ key: `k${n % KEYS}`, json: n }))
    await topics.topic("work").publish(events.slice(0, EVENTS / 2))
    const all = () => [...worker.done, ...bySdk]
    await waitUntil("both have some", () => worker.done.length >= 100 && bySdk.length >= 100)
    await server.end("SIGKILL")
    await server.start()
    await topics.topic("work").publish(events.slice(EVENTS / 2))
    await waitUntil("all are done", () => new Set(all().map(([, n]) => n)).size === EVENTS)
    const stats = () => ok("GET", "/v1/subscriptions/work/s/stats")
    await waitUntil("all of it is kept", async () => (await stats()).backlog === 0)
    worker.stop()
    assert.isAtLeast(worker.sockets, 2)
    // Of one consumer nothing of a key comes before what is before it came once.
    for (const done of [worker.done, bySdk])
      for (let key = 0; key < KEYS; key++) {
        const first = [...new Set(done.filter(([one]) => one === `k${key}`).map(([, n]) => n))]
        assert.deepStrictEqual(
          first,
          [...first].sort((a, b) => a - b),
          `k${key}`
        )
      }
  })
})
