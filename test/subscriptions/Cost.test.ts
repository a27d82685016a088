/** What a look costs, counted in events and consumers that are asked. */
import { assert, describe, it } from "@effect/vitest"
import { Cursor } from "../../src/subscriptions/Cursor.ts"
import { Dispatch } from "../../src/subscriptions/Dispatch.ts"
import { beginAt } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import { LOOKED } from "../../src/subscriptions/Takers.ts"
import { subscriptionOf } from "./Defined.ts"

const [SLICES, EACH] = [16, 4_000]

/** Counts how often a property of these is read. */
const counted = <A extends object, K extends keyof A>(all: ReadonlyArray<A>, name: K): (() => number) => {
  let reads = 0
  for (const one of all) {
    let value = one[name]
    Object.defineProperty(one, name, {
      get: () => {
        reads++
        return value
      },
      set: (to: A[K]) => {
        value = to
      }
    })
  }
  return () => reads
}

const backlog = (type: "shared" | "key_shared", consumers: number, each = EACH) => {
  const machine = new Dispatch<string>(subscriptionOf(type, { maxInFlight: 10_000 }), { budget: 4_194_304, tokens: 0 })
  const order = type === "shared" ? "unordered" : "keys"
  const width = HASHES / SLICES
  for (let share = 0; share < SLICES; share++) {
    const slice = { partition: 0, from: share * width, to: (share + 1) * width }
    const cursor = new Cursor<string>({ slice, share, maxAttempts: 3, order, end: 1e9 }, beginAt(1, 0))
    machine.cursors.add(cursor)
    const reads = Array.from({ length: each }, (_, offset) => ({
      ...{ offset, hash: slice.from + (offset % width), bytes: 10, body: "x" }
    }))
    machine.offer(cursor, 0, each, reads)
  }
  for (let n = 0; n < consumers; n++) machine.join(`c${n}`, `c${n}`, 0)
  const cursors = [...machine.cursors]
  const keep = () => machine.kept(machine.version, new Map(cursors.map((cursor) => [cursor, cursor.mark])))
  const items = cursors.flatMap(({ waiting }) => [...waiting])
  return { machine, cursors, keep, items }
}

describe("what a look costs", () => {
  it("DZ3 where one is kept for a last attempt and all others are busy, it asks for nothing but that", () => {
    const { machine, cursors, keep, items } = backlog("shared", 1_600)
    keep()
    const all = machine.consumers.all
    for (const one of all) Object.assign(one, { granted: 1, sent: 1 })
    const [first] = all
    const [item] = cursors[0]!.waiting
    Object.assign(item!, { attempts: 2, alone: true })
    Object.assign(first!, { granted: 100, out: 1, reserved: item })
    const [events, asked] = [counted(items, "due"), counted(all, "granted")]
    assert.isEmpty(machine.poll(3).deliveries)
    assert.isAtMost(events(), 10)
    assert.isAtMost(asked(), 2 * all.length)
  })

  it("DZ3 before anything is kept it asks no more events than there is room for", () => {
    const { machine, items } = backlog("shared", 1_600)
    for (const one of machine.consumers.all) one.granted = 2
    const all = machine.consumers.all
    const [events, asked] = [counted(items, "due"), counted(all, "granted")]
    assert.isEmpty(machine.poll(3).deliveries)
    assert.isAtMost(events(), SLICES * 3_200 + 1)
    assert.isAtMost(asked(), 2 * all.length + 4 * events())
    assert.isTrue(machine.poll(3).more || events() <= LOOKED + EACH)
  })

  it("DZ3 where one key's consumer takes nothing, it looks at a part at a time, and comes to all", () => {
    const { machine, cursors, keep, items } = backlog("key_shared", 2)
    machine.consumers.grant("c0", 1)
    machine.consumers.grant("c1", 1)
    keep()
    // Everything is kept, and c0 takes nothing any more.
    for (const cursor of cursors) cursor.durableMark = cursor.mark = EACH
    const mine = items.filter((item) => machine.consumers.ownerOf(item)?.session === "c1")
    for (const item of mine.slice(0, -1)) item.due = 10
    machine.consumers.get("c0")!.sent = 1
    const events = counted(items, "due")
    let looks = 0
    let went = 0
    for (let more = true; more; looks++) {
      const before = events()
      const polled = machine.poll(3)
      assert.isAtMost(events() - before, 3 * (LOOKED + EACH))
      went += polled.deliveries.length
      more = polled.more
    }
    assert.strictEqual(went, 1)
    assert.isAtLeast(looks, 5)
    assert.isFalse(machine.poll(3).more)
  })

  it("DZ3 DP4 last attempts go one to a consumer that has nothing, in turn, and the rest waits", () => {
    const { machine, cursors, keep, items } = backlog("shared", 3)
    for (const item of items) Object.assign(item, { attempts: 2, alone: true })
    for (const cursor of cursors) cursor.durableMark = cursor.mark = EACH
    keep()
    for (const one of machine.consumers.all) one.granted = 100
    const asked = counted(machine.consumers.all, "granted")
    const { deliveries } = machine.poll(3)
    assert.deepStrictEqual(
      deliveries.map(({ session, events }) => [session, events.length]),
      [
        ["c0", 1],
        ["c1", 1],
        ["c2", 1]
      ]
    )
    assert.isAtMost(asked(), 60)
    assert.isEmpty(machine.poll(4).deliveries)
  })

  it("DZ2 what is held of all cursors is added up once a look, and not for each of them", () => {
    const { machine, cursors } = backlog("shared", 1, 0)
    machine.consumers.grant("c0", 10_000)
    const reads = counted(cursors, "bytes")
    machine.poll(1)
    assert.isAtMost(reads(), 8 * cursors.length)
  })

  it("DP2 a round of several looks wakes for what any of them saw", () => {
    const { machine, cursors, keep } = backlog("shared", 1)
    machine.consumers.grant("c0", 1_000_000)
    for (const cursor of cursors) cursor.durableMark = cursor.mark = 2 * EACH
    keep()
    for (const [n, cursor] of cursors.entries())
      for (const item of cursor.waiting) item.due = n === 0 && item.offset === 5 ? 100 : 60_000
    let told = machine.poll(1)
    while (told.more) told = machine.poll(1)
    assert.strictEqual(told.wake, 100)
  })
})
