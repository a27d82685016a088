import { assert, describe, it } from "@effect/vitest"
import { makeLoop } from "../../../layers/Telemetry/Loop.ts"

describe("Loop", () => {
  const make = () => {
    const clocks = { now: 0n, used: 0n }
    const loop = makeLoop(
      () => clocks.now,
      () => clocks.used
    )
    const pass = (millis: number, used: number) => {
      clocks.now += BigInt(millis) * 1_000_000n
      clocks.used += BigInt(used) * 1_000_000n
    }
    const millis = (nanos: bigint) => Number(nanos / 1_000_000n)
    return { loop, pass, busy: () => millis(loop.busy()), recent: () => millis(loop.recent()) }
  }

  it("LB1 a tick that comes in time was not held up, however much was worked", () => {
    const { loop, pass, busy } = make()
    for (let i = 0; i < 100; i++) {
      pass(60, 60)
      loop.tick()
    }
    assert.strictEqual(busy(), 0)
  })

  it("LB1 work that holds the loop up counts while it lasts and afterwards, once", () => {
    const { loop, pass, busy } = make()
    pass(5_000, 4_900)
    assert.strictEqual(busy(), 4_900)
    loop.tick()
    assert.strictEqual(busy(), 4_900)
    pass(50, 1)
    loop.tick()
    assert.strictEqual(busy(), 4_900)
  })

  it("LB1 what held the loop up counts as recent for a few turns", () => {
    const { loop, pass, recent } = make()
    pass(900, 900)
    assert.strictEqual(recent(), 900)
    loop.tick()
    pass(200, 200)
    assert.strictEqual(recent(), 1_100)
    for (let turn = 0; turn < 3; turn++) {
      loop.tick()
      pass(50, 50)
    }
    assert.strictEqual(recent(), 1_100)
    loop.tick()
    assert.strictEqual(recent(), 200)
    loop.tick()
    assert.strictEqual(recent(), 0)
  })

  it("LB1 a process that was stopped was not busy", () => {
    const { loop, pass, busy } = make()
    pass(3_600_000, 3)
    loop.tick()
    assert.strictEqual(busy(), 3)
  })
})
