import { assert, describe, it } from "@effect/vitest"
import type { TrackGate } from "../../src/plans/Plan.ts"
import { gateOf } from "../../src/plans/ReadGates.ts"
import { tracks } from "../../src/rollouts/Tracks.ts"

const read = (gate: string, [did, n]: readonly [number, number], [others, of]: readonly [number, number] = [0, 0]) =>
  tracks(gateOf(gate) as TrackGate, "new", { n, did }, { n: of, did: others })
const verdict = (...of: Parameters<typeof read>) => read(...of).verdict

describe("gates of what people did", () => {
  it("VT1 it is bad when the share is beyond what it may be, in either direction, and not before", () => {
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [100, 2_000], [400, 2_000]), "bad")
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [400, 2_000], [400, 2_000]), "good")
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [500, 2_000], [400, 2_000]), "good")
    assert.strictEqual(verdict("track(error) <= 1.2 * control", [500, 2_000], [100, 2_000]), "bad")
    assert.strictEqual(verdict("track(error) <= 1.2 * control", [100, 2_000], [100, 2_000]), "good")
    assert.strictEqual(verdict("track(error) < 1%", [100, 2_000]), "bad")
    assert.strictEqual(verdict("track(error) < 1%", [10, 2_000]), "good")
    // A tenth less is allowed, and a little more than that is not proven.
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [350, 2_000], [400, 2_000]), "good")
  })

  it("VT2 nobody knows while few were shown it, or nobody was shown another", () => {
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [0, 0], [400, 2_000]), "unknown")
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [40, 200]), "unknown")
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control", [20, 99], [400, 2_000]), "unknown")
    assert.strictEqual(verdict("track(checkout) >= 0.9 * control, minimum 50", [20, 99], [400, 2_000]), "good")
    assert.strictEqual(verdict("track(checkout) >= control", [70, 400], [560, 2_000]), "unknown")
  })

  it("VT1 says it with numbers and bounds", () => {
    const { text, value, low, high } = read("track(checkout) >= 0.9 * control", [100, 2_000], [400, 2_000])
    assert.match(
      text,
      /^100 of 2,000 who were shown new had checkout \(5%\) against 20% of 2,000, 0\.\d+× to 0\.\d+× at 99%, at least 0\.9×; evidence over 1,000,000, and 100 takes it back$/
    )
    assert.strictEqual(value, 0.25)
    assert.isTrue(low! < 0.25 && 0.25 < high! && high! < 0.9)
    assert.match(read("track(error) < 1%", [10, 2_000]).text, /^10 of 2,000 who were shown new had error \(0\.5%\), /)
  })

  it("is read as it is written, or says what is wrong", () => {
    assert.deepInclude(gateOf("track(checkout) >= 0.9 * control, alpha 5%, minimum 30, every 10s"), {
      type: "track",
      event: "checkout",
      is: ">=",
      against: { control: 0.9 },
      alpha: 0.05,
      minimum: 30,
      everyMillis: 10_000
    })
    assert.deepInclude(gateOf("track(a/b c) < 2%"), { event: "a/b c", is: "<=", against: { limit: 0.02 } })
    for (const [gate, why] of [
      ["track(checkout)", /can't be read/],
      ["track() < 1%", /no name of an event/],
      ["track(a) >= 1.2 * control", /1 at most/],
      ["track(a) <= 0.5 * control", /1 at least/],
      ["track(a) < 100%", /below 100%/],
      ["track(a) > 10%", /just now has not done anything yet: .*track\(a\) >= 0.9 \* control/],
      ["track(a) < x", /no share of people/],
      ["track(a) < 1%, every 1s", /5s at least/]
    ] as const)
      assert.match(String(gateOf(gate)), why)
  })
})
