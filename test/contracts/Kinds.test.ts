/** PostgreSQL keeps the contract of a log of two kinds: the second one comes with a migration of its own, as a capability's would. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import * as ToyStore from "../example/layers/Postgres/toys/ToyStore.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds, toy } from "../support/Toy.ts"
import { kindsContract } from "./Kinds.ts"
import { verified } from "./Verified.ts"

let database: Database
let session: Session

/** The counts in PostgreSQL, on connections of their own. */
const toys = Layer.unwrap(
  Effect.sync(() => ToyStore.layer.pipe(Layer.provide(Pools.layer(clientOptions(database.url)))))
)
const stores = Layer.unwrap(
  Effect.sync(() => Layer.merge(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds)), toys))
)
const runtime = ManagedRuntime.make(stores)

beforeAll(async () => {
  database = await startDatabase()
  session = await connect(database.url)
  await runtime.runPromise(Effect.flatMap(RevisionLog, ({ head }) => head)) // migrated
  const migration = readFileSync(new URL("../example/schema/migrations/toys.sql", import.meta.url), "utf8")
  await session.query(`do $migration$ begin\n${migration}\nend $migration$`)
})
afterAll(async () => {
  await runtime.dispose()
  await session[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const commit = (key: string, n: number) =>
  runtime.runPromise(
    Effect.flatMap(Commits, (commits) =>
      commits.commit<Change>({ ...release([]), changes: [change(key, String(n)), toy(key, n)] })
    )
  )
const check = () => runtime.runPromise(verified)

describe("two kinds in PostgreSQL", () => {
  kindsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))

  it("AL2 PN5 the audit log holds what a named API key did to changes of both kinds", async () => {
    await runtime.runPromise(
      Effect.flatMap(Commits, (commits) =>
        commits.commit<Change>({ ...release([]), keyId: "acting", changes: [change("keyed", "1"), toy("keyed", 1)] })
      )
    )
    const found = await check()

    assert.isUndefined(found.problem)
  })

  it("a check of the audit log finds what was done to a change of another kind, and what nodes are told of it", async () => {
    await commit("evidence", 1)
    for (const [done, problem] of [
      ["update toys set count = 7 where key = 'evidence'", "is not what was published"],
      ["delete from toys where key = 'evidence'", "is not in the history"],
      [
        `update revisions set payload = jsonb_set(payload, '{1,count}', '7') where payload @> '[{"key": "evidence"}]'`,
        "of evidence in production is not in the history"
      ],
      [
        `update revisions set payload = payload - 1 where payload @> '[{"key": "evidence"}]'`,
        "does not tell nodes of @toy/production/evidence"
      ]
    ] as const) {
      await session.query("create table kept_toys as select * from toys")
      await session.query("create table kept_revisions as select revision, payload from revisions")
      await session.query(done)
      const found = await check()
      await session.query("delete from toys")
      await session.query("insert into toys select * from kept_toys")
      await session.query(
        "update revisions r set payload = k.payload from kept_revisions k where k.revision = r.revision"
      )
      await session.query("drop table kept_toys, kept_revisions")

      assert.strictEqual(found.kind, "value", done)
      assert.include(found.problem?.message, problem)
    }
    assert.isUndefined((await check()).problem)
  })

  it("X3 a kind that the database does not know is refused, and takes nobody with it", async () => {
    const strange = { ...toy("strange", 1), kind: "flag" as "toy" }
    const [refused, beside] = await Promise.all([
      runtime.runPromiseExit(
        Effect.flatMap(Commits, (commits) => commits.commit<Change>({ ...release([]), changes: [strange] }))
      ),
      commit("beside", 1)
    ])

    assert.strictEqual(refused._tag, "Failure")
    assert.strictEqual(beside.revision.changes.length, 2)
  })
})
