/** What one go of a broadcast sends, and whom it tells of that. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import type { Told } from "../../src/fanout/Batch.ts"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import type { Selection } from "../../src/fanout/Group.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { eventsOf } from "../support/TestLog.ts"
import { each } from "./Every.ts"
import { append, on, open, texts, until } from "./Heard.ts"

const EVENTS = 4_000
const WIDTH = 120

/** What each go told one reader who is live, in bytes, until it had all of 4,000 events; and of how many batches it was said that they were sent. */
const goes = (selection: Selection | undefined) => {
  let bytes = 0
  let told = 0
  let count = 0
  const broadcast = new Broadcast({
    wake: () => {},
    ask: () => assert.fail("the ring has all"),
    delivered: () => {},
    sent: () => void told++,
    leftOut: () => {},
    broke: (_, error) => assert.fail(String(error))
  })
  const ring = new Ring(0, 1, 0, 4_194_304)
  broadcast.follow(ring)
  const sink = {
    write: (what: Told) => {
      if (what.kind !== "batch") return true
      bytes += what.bytes
      count += what.count
      return true
    },
    drained: () => assert.fail("it takes all"),
    end: () => {}
  }
  const where = { partitions: [0], whole: true, at: [0], epochs: [1], until: [0] } as const
  const how = { overflow: "block", unpacks: false, selectionKey: "s", selection } as const
  broadcast.join(sink, { ...where, ...how })
  for (const _ of broadcast.work());
  const rows = eventsOf(...Array.from({ length: EVENTS }, (_, n) => `:${n}`.padEnd(WIDTH, "."))).bytes
  assert.isTrue(ring.push({ first: 0, count: EVENTS, rows, at: 1 }))
  const sent: Array<number> = []
  while (broadcast.hasWork) {
    bytes = 0
    for (const _ of broadcast.work());
    sent.push(bytes)
  }
  return { sent, told, count }
}

describe("a go", () => {
  it("BX29 sends one batch that is full, and of filters that take little what they take of several", () => {
    const all = goes(undefined)
    assert.strictEqual(all.count, EVENTS)
    assert.isAtMost(Math.max(...all.sent), 49_152)
    assert.isAbove(all.sent[0]!, 45_000)
    assert.strictEqual(all.told, all.sent.length)
    const half = goes(each(2))
    assert.strictEqual(half.count, EVENTS / 2)
    assert.isAtMost(Math.max(...half.sent), 49_152)
    assert.isAtMost(half.sent.length, all.sent.length / 2 + 1)
    const few = goes(each(200))
    assert.strictEqual(few.count, EVENTS / 200)
    assert.isAtLeast(few.sent.length, 2, "a go looks at a bound of bytes")
    const none = goes(each(1_000_000))
    assert.strictEqual(none.told, 1, "of what nobody wanted nothing is said")
  })

  it.live("BX32 what was appended at once is sent in parts", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const all = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(10_000, "."))
        yield* append(id, 0, ...all)
        const heard = yield* open({ start: { from: "earliest" } })
        yield* texts(heard, ...all)
        const bytes = heard.told.flatMap((told) => (told.kind === "batch" ? [told.bytes] : []))
        assert.isAbove(bytes.length, 3)
        assert.isAtMost(Math.max(...bytes), 262_144)
      })
    )
  )

  it.live("BX11 how long it took until all had it is measured", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const heard = yield* open()
        yield* until("it to be live", () => heard.kinds.includes("live"))
        const count = Effect.map(Metric.snapshot, (all) => {
          const found = all.find((metric) => metric.id === "herald_topic_distribution_seconds")
          return found?.type === "Histogram" ? found.state.count : 0
        })
        const before = yield* count
        yield* append(id, 0, "a")
        yield* texts(heard, "a")
        assert.strictEqual((yield* count) - before, 1)
      })
    ).pipe(Effect.provide(PerNode.layer))
  )
})
