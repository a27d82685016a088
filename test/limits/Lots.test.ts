import { assert, describe, it } from "@effect/vitest"
import { type Given, Lots } from "../../src/limits/Lots.ts"
import { RateLimits } from "../../src/limits/RateLimits.ts"

const limit = { perSecond: 1_000, burst: 2_000 }

/** A bucket that nodes share, whose answers come when the test says so. */
class Shared {
  now = 0
  asked = 0
  away = false
  nodes = 1
  /** Answers instead of a bucket. */
  fails = false
  readonly rates = new RateLimits(limit)
  readonly waiting: Array<() => void> = []

  node(): Lots {
    return new Lots({
      limit,
      away: () => this.away,
      nodes: () => this.nodes,
      ask: (name, tokens, done) => {
        this.asked++
        this.waiting.push(() => done(this.fails ? undefined : this.#give(name, tokens)))
      }
    })
  }

  #give(name: string, tokens: number): Given {
    const left = this.rates.left(name, this.now)
    const given = Math.min(tokens, left)
    if (given < 1) return { empty: 1 }
    this.rates.take(name, this.now, given)
    return { given, left: left - given }
  }

  answer(): void {
    for (const one of this.waiting.splice(0)) one()
  }

  /** As many as a node takes now, one by one. */
  drain(node: Lots, most = 1_000_000): number {
    let taken = 0
    while (taken < most && node.take("a", this.now) === 0) taken++
    return taken
  }
}

describe("Lots", () => {
  it("LO1 LO2 LO3 nodes together give what the bucket gives, and a lot for each, however they share", () => {
    const shared = new Shared()
    shared.nodes = 4
    const nodes = Array.from({ length: 4 }, () => shared.node())
    let taken = 0
    for (let millis = 0; millis < 10_000; millis += 5) {
      shared.now = millis
      for (const node of nodes) taken += shared.drain(node)
      shared.answer()
    }
    const all = limit.burst + limit.perSecond * 10
    assert.isAtMost(taken, all + nodes.length * nodes[0]!.lot)
    assert.isAtLeast(taken, all * 0.95)
    assert.isAtMost(shared.asked, (4 * 10_000) / 20 + 4 * 50) // LO3
  })

  it("LO1 one of four nodes alone has all of the bucket: what others have in hand is little, and given up when it is old", () => {
    const shared = new Shared()
    shared.nodes = 4
    const nodes = Array.from({ length: 4 }, () => shared.node())
    for (const node of nodes) {
      assert.strictEqual(node.take("a", 0), 0)
      shared.answer()
    }
    let taken = 0
    for (let millis = 0; millis < 10_000; millis += 5) {
      shared.now = millis
      taken += shared.drain(nodes[0]!)
      shared.answer()
    }
    assert.isAtLeast(taken, (limit.burst + limit.perSecond * 10) * 0.9)
    shared.now = 20_000
    const before = shared.asked
    assert.strictEqual(nodes[1]!.take("a", shared.now), 0)
    assert.strictEqual(shared.asked, before + 1) // what it had in hand is none any more
  })

  it("LJ1 LO2 until an answer comes a node gives no more than a lot of its own share, and pays for it", () => {
    const shared = new Shared()
    const node = shared.node()
    const first = shared.drain(node)
    assert.isAtLeast(first, 1)
    assert.isAtMost(first, node.lot)
    assert.isAbove(node.take("a", 0), 0)
    assert.strictEqual(shared.asked, 1)
    shared.answer()
    assert.strictEqual(node.left("a", 0), limit.burst - first)
  })

  it("LO4 away, failing or silent: its own share counts at once, no more; and it is tried again by itself", () => {
    for (const how of ["away", "fails"] as const) {
      const shared = new Shared()
      shared.nodes = 4
      shared[how] = true
      const node = shared.node()
      node.take("a", 0)
      shared.answer()
      const taken = 1 + shared.drain(node)
      assert.isAtLeast(taken, limit.burst / 4 - 1)
      assert.isAtMost(taken, limit.burst / 4 + 1)
      const asked = shared.asked
      shared[how] = false
      shared.now = 1_500
      assert.strictEqual(node.take("a", shared.now), 0)
      assert.strictEqual(shared.asked, asked + 1)
      shared.answer()
      assert.isAbove(shared.drain(node), 0)
    }
  })

  it("LI3 what costs more than there is in hand is delayed, not impossible", () => {
    const shared = new Shared()
    const node = shared.node()
    let waited = 0
    while (node.take("a", shared.now, 1_500) > 0 && waited++ < 1_000) {
      shared.now += 20
      shared.answer()
    }
    assert.isBelow(waited, 200)
    shared.answer()
    assert.isBelow(node.left("a", shared.now), limit.burst - 1_400)
  })

  it("LO5 ten thousand buckets, no more; and 256 questions at once", () => {
    const shared = new Shared()
    const node = shared.node()
    for (let i = 0; i < 12_000; i++) assert.strictEqual(node.take(`n${i}`, 0), 0)
    assert.strictEqual(node.size, 10_000)
    assert.strictEqual(shared.waiting.length, 256)
  })
})
