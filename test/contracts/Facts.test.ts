/** What migration 0017 makes of rows that knew one revision of a key and no epoch. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import { clientOptions, connect, startDatabase } from "../support/Database.ts"

describe("migration 0017", () => {
  it("FC1 each row becomes the fact that it was, of the present epoch if the log has its revision", async () => {
    await using database = await startDatabase()
    const migrateTo = (last: number) =>
      Effect.runPromise(
        Pools.pipe(
          Effect.flatMap(({ other }) =>
            Effect.provideService(migrate(readMigrations().filter(({ id }) => id <= last)), SqlClient.SqlClient, other)
          ),
          Effect.provide(Pools.layer(clientOptions(database.url)))
        )
      )
    await migrateTo(16)
    await using session = await connect(database.url)
    for (const [key, revision, state] of [
      ["a", 0, "applied"],
      ["b", 0, "rejected"],
      ["c", 0, "problem"],
      ["d", 0, "sent"],
      ["lost", 99, "applied"]
    ])
      await session.query(
        `insert into instance_keys (instance_id, key, revision, version, state, reason, sent_at, answered_at)
          values (1, '${key}', ${revision}, 3, '${state}', 'why', null, clock_timestamp())`
      )
    await migrateTo(17)
    const rows = await session.query(
      `select key, sent_version as s, applied_version as a, rejected_reason as r, problem_reason as p, troubled as t,
        coalesce(sent_epoch, problem_epoch) = (select epoch from herald_epoch) as e from instance_keys order by key`
    )

    assert.deepStrictEqual(
      rows.map(({ key, s, a, r, p, t, e }) => [key, s, a, r, p, t, e]),
      [
        ["a", 3, 3, null, null, false, true],
        ["b", 3, null, "why", null, true, true],
        ["c", null, null, null, "why", true, true],
        ["d", 3, null, null, null, false, true],
        ["lost", 3, 3, null, null, false, false]
      ]
    )
  })
})
