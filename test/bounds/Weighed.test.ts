import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Weighed } from "../../src/bounds/Weighed.ts"

const Step = Schema.Struct({
  what: Schema.Literals(["set", "use", "replace", "delete", "shift", "trim", "take", "clear"]),
  id: Schema.Literals(["a", "b", "c", "d"]),
  weight: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
})

describe("Weighed", () => {
  it.prop("WE1 WE2 whatever comes and goes, in order and in weight it is a list", [Schema.Array(Step)], ([steps]) => {
    const weighed = new Weighed<{ readonly weight: number }>(({ weight }) => weight)
    let list: Array<readonly [id: string, weight: number]> = []
    const total = () => list.reduce((sum, [, weight]) => sum + weight, 0)
    for (const { what, id, weight } of steps) {
      const at = list.findIndex(([one]) => one === id)
      switch (what) {
        case "set":
          weighed.set(id, { weight })
          list = [...list.filter(([one]) => one !== id), [id, weight]]
          break
        case "use":
          assert.strictEqual(weighed.use(id)?.weight, list[at]?.[1])
          if (at !== -1) list.push(...list.splice(at, 1))
          break
        case "replace":
          if (at === -1) break
          weighed.replace(id, { weight })
          list[at] = [id, weight]
          break
        case "delete":
          assert.strictEqual(weighed.delete(id)?.weight, list[at]?.[1])
          list = list.filter(([one]) => one !== id)
          break
        case "shift":
          assert.strictEqual(weighed.shift()?.weight, list.shift()?.[1])
          break
        case "trim":
          weighed.trim(weight, 2)
          while (total() > weight || list.length > 2) list.shift()
          break
        case "take": {
          const [taken, expected]: [Array<{ readonly weight: number }>, Array<number>] = [[], []]
          const room = { rows: 2, bytes: weight }
          let [rows, bytes] = [2, weight]
          while (list.length > 0 && rows > 0 && bytes > 0) {
            const [, next] = list.shift()!
            rows--
            bytes -= next
            expected.push(next)
          }
          assert.strictEqual(weighed.takeInto(taken, room), list.length === 0)
          assert.deepStrictEqual([taken.map((one) => one.weight), room], [expected, { rows, bytes }])
          break
        }
        case "clear":
          weighed.clear()
          list = []
      }
      assert.deepStrictEqual([weighed.size, weighed.bytes], [list.length, total()])
      assert.deepStrictEqual(
        [[...weighed.ids()], [...weighed.values()].map((one) => one.weight)],
        [list.map(([one]) => one), list.map(([, one]) => one)]
      )
    }
  })
})
