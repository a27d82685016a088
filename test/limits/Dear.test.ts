/** Requests that cost much of a bucket that nodes share, for which one can come to each node. */
import { assert, describe, it } from "@effect/vitest"
import { type Given, Lots } from "../../src/limits/Lots.ts"

const limit = { perSecond: 10, burst: 1_000 }
const NODES = 10
/** Milliseconds. */
const STEP = 10
const LONG = 420_000

/** Ten nodes, whose shared bucket answers at the next step. */
const cluster = (away = false) => {
  const its = { now: 0, shared: limit.burst, at: 0, asked: [] as Array<() => void>, nodes: [] as Array<Lots> }
  const give = (tokens: number): Given => {
    if (tokens > limit.burst) throw new Error(`asked for ${tokens}`)
    its.shared = Math.min(limit.burst, its.shared + ((its.now - its.at) * limit.perSecond) / 1_000)
    its.at = its.now
    const given = Math.min(tokens, Math.floor(its.shared))
    if (given < 1) return { empty: 100 }
    its.shared -= given
    return { given, left: its.shared }
  }
  const step = () => {
    its.now += STEP
    for (const one of its.asked.splice(0)) one()
  }
  its.nodes = Array.from(
    { length: NODES },
    () =>
      new Lots({
        ...{ limit, away: () => away, nodes: () => NODES, clock: () => its.now, doubt: () => {} },
        ask: (_, tokens, done) => void its.asked.push(() => done(give(tokens)))
      })
  )
  /** What all nodes gave: each is asked at each step for `busy` milliseconds, then at none for `pause`. */
  const taken = (cost: number, busy: number, pause: number) => {
    let given = 0
    while (its.now < LONG) {
      for (const end = its.now + busy; its.now < end && its.now < LONG; step())
        for (const node of its.nodes) if (node.take("ann", its.now, cost) === 0) given += cost
      its.now += pause
    }
    return given
  }
  return { its, step, taken }
}

const all = limit.burst + (LONG / 1_000) * limit.perSecond
const lot = limit.burst / 20

describe("dear requests", () => {
  it("LO1 LO2 ten nodes give what one bucket has, however much a request costs and however seldom it comes", () => {
    for (const cost of [1, 40, 50, 51, 400, 1_000])
      for (const pause of [0, 105_000]) {
        const given = cluster().taken(cost, pause === 0 ? LONG : 200, pause)
        assert.isAtMost(given, all + NODES * 2 * lot, `cost ${cost}, pause ${pause}`)
        if (pause === 0) assert.isAtLeast(given, all * 0.9 - NODES * cost, `cost ${cost}`)
      }
  })

  it("LO4 the same where each node is alone: its share, and one request ahead", () => {
    for (const cost of [100, 400, 1_000])
      for (const pause of [0, 105_000]) {
        const given = cluster(true).taken(cost, pause === 0 ? LONG : 200, pause)
        assert.isAtMost(given, all + NODES * cost, `cost ${cost}, pause ${pause}`)
        assert.isAtLeast(given, NODES * cost)
      }
  })

  it("LO3 who asks for what the bucket does not have is told when it could", () => {
    const { its, step } = cluster()
    const [node] = its.nodes
    its.shared = 100
    assert.isAtMost(node!.take("ann", its.now, 1_000), 20)
    step()
    const wait = node!.take("ann", its.now, 1_000)
    assert.isAtLeast(wait, 80_000)
    assert.isAtMost(wait, 91_000)
    its.now += wait
    node!.take("ann", its.now, 1_000)
    step()
    assert.isAtMost(node!.take("ann", its.now, 1_000), 10_000)
  })

  it("LO2 who owed when it went away is let in at once when it is back, and pays all the same", () => {
    const { its, step } = cluster()
    const [node] = its.nodes
    its.shared = 0
    for (let owed = 0; owed < lot; owed += 10) assert.strictEqual(node!.take("ann", its.now, 10), 0)
    assert.isAbove(node!.take("ann", its.now, 10), 0)
    step()
    its.now += 200_000
    assert.strictEqual(node!.take("ann", its.now, 10), 0)
    step()
    assert.isAtMost(node!.left("ann", its.now), limit.burst - lot - 10)
  })

  it("LO2 LI3 who owes asks for no more than the bucket holds", () => {
    const { its, step } = cluster()
    const [node] = its.nodes
    its.shared = 0
    assert.strictEqual(node!.take("ann", its.now, lot), 0)
    step()
    its.now += 6_000
    assert.isAbove(node!.take("ann", its.now, limit.burst), 0)
    assert.strictEqual(its.asked.length, 1)
    step()
  })

  it("LO2 who comes back again and again owes no more than twice, and once it paid, no more than once", () => {
    const { its, step } = cluster()
    const [node] = its.nodes
    const drained = () => {
      let given = 0
      while (node!.take("ann", its.now, 10) === 0) given += 10
      return given
    }
    let given = 0
    for (let times = 0; times < 5; times++) {
      given += drained()
      its.shared = 0
      its.at = its.now + STEP
      step()
      its.now += 200_000
    }
    assert.strictEqual(given, 2 * lot)
    node!.take("ann", its.now, 10)
    step()
    assert.strictEqual(drained(), 2 * lot) // what is in hand, and what it may owe
  })

  it("LO4 LO5 no crowd of names makes room of a bucket that owes", () => {
    const { its } = cluster(true)
    const [node] = its.nodes
    assert.strictEqual(node!.take("ann", 0, 1_000), 0)
    for (let i = 0; i < 10_100; i++) node!.take(`n${i}`, 150_000)
    assert.isAbove(node!.take("ann", 150_000, 50), 0)
    assert.strictEqual(node!.size, 10_000)
  })
})
