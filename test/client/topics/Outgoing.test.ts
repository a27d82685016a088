import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FENCED, type Item, SEQUENCE_GAP, sequenceOf } from "../../../src/client/topics/Batch.ts"
import { laneOf, partitionOf } from "../../../src/client/topics/Event.ts"
import { Outgoing } from "../../../src/client/topics/Outgoing.ts"
import { Spool } from "../../../src/client/topics/Spool.ts"
import * as server from "../../../src/topics/Message.ts"
import { newFolder } from "../../support/folder.ts"

const event = (text: string) => ({ key: "", payload: Buffer.from(text), timeMs: 0n, headers: {} })
const item = (text: string, change: Partial<Item> = {}): Item => ({
  ...{ partition: 0, sequence: 0, events: [event(text)], bytes: 200_000, numbered: false, ready: true },
  ...{ placed: () => {}, failed: () => {} },
  ...change
})
const problem = (code: string, retryAfterMs = 0n) => ({ code, message: "", fix: "", retryAfterMs })
const CREDIT = 10_000_000

describe("what a producer has to publish", () => {
  it("QO2 what has no answer goes out again first, under the same sequences", () => {
    const out = new Outgoing(4)
    for (const one of ["a", "b", "c"]) out.add(item(one))
    const [a, b] = [out.next(0, CREDIT)!, out.next(0, CREDIT)!]
    out.broken()
    out.add(item("d"))
    const again = [out.next(0, CREDIT)!, out.next(0, CREDIT)!, out.next(0, CREDIT)!, out.next(0, CREDIT)!]
    assert.deepStrictEqual(again.map(sequenceOf), [1, 2, 3, 4])
    assert.deepStrictEqual([again[0], again[1]], [a, b])
    assert.isTrue(a.maybe)
  })

  it("QO3 behind one that failed nothing is sent before all is answered, then from there on in order", () => {
    const out = new Outgoing(4)
    for (const one of ["a", "b", "c", "d"]) out.add(item(one))
    const [a, b, c] = [out.next(0, CREDIT)!, out.next(0, CREDIT)!, out.next(0, CREDIT)!]
    assert.isUndefined(out.problem(a.id, problem("HRLD-3008", 100n), 0))
    assert.isUndefined(out.next(1_000, CREDIT))
    assert.isUndefined(out.problem(b.id, problem(SEQUENCE_GAP), 0))
    assert.isUndefined(out.problem(c.id, problem(SEQUENCE_GAP), 0))
    assert.isUndefined(out.next(99, CREDIT))
    assert.strictEqual(out.wake, 100)
    const sent = Array.from({ length: 4 }, () => out.next(100, CREDIT)!)
    assert.deepStrictEqual(sent.map(sequenceOf), [1, 2, 3, 4])
  })

  it("QO4 what the server can't have missed ends the producer: a gap with nothing before it, a later epoch", () => {
    for (const code of [SEQUENCE_GAP, FENCED]) {
      const out = new Outgoing(4)
      const outcomes: Array<string> = []
      out.add(item("a", { failed: ({ outcome }) => outcomes.push(outcome) }))
      const ending = out.problem(out.next(0, CREDIT)!.id, problem(code), 0)
      assert.isDefined(ending)
      out.end(ending!)
      assert.deepStrictEqual([outcomes, out.items, out.bytes], [["failed"], 0, 0])
    }
  })

  it("QO5 what is under way is bounded by the credit, and what waits in bytes; with no credit one goes at a time", () => {
    const out = new Outgoing(4)
    for (let n = 0; n < 10; n++) out.add(item(`${n}`))
    assert.isDefined(out.next(0, 0))
    assert.isUndefined(out.next(0, 0))
    assert.isDefined(out.next(0, 300_000))
    assert.isUndefined(out.next(0, 300_000))
    while (!out.full) out.add(item("more", { bytes: 1_000_000 }))
    assert.isAtMost(out.bytes, 64 * 1_048_576 + 1_000_000)
  })

  it("QE2 a key's partition and its lane are those that the server finds", () => {
    for (const key of ["a", "order-17", "ключ", "😀", "x".repeat(512)]) {
      assert.strictEqual(partitionOf(key, 7), server.partitionOf(key, 7))
      assert.strictEqual(laneOf(key), server.keyHash(key))
    }
    assert.strictEqual(laneOf(""), server.NO_KEY)
  })
})

describe("a producer's file", () => {
  const spooled = (sequence: number) => ({ partition: 0, sequence, events: [event(`${sequence}`)] })

  it("ZS2 a line that was cut short is left out; what is another producer's, or no such file, is refused", async () => {
    const folder = newFolder()
    const path = join(folder.path, "spool")
    const spool = await Spool.open(path, "t", "p")
    for (const sequence of [1, 2, 3]) await spool.add(spooled(sequence))
    spool.refused(spool.waiting[0]!)
    await spool.close()
    const read = async () => (await import("node:fs/promises")).readFile(path, "utf8")
    await writeFile(path, (await read()).concat('{"p":0,"s":4,"e":["'))
    const again = await Spool.open(path, "t", "p")
    assert.deepStrictEqual(
      again.waiting.map(({ sequence, events }) => [sequence, events[0]!.payload.toString()]),
      [
        [1, "2"],
        [2, "3"]
      ]
    )
    await again.close()
    for (const [topic, id] of [["t", "q"] as const, ["u", "p"] as const])
      assert.strictEqual((await Spool.open(path, topic, id).catch((e) => e)).code, "HRLD-5108")
    await writeFile(path, "what is this?\n")
    assert.strictEqual((await Spool.open(path, "t", "p").catch((e) => e)).code, "HRLD-5108")
    folder.remove()
  })

  it("ZS3 the file is emptied when nothing waits", async () => {
    const folder = newFolder()
    const path = join(folder.path, "spool")
    const spool = await Spool.open(path, "t", "p")
    const items = [spooled(1), spooled(2)]
    await Promise.all(items.map((one) => spool.add(one)))
    for (const one of items) spool.done(one)
    await spool.close()
    const text = await (await import("node:fs/promises")).readFile(path, "utf8")
    assert.strictEqual(text.trim().split("\n").length, 1)
    folder.remove()
  })
})
