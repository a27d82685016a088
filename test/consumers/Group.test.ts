import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric, type Tracer } from "effect"
import { makeSeal } from "../../layers/Crypto/seals/Seals.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Topic } from "../../layers/Memory/Topic.ts"
import { runGroup } from "../../src/consumers/Group.ts"
import type { Arrived } from "../../src/consumers/Received.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import { clientEvent } from "../../src/outbox/Event.ts"
import { sealed } from "../../src/outbox/Sealed.ts"
import { Seal } from "../../src/seals/Seal.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { pass } from "../support/Clock.ts"
import { layerTestSeal, testKey, testSeal } from "../support/Seal.ts"
import { kinds } from "../support/Twins.ts"

const event = (service: string, n: number) =>
  clientEvent(`${service}/${n}`, "n1", {
    type: "client_connect",
    environment: "production",
    service,
    instance: String(n),
    reason: "",
    at: 0
  })
const write = (topic: Topic, service: string, n: number, headers: Record<string, string> = {}) => {
  const made = sealed(testSeal)(event(service, n))
  topic.write(service, made.body, { ...made.headers, ...headers })
}

/** The topic beside a database. */
const world = (topic: Topic, state = new State(), seals = layerTestSeal) =>
  Layer.mergeAll(topic.layer, seals, kinds).pipe(Layer.provideMerge(Memory.layerOn(state)))

const group = (effect: (events: ReadonlyArray<Arrived>) => Effect.Effect<void, HeraldError | Unkeepable>, size = 3) =>
  Effect.forkScoped(
    runGroup({
      group: "audit",
      size,
      types: ["client_connect"],
      wanted: ({ event }) => event.service_name !== "unwanted",
      effect
    })
  )

const logs = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([
    Logger.make(({ message, logLevel }) => void lines.push(`${logLevel} ${String(message)}`))
  ])
  return { lines, layer }
}

const gauge = (name: string) =>
  Effect.map(
    Metric.snapshot,
    (all) =>
      (all.find(({ id, attributes }) => id === name && attributes?.["group"] === "audit")?.state as { value: number })
        ?.value
  )

