/** What others got wrong, each played against the machine. */
import { assert, describe, it } from "@effect/vitest"
import { BYTES, Outgoing, togetherOf } from "../../src/subscriptions/Outgoing.ts"
import { TIMEOUT } from "./Defined.ts"
import { type Body, Stage } from "./Stage.ts"

describe("what others got wrong", () => {
  it("LC2 pulsar#15317: what failed comes before what is behind it, also behind what was granted already", () => {
    const stage = new Stage("key_shared", [1, 1, 1, 1])
    const a = stage.join("a", 3)
    assert.deepStrictEqual(stage.poll(), ["a:0", "a:1", "a:2"])
    stage.answer(a, "fail", 0)
    assert.deepStrictEqual(
      stage.machine.recalls.map(({ session, offset }) => [session, offset]),
      [["a", 0]]
    )
    stage.machine.consumers.grant(a, 100)
    stage.now += 10
    assert.deepStrictEqual(stage.poll(), [])
    assert.deepStrictEqual(stage.answer(a, "accept", 1), ["recalled"])
    assert.deepStrictEqual(stage.answer(a, "release", 2), [])
    assert.deepStrictEqual(stage.poll(), ["a:0"])
    stage.answer(a, "accept", 0)
    assert.deepStrictEqual(stage.poll(), ["a:1", "a:2", "a:3"])
  })

  it("DZ1 pulsar#23870: a key that is held stays held for the rest of a look", () => {
    const stage = new Stage("key_shared", [1, 2, 1, 2])
    stage.join("a", 1)
    assert.deepStrictEqual(stage.poll(), ["a:0"])
    stage.join("b", 0)
    for (const [offset, session] of [[0, "a"]] as const) stage.answer(session, "fail", offset)
    stage.machine.consumers.grant("a", 9)
    stage.machine.consumers.grant("b", 9)
    const seen = stage.poll()
    assert.isFalse(
      seen.some((one) => one.endsWith(":2")),
      "behind one that failed"
    )
  })

  it("LC1 CY4 pulsar#21199: one that is stuck holds its key and nobody else's", () => {
    const hashes = [1, 2, 3, 4, 5, 6, 7, 8]
    const stage = new Stage("key_shared", hashes, { maxInFlight: 100 })
    stage.join("a")
    assert.lengthOf(stage.poll(), 8)
    stage.hashes.push(...hashes)
    stage.join("b")
    const seen = stage.poll()
    assert.isNotEmpty(seen)
    assert.isTrue(
      seen.every((one) => one.startsWith("a:")),
      "b waits for what is with a, key by key"
    )
    const moved = [8, 9, 10, 11, 12, 13, 14, 15].filter((offset) => !seen.includes(`a:${offset}`))
    assert.isNotEmpty(moved)
    stage.answer("a", "accept", moved[0]! - 8)
    assert.deepStrictEqual(stage.poll(), [`b:${moved[0]}`])
  })

  it("DI1 pulsar#6451: an answer after the time is refused, and counts nothing twice", () => {
    const stage = new Stage("shared", [null], { backoffMillis: [0] })
    stage.join("a")
    stage.poll()
    const first = stage.token.get(0)!
    stage.now += TIMEOUT
    assert.deepStrictEqual(stage.poll(), ["a:0"])
    assert.deepStrictEqual(stage.answer("a", "fail", 0, first), ["late"])
    assert.strictEqual(stage.cursor.items.get(0)!.attempts, 1)
    assert.deepStrictEqual(stage.answer("b", "accept", 0), ["late"])
    assert.deepStrictEqual(stage.answer("a", "accept", 0), [])
    assert.deepStrictEqual(stage.answer("a", "accept", 0), ["late"])
  })

  it("DI2 pulsar#3077: what waits at its consumer behind another of its key is not out of time", () => {
    const stage = new Stage("key_shared", [1, 1])
    stage.join("a")
    stage.poll()
    for (let n = 0; n < 6; n++) {
      stage.now += TIMEOUT - 1
      stage.answer("a", "extend", 0)
      assert.deepStrictEqual(stage.poll(), [])
    }
    stage.answer("a", "accept", 0)
    stage.now += TIMEOUT - 1
    assert.deepStrictEqual(stage.poll(), [])
    assert.deepStrictEqual(stage.answer("a", "accept", 1), [])
  })

  it("DP3 pulsar#7021: no answer at all changes nothing; a dead letter is one", () => {
    const stage = new Stage("shared", [null, null], { maxAttempts: 2, backoffMillis: [0] })
    stage.join("a")
    stage.poll()
    assert.deepStrictEqual(
      stage.machine.answer({ kind: "fail", token: stage.tokens[0]!, first: 5, last: 1 }, "a", 0),
      []
    )
    stage.answer("a", "reject", 0)
    stage.answer("a", "fail", 1)
    assert.deepStrictEqual(stage.poll(), ["a:1"])
    stage.answer("a", "fail", 1)
    assert.deepStrictEqual(stage.poll(), [])
    assert.deepStrictEqual(stage.dead, [0, 1])
    assert.strictEqual(stage.cursor.floor, 2)
  })

  it("DP3 without dead letters it stops in error, and keeps the event", () => {
    const stage = new Stage("key_shared", [1, 2], { maxAttempts: 1, deadLetterTopic: "" })
    stage.join("a", 1)
    stage.poll()
    stage.answer("a", "fail", 0)
    stage.machine.consumers.grant("a", 9)
    assert.deepStrictEqual(stage.poll(), [])
    assert.strictEqual(stage.machine.status, "error")
    assert.include(stage.machine.reason, "the event t:0:1:0 was tried once, and there is no dead-letter topic: ")
    stage.machine.status = "active"
    stage.now += 1_000
    assert.deepStrictEqual(stage.poll(), ["a:1"])
    stage.answer("a", "accept", 1)
    assert.deepStrictEqual(stage.poll(), ["a:0"])
  })

  it("DP4 rabbitmq: the last attempt is alone with its consumer", () => {
    const stage = new Stage("shared", [null, null, null], { maxAttempts: 2, backoffMillis: [0] })
    stage.join("a")
    stage.poll()
    stage.answer("a", "fail", 1)
    assert.deepStrictEqual(stage.poll(), [])
    stage.answer("a", "accept", 0)
    assert.deepStrictEqual(stage.poll(), [])
    stage.answer("a", "accept", 2)
    stage.hashes.push(null)
    assert.deepStrictEqual(stage.poll(), ["a:1"])
    stage.answer("a", "accept", 1)
    assert.deepStrictEqual(stage.poll(), ["a:3"])
  })

  it("DX1 DX2 KAFKA-17541: what came back twice goes out with half as many, and a delivery is bounded", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 9, 20].map(togetherOf), [256, 256, 128, 64, 1, 1])
    const stage = new Stage(
      "shared",
      Array.from({ length: 20 }, () => null),
      {},
      { size: BYTES / 4 + 1, budget: 100 * BYTES }
    )
    stage.join("a")
    stage.poll()
    assert.strictEqual(stage.machine.inFlight, 8)
    assert.strictEqual(new Set(stage.tokens).size, 3)
    let token = 0
    const outgoing = new Outgoing<Body>(() => ++token)
    const item = (offset: number, attempts: number) => ({ ...stage.cursor.items.get(0)!, offset, attempts, bytes: 1 })
    for (let offset = 0; offset < 300; offset++)
      outgoing.put(stage.cursor, "a", item(offset, offset === 100 ? 3 : 0), "")
    assert.deepStrictEqual(
      outgoing.deliveries.map(({ events }) => events.length),
      [100, 64, 136]
    )
  })

  it("DP5 nats: when too much is unanswered, or a key holds, that is said", () => {
    const stage = new Stage(
      "shared",
      Array.from({ length: 20 }, () => null)
    )
    stage.join("a")
    assert.lengthOf(stage.poll(), 8)
    assert.strictEqual(stage.machine.poll(stage.now).blocked, "blocked_on_acks")
    const keys = new Stage("key_shared", [1, 1, 1])
    keys.join("a", 1)
    keys.poll()
    keys.answer("a", "fail", 0)
    keys.machine.consumers.grant("a", 9)
    keys.poll()
    assert.strictEqual(keys.machine.poll(keys.now).blocked, "blocked_on_keys")
  })

  it("CB3 DP5 pulsar#25540: with too many holes it stops and says so, and forgets nothing", () => {
    const stage = new Stage(
      "key_shared",
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? 1 : 2)),
      {},
      { open: 10 }
    )
    stage.join("a", 1)
    stage.poll()
    stage.answer("a", "fail", 0)
    stage.machine.consumers.grant("a", 99)
    for (let n = 0; n < 30; n++) for (const one of stage.poll()) stage.answer("a", "accept", Number(one.split(":")[1]))
    assert.isTrue(stage.cursor.full)
    assert.strictEqual(stage.machine.poll(stage.now).blocked, "blocked_on_holes")
    assert.strictEqual(stage.cursor.items.size, 10)
    stage.now += 100
    for (let n = 0; n < 30; n++) for (const one of stage.poll()) stage.answer("a", "accept", Number(one.split(":")[1]))
    assert.strictEqual(stage.cursor.floor, 30)
  })

  it("CG1 CG2 DZ2 what can't go gives up its body to what can, and is read again", () => {
    const stage = new Stage("key_shared", [1, 1, 1, 1, 1, 2, 2], {}, { budget: 30 })
    stage.join("a", 1)
    stage.poll()
    stage.answer("a", "fail", 0)
    stage.machine.consumers.grant("a", 99)
    assert.deepStrictEqual(stage.poll(), ["a:5", "a:6"])
    stage.now += 20
    assert.deepStrictEqual(stage.poll(), ["a:0"])
    stage.answer("a", "accept", 0)
    assert.deepStrictEqual(stage.poll(10), ["a:1", "a:2", "a:3", "a:4"])
    assert.strictEqual(stage.cursor.bytes, 0)
  })

  it("CY1 CY2 pulsar#380: credits are what was granted less what was sent; whoever comes again begins anew", () => {
    const stage = new Stage("shared", [null, null, null, null])
    stage.join("a", 2)
    assert.lengthOf(stage.poll(), 2)
    stage.machine.consumers.grant("a", 2)
    stage.machine.consumers.grant("a", 1)
    assert.lengthOf(stage.poll(), 0)
    assert.isTrue(stage.machine.join("a", "a again", stage.now))
    stage.machine.consumers.grant("a again", 4)
    stage.now += 100
    assert.lengthOf(stage.poll(), 4)
    assert.deepStrictEqual(stage.answer("a", "accept", 0), ["late"])
    assert.strictEqual(stage.machine.consumers.size, 1)
  })

  it("CY1 a grant that comes late takes nothing back", () => {
    const stage = new Stage("shared", [null, null, null, null, null, null])
    stage.join("a", 2)
    assert.lengthOf(stage.poll(), 2)
    stage.machine.consumers.grant("a", 5)
    stage.machine.consumers.grant("a", 3)
    assert.lengthOf(stage.poll(), 3)
  })

  it("DI2 the time of the next of a key begins when the one before it is answered", () => {
    const stage = new Stage("key_shared", [1, 1])
    stage.join("a")
    stage.poll()
    stage.now += TIMEOUT - 10
    stage.answer("a", "accept", 0)
    stage.now += TIMEOUT - 1
    assert.deepStrictEqual(stage.poll(), [])
    assert.deepStrictEqual(stage.answer("a", "accept", 1), [])
  })

  it("DZ2 SQ1 bodies of what waits for its key give way, so that what is behind is read at all", () => {
    const stage = new Stage("key_shared", [1, 1, 1, 1, 1], {}, { budget: 30 })
    stage.join("a", 1)
    stage.poll()
    stage.answer("a", "fail", 0)
    stage.machine.consumers.grant("a", 99)
    stage.poll()
    stage.hashes.push(2, 2)
    assert.deepStrictEqual(stage.poll(), ["a:5", "a:6"])
    assert.isAtMost(stage.cursor.bytes, 30)
  })

  it("CY3 pulsar#6535: of a failover subscription one has everything, and the next when it leaves", () => {
    const stage = new Stage("failover", [1, 2, 3], { backoffMillis: [0] })
    stage.join("a", 2)
    stage.join("b")
    assert.deepStrictEqual(stage.poll(), ["a:0", "a:1"])
    stage.machine.leave("a", stage.now, true)
    assert.deepStrictEqual([...stage.poll()].sort(), ["b:0", "b:1", "b:2"])
    assert.deepStrictEqual(stage.answer("a", "accept", 0, stage.tokens[0]), ["late"])
    const one = new Stage("exclusive", [1])
    one.join("a")
    assert.isFalse(one.machine.join("b", "b", 0))
  })

  it("DP6 nats#2083: what is trimmed is done, and holds nobody's place", () => {
    const stage = new Stage(
      "key_shared",
      Array.from({ length: 12 }, () => 1)
    )
    stage.join("a")
    assert.lengthOf(stage.poll(), 8)
    stage.machine.gap(stage.cursor, 0, 8)
    assert.strictEqual(stage.machine.inFlight, 0)
    assert.lengthOf(stage.poll(), 4)
    assert.deepStrictEqual(stage.answer("a", "accept", 0), ["late"])
    assert.strictEqual(stage.cursor.floor, 8)
  })

  it("SI1 pulsar#749: what was delivered before a seek is refused after it", () => {
    const stage = new Stage("shared", [null, null])
    stage.join("a")
    stage.poll()
    stage.machine.drop(stage.cursor)
    assert.deepStrictEqual(stage.answer("a", "accept", 0), ["late"])
    assert.strictEqual(stage.machine.inFlight, 0)
    assert.strictEqual(stage.machine.consumers.get("a")!.out, 0)
  })
})
