/** Dead letters on their way into their topics, on memory twins whose steps fail at any place. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { LetterBox } from "../../src/subscriptions/LetterBox.ts"
import * as Posting from "../../src/subscriptions/Posting.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { frameOf, type Message } from "../../src/topics/Message.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { flush, letter, make } from "../contracts/SubscriptionWishes.ts"
import { chance } from "../support/Chance.ts"
import { definition, readAll, startOf } from "../support/Topics.ts"
import { workers } from "../support/workers.ts"

const message = (n: number): Message => ({
  ...{
    key: n % 3 === 0 ? null : `k${n % 3}`,
    payload: Buffer.from(`e${n}`),
    eventTime: 5,
    headers: new Map([["mine", `${n}`]])
  }
})
/** As the log has it: without its tag and its length, which are of one byte each here. */
const bytesOf = (n: number): Uint8Array => frameOf([message(n)]).bytes.slice(2)

/** What is in the topic, in order, by partition. */
const postedIn = Effect.fnUntraced(function* (topic: number, partitions: number) {
  const all: Array<Message> = []
  for (let partition = 0; partition < partitions; partition++) {
    const { pieces } = yield* readAll({ topic, partition }, yield* startOf(topic, partition))
    for (const piece of pieces) if (piece.is === "segment") all.push(...messagesOf(piece.bytes))
  }
  return all
})

describe("Posting", () => {
  it.effect("QI2 QI3 QI4 each is in its topic once and as it was, wherever whoever appends them dies: 40 runs", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 40; seed++) {
        const state = new State()
        const stores = Memory.layerOn(state)
        const random = chance(seed)
        let breaks = true
        const away = failure("DatabaseUnavailable", "it died here")
        const dies = <A, E>(work: Effect.Effect<A, E>) =>
          Effect.suspend(() => {
            const [before, after] = [breaks && random() < 0.2, breaks && random() < 0.2]
            if (before) return away
            return after ? Effect.andThen(work, away) : work
          })
        const broken = Layer.effectContext(
          Effect.gen(function* () {
            const [box, log, topics] = [yield* LetterBox, yield* TopicLog, yield* TopicStore]
            const { number, posted } = box
            return Context.make(
              LetterBox,
              LetterBox.of({ ...box, number: (...of) => dies(number(...of)), posted: (ids) => dies(posted(ids)) })
            ).pipe(
              Context.add(TopicLog, TopicLog.of({ ...log, append: (batch) => dies(log.append(batch)) })),
              Context.add(TopicStore, TopicStore.of({ ...topics, open: (...of) => dies(topics.open(...of)) }))
            )
          })
        ).pipe(Layer.provideMerge(stores))
        yield* Effect.gen(function* () {
          const topics = yield* TopicStore
          const dead = yield* topics.create(definition({ partitions: 2 }), "ann")
          const { id } = yield* make("shared", { deadLetterTopic: dead.name })
          const cursors = yield* CursorStore
          const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
          let version = 0
          const bury = (...numbers: ReadonlyArray<number>) =>
            cursors.flush([
              flush(claimed!, {
                version: ++version,
                letters: numbers.map((n) =>
                  letter({ offset: n, event: bytesOf(n), topic: n === 99 ? "nowhere" : dead.name })
                )
              })
            ])
          yield* bury(99, 1, 2, 3)
          const nodes = ["a", "b"].map((run) =>
            Posting.layer({ run }).pipe(
              Layer.provide(Logs.layer),
              Layer.provide(EphemeralLog.layer({ partitionBytes: 1, allBytes: 1 })),
              Layer.provide(workers()),
              Layer.provide(broken)
            )
          )
          yield* Layer.build(Layer.mergeAll(nodes[0]!, nodes[1]!)).pipe(
            Effect.andThen(
              Effect.gen(function* () {
                for (let n = 4; n <= 12; n += 3) {
                  yield* TestClock.adjust("5 seconds")
                  yield* bury(n, n + 1, n + 2)
                }
                yield* TestClock.adjust("20 seconds")
                breaks = false
                yield* TestClock.adjust("20 seconds")
              })
            ),
            Effect.scoped
          )
          const all = yield* postedIn(dead.id, 2)
          const numbers = all.map(({ headers }) => Number(headers.get("mine")))
          assert.deepStrictEqual(
            [...numbers].sort((a, b) => a - b),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
            `seed ${seed}`
          )
          for (const key of ["k1", "k2"]) {
            const its = all.filter((one) => one.key === key).map(({ headers }) => Number(headers.get("mine")))
            assert.deepStrictEqual(
              its,
              [...its].sort((a, b) => a - b)
            )
          }
          const one = all.find(({ headers }) => headers.get("mine") === "4")!
          assert.deepStrictEqual([one.key, Buffer.from(one.payload).toString(), one.eventTime], ["k1", "e4", 5])
          assert.deepInclude(Object.fromEntries(one.headers), {
            ...{ mine: "4", "herald-reason": "attempts", "herald-attempts": "16" },
            ...{ "herald-subscription": "s", "herald-cause": "it said ' and \\" }
          })
          assert.match(one.headers.get("herald-origin")!, /:0:3:4$/)
          const box = yield* LetterBox
          const left = yield* box.waiting({ subscriptionId: id, topic: "nowhere" }, { limit: 9, maxBytes: 9_999 })
          assert.lengthOf(left, 1)
        }).pipe(Effect.provide(stores))
      }
    })
  )
})
