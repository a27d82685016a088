/** A dead-letter topic and a subscription whose letters are appended to it, on memory twins. */
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { SubscriptionTables } from "../../layers/Memory/subscriptions/SubscriptionTables.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { LetterBox } from "../../src/subscriptions/LetterBox.ts"
import * as Posting from "../../src/subscriptions/Posting.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { frameOf, type Message } from "../../src/topics/Message.ts"
import type { Definition } from "../../src/topics/Topic.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { flush, letter, make } from "../contracts/SubscriptionWishes.ts"
import { definition, readAll, startOf } from "../support/Topics.ts"
import { workers } from "../support/workers.ts"

/** How a store or a log is other than it should be. */
export interface Odd {
  readonly log?: (log: TopicLog["Service"]) => Partial<TopicLog["Service"]>
  readonly box?: (box: LetterBox["Service"]) => Partial<LetterBox["Service"]>
}

export const messageAt = (n: number, change: Partial<Message> = {}): Message => ({
  ...{ key: null, payload: Buffer.from(`{"n":${n}}`), eventTime: null, headers: new Map([["mine", `${n}`]]) },
  ...change
})

/** As the log has it: without its tag and its length. */
const bytesOf = (message: Message): Uint8Array => {
  const { bytes } = frameOf([message])
  return bytes.slice(bytes[1]! < 128 ? 2 : 3)
}

export const mailed = Effect.fnUntraced(function* (change: Partial<Definition> = {}, odd: Odd = {}) {
  const state = new State()
  const stores = Memory.layerOn(state)
  const context = yield* Layer.build(stores)
  const within = Effect.provide(context)
  const topics = yield* within(TopicStore)
  const dead = yield* topics.create(definition({ partitions: 1, ...change }), "ann")
  const { id } = yield* within(make("shared", { deadLetterTopic: dead.name }))
  const cursors = yield* within(CursorStore)
  const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 1e9)
  let version = 0
  let offsets = 0

  /** `ids`: the first id that they are given, as where a store gives ids before it commits. */
  const bury = (messages: ReadonlyArray<Message>, ids?: number, topic = dead.name) =>
    Effect.suspend(() => {
      const tables = state.tables(SubscriptionTables)
      const newest = tables.letterIds
      if (ids !== undefined) tables.letterIds = ids - 1
      const letters = messages.map((message) => letter({ offset: offsets++, event: bytesOf(message), topic }))
      return Effect.ensuring(
        cursors.flush([flush(claimed!, { version: ++version, letters })]),
        Effect.sync(() => {
          tables.letterIds = Math.max(newest, tables.letterIds)
        })
      )
    })

  const log = yield* within(TopicLog)
  const box = yield* within(LetterBox)
  const others = Layer.mergeAll(
    Layer.succeed(TopicLog, TopicLog.of({ ...log, ...odd.log?.(log) })),
    Layer.succeed(LetterBox, LetterBox.of({ ...box, ...odd.box?.(box) }))
  )
  const below = Layer.merge(Layer.succeedContext(context), others)
  yield* Layer.build(
    Posting.layer({ run: "a" }).pipe(
      Layer.provide(Logs.layer),
      Layer.provide(EphemeralLog.layer({ partitionBytes: 1, allBytes: 1 })),
      Layer.provide(workers()),
      Layer.provide(below)
    )
  )

  const postedIn = (topic: number) =>
    within(
      Effect.gen(function* () {
        const { pieces } = yield* readAll({ topic, partition: 0 }, yield* startOf(topic, 0))
        return pieces.flatMap((piece) => (piece.is === "segment" ? messagesOf(piece.bytes) : []))
      })
    )
  const kept = Effect.flatMap(within(SubscriptionStore), (store) =>
    store.deadLetters(id, { limit: 1_000, after: 0, maxBytes: 1e9 })
  )
  return { dead, topics, bury, posted: postedIn(dead.id), postedIn, kept, box, id }
})

/** The numbers of events. */
export const numbersOf = (messages: ReadonlyArray<Message>): ReadonlyArray<number> =>
  messages.map(({ headers }) => Number(headers.get("mine")))

/** A turn and more. */
export const turn = TestClock.adjust("5 seconds")
