/** The use cases on dead letters, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { DeadLetters } from "../../src/subscriptions/DeadLetters.ts"
import { Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { walk } from "../../src/topics/Frames.ts"
import { frameOf, type Message } from "../../src/topics/Message.ts"
import { Reading } from "../../src/topics/Reading.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const as = (who: Identity) => Effect.provideService(CurrentIdentity, who)
const why = { message: "" }
const named = { topicName: "orders", subscriptionName: "billing" }

const messageOf = (key: string, payload: string): Message => ({
  ...{ key, payload: Buffer.from(payload), eventTime: 17, headers: new Map([["source", "shop"]]) }
})

/** As it is in the log. */
const bytesOf = (message: Message): Uint8Array => {
  const { bytes } = frameOf([message])
  let event = bytes
  walk(bytes, (_, start, end) => {
    event = bytes.slice(start, end)
  })
  return event
}

/** A topic, its subscription, and these among its dead letters. */
const dead = Effect.fnUntraced(function* (messages: ReadonlyArray<Message>) {
  yield* (yield* Topics).create({ name: "orders" }, why)
  const made = yield* (yield* Subscriptions).create({ ...named, type: "exclusive" }, why)
  const cursors = yield* CursorStore
  yield* cursors.attend("run", [], 60_000)
  const [claimed] = yield* cursors.claim("run", [{ id: made.id, share: 0 }], 60_000)
  const { slice, saved } = claimed!.cursors[0]!
  const letters = messages.map((message, offset) => ({
    ...{ epoch: 1, logEpoch: saved.logEpoch, offset, event: bytesOf(message), publishedAt: 5, attempts: 16 },
    ...{ reason: "attempts", cause: "no such customer", topic: "dead" }
  })) as never
  yield* cursors.flush([{ id: made.id, slice, token: claimed!.token, version: 1, saved, letters }])
})

const read = Effect.flatMap(Reading, (reading) =>
  reading.read({ topic: "orders", from: "earliest", partition: undefined, limit: 100, wait: 0 })
)
const all = { limit: 100, after: 0 }

describe("dead letters", () => {
  it.effect(
    "OB6, OB7 one that is replayed is in its topic as it was, and removed; in the order in which they came",
    () =>
      Effect.gen(function* () {
        const messages = ["1", "2", "3"].map((n) => messageOf("a", `{"n":${n}}`))
        yield* dead(messages)
        const letters = yield* DeadLetters
        const page = yield* letters.list(named, all)
        const [first, second] = page.letters.map(({ id }) => id) as [number, number, number]
        assert.lengthOf(page.letters, 3)
        assert.deepInclude(yield* letters.get(named, second), { cause: "no such customer", attempts: 16 })
        const some = yield* letters.replay(named, { ids: [second, first, 999] })
        assert.deepStrictEqual(some.replayed, [first, second])
        assert.deepStrictEqual(
          some.failed.map(({ id, error }) => [id, error.name]),
          [[999, "NoSuchDeadLetter"]]
        )
        assert.lengthOf((yield* letters.replay(named, { all: true })).replayed, 1)
        const { events } = yield* read
        assert.deepStrictEqual(
          events.map(({ message }) => [message.key, Buffer.from(message.payload).toString(), message.eventTime]),
          messages.map(({ key, payload }) => [key, Buffer.from(payload).toString(), 17])
        )
        assert.deepStrictEqual([...events[0]!.message.headers], [["source", "shop"]])
        assert.isEmpty((yield* letters.list(named, all)).letters)
        assert.strictEqual((yield* Effect.flip(letters.get(named, first))).name, "NoSuchDeadLetter")
        const [entry] = yield* (yield* AuditLog).read({ limit: 1 })
        assert.deepInclude(entry, { action: "dead_letters.replay", performedBy: "herald" })
      }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB6 one that its topic refuses by now stays, and the others go", () =>
    Effect.gen(function* () {
      yield* dead([messageOf("a", `{"n":1}`), messageOf("a", `{"n":"x"}`), messageOf("a", `{"n":3}`)])
      yield* (yield* Topics).update("orders", { schema: { properties: { n: { type: "number" } } } }, why)
      const letters = yield* DeadLetters
      const done = yield* letters.replay(named, { all: true })
      assert.lengthOf(done.replayed, 2)
      assert.deepStrictEqual(
        done.failed.map(({ error }) => error.name),
        ["InvalidEvent"]
      )
      const left = (yield* letters.list(named, all)).letters
      assert.deepStrictEqual(
        left.map(({ offset }) => offset),
        [1]
      )
      assert.lengthOf((yield* read).events, 2)
      yield* (yield* Topics).update("orders", { enabled: false }, why)
      assert.strictEqual((yield* Effect.flip(letters.replay(named, { all: true }))).name, "TopicDisabled")
      assert.lengthOf((yield* letters.list(named, all)).letters, 1)
    }).pipe(as(system), Effect.provide(given))
  )

  it.effect("OB6 they are dropped by whoever may, and only those that are named", () =>
    Effect.gen(function* () {
      yield* dead(["1", "2", "3"].map((n) => messageOf("a", n)))
      const letters = yield* DeadLetters
      const [first] = (yield* letters.list(named, { limit: 1, after: 0 })).letters
      const viewer = as({ name: "v", keyId: "k", role: "viewer", environments: ["x"], topics: ["orders"] })
      assert.strictEqual((yield* Effect.flip(viewer(letters.drop(named, { all: true })))).name, "Forbidden")
      assert.strictEqual((yield* Effect.flip(viewer(letters.replay(named, { all: true })))).name, "Forbidden")
      for (const ids of [[], [0], [1.5], new Array<number>(1_001).fill(1)])
        assert.strictEqual((yield* Effect.flip(letters.drop(named, { ids }))).name, "InvalidInput")
      assert.deepStrictEqual(yield* letters.drop(named, { ids: [first!.id] }), { dropped: 1, more: false })
      assert.lengthOf((yield* letters.list(named, all)).letters, 2)
      assert.deepStrictEqual(yield* letters.drop(named, { all: true }), { dropped: 2, more: false })
    }).pipe(as(system), Effect.provide(given))
  )
})
