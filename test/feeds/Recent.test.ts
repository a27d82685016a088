import { assert, describe, it } from "vitest"
import { Recent } from "../../src/feeds/Recent.ts"

const revision = (n: number, epoch = "e", value = "") => ({
  epoch,
  revision: BigInt(n),
  changes: [{ kind: "configuration", environment: "production", key: "k", value }],
  traceparent: "",
  actor: "",
  message: "",
  committedAt: 0
})

describe("Recent", () => {
  it("RX1 holds the newest of one history without gaps, within entries and bytes", () => {
    const recent = new Recent()
    const beyond = (n: number, epoch = "e") =>
      recent.after({ epoch, revision: BigInt(n) }, 2)?.map((one) => one.revision)
    assert.isUndefined(beyond(0))
    for (let n = 1; n <= 5; n++) recent.push(revision(n))
    assert.deepStrictEqual([beyond(0), beyond(3), beyond(5), beyond(9)], [[1n, 2n], [4n, 5n], [], []])
    assert.isUndefined(beyond(3, "other"))

    for (let n = 6; n <= 2_000; n++) recent.push(revision(n))
    assert.isUndefined(beyond(900))
    assert.deepStrictEqual(beyond(1_998), [1_999n, 2_000n])
    for (let n = 2_001; n <= 2_020; n++) recent.push(revision(n, "e", "v".repeat(1_000_000)))
    assert.isUndefined(beyond(2_000))
    assert.deepStrictEqual(beyond(2_019), [2_020n])

    recent.push(revision(2_022))
    assert.isUndefined(beyond(2_019))
    recent.push(revision(1, "new"))
    assert.deepStrictEqual(beyond(0, "new"), [1n])
  })
})
