/** What routes events must do on every store: nodes that all believe that every turn is theirs. */
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Placement } from "../../src/placement/Placement.ts"
import type { RouteStore } from "../../src/routes/RouteStore.ts"
import * as Routing from "../../src/routes/Routing.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import type { Logs } from "../../src/topics/Logs.ts"
import { frameOf, type Message } from "../../src/topics/Message.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import type { Workers } from "../../src/work/Workers.ts"
import { fresh } from "../support/fresh.ts"
import { newTopic, readAll, startOf } from "../support/Topics.ts"

export type Services = RouteStore | TopicLog | TopicStore | KnownTopics | Logs | Workers | RoutingRules
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

/** Every turn is this node's, whatever others believe. */
const greedy = Layer.succeed(
  Placement,
  Placement.of({
    single: (_name, work) => Effect.asVoid(Effect.forkScoped(work)),
    turns: Effect.succeed([])
  })
)

/** As many nodes as are asked for, until the scope closes. */
const nodes = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Layer.build(Layer.fresh(Routing.layer({ eventBytes: 1_048_576 })).pipe(Layer.provide(greedy))),
    { discard: true }
  )

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const why = { message: "" }

const event = (payload: object, key: string | null = null): Message => ({
  ...{ key, eventTime: null, headers: new Map() },
  payload: encoder.encode(JSON.stringify(payload))
})

const publish = Effect.fnUntraced(function* (topic: number, events: ReadonlyArray<Message>, partition = 0) {
  const { append } = yield* TopicLog
  const done = yield* append({ topic, partition, events: frameOf(events), compression: "zstd", producing: undefined })
  assert.strictEqual(done.is, "placed")
})

/** Events of a topic's partitions, one partition behind the other. */
const contentOf = Effect.fnUntraced(function* ({
  id,
  partitions
}: {
  readonly id: number
  readonly partitions: number
}) {
  const all: Array<Message & { readonly partition: number; readonly text: string }> = []
  for (let partition = 0; partition < partitions; partition++) {
    const { pieces } = yield* readAll({ topic: id, partition }, yield* startOf(id, partition))
    for (const piece of pieces)
      if (piece.is === "segment")
        for (const one of messagesOf(piece.bytes)) all.push({ ...one, partition, text: decoder.decode(one.payload) })
  }
  return all
})

/** Polls until it is so, for half a minute. */
const until = <E, R>(what: string, is: Effect.Effect<boolean, E, R>) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 600; tries++) {
      if (yield* is) return
      yield* Effect.sleep("50 millis")
    }
    assert.fail(`${what} did not come`)
  })

const as = Effect.provideService(CurrentIdentity, system)

