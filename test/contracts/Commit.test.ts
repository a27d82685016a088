/** What `herald_commit` decides under the lock, asked as a writer would ask. */
import { assert, describe, it } from "@effect/vitest"
import { fresh } from "../support/fresh.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { type Answer, committing, release, text } from "./Committing.ts"

const { session, other, clock, epoch, head, call, commit, versionsOf, waiting, connected } = committing()

describe("herald_commit", () => {
  it("X2 compares the deadline when it has the lock, by its own clock: what came in time and waited too long is refused", async () => {
    const [late, early, kept] = [fresh("late"), fresh("early"), fresh("kept")]
    await other.query("begin")
    await other.query("select herald_lock()")
    const { now, server } = await clock()
    await using third = await connected()
    const asked = third.query(
      call([release(late, { notAfter: now + 500 }), release(early, { notAfter: now + 60_000 }), release(kept)], {
        clock: server,
        wait: 30_000,
        since: null
      })
    )
    await waiting()
    await waitUntil("its time to be over", async () => (await clock()).now > now + 500)
    await other.query("commit")

    const answers = (await asked)[0]!["answers"] as ReadonlyArray<Answer>
    assert.deepStrictEqual(
      answers.map(({ ok, name }) => [ok, name]),
      [
        [false, "Timeout"],
        [true, undefined],
        [true, undefined]
      ]
    )
    assert.deepStrictEqual([await versionsOf(late), await versionsOf(early), await versionsOf(kept)], [[], [1], [1]])
  })

  it("X4 what was committed in time is answered when it is asked for too late, and what was not never will be", async () => {
    const key = fresh("asked")
    const past = { notAfter: (await clock()).now - 1 }
    const since = { epoch: await epoch(), revision: String(await head()) }
    const [mine, keyed] = [release(key), release(key, { commitId: `=${fresh("request")}` })]
    const made = await commit([mine, keyed])
    const again = await commit([{ ...mine, ...past }, { ...keyed, ...past }, release(key, past)], { since })

    assert.deepStrictEqual(
      again.map((answer) => [answer["ok"], answer["replayed"] ?? answer["name"]]),
      [
        [true, true],
        [true, true],
        [false, "Timeout"]
      ]
    )
    assert.deepStrictEqual(
      again.slice(0, 2).map((answer) => (answer["row"] as Answer)["revision"]),
      made.map((answer) => answer["revision"])
    )
    assert.deepStrictEqual(await versionsOf(key), [1, 2])
  })

  it("DC2 on terms of another server's clock it does nothing, without waiting for the lock, and says its own", async () => {
    const key = fresh("clock")
    await other.query("begin")
    await other.query("select herald_lock()")
    for (const server of ["", "another"]) {
      const [row] = await session.query(call([release(key)], { clock: server, wait: 60_000, since: null }))
      assert.isNull(row!["answers"])
    }
    await other.query("commit")

    assert.deepStrictEqual(await versionsOf(key), [])
    const told = await clock()
    const [row] = await session.query("select extract(epoch from clock_timestamp()) * 1000 as now")
    assert.isAtMost(told.now, Number(row!["now"]))
  })

  it("X2 waits for the lock as long as it may, and only this call", async () => {
    const before = (await session.query("show lock_timeout"))[0]!["lock_timeout"]
    await other.query("begin")
    await other.query("select herald_lock()")
    const refused = await commit([release(fresh("waits"))], { wait: 100 }).catch((error: unknown) => String(error))
    await other.query("commit")
    await commit([release(fresh("waits"))], { wait: 100 })

    assert.isString(refused)
    assert.strictEqual((await session.query("show lock_timeout"))[0]!["lock_timeout"], before)
  })

  it("X1 PO1 looks for an earlier commit behind the position that was known, and everywhere when that is of another history", async () => {
    const key = fresh("since")
    const before = { epoch: await epoch(), revision: String(await head()) }
    const mine = release(key)
    const [made] = await commit([mine])
    const ask = async (since: unknown) => (await commit([mine], { since }))[0]!["replayed"]

    assert.isTrue(await ask(before))
    assert.isTrue(await ask({ epoch: "of a lost history", revision: String(2 ** 40) }))
    assert.isTrue(await ask({ epoch: "", revision: "0" }))
    assert.deepStrictEqual(await versionsOf(key), [1])
    // Where nothing was lost, nothing is looked for: a name that was made is not used twice.
    assert.isFalse(await ask({ epoch: before.epoch, revision: made!["revision"] }))
  })

  it("RU1 PO1 of another history than the database's, a position says nothing of its templates", async () => {
    const [environment, key] = [fresh("templates"), fresh("template")]
    const position = async () => ({ environment, epoch: await epoch(), revision: String(await head()) })
    const ask = async (template: unknown) => {
      const [answer] = await commit([release(fresh("variables"), { basis: { values: [], templates: [template] } })])
      return (answer!["details"] as { changed?: string } | undefined)?.changed
    }
    const before = await position()
    await commit([release(key, {}, { environment, template: true })])

    assert.strictEqual(await ask(before), "templates")
    assert.isUndefined(await ask(await position()))
    assert.strictEqual(await ask({ environment, epoch: "of a lost history", revision: String(2 ** 40) }), "templates")
  })

  it("W1 W2 commits that come at once are one after the other: revisions, versions and the chain have no gap and no fork", async () => {
    const key = fresh("order")
    const sessions = await Promise.all(Array.from({ length: 6 }, () => connected()))
    const from = await head()
    await Promise.all(
      sessions.map(async (one) => {
        for (let i = 0; i < 10; i++) await commit([release(key), release(fresh("order"))], {}, one)
      })
    )
    await Promise.all(sessions.map((one) => one[Symbol.asyncDispose]()))

    assert.strictEqual(await head(), from + 120)
    assert.deepStrictEqual(
      await versionsOf(key),
      Array.from({ length: 60 }, (_, i) => i + 1)
    )
    const [row] = await session.query(`
      select count(*)::int as wrong from (select *, lag(id) over w as b, lag(hash) over w as h from audit_log window w as (order by id)) a
      where b is not null and (id <> b + 1 or prev_hash <> h)`)
    assert.strictEqual(row!["wrong"], 0)
    const [order] = await session.query(`
      select count(*)::int as wrong from (select *, lag(revision) over w as b from configuration_history where key = '${key}' window w as (order by version)) h
      where revision <= b`)
    assert.strictEqual(order!["wrong"], 0)
  })

  it("servers that came before these terms still commit: a rolling upgrade", async () => {
    const key = fresh("before")
    const [row] = await session.query(`select herald_commit(${text([release(key)])}::jsonb, null::bigint) as answers`)
    const [again] = await session.query(`select herald_commit(${text([release(key)])}::jsonb) as answers`)

    assert.isTrue((row!["answers"] as ReadonlyArray<Answer>)[0]!["ok"])
    assert.isTrue((again!["answers"] as ReadonlyArray<Answer>)[0]!["ok"])
  })

  it("W3 an idempotency key that the retention outlived is refused, not answered wrongly", async () => {
    const key = fresh("swept")
    const keyed = release(key, { commitId: `=${fresh("request")}` })
    const [made] = await commit([keyed, release(key)])
    await other.query("begin")
    await other.query(`delete from revisions where revision = ${made!["revision"]}`)
    const answers = await commit([release(fresh("beside")), keyed, release(fresh("beside"))], {}, other)
    await other.query("rollback")

    assert.deepStrictEqual(
      answers.map(({ ok, name }) => [ok, name]),
      [
        [true, undefined],
        [false, "IdempotencyConflict"],
        [true, undefined]
      ]
    )
  })
})
