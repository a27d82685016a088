/** A database that a server of before left, with what it holds, becomes one of this server while servers of before go on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { release, text } from "./Committing.ts"

const upTo = (database: Database, last: number) =>
  Effect.runPromise(
    Effect.flatMap(Pools, ({ other }) =>
      Effect.provideService(migrate(readMigrations().filter(({ id }) => id <= last)), SqlClient.SqlClient, other)
    ).pipe(Effect.provide(Pools.layer(clientOptions(database.url))))
  )

type Answers = ReadonlyArray<{ readonly ok: boolean; readonly versions: ReadonlyArray<{ readonly version: number }> }>

const change = (key: string, value: string | null, more: object = {}) => ({
  ...{ kind: "configuration", key, value, environment: "production", valueType: "string", schema: null, strict: false },
  ...{ template: value?.includes("{{") ?? false, digest: digestOf(value ?? ""), changeLog: "why", ...more }
})

/** As servers since 0.1.0 ask. */
const commit = async ({ query }: Session, changes: ReadonlyArray<object>, more: object = {}): Promise<Answers> => {
  const [row] = await query("select herald_clock() as clock")
  const terms = { clock: (row!["clock"] as { readonly server: string }).server, wait: 5_000, since: null }
  const releases = [release("", { ...more, changes })]
  const [found] = await query(`select herald_commit(${text(releases)}::jsonb, null, ${text(terms)}::jsonb) as answers`)
  const answers = found!["answers"] as Answers
  assert.isTrue(answers[0]!.ok, JSON.stringify(answers))
  return answers
}

const verified = async ({ query }: Session) => {
  let place: unknown = null
  do {
    const at = place === null ? "null" : text(place)
    const [row] = await query(`select herald_audit_check(${at}::jsonb, 60000) as page`)
    const page = row!["page"] as { readonly place: unknown; readonly problem: unknown }
    assert.isNull(page.problem)
    place = page.place
  } while (place !== null)
}

const held = ({ query }: Session) =>
  query(
    `select c.*, t.revision as gone from configurations c left join tombstones t using (environment, key) order by environment, key`
  )

/** EQ2 What environments hold is counted, of before and since. */
const counted = async (session: Session) => {
  const rows =
    await session.query(`select e.environment, t.keys::int, t.bytes::int, w.keys::int as "keysThere", w.bytes::int as "bytesThere"
    from (select distinct environment::text from configurations) e, herald_there(e.environment) w, herald_sum(e.environment) t`)
  assert.isAbove(rows.length, 0)
  for (const { environment, keys, bytes, keysThere, bytesThere } of rows)
    assert.deepStrictEqual([environment, keys, bytes], [environment, keysThere, bytesThere])
}

describe("a database of before", () => {
  for (const from of [20, 22, 25, 31])
    it(`Z4 has all that it had, passes the check of its audit log and serves a server of migration ${from} that runs on`, async () => {
      await using database = await startDatabase()
      await upTo(database, from)
      await using old = await connect(database.url)
      const everything = async () => {
        await commit(old, [change("a", "1"), change("b.c", "é😀 {{x}}", { schema: { type: "string" }, strict: true })])
        await commit(old, [change("a", "2", { kept: { live: true, fields: ["schema", "strict", "type"] } })], {
          keyId: "k1",
          commitId: "=mine",
          digest: "d"
        })
        await commit(old, [change("gone", "1")])
        await commit(old, [change("gone", null)])
        await old.query("execute current")
        await old.query("select * from herald_heads('', '', 100)")
        await verified(old)
      }
      await old.query("prepare current as select * from configurations where environment = 'production' and key = 'a'")
      for (let n = 0; n < 200; n++) await commit(old, [change(`many.${n}`, `${n}`)])
      await everything()
      const before = await held(old)
      const history = await old.query("select * from configuration_history order by revision, key")

      await upTo(database, Number.POSITIVE_INFINITY)

      assert.deepStrictEqual(await held(old), before)
      assert.deepStrictEqual(await old.query("select * from configuration_history order by revision, key"), history)
      await verified(old)
      await counted(old)
      await everything()
      await counted(old)
      const [again] = await commit(old, [change("a", "3")])
      assert.isAbove(again!.versions[0]!.version, 2)
      const [row] = await old.query("execute current")
      assert.strictEqual(row!["value"], "3")
      await verified(old)
    })
})
