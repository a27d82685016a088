import { assert, describe, it } from "@effect/vitest"
import { DeliveryRows, sizeOfDelivery } from "../../src/fleet/DeliveryRows.ts"
import type { DeliveryRow } from "../../src/fleet/Instance.ts"
import { delivery } from "../support/Instance.ts"

const instances = ["i1", "i2", "i3"] as const
const row = (instance: string, key: string, revision: number, changed: Partial<DeliveryRow> = {}) =>
  delivery("svc", { instance, key, revision: BigInt(revision), version: revision, sentAt: revision, ...changed })
const filled = () => {
  const rows = new DeliveryRows()
  for (const key of ["a", "b"])
    for (const revision of [1, 2])
      for (const instance of instances) {
        rows.add(row(instance, key, revision), instance)
        if (instance !== "i3")
          rows.add(row(instance, key, revision, { state: "rejected", reason: `no ${key}`, answeredAt: 9 }), instance)
      }
  return rows
}
const named = (list: ReadonlyArray<DeliveryRow>) =>
  list.map(({ key, revision, instance }) => `${key}${revision}${instance}`)

describe("DeliveryRows", () => {
  it("BL1 whatever steps they are taken in, each comes once, oldest revision of a key first, and its bytes are given back", () => {
    const whole: Array<DeliveryRow> = []
    filled().takeInto(whole, { rows: 100, bytes: 100_000 })
    for (const step of [1, 2, 3, 4, 5, 12, 13]) {
      const rows = filled()
      const list: Array<DeliveryRow> = []
      const left: Array<number> = []
      const ended: Array<boolean> = []
      while (rows.size > 0) {
        ended.push(rows.takeInto(list, { rows: step, bytes: 100_000 }))
        left.push(rows.bytes - whole.slice(list.length).reduce((sum, one) => sum + sizeOfDelivery(one), 0))
      }

      assert.deepStrictEqual(list, whole)
      assert.deepStrictEqual([...new Set(left)], [0])
      assert.deepStrictEqual(
        ended,
        ended.map((_, i) => (i + 1) * step >= 12)
      )
      assert.isFalse(rows.has(whole[0]!, "i1"))
      assert.isUndefined(rows.shift())
    }
    assert.deepStrictEqual(
      named(whole),
      ["a1", "a2", "b1", "b2"].flatMap((place) => instances.map((instance) => `${place}${instance}`))
    )
  })

  it("BL1 what is taken out is not there any more, and neither are its bytes", () => {
    const rows = filled()
    const found = rows.delete(row("i2", "a", 2), "i2")
    const again = rows.delete(row("i2", "a", 2), "i2")
    const oldest = rows.shift()
    const rest: Array<DeliveryRow> = []
    rows.takeInto(rest, { rows: 100, bytes: 100_000 })

    assert.deepStrictEqual(named([found!, oldest!]), ["a2i2", "a1i1"])
    assert.strictEqual(found?.state, "rejected")
    assert.isUndefined(again)
    assert.strictEqual(rest.length, 10)
    assert.notIncludeMembers(named(rest), ["a2i2", "a1i1"])
    assert.deepStrictEqual([rows.size, rows.bytes], [0, 0])
  })

  it("BL1 no more is taken than there is room for in bytes, and one row more", () => {
    const rows = filled()
    const list: Array<DeliveryRow> = []
    const room = { rows: 100, bytes: 2 * sizeOfDelivery(row("i1", "a", 1)) }
    rows.takeInto(list, room)

    assert.strictEqual(list.length, 2)
    assert.isAtMost(room.bytes, 0)
  })
})
