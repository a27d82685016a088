/** Readers who go on by another schema of their topic. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import { makeHalls, type Open } from "../../src/fanout/Halls.ts"
import { HeardLogs } from "../../src/fanout/HeardLogs.ts"
import { Selections, type Wish } from "../../src/fanout/Selections.ts"
import { NO_FIGURES, sumOf } from "../../src/filters/Figures.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import type { TestLog } from "../support/TestLog.ts"
import { append, type Heard, Heard as Hearing, on, open, texts, until } from "./Heard.ts"

const several = (count: number, filter: (n: number) => string) =>
  Effect.forEach(
    Array.from({ length: count }, (_, n) => n),
    (n) => open({ filter: filter(n) })
  )
const live = (all: ReadonlyArray<Heard>) =>
  until("all to be live", () => all.every(({ kinds }) => kinds.includes("live")))
const changed = Effect.fnUntraced(function* (test: TestLog, version: number, type = "number") {
  const schema = JSON.stringify({ properties: { total: { type } } })
  const topic = { ...test.topics.get("t")!, schema, schemaVersion: version, version }
  test.topics.set("t", topic)
  ;(yield* KnownTopics).changed("t", topic)
})
const restored = Effect.ensuring(Effect.sync(() => vi.restoreAllMocks()))

describe("readers by another schema", () => {
  it.live("BX42 in the step in which nobody is sent anything many with one filter are as one, and lose nothing", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 1)
        yield* changed(test, 1)
        const all = yield* several(600, () => "total > 1")
        const others = yield* several(3, (n) => `total > ${n + 2}`)
        yield* live([...all, ...others])
        yield* append(id, 0, '{"total":2}', '{"other":3}')
        yield* until("all to have it", () => all.every((heard) => heard.texts.length === 1))
        const reselect = vi.spyOn(Broadcast.prototype, "reselect")
        yield* changed(test, 2)
        const late = yield* open({ filter: "total > 1", start: { from: "latest" } })
        assert.lengthOf(reselect.mock.calls, 4)
        yield* append(id, 0, '{"total":3}')
        for (const heard of all) yield* texts(heard, '{"total":2}', '{"total":3}')
        yield* texts(late, '{"total":3}')
        // What was counted by the filter before is told as well. BX41
        const figures = (heard: Heard) =>
          heard.told.reduce((sum, told) => (told.kind === "filtered" ? sumOf(sum, told.figures) : sum), NO_FIGURES)
        yield* until("them to be told of all", () => all.every((heard) => figures(heard).looked === 3))
        assert.deepStrictEqual(
          all.map((heard) => figures(heard)),
          all.map(() => ({ ...NO_FIGURES, looked: 3, matched: 2, missing: 1, missingField: "total" }))
        )
      }),
      { readers: 1_000 }
    ).pipe(restored)
  )

  it.live("BX42 BX39 those whose filter a schema no longer knows are told so, and nothing that it does not take", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 1)
        yield* changed(test, 1)
        const all = yield* several(300, () => "total > 5")
        yield* live(all)
        const reselect = vi.spyOn(Broadcast.prototype, "reselect")
        yield* changed(test, 2, "string")
        const plain = yield* open()
        for (let n = 0; n < 5; n++) yield* append(id, 0, `{"total":"${n}"}`)
        yield* until("all to be told", () => all.every(({ error }) => error?.name === "InvalidFilter"))
        assert.isTrue(all.every((heard) => heard.texts.length === 0))
        yield* texts(plain, ...Array.from({ length: 5 }, (_, n) => `{"total":"${n}"}`))
        assert.lengthOf(reselect.mock.calls, 0)
      }),
      { readers: 1_000 }
    ).pipe(restored)
  )

  it.live("BX42 IX6 who leaves while filters are made for him leaves none behind", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const topic = test.create("t", 1)
        yield* changed(test, 1)
        const all = yield* several(20, (n) => `total > ${n}`)
        yield* live(all)
        const of: { selections?: Selections } = {}
        const { hold } = Selections.prototype
        let held = 0
        vi.spyOn(Selections.prototype, "hold").mockImplementation(function (this: Selections, wish: Wish, wasIn) {
          const made = hold.call(this, wish, wasIn)
          of.selections = this
          // The last of them has its own, and all but him leave before anything is put in place.
          if (wasIn === true && ++held === 20) for (const heard of all.slice(0, 19)) heard.close()
          return made
        })
        yield* changed(test, 2)
        const late = yield* open({ filter: "total > 19" })
        assert.strictEqual(held, 20)
        const { bytes } = of.selections!
        const alone = new Selections({ ...topic, schema: test.topics.get("t")!.schema })
        alone.hold({ filter: "total > 19", fields: [], delta: false, owner: "system" })
        assert.strictEqual(bytes, alone.bytes)
        yield* append(topic.id, 0, '{"total":20}')
        for (const heard of [all[19]!, late]) yield* texts(heard, '{"total":20}')
      }),
      { readers: 100 }
    ).pipe(restored)
  )

  it.live("BX42 BX39 a topic as somebody saw it before turns nothing back", () =>
    on((test) =>
      Effect.gen(function* () {
        const log = (yield* HeardLogs).of("postgres")!
        const topic = { ...test.create("t", 1), schemaVersion: 1 }
        const nothing = () => {}
        const renewed: Array<number> = []
        const halls = yield* makeHalls({
          ...{ ringBytes: 65_536, ringsBytes: 65_536, looked: nothing, end: nothing },
          reselect: ({ selections }: Open) => Effect.sync(() => void renewed.push(selections.schemaVersion)),
          broadcast: () => ({ delivered: nothing, sent: nothing, leftOut: nothing, broke: nothing })
        })
        const { hall, selections } = yield* halls.of(topic, log)
        const held = selections.hold({ filter: "total > 1", fields: [], delta: false, owner: "ann" })
        if (held instanceof Error) return assert.fail(held.message)
        hall.broadcast.join(new Hearing().sink, {
          ...{ partitions: [0], whole: true, at: [0], epochs: [5], until: [0] },
          ...{ overflow: "block", unpacks: false, selectionKey: "n", selection: held.selection }
        })
        const now = { ...topic, schemaVersion: 2, version: 2 }
        for (const seen of [now, topic, now, topic])
          assert.strictEqual((yield* halls.of(seen, log)).selections.schemaVersion, 2)
        assert.deepStrictEqual(renewed, [2])
      }).pipe(Effect.scoped)
    )
  )
})
