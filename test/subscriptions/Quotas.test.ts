/** What quotas come to, and what it costs a node to work them out, counted in what is looked at. */
import { assert, describe, it } from "@effect/vitest"
import type { Standing } from "../../src/subscriptions/CursorStore.ts"
import { quotasOf, type Weight } from "../../src/subscriptions/Quotas.ts"
import { Host } from "./Host.ts"

/** Nodes that count how often anything of them is looked at. */
const watched = (consumers: ReadonlyArray<number>) => {
  const looks = { count: 0 }
  const nodes = consumers.map((count, n) => ({
    run: `r${n}`,
    lives: [],
    get consumers() {
      looks.count++
      return count
    }
  }))
  return { looks, nodes }
}

/** As if each had what is due to it, whole or not. */
const exact = (shares: number, nodes: ReadonlyArray<Weight>) => {
  const all = nodes.reduce((sum, { consumers }) => sum + consumers, 0)
  return nodes.map(({ consumers }) => (shares * consumers) / all)
}

describe("Quotas", () => {
  it("QA1 they are as many as the shares, one each at least, and nobody is more than one away from what is due", () => {
    let seed = 7
    const below = (most: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % most
    }
    for (let round = 0; round < 500; round++) {
      const nodes = Array.from({ length: 1 + below(12) }, (_, n) => ({ run: `r${n}`, consumers: 1 + below(50) }))
      const shares = 1 + below(300)
      const quotas = quotasOf(shares, nodes, undefined)
      const sum = [...quotas.values()].reduce((all, one) => all + one, 0)
      assert.strictEqual(sum, shares)
      assert.strictEqual(quotas.size, shares === 1 ? 1 : Math.min(shares, nodes.length))
      assert.isTrue([...quotas.values()].every((one) => one >= 1))
      const due = exact(shares, nodes)
      if (due.some((one) => one < 1)) continue
      for (const [n, { run }] of nodes.entries()) assert.isBelow(Math.abs(quotas.get(run)! - due[n]!), 1, `${round}`)
    }
  })

  it("QA1 they do not hang on who came first, but for who has any", () => {
    const nodes = [5, 3, 3, 1, 1].map((consumers, n) => ({ run: `r${n}`, consumers }))
    const asked = (those: ReadonlyArray<Weight>) => [...quotasOf(17, those, undefined)].sort().join(" ")
    assert.strictEqual(asked(nodes), asked(nodes.toReversed()))
    const few = quotasOf(20, [{ run: "a", consumers: 96 }, ...nodes.slice(3)], undefined)
    assert.deepStrictEqual([...few.values()], [18, 1, 1])
  })

  it("QA4 what they cost does not grow with the shares", () => {
    const cost = (shares: number) => {
      const { looks, nodes } = watched(Array.from({ length: 16 }, (_, n) => 1 + (n % 5)))
      quotasOf(shares, nodes, undefined)
      return looks.count
    }
    assert.strictEqual(cost(4_096), cost(64))
    assert.isAtMost(cost(4_096), 16 * 8)
  })

  it("HN1 QA4 where nothing has changed nothing is worked out again, and no share is gone through", () => {
    const host = new Host("shared", { id: "1", slices: 16 }).claim()
    const { serving } = host
    const { looks, nodes } = watched([1])
    const standing = (shares?: Standing["shares"]): Standing => ({
      ...{ subscription: serving.subscription, now: 0, stamp: "s", nodes },
      ...(shares && { shares })
    })
    const shares = Array.from({ length: 17 }, (_, share) => ({ share, run: share < 16 ? "r0" : "", token: 1n }))
    assert.deepStrictEqual(serving.stand(standing(shares), "r0", host.now), [16])
    serving.claimed({ id: "1", epoch: 1, share: 16, token: 1n, cursors: [] }, new Map())
    assert.isEmpty(serving.stand(standing(), "r0", host.now))
    looks.count = 0
    let walks = 0
    for (const name of ["keys", "values", "entries", "forEach", Symbol.iterator] as const) {
      const walk = serving.held[name] as (...of: ReadonlyArray<unknown>) => unknown
      Object.assign(serving.held, {
        [name]: (...of: ReadonlyArray<unknown>) => {
          walks++
          return walk.apply(serving.held, [...of])
        }
      })
    }
    assert.isEmpty(serving.stand(standing(), "r0", host.now))
    assert.isEmpty(serving.hands.strays)
    assert.deepStrictEqual([looks.count, walks], [2, 0])
    // What is lost is known at once, and what is its own by the store is had back.
    serving.lose(3)
    assert.deepStrictEqual(serving.stand(standing(), "r0", host.now), [3])
    assert.isEmpty(serving.hands.strays)
    const two = watched([1, 1])
    assert.isEmpty(serving.stand({ ...standing(), nodes: two.nodes }, "r0", host.now))
    assert.deepStrictEqual([serving.held.size, serving.leaving.size], [16, 7])
    assert.deepStrictEqual(serving.hands.strays, [{ share: 3, token: 1n }])
    assert.isEmpty(serving.stand(standing(), "r0", host.now).filter((share) => share !== 3))
    assert.strictEqual(serving.leaving.size, 0)
  })
})