describe("Group", () => {
  it.effect("GR1 what failed comes again, in order, nothing is left out, and other partitions go on", () => {
    const topic = new Topic()
    const done: Array<string> = []
    let broken = true
    return Effect.gen(function* () {
      for (let n = 0; n < 5; n++) for (const service of ["a", "b", "c", "d", "e"]) write(topic, service, n)
      write(topic, "unwanted", 1)
      yield* group((events) =>
        broken && events.some(({ id }) => id.startsWith("a/"))
          ? Effect.fail(failure("DatabaseUnavailable", "away"))
          : Effect.sync(() => void done.push(...events.map(({ id }) => id)))
      )
      yield* pass(10_000)
      const before = done.filter((id) => id.startsWith("a/"))
      assert.deepStrictEqual(before, [])
      assert.isAbove(done.length, 0)
      broken = false
      yield* pass(60_000)

      for (const service of ["a", "b", "c", "d", "e"])
        assert.deepStrictEqual(
          done.filter((id) => id.startsWith(service)),
          [0, 1, 2, 3, 4].map((n) => `${service}/${n}`)
        )
      assert.strictEqual(done.length, 25)
      assert.deepStrictEqual(topic.letters, [])
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR2 what can never be read or taken is buried with its reason, alone", () => {
    const topic = new Topic()
    const done: Array<string> = []
    return Effect.gen(function* () {
      write(topic, "svc", 0)
      topic.write("svc", "{ no JSON", { ce_id: "broken" })
      write(topic, "svc", 1)
      write(topic, "svc", 2)
      topic.write("svc", null, {})
      write(topic, "svc", 3)
      yield* group(
        (events) =>
          events.some(({ id }) => id === "svc/2")
            ? Effect.fail(new Unkeepable({ message: "not this one" }))
            : Effect.sync(() => void done.push(...events.map(({ id }) => id))),
        10
      )
      yield* pass(2_000)

      assert.deepStrictEqual(done, ["svc/0", "svc/1", "svc/3"])
      assert.deepStrictEqual(
        topic.letters.map(({ group, reason, why, received: { offset } }) => [group, reason, why, offset]),
        [
          ["audit", "refused", "not this one", "3"],
          ["audit", "unreadable", "the value is no JSON object in UTF-8", "1"],
          ["audit", "unreadable", "the value is no JSON object in UTF-8", "4"]
        ]
      )
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR1 GR2 while dead letters can't be written, the messages wait for them", () => {
    const topic = new Topic()
    return Effect.gen(function* () {
      topic.write("svc", "{ no JSON", {})
      topic.down = true
      yield* group(() => Effect.void)
      yield* pass(5_000)
      assert.deepStrictEqual(topic.letters, [])
      topic.down = false
      yield* pass(60_000)
      assert.strictEqual(topic.letters.length, 1)
      yield* pass(60_000)
      assert.strictEqual(topic.letters.length, 1)
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR3 an outage is told when it begins and when it is over", () => {
    const [topic, { lines, layer }] = [new Topic(), logs()]
    let broken = true
    return Effect.gen(function* () {
      for (const service of ["a", "b", "c", "d", "e"]) write(topic, service, 0)
      yield* group(() => (broken ? Effect.fail(failure("DatabaseUnavailable", "away")) : Effect.void))
      yield* pass(300_000)
      const said = () => lines.filter((line) => /^(Warn|Info)/i.test(line))
      assert.strictEqual(said().length, 1, said().join("\n"))
      assert.include(said()[0], "a consumer group waits")
      broken = false
      yield* pass(60_000)
      assert.strictEqual(said().length, 2, said().join("\n"))
      assert.include(said()[1], "a consumer group goes on")
    }).pipe(Effect.provide(Layer.merge(world(topic), layer)), Effect.scoped)
  })

  it.effect("GR2 what says that it is for another group is passed over, whatever it is", () => {
    const topic = new Topic()
    const done: Array<string> = []
    return Effect.gen(function* () {
      for (const ce_type of ["config_update", "flag_update", "segment_update", "client_timeout"])
        topic.write("svc", "{ no JSON", { ce_id: "1", ce_type })
      topic.write("svc", "{ no JSON", { ce_id: "2", ce_type: "client_dance" })
      write(topic, "svc", 0)
      yield* group((events) => Effect.sync(() => void done.push(...events.map(({ id }) => id))))
      yield* pass(2_000)
      assert.deepStrictEqual(done, ["svc/0"])
      assert.deepStrictEqual(
        topic.letters.map(({ received }) => received.headers["ce_id"]),
        ["2"]
      )
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR1 the effect runs in one span for a batch, linked to the traces that its events come from", () => {
    const topic = new Topic()
    const spans: Array<Tracer.Span> = []
    return Effect.gen(function* () {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      write(topic, "svc", 0, { traceparent })
      write(topic, "svc", 1, { traceparent: "nonsense" })
      write(topic, "svc", 2, { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" })
      yield* group(() => Effect.map(Effect.orDie(Effect.currentSpan), (span) => void spans.push(span)))
      yield* pass(2_000)
      assert.strictEqual(spans.length, 1)
      assert.deepInclude(spans[0]!, { name: "process config.updates", kind: "consumer" })
      assert.deepStrictEqual(
        spans[0]!.links.map(({ span }) => [span.traceId, span.spanId]),
        [
          ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"],
          ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
        ]
      )
      const attributes = Object.fromEntries(spans[0]!.attributes)
      assert.deepInclude(attributes, {
        "messaging.system": "kafka",
        "messaging.consumer.group.name": "audit",
        "messaging.batch.message_count": 3
      })
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR4 a letter that was put back is for the group that buried it", () => {
    const topic = new Topic()
    const done: Array<string> = []
    return Effect.gen(function* () {
      write(topic, "svc", 0, { dead_group: "audit" })
      write(topic, "svc", 1, { dead_group: "notification", dead_target: "t" })
      yield* group((events) => Effect.sync(() => void done.push(...events.map(({ id }) => id))))
      yield* pass(2_000)
      assert.deepStrictEqual(done, ["svc/0"])
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR5 lag and age grow while a group stands still, and are 0 when it is done", () => {
    const topic = new Topic()
    let broken = true
    return Effect.gen(function* () {
      for (let n = 0; n < 4; n++) write(topic, "svc", n)
      yield* group(() => (broken ? Effect.fail(failure("DatabaseUnavailable", "away")) : Effect.void))
      yield* pass(100_000)
      assert.strictEqual(yield* gauge("herald_consumer_lag"), 4)
      assert.isAtLeast((yield* gauge("herald_consumer_age_seconds"))!, 80)
      broken = false
      yield* pass(60_000)
      assert.strictEqual(yield* gauge("herald_consumer_lag"), 0)
      assert.strictEqual(yield* gauge("herald_consumer_age_seconds"), 0)
    }).pipe(Effect.provide(world(topic)), Effect.scoped, Effect.provide(PerNode.layer))
  })

  it.effect("GR6 what is not genuine is buried, and the genuine event of the same id has its effect", () => {
    const topic = new Topic()
    const done: Array<string> = []
    return Effect.gen(function* () {
      const forged = { ...event("svc", 0), body: event("svc", 0).body.replace('"0"', '"FORGED"') }
      topic.write("svc", forged.body, forged.headers)
      write(topic, "svc", 0)
      write(topic, "svc", 1, { ce_id: "svc/2" })
      write(topic, "svc", 2)
      yield* group((events) => Effect.sync(() => void done.push(...events.map(({ event }) => event.instance_id))), 10)
      yield* pass(2_000)

      assert.deepStrictEqual(done, ["0", "2"])
      assert.deepStrictEqual(
        topic.letters.map(({ reason, received: { offset } }) => [reason, offset]),
        [
          ["forged", "0"],
          ["forged", "2"]
        ]
      )
    }).pipe(Effect.provide(world(topic)), Effect.scoped)
  })

  it.effect("GR6 foreign seals hold a batch up for one look at the keys, however many keys they name", () => {
    const topic = new Topic()
    const done: Array<string> = []
    let looks = 0
    const keys = Effect.sync(() => {
      looks++
      return [testKey]
    })
    const seals = Layer.effect(Seal, makeSeal(keys))
    return Effect.gen(function* () {
      for (let n = 0; n < 90; n++) write(topic, "svc", n, { ce_seal: `${n + 2}.${"A".repeat(43)}` })
      write(topic, "svc", 90)
      const before = looks
      yield* group((events) => Effect.sync(() => void done.push(...events.map(({ event }) => event.instance_id))), 100)
      yield* pass(2_000)

      assert.deepStrictEqual([done, topic.letters.length, looks - before], [["90"], 90, 1])
    }).pipe(Effect.provide(world(topic, new State(), seals)), Effect.scoped)
  })
})