export const routingContract = (test: Test) => {
  test("ZI1 ZG2 ZK1 two nodes that are both at it route each event once, those of a key in order", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { create } = yield* RoutingRules
        const source = yield* newTopic({ partitions: 2 })
        const target = yield* newTopic({ partitions: 3 })
        yield* publish(source.id, [event({ n: -1, symbol: "old" })])
        const rule = {
          name: fresh("rule"),
          source: source.name,
          target: target.name,
          key: "{symbol}",
          condition: 'symbol != "S0"'
        }
        yield* create(rule, why)
        yield* nodes(2)
        const sent: Array<string> = []
        for (let n = 0; n < 3_000; n += 100) {
          const batch = Array.from({ length: 100 }, (_, at) => ({ n: n + at, symbol: `S${(n + at) % 7}` }))
          yield* publish(
            source.id,
            batch.map((one) => event(one)),
            (n / 100) % 2
          )
          sent.push(...batch.filter((one) => one.n % 7 !== 0).map((one) => JSON.stringify(one)))
        }
        yield* until(
          "all events",
          Effect.map(contentOf(target), ({ length }) => length >= sent.length)
        )
        const found = yield* contentOf(target)
        assert.deepStrictEqual(found.map(({ text }) => text).toSorted(), sent.toSorted())
        for (const parity of [0, 1])
          for (let symbol = 1; symbol < 7; symbol++) {
            const its = found.filter(
              ({ key, text }) => key === `S${symbol}` && Math.floor(JSON.parse(text).n / 100) % 2 === parity
            )
            const numbers = its.map(({ text }) => JSON.parse(text).n as number)
            assert.deepStrictEqual(
              numbers,
              numbers.toSorted((a, b) => a - b)
            )
            assert.strictEqual(new Set(its.map(({ partition }) => partition)).size, 1)
          }
      })
    ).pipe(as))

  test("ZI2 a rule whose target is deleted is in error, and goes on where it was when it is enabled again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { create, get, update, stats } = yield* RoutingRules
        const topics = yield* TopicStore
        const source = yield* newTopic()
        const [target, other] = [yield* newTopic(), yield* newTopic()]
        const { name } = yield* create({ name: fresh("rule"), source: source.name, target: target.name }, why)
        yield* create({ name: fresh("rule"), source: source.name, target: other.name }, why)
        yield* nodes(1)
        yield* publish(source.id, [event({ n: 1 })])
        yield* until(
          "the first event",
          Effect.map(contentOf(target), ({ length }) => length === 1)
        )
        yield* topics.remove(target.name)
        ;(yield* KnownTopics).changed(target.name, undefined)
        yield* publish(source.id, [event({ n: 2 })])
        yield* until(
          "the error",
          Effect.map(get(name), ({ error }) => error === `there is no topic ${target.name}`)
        )
        yield* until(
          "the other rule",
          Effect.map(contentOf(other), ({ length }) => length === 2)
        )
        const again = yield* newTopic({ name: target.name })
        ;(yield* KnownTopics).changed(target.name, again)
        yield* update(name, { enabled: true }, why)
        yield* until(
          "what came meanwhile",
          Effect.map(contentOf(again), ({ length }) => length === 1)
        )
        assert.deepStrictEqual(
          (yield* contentOf(again)).map(({ text }) => text),
          ['{"n":2}']
        )
        const { partitions } = yield* stats(name)
        assert.deepInclude(partitions[0], { routed: 2, skipped: 0, refused: 0, missed: 0, lag: 0 })
      })
    ).pipe(as))

  test("ZI3 what can't be routed is kept as refused, what was gone is counted, and both hold up nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { create, stats } = yield* RoutingRules
        const { trim } = yield* TopicLog
        const source = yield* newTopic()
        const schema = JSON.stringify({ type: "object", properties: { n: { type: "integer" } }, required: ["n"] })
        const target = yield* newTopic({ schema })
        const rule = {
          name: fresh("rule"),
          source: source.name,
          target: target.name,
          key: "{s}",
          start: "earliest" as const
        }
        yield* publish(source.id, [event({ n: 0, s: "gone" }), event({ n: 1, s: "gone" })])
        yield* create(rule, why)
        yield* trim({ topic: source.id, partition: 0 }, 2)
        yield* nodes(1)
        yield* publish(source.id, [
          event({ n: 2, s: "a" }),
          event({ n: 3 }),
          event({ s: "b" }),
          event({ n: 5, s: "c" })
        ])
        yield* until(
          "the last event",
          Effect.map(contentOf(target), ({ length }) => length === 2)
        )
        assert.deepStrictEqual(
          (yield* contentOf(target)).map(({ key }) => key),
          ["a", "c"]
        )
        const { partitions, refusals } = yield* stats(rule.name)
        assert.deepInclude(partitions[0], { routed: 2, skipped: 0, refused: 2, missed: 2, lag: 0 })
        assert.deepStrictEqual(
          refusals.map(({ offset }) => offset),
          [4, 3]
        )
        assert.match(refusals[0]!.why, /^it does not fit schema 1/)
        assert.strictEqual(refusals[1]!.why, "the event has no field s")
      })
    ).pipe(as))

  test("ZI4 ZJ1 rules below a pattern route new topics from their first event, on through a chain, and disabled ones wait", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { create, update } = yield* RoutingRules
        const room = fresh("room")
        const [middle, end] = [yield* newTopic(), yield* newTopic()]
        const { name } = yield* create({ name: fresh("rule"), source: `${room}/*`, target: middle.name }, why)
        const second = yield* create(
          { name: fresh("rule"), source: middle.name, target: end.name, enabled: false },
          why
        )
        yield* nodes(2)
        const made = yield* newTopic({ name: `${room}/new` })
        yield* publish(made.id, [event({ n: 1 }, "k"), event({ n: 2 }, "k")])
        yield* until(
          "the chain's middle",
          Effect.map(contentOf(middle), ({ length }) => length === 2)
        )
        assert.deepStrictEqual(yield* contentOf(end), [])
        yield* update(second.name, { enabled: true }, why)
        yield* until(
          "the chain's end",
          Effect.map(contentOf(end), ({ length }) => length === 2)
        )
        const [first] = yield* contentOf(end)
        assert.strictEqual(first!.headers.get("herald-route-hops"), "2")
        assert.match(first!.headers.get("herald-route-origin")!, new RegExp(`^${room}/new:0:\\d+:0$`))
        yield* update(name, { enabled: false }, why)
        yield* publish(made.id, [event({ n: 3 }, "k")])
        yield* update(name, { enabled: true }, { ...why, skip: true })
        yield* publish(made.id, [event({ n: 4 }, "k")])
        yield* until(
          "what came after",
          Effect.map(contentOf(end), ({ length }) => length === 3)
        )
        assert.deepStrictEqual(
          (yield* contentOf(end)).map(({ text }) => text),
          ['{"n":1}', '{"n":2}', '{"n":4}']
        )
      })
    ).pipe(as))
}
