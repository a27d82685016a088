/** What publishers may not name: producers of others, and what is Herald's own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import type { Message } from "../../src/topics/Message.ts"
import { ownedProducer, producerOf, systemProducer } from "../../src/topics/Owned.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { Reading } from "../../src/topics/Reading.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"

const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const whoever = (name: string): Identity => ({ name, keyId: name, role: "publisher", environments: ["*"] })
const as = (name: string) => Effect.provideService(CurrentIdentity, whoever(name))
const asSystem = Effect.provideService(CurrentIdentity, system)
const event = (headers: Readonly<Record<string, string>> = {}): Message => ({
  ...{ key: null, payload: new Uint8Array(1), eventTime: null, headers: new Map(Object.entries(headers)) }
})
const why = { message: "" }

describe("what is somebody's own", () => {
  it.effect("TM5 TV6 a producer is its principal's: another's of the same id is another, and fences nothing", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      yield* Effect.flatMap(Topics, (all) => all.create({ name: "t" }, why)).pipe(asSystem)
      const ann = yield* publishing.open("t", "p").pipe(as("ann"))
      const producing = { producer: "p", epoch: ann.epoch, sequence: 1 }
      const send = publishing.publish({ topic: "t", events: [event()], producing })
      const stolen = yield* Effect.flip(send).pipe(as("eve"))
      assert.strictEqual(stolen.name, "UnknownProducer")
      assert.include(stolen.message, 'no producer "p" of')
      const eve = yield* publishing.open("t", "p").pipe(as("eve"))
      assert.deepStrictEqual(eve.sequences, [])
      yield* publishing
        .publish({ topic: "t", events: [event(), event()], producing: { ...producing, epoch: eve.epoch } })
        .pipe(as("eve"))
      const placed = (yield* send.pipe(as("ann"))).placed
      assert.deepInclude(placed[0], { offset: 2, duplicate: false })
      assert.deepStrictEqual((yield* publishing.open("t", "p").pipe(as("ann"))).sequences, [
        { partition: 0, sequence: 1 }
      ])
    }).pipe(Effect.provide(given))
  )

  it.effect("TM5 TV6 nobody opens a producer of Herald's own, whatever it is called", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      const store = yield* TopicStore
      const { id } = yield* Effect.flatMap(Topics, (all) => all.create({ name: "t" }, why)).pipe(asSystem)
      const own = systemProducer("dead-letters/1")
      const opened = (yield* store.open(id, own))!
      for (const name of ["dead-letters/1", own, `:${own}`])
        for (const principal of ["eve", "dead-letters"]) {
          const { epoch, sequences } = yield* publishing.open("t", name).pipe(as(principal))
          assert.deepStrictEqual(sequences, [], name)
          const producing = { producer: name, epoch, sequence: 1 }
          yield* publishing.publish({ topic: "t", events: [event()], producing }).pipe(as(principal))
        }
      const again = (yield* store.open(id, own))!
      assert.deepStrictEqual(again, { epoch: Math.max(opened.epoch + 1, again.epoch), sequences: [] })
      assert.strictEqual(producerOf(ownedProducer("eve", "a:b")), "a:b")
      assert.strictEqual(producerOf(own), "dead-letters/1")
    }).pipe(Effect.provide(given))
  )

  it.effect(
    "TM6 TV6 headers of Herald's own are refused from whoever publishes, and stay with what is put there again",
    () =>
      Effect.gen(function* () {
        const publishing = yield* Publishing
        yield* Effect.flatMap(Topics, (all) => all.create({ name: "t" }, why)).pipe(asSystem)
        for (const name of [
          "herald-route-origin",
          "herald-producer",
          "Herald-Reason",
          "herald-",
          "was-herald-reason",
          "Was-Was-Herald-x"
        ]) {
          const refused = yield* Effect.flip(
            publishing.publish({ topic: "t", events: [event(), event({ [name]: "x" })] })
          )
          assert.deepStrictEqual([refused.name, refused.details?.["index"]], ["InvalidEvent", 1], name)
        }
        yield* publishing.publish({ topic: "t", events: [event({ heraldic: "x", "x-herald-y": "z", "was-x": "y" })] })
        yield* publishing.publish({ topic: "t", events: [event({ "herald-route-hops": "2" })], again: true })
        const page = yield* Effect.flatMap(Reading, (reading) =>
          reading.read({ topic: "t", from: "earliest", partition: undefined, limit: 10, wait: 0 })
        )
        assert.deepStrictEqual(
          page.events.map(({ message }) => [...message.headers.keys()]),
          [["heraldic", "x-herald-y", "was-x"], ["herald-route-hops"]]
        )
      }).pipe(as("ann"), Effect.provide(given))
  )
})
