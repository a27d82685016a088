/** Topics that change, and logs that are away, under their readers. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Fanout } from "../../src/fanout/Fanout.ts"
import { makeHalls } from "../../src/fanout/Halls.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import type { HeldSelection } from "../../src/fanout/Selections.ts"
import { NO_FIGURES } from "../../src/filters/Figures.ts"
import { Filter } from "../../src/filters/Filter.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { eventsOf, TestLog } from "../support/TestLog.ts"
import { append, Heard, on, open, purse, refused, texts, until } from "./Heard.ts"

const schema = (total: string, more: object = {}) => JSON.stringify({ properties: { total: { type: total }, ...more } })

describe("topics that are read", () => {
  it.live("BX34 a topic that gets partitions is read whole, also when others come before that is noticed", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 1)
        const whole = yield* open()
        yield* until("it to be live", () => whole.kinds.includes("live"))
        test.grow("t", 3)
        ;(yield* KnownTopics).changed("t", test.topics.get("t"))
        const other = yield* open({ partitions: [1, 2] })
        const another = yield* open()
        yield* until("both to be live", () => [other, another].every(({ kinds }) => kinds.includes("live")))
        yield* append(id, 2, "a")
        for (const heard of [other, another, whole]) yield* texts(heard, "a")
      })
    )
  )

  it.live("BX39 filters are those of the schema as it is now, whoever reads already", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const topic = test.create("t", 1)
        const { id } = topic
        const change = Effect.fnUntraced(function* (schemaVersion: number, schema: string) {
          test.topics.set("t", { ...topic, schema, schemaVersion })
          ;(yield* KnownTopics).changed("t", test.topics.get("t"))
        })
        yield* change(1, schema("number"))
        const dear = yield* open({ filter: "total > 1000" })
        const any = yield* open({ filter: 'payload.name == "n"', fields: ["name"] })
        const plain = yield* open()
        yield* until("all to be live", () => [dear, any, plain].every(({ kinds }) => kinds.includes("live")))
        yield* append(id, 0, '{"total":2000}')
        yield* texts(dear, '{"total":2000}')
        assert.strictEqual(yield* refused({ filter: "volume > 1" }), "InvalidFilter")
        yield* change(2, schema("number", { volume: { type: "integer" } }))
        const volume = yield* open({ filter: "volume > 1" })
        yield* until("it to be live", () => volume.kinds.includes("live"))
        yield* append(id, 0, '{"total":3000,"volume":2,"name":"n"}')
        yield* texts(dear, '{"total":2000}', '{"total":3000,"volume":2,"name":"n"}')
        yield* texts(volume, '{"total":3000,"volume":2,"name":"n"}')
        yield* texts(any, '{"name":"n"}')
        yield* change(3, schema("string", { volume: { type: "integer" } }))
        yield* until("the filter that says nothing any more to be told", () => dear.error !== undefined)
        assert.strictEqual(dear.error!.name, "InvalidFilter")
        yield* append(id, 0, '{"total":"9","volume":3,"name":"n"}')
        yield* texts(volume, '{"total":3000,"volume":2,"name":"n"}', '{"total":"9","volume":3,"name":"n"}')
        yield* until("the others to go on", () => any.texts.length === 2 && plain.texts.length === 3)
      })
    )
  )

  it.live("BX42 BX39 readers of many filters go on by another schema, and who comes meanwhile waits for that", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const topic = test.create("t", 1)
        const change = Effect.fnUntraced(function* (schemaVersion: number, schema: string) {
          test.topics.set("t", { ...topic, schema, schemaVersion, version: schemaVersion })
          ;(yield* KnownTopics).changed("t", test.topics.get("t"))
        })
        yield* change(1, schema("number"))
        const all = yield* Effect.forEach(
          Array.from({ length: 700 }, (_, n) => n),
          (n) => open({ filter: `total > ${n}` })
        )
        const plain = yield* open()
        yield* until("all to be live", () => [...all, plain].every(({ kinds }) => kinds.includes("live")))
        const other = yield* open({ topic: test.create("u", 1).name, filter: "n > 1" })
        yield* change(2, schema("integer"))
        const late = yield* open({ filter: "total > 5" })
        yield* append(topic.id, 0, '{"total":350}', '{"total":350.5}')
        for (const heard of [...all.slice(0, 350), late]) yield* texts(heard, '{"total":350}')
        assert.isTrue(all.slice(350).every((heard) => heard.texts.length === 0))
        yield* change(3, schema("string"))
        yield* until("all to be told", () => all.every(({ error }) => error?.name === "InvalidFilter"))
        assert.deepStrictEqual([plain.error, other.error, late.error?.name], [undefined, undefined, "InvalidFilter"])
      }),
      { readers: 1_000 }
    )
  )

  it.live("BX42 a field more in the schema makes no filter be looked at for more events than before", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const topic = test.create("t", 1)
        const change = Effect.fnUntraced(function* (schemaVersion: number) {
          test.topics.set("t", { ...topic, schemaVersion, version: schemaVersion })
          ;(yield* KnownTopics).changed("t", test.topics.get("t"))
        })
        yield* change(1)
        const several = (count: number, filter: (n: number) => string) =>
          Effect.forEach(
            Array.from({ length: count }, (_, n) => n),
            (n) => open({ filter: filter(n) })
          )
        const early = yield* several(8, (n) => `v${n} == 1`)
        yield* open({ filter: "late == 1" })
        early[0]!.close()
        const all = yield* several(50, (n) => `symbol == "S${n}" && n > 1`)
        yield* several(8, (n) => `w${n} == 1`)
        yield* until("all to be live", () => all.every(({ kinds }) => kinds.includes("live")))
        const evaluate = vi.spyOn(Filter.prototype, "evaluate")
        yield* append(topic.id, 0, '{"symbol":"S7","n":2}')
        yield* texts(all[7]!, '{"symbol":"S7","n":2}')
        const before = evaluate.mock.calls.length
        yield* change(2)
        yield* open({ filter: "symbol == 'another'" })
        evaluate.mockClear()
        yield* append(topic.id, 0, '{"symbol":"S7","n":3}')
        yield* texts(all[7]!, '{"symbol":"S7","n":2}', '{"symbol":"S7","n":3}')
        assert.deepStrictEqual([before, evaluate.mock.calls.length], [10, 10])
      }),
      { readers: 100 }
    ).pipe(Effect.ensuring(Effect.sync(() => vi.restoreAllMocks())))
  )

  it.live("BX26 BX42 who waits for filters of another schema while the topic is deleted is told that", () =>
    on((test) =>
      Effect.gen(function* () {
        const [known, log] = [yield* KnownTopics, (yield* HeardLogs).of("postgres")!]
        const topic = test.create("t", 1)
        const ended: Array<string> = []
        const nothing = () => {}
        const halls = yield* makeHalls({
          ...{ ringBytes: 65_536, ringsBytes: 65_536, looked: nothing, reselect: () => Effect.never },
          end: (_, { name }) => ended.push(name),
          broadcast: () => ({ delivered: nothing, sent: nothing, leftOut: nothing, broke: nothing })
        })
        const { hall, selections } = yield* halls.of(topic, log)
        const { selection } = selections.hold({
          filter: "n > 1",
          fields: [],
          delta: false,
          owner: "ann"
        }) as HeldSelection
        const from = { partitions: [0], whole: true, at: [0], epochs: [5], until: [0] }
        const how = { overflow: "block", unpacks: false, selectionKey: "n", selection } as const
        hall.broadcast.join(new Heard().sink, { ...from, ...how })
        const waits = (schemaVersion: number) =>
          Effect.forkChild(halls.of({ ...topic, schemaVersion, version: schemaVersion }, log), {
            startImmediately: true
          })
        const [first, second] = [yield* waits(1), yield* waits(1)]
        assert.deepStrictEqual([first.pollUnsafe(), second.pollUnsafe()], [undefined, undefined])
        test.remove("t")
        known.changed("t", undefined)
        yield* until("those who read to be told", () => ended.length === 1)
        for (const one of [first, second]) {
          const told = Effect.match(Fiber.join(one), { onSuccess: () => "let in", onFailure: ({ name }) => name })
          assert.strictEqual(yield* told, "NoSuchTopic")
        }
        // One that is there by now in its place is another one.
        const again = test.create("t", 1)
        assert.notStrictEqual((yield* halls.of({ ...again, id: 2 }, log)).hall, hall)
      }).pipe(Effect.scoped)
    )
  )

  it.live("BX41 IX9 who has a filter is told what became of the events, before it is live and behind that", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 1)
        yield* append(id, 0, '{"n":1}', '{"n":5}', '{"m":5}', '{"n":"a"}')
        const heard = yield* open({ filter: "n > 2 && int(n) / 0 == 1", start: { from: "earliest" } })
        const other = yield* open({ filter: "n > 2" })
        const plain = yield* open()
        yield* until("all to be live", () => [heard, other, plain].every(({ kinds }) => kinds.includes("live")))
        const none = NO_FIGURES
        const n = { missingField: "n" }
        const figures = (of: Heard) => of.told.flatMap((told) => (told.kind === "filtered" ? [told.figures] : []))
        assert.deepStrictEqual(heard.kinds, ["started", "batch", "filtered", "live"])
        assert.deepStrictEqual(figures(heard), [{ ...none, looked: 4, missing: 1, failed: 2, ...n }])
        yield* append(id, 0, '{"n":7}', '{"m":7}')
        yield* until("it to be told of these", () => figures(other).length === 2)
        assert.deepStrictEqual(figures(other).at(-1), { ...none, looked: 2, matched: 1, missing: 1, ...n })
        yield* until("and the other", () => figures(heard).length === 2)
        assert.deepStrictEqual(figures(heard).at(-1), { ...none, looked: 2, missing: 1, failed: 1, ...n })
        assert.lengthOf(figures(plain), 0)
      })
    )
  )

  it.live("BX38 however many come at once, a log is asked few questions", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a")
        const before = test.bounded
        const all = yield* Effect.forEach(
          Array.from({ length: 500 }, (_, n) => n),
          (n) => open(n % 2 === 0 ? { start: { from: "earliest" } } : { start: { from: "time", time: 1 } }),
          { concurrency: "unbounded" }
        )
        yield* until("all to have it", () => all.every((heard) => heard.texts.length === 1))
        assert.isAtMost(test.bounded - before, 10)
      }),
      { readers: 1_000 }
    )
  )

  it.live("BX38 who opens reads what comes after that, though a question was under way before", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a")
        const [first, second] = yield* Effect.all(
          [
            open({ start: { from: "latest" } }),
            Effect.andThen(append(id, 0, "b"), open({ start: { from: "latest" } }))
          ],
          { concurrency: 2 }
        )
        yield* append(id, 0, "c")
        yield* texts(second, "c")
        yield* until("the other to have it", () => first.texts.at(-1) === "c")
      })
    )
  )

  it.live("BX21 BX40 a log that hangs holds up the readers of its own topics alone", () => {
    const sick = new TestLog()
    return on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const names = Array.from({ length: 6 }, (_, n) => `sick${n}`)
        for (const name of names) {
          test.create(name, 1, "ephemeral")
          sick.create(name, 1, "ephemeral")
        }
        // Its topics have the ids of the test's.
        sick.create("more")
        const those = yield* Effect.forEach(names.slice(0, 5), (topic) => open({ topic, start: { from: "latest" } }))
        yield* until("those to be live", () => those.every(({ kinds }) => kinds.includes("live")))
        sick.held = new Promise(() => {})
        yield* append(id, 0, "a", "b")
        const heard = yield* open()
        yield* texts(heard, "a", "b")
        test.silent = true
        test.put({ topic: id, partition: 0, events: eventsOf("c") })
        yield* texts(heard, "a", "b", "c")
      }),
      { ephemeral: sick.log, readers: 100 }
    )
  })

  it.live("BX26 who was let in before the node leaves, and has no reader yet, is refused", () =>
    on(
      Effect.fnUntraced(function* (test) {
        test.create("t")
        const { drain, size } = yield* Fanout
        const [asked, given] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
        purse.waits = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(given))
        const comes = yield* Effect.forkChild(refused({ filter: `a == "${"x".repeat(100)}"` }))
        yield* Deferred.await(asked)
        yield* drain
        yield* Deferred.succeed(given, undefined)
        assert.strictEqual(yield* Fiber.join(comes), "Draining")
        assert.strictEqual(size(), 0)
      })
    ).pipe(Effect.ensuring(Effect.sync(() => Object.assign(purse, { waits: Effect.void }))))
  )
})
