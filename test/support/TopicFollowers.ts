/**
 * Readers of a topic, on the SDK, at nodes that a test chooses. What they get is compared while it comes: of an event only its name is kept, once for all of
 * them, so that a test may go on at full rate. For logs whose offsets have no holes.
 */
import { systemClock } from "../../src/client/Platform.ts"
import type { TopicOffset } from "../../src/client/topics/Event.ts"
import { GrpcTopics } from "../../src/client/topics/GrpcTopics.ts"
import type { TopicBatch } from "../../src/client/topics/ReadOptions.ts"
import { Topics } from "../../src/client/topics/Topics.ts"
import type { TopicTransport } from "../../src/client/topics/TopicTransport.ts"
import type { Log } from "./TopicChecker.ts"
import { valueOf } from "./TopicPrograms.ts"
import { waitUntil } from "./waitUntil.ts"

export interface Follower {
  readonly name: string
  /** Of each partition the offset that it is to get next. */
  readonly next: ReadonlyMap<number, number>
  readonly events: number
  /** How often it was told that it has what was stored, and why its streams ended. */
  readonly lives: number
  readonly reconnects: ReadonlyArray<string>
  /** Closes its reader, and goes on with another one behind what it got. */
  readonly again: () => void
}

/** Where the SDK shuffles its nodes, this one begins with the first of them, and goes to the next each time. */
const inOrder = (addresses: ReadonlyArray<string>, token: string): TopicTransport => {
  const all = addresses.map((address) => new GrpcTopics({ address, token }))
  const transport = new GrpcTopics({ address: addresses[0]!, token })
  transport.read = (attempt, first, events) => all[attempt % all.length]!.read(0, first, events)
  transport.close = () => {
    for (const one of all) one.close()
  }
  return transport
}

/** Tries are counted from an even number on. */
const clock = { ...systemClock, random: () => 0.5 }

class Following implements Follower {
  readonly name: string
  readonly next = new Map<number, number>()
  events = 0
  lives = 0
  readonly reconnects: Array<string> = []
  wish = false

  constructor(name: string) {
    this.name = name
  }

  again(): void {
    this.wish = true
  }
}

export class Followers implements AsyncDisposable {
  /** What no reader may live through. */
  readonly wrong: Array<string> = []
  readonly #topic: string
  readonly #token: string
  /** By partition: names in the order of their offsets, as whoever came first got them. */
  readonly #names = new Map<number, Array<string>>()
  readonly #all: Array<Following> = []
  readonly #open: Array<Topics> = []
  #closed = false

  constructor(topic: string, token: string) {
    this.#topic = topic
    this.#token = token
  }

  /** Reads from the beginning until it is disposed, first at the first of `addresses`. */
  follow(name: string, address: ReadonlyArray<string>): Follower {
    const reconnect = { baseMillis: 20, capMillis: 500 }
    const options = { address, token: this.#token, reconnect, logger: () => {} }
    const topics = new Topics(options, { clock, transport: inOrder(address, this.#token) })
    const one = new Following(name)
    this.#open.push(topics)
    this.#all.push(one)
    void this.#read(one, topics).catch((error) => this.wrong.push(`${name} ended: ${error}`))
    return one
  }

  async #read(one: Following, topics: Topics): Promise<void> {
    let from: "earliest" | { readonly offsets: ReadonlyArray<TopicOffset> } = "earliest"
    while (!this.#closed) {
      one.wish = false
      const reader = topics.topic(this.#topic).subscribe({
        from,
        onLive: () => one.lives++,
        onReconnect: ({ code, message }) => one.reconnects.push(`${code}: ${message}`),
        onGap: (gap) => this.wrong.push(`${one.name} was told of a gap ${JSON.stringify(gap)}`)
      })
      for await (const batch of reader) {
        this.#take(one, batch)
        if (one.wish) break
      }
      from = { offsets: reader.position() }
    }
  }

  #take(one: Following, { partition, events, next }: TopicBatch): void {
    const names = this.#names.get(partition) ?? []
    this.#names.set(partition, names)
    for (const event of events) {
      const due = one.next.get(partition) ?? 0
      const name = valueOf(event)
      if (event.offset !== due) this.wrong.push(`${one.name} got ${event.id} where ${due} is next`)
      const known = names[event.offset]
      if (known === undefined) names[event.offset] = name
      else if (known !== name) this.wrong.push(`${one.name} got ${name} at ${event.id}, where another got ${known}`)
      one.next.set(partition, event.offset + 1)
      one.events++
    }
    if (one.next.get(partition) !== next) this.wrong.push(`${one.name} was told that ${next} is next of ${partition}`)
  }

  /** After everything: waits until all have what the log has, and compares it. */
  async judge(log: Log): Promise<void> {
    const ends = new Map<number, number>()
    for (const { at } of log) ends.set(at.partition, at.offset + 1)
    await waitUntil("readers to have all", () =>
      this.#all.every(({ next }) => [...ends].every(([partition, end]) => (next.get(partition) ?? 0) >= end))
    )
    for (const { at, value } of log) {
      const name = this.#names.get(at.partition)?.[at.offset]
      if (name !== value) this.wrong.push(`${at.partition}:${at.offset} was ${name} to readers, and is ${value}`)
    }
    for (const { name, events } of this.#all)
      if (events !== log.length) this.wrong.push(`${name} got ${events} events of ${log.length}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#open.map((topics) => topics.close()))
  }
}
