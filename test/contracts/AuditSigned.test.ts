/** What a signed line outside of the database still shows, and a log of before its entries held digests. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { SqlClient } from "effect/sql"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { clientOptions, connect } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { evidence, REHASH } from "./Evidence.ts"
import { verified } from "./Verified.ts"

const { session, url: urlOf, undo, verify, signing } = evidence()

describe("audit checkpoints", () => {
  it("AC3 a chain that was made anew is another one, and is not signed", async () => {
    await using node = await signing()
    const before = await node.lines()
    await session.query("update audit_log set performed_by = 'innocent' where id = 5")
    await session.query(REHASH)

    assert.deepInclude(await verify(), { problem: undefined }) // it holds
    const { problem, newest } = await node.compared()
    assert.deepInclude(problem, { kind: "rewritten", entry: newest!.id })
    await session.query("select herald_audit('', 'key.revoke', 'mallory', '{\"id\":\"ended\"}')")
    assert.deepStrictEqual(await node.lines(), before)
    await undo()
    assert.isUndefined((await node.compared()).problem)
  })

  it("AC3 an end that was removed, with what names it, is missed", async () => {
    await using node = await signing()
    await session.query("delete from audit_log where id >= 6")
    await session.query("delete from revisions where audit_id >= 6")
    for (const table of ["configuration_history", "configurations"])
      await session.query(`delete from ${table} where revision > (select coalesce(max(revision), 0) from revisions)`)

    assert.deepInclude((await node.compared()).problem, { kind: "truncated", entry: 6n })
    await session.query("truncate audit_log")
    assert.deepInclude((await node.compared()).problem, { kind: "truncated", entry: 1n })
  })

  it("AC1 a line that another key signed counts for nothing, one from a log counts like one of the file", async () => {
    await using node = await signing()
    const newest = (await node.lines()).at(-1)!
    const forged = newest.replace(/^(herald-audit-2) \d+/, "$1 999")

    assert.deepInclude(await node.compared([forged]), { unsigned: 1, problem: undefined })
    await node.forget()
    assert.strictEqual((await node.compared()).checked, 0)
    await session.query("delete from audit_log where id > 3")
    assert.deepInclude((await node.compared([newest])).problem, { kind: "truncated", entry: 4n })
  })
})

describe("an audit log of before it held digests", () => {
  it("AL1 stays verifiable, and what its entries say is compared", async () => {
    await session.query("create database older")
    const url = urlOf().replace(/postgres$/, "older")
    const upTo = (id: number) =>
      Effect.runPromise(
        Pools.pipe(
          Effect.flatMap(({ other }) =>
            Effect.provideService(migrate(readMigrations().filter((one) => one.id <= id)), SqlClient.SqlClient, other)
          ),
          Effect.provide(Pools.layer(clientOptions(url)))
        )
      )
    await upTo(8)
    await using owner = await connect(url)
    const old = (key: string, value: string) =>
      owner.query(
        `select herald_commit('${JSON.stringify([
          {
            ...release([]),
            commitId: `~${key}${value}`,
            digest: "",
            changes: [change(key, value)]
          }
        ])}'::jsonb)`
      )
    await old("a", "1")
    await owner.query("update configurations set digest = encode(sha256(convert_to(value, 'UTF8')), 'hex')")
    await owner.query(
      `update revisions set payload = jsonb_set(payload, '{0,digest}', (select to_jsonb(digest) from configurations))`
    )
    await owner.query("set session_replication_role = replica")
    await owner.query("update configuration_history set digest = encode(sha256(convert_to(value, 'UTF8')), 'hex')")
    await owner.query(
      "insert into api_keys values ('k', 'name', 'hash', 'viewer', '[\"a\"]', now(), 'admin', null, null)"
    )
    await owner.query(
      `select herald_audit('', 'key.create', 'admin', '{"id":"k","name":"name","role":"viewer","environments":["a"],"expiresAt":null}')`
    )
    const upgraded = ManagedRuntime.make(Postgres.layer(clientOptions(url)).pipe(Layer.provide(kinds)))
    const check = () => upgraded.runPromise(verified)
    try {
      await upgraded.runPromise(Effect.flatMap(Commits, (commits) => commits.commit(release([change("a", "2")]))))
      assert.deepInclude(await check(), { problem: undefined, entries: 3 })
      await owner.query("update api_keys set role = 'admin'")
      assert.deepInclude(await check(), { kind: "key", broken: 2n })
      await owner.query("update api_keys set role = 'viewer'")
      await owner.query("update configuration_history set value = 'x' where version = 1")
      assert.deepInclude(await check(), { kind: "value", broken: 1n })
    } finally {
      await upgraded.dispose()
    }
  })
})
