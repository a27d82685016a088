/** One subscription as a node serves it, on a log of a test; whoever writes is the test. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { AnswerKind } from "../../src/subscriptions/Answer.ts"
import type { Flushed } from "../../src/subscriptions/CursorStore.ts"
import { Fetching } from "../../src/subscriptions/Fetching.ts"
import type { Gathered } from "../../src/subscriptions/Gathered.ts"
import { beginAt, type SavedCursor } from "../../src/subscriptions/SavedCursor.ts"
import type { Output, Seat } from "../../src/subscriptions/Seat.ts"
import { Serving, type ServingOptions } from "../../src/subscriptions/Serving.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import type { Subscription, SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { subscriptionOf } from "./Defined.ts"
import { FakeLog } from "./FakeLog.ts"

export class Host {
  now = 1_000
  readonly serving: Serving
  readonly log: FakeLog
  readonly slices: number
  readonly seats = new Map<string, Seat>()
  readonly outputs = new Map<string, Array<Output>>()
  #fetching: Fetching | undefined

  constructor(
    type: SubscriptionType,
    change: Partial<Subscription> = {},
    log = new FakeLog(1),
    options: ServingOptions = {}
  ) {
    this.log = log
    this.serving = new Serving(subscriptionOf(type, change), this.now, () => {}, options)
    this.slices = this.serving.subscription.slices
    this.serving.shares = this.slices
  }

  get fetching(): Fetching {
    return (this.#fetching ??= new Fetching(
      Context.get(Effect.runSync(Effect.scoped(Layer.build(this.log.layer))), TopicLog)
    ))
  }

  /** Takes all shares of partition 0. */
  claim(token = 1n, saved: (share: number) => SavedCursor = () => beginAt(1, 0), end = this.log.next(0)): this {
    const { id, epoch } = this.serving.subscription
    const width = HASHES / this.slices
    for (let share = 0; share < this.slices; share++) {
      const slice = { partition: 0, from: share * width, to: (share + 1) * width }
      this.serving.claimed({ id, epoch, share, token, cursors: [{ slice, saved: saved(share) }] }, new Map([[0, end]]))
    }
    return this
  }

  join(name: string, granted = 1_000): string {
    const seat = this.serving.join(name, name, this.now)
    assert.isDefined(seat)
    this.seats.set(name, seat)
    this.serving.machine.consumers.grant(name, granted)
    return name
  }

  /** What it was sent since it was asked last. */
  readonly sent = (name: string): ReadonlyArray<Output> => {
    this.serving.shown = ""
    this.serving.poll(this.now, false) // There is a state at least, so that it waits for nothing.
    return Effect.runSync(this.seats.get(name)!.take).filter(({ is }) => is !== "state")
  }

  keep(lost: ReadonlyArray<number> = [], gathered: Gathered = this.serving.gather()): Gathered {
    this.serving.kept(gathered, new Set(lost))
    return gathered
  }

  /** Looks and reads as a node does; everything is written at once. Returns deliveries as "consumer:offset". */
  readonly run = Effect.fnUntraced({ self: this }, function* (this: Host, rounds = 6, kept = true) {
    const seen: Array<string> = []
    for (let round = 0; round < rounds; round++) {
      const { deliveries, wants } = this.serving.poll(this.now)
      for (const { session, token, events } of deliveries)
        for (const { offset } of events) {
          this.tokens.set(offset, token)
          seen.push(`${session}:${offset}`)
        }
      yield* this.fetching.bury(this.serving)
      yield* this.fetching.fetch(this.serving, wants, () => true)
      if (kept) this.keep()
    }
    return seen
  })
  readonly tokens = new Map<number, number>()

  answer(name: string, kind: AnswerKind, offset: number, receipt?: number): void {
    const token = this.tokens.get(offset)!
    this.serving.answer(name, [{ kind, token, first: offset, last: offset }], receipt, this.now)
  }
}

export const receiptsOf = (outputs: ReadonlyArray<Output>): ReadonlyArray<string> =>
  outputs.flatMap((one) => (one.is === "durable" || one.is === "lost" ? [`${one.is} ${one.receipt}`] : []))

export const nothingLost: Flushed = { lost: [], full: [], locked: [] }
