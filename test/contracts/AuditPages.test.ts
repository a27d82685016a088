/** The audit log is checked in pages, beside everything else, and whatever is written or changed meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { CHECKS } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { change, release } from "../support/Release.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { evidence, REHASH } from "./Evidence.ts"
import { verified } from "./Verified.ts"

const { runtime, session, undo, number, connected } = evidence()

describe("the check of the audit log, page by page", () => {
  it("AL3 checks one page at a time, however many ask: the rest of the pool goes on", async () => {
    const other = await connected()
    try {
      const running = async () =>
        Number(
          (
            await other.query(
              "select count(*)::int as n from pg_stat_activity where query like '%herald_audit_check%' and wait_event_type = 'Lock'"
            )
          )[0]!["n"]
        )
      await session.query("begin")
      await session.query("lock table audit_log in access exclusive mode")
      const asked = Array.from({ length: 20 }, () => runtime.runPromiseExit(Effect.asVoid(verified)))
      let ended = 0
      for (const one of asked) void one.then(() => ended++)
      await waitUntil("one page to be checked", async () => (await running()) === 1)
      await waitUntil("those that are too many to be told", () => ended >= 20 - 1 - CHECKS)
      assert.strictEqual(await running(), 1)
      assert.isArray(await runtime.runPromise(Effect.flatMap(ApiKeyStore, ({ list }) => list)))
      await session.query("commit")
      const told = (await Promise.all(asked)).map((exit) =>
        exit._tag === "Success" ? "checked" : (exit.cause.reasons[0] as { error?: { name?: string } }).error?.name
      )
      assert.strictEqual(told.filter((name) => name === "RateLimited").length, 20 - 1 - CHECKS)
    } finally {
      await session.query("commit")
      await other[Symbol.asyncDispose]()
    }
  })

  it("AL2 finds the same in as many pages as there are rows, and goes on in each", async () => {
    const pages = async (statement?: string) => {
      if (statement !== undefined) await session.query(statement)
      let place: unknown = null
      for (let n = 1; ; n++) {
        const [row] = await session.query(
          `select herald_audit_check($json$${JSON.stringify(place)}$json$::jsonb, -1) as page`.replace(
            "$json$null$json$::jsonb",
            "null"
          )
        )
        const page = row!["page"] as { place: unknown; problem: { kind: string } | null; entries: number }
        if (page.place === null || page.problem !== null) return { n, kind: page.problem?.kind, entries: page.entries }
        place = page.place
      }
    }
    const entries = await number("select count(*) as n from audit_log")
    const rows =
      entries +
      (await number(
        "select (select count(*) from configuration_history) + (select count(*) from configurations) + (select count(*) from api_keys) as n"
      ))
    const all = await pages()
    assert.deepInclude(all, { kind: undefined, entries })
    assert.isAtLeast(all.n, rows)
    assert.strictEqual((await pages("update configurations set value = 'x' where key = 'r2'")).kind, "current")
    await undo()
    assert.strictEqual((await pages("update api_keys set revoked_at = now() where id = 'kept'")).kind, "unlogged")
  })

  it("AL2 what was changed behind the place where a check goes on is found", async () => {
    const [row] = await session.query("select herald_audit_check(null, -1) as page")
    const { place } = row!["page"] as { place: { id: number } }
    await session.query(`update audit_log set performed_by = 'mallory' where id <= ${place.id}`)
    await session.query(REHASH)
    const [next] = await session.query(`select herald_audit_check('${JSON.stringify(place)}'::jsonb, -1) as page`)

    assert.deepInclude((next!["page"] as { problem: object }).problem, { kind: "changed", entry: place.id })
  })

  it("AL1 what is written while it is checked is no problem", async () => {
    const [row] = await session.query("select herald_audit_check(null, -1) as page")
    let place: unknown = (row!["page"] as { place: unknown }).place
    for (let n = 0; place !== null; n++) {
      if (n % 5 === 0)
        await runtime.runPromise(
          Effect.flatMap(Commits, (commits) => commits.commit(release([change(`meanwhile.${n % 3}`, String(n))])))
        )
      const [next] = await session.query(`select herald_audit_check('${JSON.stringify(place)}'::jsonb, -1) as page`)
      const page = next!["page"] as { place: unknown; problem: unknown }
      assert.isNull(page.problem)
      place = page.place
      if (n > 60) break // it never ends while someone writes faster than it looks
    }
  })
})
