/** Fault 33: the writers' lock is held for long. What publishers were told to have failed never happens later, on whichever node. */
import { assert, describe, it } from "@effect/vitest"
import { connect } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

const PUBLISHERS = 120

describe("fault 33: the lock is held for long", () => {
  it("X2 nothing that was reported to have failed is committed later", async () => {
    await using nodes = await Nodes.start({ count: 2 })
    const [a, b] = nodes.servers as [(typeof nodes.servers)[number], (typeof nodes.servers)[number]]
    await using holder = await connect(nodes.database.url)
    for (const server of [a, b]) await server.publish("svc.first", "one") // their clocks are known
    await holder.query("begin")
    await holder.query("select herald_lock()")
    const from = performance.now()

    const answers = await Promise.all(
      Array.from({ length: PUBLISHERS }, async (_, i) => {
        const { status, body } = await nodes.servers[i % 2]!.publish(`svc.k${i}`, "old")
        return { status, code: body.code as string, detail: body.detail as string, after: performance.now() - from }
      })
    )
    // Some are gone before they are told.
    const left = Array.from({ length: 20 }, (_, i) => {
      const controller = new AbortController()
      const asked = fetch(`${nodes.servers[i % 2]!.http}/v1/config/svc.left${i}?environment=production`, {
        method: "PUT",
        headers: { authorization: `Bearer ${nodes.token}`, "content-type": "application/json" },
        body: JSON.stringify({ value: "old" }),
        signal: controller.signal
      }).catch(() => undefined)
      return { controller, asked }
    })
    await waitUntil("some to wait for the lock", async () => {
      const [row] = await holder.query(
        "select count(*)::int as waiting from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
      )
      return Number(row!["waiting"]) > 0
    })
    for (const { controller, asked } of left) {
      controller.abort()
      await asked
    }
    // Those that are with the database wait there until their time is over.
    await waitUntil("nobody to wait for the lock", async () => {
      const [row] = await holder.query(
        "select count(*)::int as waiting from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
      )
      return Number(row!["waiting"]) === 0
    })
    await holder.query("commit")
    const operator = await b.publish("svc.k115", "new")
    const held = performance.now() - from
    // A commit after all that could still be on its way.
    for (const server of [a, b]) assert.strictEqual((await server.publish("svc.last", "one")).status, 200)

    for (const { status, code, detail, after } of answers) {
      assert.deepStrictEqual([status, code], [504, "HRLD-4004"])
      assert.match(detail, /nothing of it ever will be/)
      assert.isBelow(after, 7_000)
    }
    assert.strictEqual(operator.body.version, 1)
    const rows = await holder.query(
      "select key, value from configuration_history where key like 'svc.k%' or key like 'svc.left%'"
    )
    assert.deepStrictEqual(rows, [{ key: "svc.k115", value: "new" }])
    measured(33, "the writers' lock held, 120 publishers on two nodes", {
      "told after at most": seconds(Math.max(...answers.map(({ after }) => after))),
      "held for": seconds(held)
    })
  })
})
