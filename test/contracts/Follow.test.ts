/** What `herald_follow` decides under the lock, asked as a node, and as two at once, would ask. */
import { assert, describe, it } from "@effect/vitest"
import { fresh } from "../support/fresh.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { committing, release } from "./Committing.ts"

const { session, other, epoch, commit, connected } = committing()

describe("herald_follow", () => {
  const follow = async (known: string | null, revision: number | null, millis: number | null, on = other) =>
    (
      await on.query(
        `select herald_follow(${known === null ? "null" : `'${known}'`}, ${revision ?? "null"}, ${millis ?? "null"}) as lost`
      )
    )[0]!["lost"] as string | null
  const newest = async () => {
    const [row] = await session.query(
      "select revision::int as revision, herald_millis(committed_at) as millis from revisions order by revision desc limit 1"
    )
    return { revision: Number(row!["revision"]), millis: Number(row!["millis"]) }
  }
  /** What it says, and whether the epoch ended, in a transaction that is undone. */
  const would = async (change: string, ...known: Parameters<typeof follow>) => {
    const before = await epoch()
    await other.query("begin")
    if (change !== "") await other.query(change)
    const lost = await follow(...known)
    const [row] = await other.query("select epoch from herald_epoch")
    await other.query("rollback")
    return [lost, row!["epoch"] !== before] as const
  }

  it("PG4 a revision that a node saw and that is missing, or is another one, ends the epoch; one of another epoch says nothing", async () => {
    await commit([release(fresh("seen"))])
    const { revision, millis } = await newest()
    const now = await epoch()

    assert.deepStrictEqual(await would("", now, revision, millis), [null, false])
    assert.deepStrictEqual(await would("", null, null, null), [null, false])
    assert.deepStrictEqual(await would("", "another", revision + 1, millis), [null, false])
    const missing = [`revision ${revision + 1} is missing or another one`, true] as const
    assert.deepStrictEqual(await would("", now, revision + 1, millis), missing)
    assert.deepStrictEqual(await would("", now, revision, millis + 1), [
      `revision ${revision} is missing or another one`,
      true
    ])
    // What the retention took was there.
    assert.deepStrictEqual(
      await would(`delete from revisions where revision = ${revision - 1}`, now, revision - 1, 1),
      [null, false]
    )
  })

  it("PG4 another database, and a promotion that commits did not wait for, end the epoch; one that they waited for does not", async () => {
    await commit([release(fresh("seen"))])
    const { revision, millis } = await newest()
    const known = [await epoch(), revision, millis] as const

    const moved = await would("update herald_lineage set system = 'another'", ...known)
    assert.deepStrictEqual(moved, ["the database was restored or moved", true])
    const promoted = "update herald_lineage set timeline = '000000AA', synchronous ="
    assert.deepStrictEqual(await would(`${promoted} false`, ...known), [
      "a standby was promoted that commits did not wait for",
      true
    ])
    assert.deepStrictEqual(await would(`${promoted} true`, ...known), [null, false])
    // Noted: it is asked for once.
    await other.query("begin")
    await other.query(`${promoted} true`)
    await follow(...known)
    const [row] = await other.query("select timeline = herald_timeline() as noted from herald_lineage")
    await other.query("rollback")
    assert.isTrue(row!["noted"])
  })

  it("PG4 of two nodes that find history lost at once, one ends the epoch", async () => {
    await using third = await connected()
    const before = await epoch()
    await other.query("begin")
    await other.query("select herald_lock()")
    const known = [before, 2 ** 30, 0] as const
    const [a, b] = [follow(...known, session), follow(...known, third)]
    await waitUntil("both to wait", async () => {
      const [row] = await other.query(
        "select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
      )
      return Number(row!["n"]) === 2
    })
    await other.query("commit")
    const reasons = await Promise.all([a, b])

    assert.strictEqual(reasons.filter((reason) => reason !== null).length, 1)
    assert.notStrictEqual(await epoch(), before)
    const [made] = await commit([release(fresh("after"))])
    assert.strictEqual(made!["epoch"], await epoch())
  })
})
