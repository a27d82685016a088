/** A machine with one cursor, on which a fault of others is played. */
import { assert } from "@effect/vitest"
import { Cursor } from "../../src/subscriptions/Cursor.ts"
import { Dispatch } from "../../src/subscriptions/Dispatch.ts"
import { beginAt } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import type { Subscription, SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { subscriptionOf } from "./Defined.ts"

export type Body = string

/** A machine with a cursor and events of these hashes; whatever it wants written is durable at once. */
export class Stage {
  now = 1_000
  readonly machine: Dispatch<Body>
  readonly cursor: Cursor<Body>
  readonly hashes: Array<number | null>
  readonly open: number
  readonly dead: Array<number> = []
  readonly size: number

  constructor(
    type: SubscriptionType,
    hashes: ReadonlyArray<number | null>,
    change: Partial<Subscription> = {},
    options = {}
  ) {
    const { open, budget, size, saved } = { open: 100, budget: 10_000, size: 10, saved: beginAt(1, 0), ...options }
    const subscription = subscriptionOf(type, change)
    this.hashes = [...hashes]
    this.open = open
    this.size = size
    this.machine = new Dispatch(subscription, { budget, tokens: 0 })
    const order = type === "shared" ? "unordered" : type === "key_shared" ? "keys" : "all"
    const slice = { partition: 0, from: 0, to: HASHES }
    const { maxAttempts } = subscription
    this.cursor = new Cursor({ slice, share: 0, maxAttempts, order, open, end: hashes.length }, saved)
    this.machine.cursors.add(this.cursor)
  }

  join(name: string, granted = 100): string {
    assert.isTrue(this.machine.join(name, name, this.now))
    this.machine.consumers.grant(name, granted)
    return name
  }

  keep(): void {
    for (const item of [...this.machine.dead.keys()]) {
      this.machine.bury(item)
      this.dead.push(item.offset)
    }
    this.machine.kept(this.machine.version, new Map([[this.cursor, this.cursor.mark]]))
  }

  /** As "consumer:offset" each, in their order. */
  poll(rounds = 6): ReadonlyArray<string> {
    const seen: Array<string> = []
    for (let round = 0; round < rounds; round++) {
      const { deliveries, wants } = this.machine.poll(this.now)
      for (const { session, token, events } of deliveries) {
        this.tokens.push(token)
        for (const { offset } of events) {
          this.token.set(offset, token)
          seen.push(`${session}:${offset}`)
        }
      }
      const from = wants.get(this.cursor)
      if (from !== undefined) {
        const reads = this.hashes.map((hash, offset) => ({ offset, hash, bytes: this.size, body: String(offset) }))
        this.machine.offer(this.cursor, from, this.hashes.length, reads.slice(from))
      }
      this.keep()
    }
    return seen
  }
  readonly token = new Map<number, number>()
  readonly tokens: Array<number> = []

  answer(
    session: string,
    kind: "accept" | "release" | "fail" | "reject" | "extend",
    offset: number,
    token = this.token.get(offset)!
  ) {
    return this.machine.answer({ kind, token, first: offset, last: offset }, session, this.now).map(({ why }) => why)
  }
}
