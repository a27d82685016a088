import { Effect } from "effect"
import type { AuditLog } from "../../src/audit/AuditLog.ts"
import { type Claimed, CursorStore, type Flush } from "../../src/subscriptions/CursorStore.ts"
import type { Letter } from "../../src/subscriptions/DeadLetter.ts"
import type { Begin } from "../../src/subscriptions/Place.ts"
import type { SavedCursor } from "../../src/subscriptions/SavedCursor.ts"
import { slicesOf } from "../../src/subscriptions/Share.ts"
import { defaults, type SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { type NewSubscription, SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"

let names = 0
const fresh = () => `topic.${++names}.${process.pid}`

export type Test = <E>(
  name: string,
  body: () => Effect.Effect<void, E, SubscriptionStore | CursorStore | AuditLog>
) => void

export const wish = (type: SubscriptionType, change: Partial<NewSubscription> = {}): NewSubscription => ({
  ...{ ...defaults, topicId: 7, topicName: fresh(), subscriptionName: "s", type, startPosition: { at: "earliest" } },
  ...{ slices: slicesOf(type, 2), deadLetterTopic: "dead", ...change }
})

export const begins: ReadonlyArray<Begin> = [
  { partition: 0, logEpoch: 3, offset: 10 },
  { partition: 1, logEpoch: 4, offset: 2 ** 50 }
]

export const saved = (change: Partial<SavedCursor> = {}): SavedCursor => ({
  ...{ logEpoch: 3, floor: 20, ranges: Uint8Array.from([1, 2, 200, 1, 1]), mark: 99, clean: false },
  failed: [{ offset: 21, attempts: 2, due: 1_795_000_000_000, alone: true, cause: "'\"\\ \ufffd", rejected: false }],
  ...change
})

export const letter = (change: Partial<Letter> = {}): Letter => ({
  ...{ epoch: 1, logEpoch: 3, offset: 20, event: Uint8Array.from([0, 255, 39, 92]), publishedAt: 1_795_000_000_000 },
  ...{ attempts: 16, reason: "attempts", cause: "it said ' and \\", topic: "dead", ...change }
})

export const flush = ({ id, token, cursors }: Claimed, change: Partial<Flush> = {}): Flush => ({
  ...{ id, slice: cursors[0]!.slice, token, version: 1, saved: saved(), letters: [], ...change }
})

/** Runs whose leases last, as nobody else claims anything. */
export const running = (runs: ReadonlyArray<string>) =>
  Effect.flatMap(CursorStore, ({ attend }) => Effect.forEach(runs, (run) => attend(run, [], 60_000), { discard: true }))

/** The runs `a` and `b` go on. */
export const make = Effect.fnUntraced(function* (type: SubscriptionType, change: Partial<NewSubscription> = {}) {
  const store = yield* SubscriptionStore
  yield* running(["a", "b"])
  return yield* store.create(wish(type, change), begins, "someone")
})
