import { assert, describe, it } from "@effect/vitest"
import type { Batch, DeliveryRow, InstanceNote } from "../../src/fleet/Instance.ts"
import { BATCH, BYTES, Unwritten } from "../../src/fleet/Unwritten.ts"
import { delivery as deliveryOf, health as healthOf, instance as instanceOf } from "../support/Instance.ts"

const delivery = (revision: number, changed: Partial<DeliveryRow> = {}) =>
  deliveryOf("svc", { revision: BigInt(revision), version: revision, sentAt: revision, ...changed })
const instance = (changed: Partial<InstanceNote> = {}) => instanceOf("svc", { lastSeen: 1, ...changed })
const health = (revision: number, message = "") =>
  healthOf("svc", { revision: BigInt(revision), message, reportedAt: revision })
const id = { environment: "production", service: "svc", instance: "i1" }
const wide = { rows: 1_000_000, bytes: 1_000_000_000 }
const all = (unwritten: Unwritten): ReadonlyArray<Batch> => {
  const batches: Array<Batch> = []
  while (unwritten.size > 0) batches.push(unwritten.take())
  return batches
}
const bytesOf = (batch: Batch) =>
  JSON.stringify(batch, (_, value) => (typeof value === "bigint" ? String(value) : value)).length

describe("Unwritten", () => {
  it("BL1 an answer is never overwritten by a sent that comes late, and keeps when it was sent", () => {
    const unwritten = new Unwritten(wide)
    const applied = { state: "applied", sentAt: 0, answeredAt: 9 } as const
    unwritten.delivery(delivery(1, { lacks: true }))
    unwritten.delivery(delivery(1, applied))
    unwritten.delivery(delivery(2, applied))
    unwritten.delivery(delivery(2))

    assert.deepStrictEqual(unwritten.take().deliveries, [
      delivery(1, { state: "applied", answeredAt: 9, lacks: true }),
      delivery(2, { state: "applied", answeredAt: 9 })
    ])
  })

  it("BL1 deliveries of two epochs are two, though their revision is the same", () => {
    const unwritten = new Unwritten(wide)
    unwritten.delivery(delivery(1, { epoch: "former" }))
    unwritten.delivery(delivery(1))

    assert.strictEqual(unwritten.take().deliveries.length, 2)
  })

  it("BL2 beyond the bound the newest of each client, key and state stay: what was applied survives a rejection", () => {
    const unwritten = new Unwritten({ rows: 10, bytes: 1_000_000 })
    for (let i = 1; i <= 100; i++) {
      unwritten.delivery(delivery(2 * i, { state: "applied", answeredAt: i }))
      unwritten.delivery(delivery(2 * i + 1, { state: "rejected", answeredAt: i, reason: "no" }))
    }
    for (let i = 1; i <= 50; i++) unwritten.delivery(delivery(1_000 + i, { key: "svc.busy" }))
    const rows = all(unwritten).flatMap(({ deliveries }) => deliveries)
    const newest = (state: DeliveryRow["state"]) => rows.filter((row) => row.state === state).at(-1)?.revision

    assert.isAtMost(rows.length, 20)
    assert.deepStrictEqual([newest("applied"), newest("rejected"), newest("sent")], [200n, 201n, 1_050n])
    assert.strictEqual(rows.length + unwritten.merged, 250)
  })

  it("BL2 all that waits stays within its bytes, whatever kind it is of", () => {
    const most = 1_000_000
    const unwritten = new Unwritten({ rows: 1_000_000, bytes: most })
    const text = "x".repeat(1_000)
    for (let i = 0; i < 3_000; i++) {
      const name = `i${i}`
      unwritten.delivery(delivery(i, { instance: name, state: "rejected", reason: text }))
      unwritten.instance(instance({ instance: name, labels: { text } }))
      unwritten.health({ ...health(i, text), instance: name })
      for (let k = 0; k < 5; k++)
        unwritten.held({ ...id, session: name }, { key: `svc.${k}`, epoch: "e", revision: 1n, version: 1 }, 1)
      assert.isAtMost(unwritten.bytes, most)
    }
    assert.isAbove(unwritten.merged, 0)
    for (const batch of all(unwritten)) assert.isAtMost(bytesOf(batch), 2 * BYTES)
    assert.strictEqual(unwritten.bytes, 0)
  })

  it("BL3 1,200 rejections with long reasons, and labels and reports as large as they may be, go in batches of bounded bytes", () => {
    const unwritten = new Unwritten(wide)
    const text = "x".repeat(1_024)
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`label${i}`, text]))
    for (let i = 0; i < 1_200; i++)
      unwritten.delivery(delivery(i, { key: `rej.k${i}`, state: "rejected", answeredAt: 1, reason: text.repeat(8) }))
    for (let i = 0; i < 200; i++) unwritten.instance(instance({ instance: `i${i}`, labels }))
    for (let i = 0; i < 5_000; i++) unwritten.health(health(i, text))
    const batches = all(unwritten)

    assert.isAtLeast(batches.length, 4)
    for (const batch of batches) assert.isAtMost(bytesOf(batch), 1.5 * BYTES)
    assert.strictEqual(batches.flatMap(({ deliveries }) => deliveries).length, 1_200)
    assert.strictEqual(batches.flatMap((batch) => batch.health).length, 5_000)
    // Nothing is written of an instance before all instances are.
    const last = batches.findLastIndex(({ instances }) => instances.length > 0)
    for (const { deliveries, health, held } of batches.slice(0, last))
      assert.strictEqual(deliveries.length + health.length + held.length, 0)
  })

  it("BL3 100,000 keys that a client holds go in batches, each once", () => {
    const unwritten = new Unwritten(wide)
    for (let i = 0; i < 100_000; i++)
      unwritten.held({ ...id, session: "r/1" }, { key: `svc.k${i}`, epoch: "e", revision: 1n, version: 1 }, 5)
    const batches = all(unwritten)
    const keys = batches.flatMap(({ held }) => held.flatMap((row) => row.keys.map(({ key }) => key)))

    assert.strictEqual(new Set(keys).size, 100_000)
    assert.strictEqual(keys.length, 100_000)
    for (const batch of batches) {
      assert.isAtMost(bytesOf(batch), 1.5 * BYTES)
      assert.isAtMost(batch.held.flatMap((row) => row.keys).length, BATCH)
    }
  })

  it("BL4 BK3 what could not be written comes first again, and what came later wins over it", () => {
    const unwritten = new Unwritten(wide)
    const rejected = { state: "rejected", sentAt: 0, answeredAt: 5, reason: "no" } as const
    unwritten.instance(instance())
    unwritten.delivery(delivery(1))
    unwritten.delivery(delivery(2, { state: "applied", answeredAt: 4 }))
    unwritten.health(health(1, "old"))
    unwritten.held({ ...id, session: "r/1" }, { key: "svc.h", epoch: "e", revision: 1n, version: 1 }, 5)
    const failed = unwritten.take()
    unwritten.instance(instance({ lastSeen: 2, opening: false }))
    unwritten.delivery(delivery(3))
    unwritten.delivery(delivery(2, rejected))
    unwritten.health({ ...health(1, "new"), reportedAt: 2 })
    unwritten.putBack(failed)
    unwritten.delivery(delivery(1, { ...rejected, answeredAt: 7 }))
    const [batch, ...rest] = all(unwritten)

    assert.deepStrictEqual(rest, [])
    assert.deepStrictEqual(batch?.instances, [instance({ lastSeen: 2 })])
    assert.deepStrictEqual(
      batch?.deliveries.map(({ revision, state, sentAt, answeredAt }) => [revision, state, sentAt, answeredAt]),
      [
        [1n, "rejected", 1, 7],
        [2n, "rejected", 2, 5],
        [3n, "sent", 3, 0]
      ]
    )
    assert.deepStrictEqual(
      batch?.health.map(({ message }) => message),
      ["new"]
    )
    assert.strictEqual(batch?.held[0]?.keys.length, 1)
  })

  it("BL4 of two sessions of an instance the later one stays when the earlier one's batch is put back", () => {
    const unwritten = new Unwritten(wide)
    unwritten.instance(instance({ session: "r/1" }))
    const failed = unwritten.take()
    unwritten.instance(instance({ session: "r/2", lastSeen: 2 }))
    unwritten.putBack(failed)

    assert.deepStrictEqual(unwritten.take().instances, [instance({ session: "r/2", lastSeen: 2 })])
  })
})
