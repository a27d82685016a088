import { assert, describe, it } from "@effect/vitest"
import { bucketOf } from "../../src/rollouts/Cohort.ts"
import { type Sent, type Truth, wrongIn } from "./Allowed.ts"

const truth = (more: Partial<Truth> = {}): Truth => ({
  id: "r5",
  key: "shop",
  version: 2,
  salt: "salt",
  stages: [
    { where: {}, begun: { revision: 6, below: 2 ** 31, also: [] } },
    { where: { region: "eu" }, begun: { revision: 8, below: 2 ** 32, also: [] } },
    { where: {}, begun: null }
  ],
  completed: null,
  ...more
})
const named = (inside: boolean) =>
  Array.from({ length: 100 }, (_, n) => `web-${n}`).find((one) => bucketOf("salt", one) < 2 ** 31 === inside)!
const sent = (
  instance: string,
  of: ReadonlyArray<readonly [version: number, revision: number]>,
  more: Partial<Sent> = {}
): Sent => ({
  instance,
  labels: {},
  resumed: true,
  updates: of.map(([version, revision]) => ({ kind: "UPDATE_KIND_VALUE", key: "shop", version, revision, epoch: "e" })),
  ...more
})
const wrong = (...connections: ReadonlyArray<Sent>) => wrongIn(connections, [truth()])

describe("what clients of a fleet may have been sent", () => {
  it("FA1 a candidate is for the cohort, at the position at which one came in", () => {
    assert.deepStrictEqual(
      wrong(
        sent(named(true), [
          [1, 3],
          [2, 6],
          [1, 9]
        ])
      ),
      []
    )
    assert.deepStrictEqual(wrong(sent(named(false), [[1, 3]])), [])
    assert.deepStrictEqual(
      wrong(
        sent(
          named(false),
          [
            [1, 3],
            [2, 8]
          ],
          { labels: { region: "eu" } }
        )
      ),
      []
    )
    assert.match(wrong(sent(named(false), [[2, 6]]))[0]!, /not in the cohort/)
    assert.match(wrong(sent(named(false), [[2, 8]], { labels: { region: "us" } }))[0]!, /not in the cohort/)
    assert.match(wrong(sent(named(true), [[2, 8]]))[0]!, /came into the cohort/)
  })

  it("FA1 for everyone once it was completed, and from then on", () => {
    const completed = [truth({ completed: 10 })]
    assert.deepStrictEqual(wrongIn([sent(named(false), [[2, 10]])], completed), [])
    assert.strictEqual(wrongIn([sent(named(false), [[2, 9]])], completed).length, 1)
  })

  it("FA2 nothing older for a client that says what it holds", () => {
    const one = named(true)
    assert.strictEqual(wrong(sent(one, [[2, 6]]), sent(one, [[1, 3]])).length, 1)
    assert.deepStrictEqual(wrong(sent(one, [[2, 6]]), sent(one, [[1, 3]], { resumed: false })), [])
  })
})
