/** Topics, subscriptions and consumers of real servers, for fault tests. */
import { assert } from "@effect/vitest"
import { type Consumed, Topics } from "../../src/client/HeraldClient.ts"
import type { Server } from "./Server.ts"

const ok = async (server: Server, method: string, path: string, body?: unknown) => {
  const answer = await server.call(method, path, body)
  assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
  return answer.body
}

/** A topic, and a subscription `s` of it from its beginning. */
export const subscribed = async (
  server: Server,
  topic: string,
  partitions: number,
  change: Readonly<Record<string, unknown>>
): Promise<void> => {
  await ok(server, "POST", "/v1/topics", { name: topic, partitions })
  await ok(server, "POST", "/v1/subscriptions", { topic, name: "s", from: "earliest", backoffMillis: [20], ...change })
}

export const topicsOf = (address: string | ReadonlyArray<string>, token: string): Topics =>
  new Topics({ address, token, reconnect: { baseMillis: 50, capMillis: 500 } })

/** Numbered from `from`, of ten keys. */
export const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${(n + from) % 10}`, json: n + from }))

export const numberOf = (event: Pick<Consumed, "text">): number => Number(event.text())

/** Of each key: numbers in the order in which they were done first; they have to ascend. */
export const assertOrder = (done: ReadonlyArray<number>): void => {
  for (let key = 0; key < 10; key++) {
    const first = [...new Set(done.filter((n) => n % 10 === key))]
    assert.deepStrictEqual(
      first,
      [...first].sort((a, b) => a - b),
      `k${key}`
    )
  }
}

interface Shown {
  readonly id: string
  readonly value: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
}

/** All of a topic, page by page. */
export const eventsIn = async (server: Server, topic: string): Promise<ReadonlyArray<Shown>> => {
  const all: Array<Shown> = []
  for (let from = "earliest"; ; ) {
    const { events, next } = await ok(
      server,
      "GET",
      `/v1/topics/${topic}/events?limit=1000&from=${encodeURIComponent(from)}`
    )
    all.push(...events)
    if (events.length === 0) return all
    from = next
  }
}

export const backlogOf = async (server: Server, topic: string): Promise<number> =>
  (await ok(server, "GET", `/v1/subscriptions/${topic}/s/stats`)).backlog

export const lettersOf = async (server: Server, topic: string) =>
  (await ok(server, "GET", `/v1/subscriptions/${topic}/s/dead-letters?limit=1000`)).deadLetters
