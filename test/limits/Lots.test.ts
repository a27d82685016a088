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
  readonly doubted: Array<string> = []
  /** Answers in the bucket's place. */
  says: ((tokens: number) => Given | undefined) | undefined

  node(): Lots {
    return new Lots({
      limit,
      away: () => this.away,
      nodes: () => this.nodes,
      clock: () => this.now,
      doubt: (name) => this.doubted.push(name),
      ask: (name, tokens, done) => {
        this.asked++
        this.waiting.push(() => done(this.fails ? undefined : this.says ? this.says(tokens) : this.#give(name, tokens)))
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

  it("LO4 a failure counts from when it came, and one bucket that fails leaves others as they are", () => {
    const shared = new Shared()
    shared.nodes = 4
    const node = shared.node()
    shared.fails = true
    assert.strictEqual(node.take("a", 0), 0)
    shared.now = 900
    shared.answer() // it took so long to fail
    shared.fails = false
    shared.now = 1_899
    node.take("a", shared.now)
    assert.strictEqual(shared.asked, 1)
    assert.strictEqual(node.take("b", shared.now), 0)
    assert.strictEqual(shared.asked, 2)
    shared.now = 1_900
    node.take("a", shared.now)
    assert.strictEqual(shared.asked, 3)
  })

  it("LO4 LJ1 what is shared is silent: after 20 ms the node's share counts, and nobody waits for an answer", () => {
    const shared = new Shared()
    shared.nodes = 4
    const node = shared.node()
    assert.isAtMost(shared.drain(node), node.lot)
    shared.now = 20
    const taken = shared.drain(node)
    assert.isAtLeast(taken, limit.burst / 4 - node.lot)
    assert.isAtMost(taken, limit.burst / 4)
    assert.strictEqual(shared.asked, 1)
  })

  it("LO4 LO5 where all questions are open, newcomers go by the node's share", () => {
    const shared = new Shared()
    const node = shared.node()
    for (let i = 0; i < 256; i++) node.take(`n${i}`, 0)
    for (let i = 0; i < 500; i++) assert.strictEqual(node.take("late", 0), 0)
    assert.strictEqual(shared.asked, 256)
  })

  it("LO2 a small bucket gives what its node's share is before it was answered", () => {
    const small = { perSecond: 10, burst: 20 }
    const node = new Lots({
      ...{ limit: small, ask: () => {}, away: () => false, nodes: () => 2, clock: () => 0, doubt: () => {} }
    })
    let taken = 0
    while (node.take("a", 0) === 0) taken++
    assert.strictEqual(taken, 10)
  })

  it("LO6 answers that no bucket gives: no less than the node's share, no more than the bucket, and it is looked at", () => {
    const absurd: ReadonlyArray<(tokens: number) => Given> = [
      () => ({ empty: 1e308 }),
      () => ({ empty: Number.POSITIVE_INFINITY }),
      () => ({ empty: Number.NaN }),
      () => ({ empty: -5 }),
      () => ({ given: 1e308, left: 0 }),
      () => ({ given: Number.NaN, left: 0 }),
      () => ({ given: -1e9, left: 0 }),
      (tokens) => ({ given: tokens, left: Number.NaN }),
      (tokens) => ({ given: tokens, left: -1 }),
      (tokens) => ({ given: tokens, left: 1e308 })
    ]
    for (const says of absurd) {
      const shared = new Shared()
      shared.nodes = 4
      shared.says = says
      const node = shared.node()
      let taken = 0
      for (let millis = 0; millis <= 10_000; millis += 5) {
        shared.now = millis
        taken += shared.drain(node)
        shared.answer()
      }
      assert.isAtLeast(taken, (limit.perSecond / 4) * 10, String(says))
      assert.isAtMost(taken, limit.burst + limit.perSecond * 10, String(says))
      assert.include(shared.doubted, "a")
      assert.isBelow(Math.max(0, node.take("a", shared.now)), 1_000)
    }
  })

  it("LO6 a bucket that is filled forever gives one node no more than the bucket has", () => {
    const shared = new Shared()
    shared.says = (tokens) => ({ given: tokens, left: limit.burst })
    const node = shared.node()
    let taken = 0
    for (let millis = 0; millis <= 10_000; millis += 5) {
      shared.now = millis
      taken += shared.drain(node)
      shared.answer()
    }
    assert.isAtMost(taken, limit.burst + limit.perSecond * 10)
  })

  it("LO6 a bucket that is empty is looked at, once a second", () => {
    const shared = new Shared()
    shared.says = () => ({ empty: 1 })
    const node = shared.node()
    for (let millis = 0; millis <= 20_000; millis += 5) {
      shared.now = millis
      shared.drain(node)
      shared.answer()
    }
    assert.isAtLeast(shared.doubted.length, 15)
    assert.isAtMost(shared.doubted.length, 21)
  })

  it("LO6 numbers of nodes that can't be are not believed", () => {
    for (const nodes of [1e9, Number.NaN, -3, 0, Number.POSITIVE_INFINITY]) {
      const shared = new Shared()
      shared.away = true
      shared.nodes = 2
      const node = shared.node()
      assert.isAtLeast(shared.drain(node), limit.burst / 2)
      shared.nodes = nodes
      shared.now = 4_000
      assert.isAtLeast(shared.drain(node), limit.burst / 2 - 1, String(nodes))
    }
  })

  it("LO2 what is owed is paid when the bucket is full again", () => {
    const shared = new Shared()
    const node = shared.node()
    const owed = shared.drain(node)
    shared.says = () => ({ empty: 1 })
    shared.answer()
    shared.says = undefined
    shared.now = 5_000
    assert.strictEqual(node.take("a", shared.now), 0)
    shared.answer()
    assert.strictEqual(node.left("a", shared.now), limit.burst - owed - 1)
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

  it("LO5 LY1 LY2 ten thousand buckets that are in use: no crowd of names empties one, and newcomers share", () => {
    const shared = new Shared()
    const node = shared.node()
    shared.fails = true
    const spend = (name: string) => {
      while (node.take(name, shared.now) === 0) {}
    }
    node.take("victim", 0)
    shared.answer()
    spend("victim")
    for (let i = 0; i < 9_999; i++) node.take(`n${i}`, 0)
    shared.answer()
    for (let i = 0; i < 3_000; i++) node.take(`crowd${i}`, 0)
    shared.answer()
    assert.strictEqual(node.size, 10_000)
    assert.isAbove(node.take("victim", 0), 0)
    shared.now = 3_000 // all are full again: the oldest make room
    for (let i = 0; i < 3_000; i++) assert.strictEqual(node.take(`later${i}`, shared.now), 0)
    assert.strictEqual(node.size, 10_000)
  })

  it("LO5 at most 256 questions are open", () => {
    const shared = new Shared()
    const node = shared.node()
    for (let i = 0; i < 12_000; i++) node.take(`n${i}`, 0)
    assert.strictEqual(node.size, 10_000)
    assert.strictEqual(shared.waiting.length, 256)
  })
})
