/** Keys of before there were principals, in a real PostgreSQL: what the migration makes of their names. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll } from "vitest"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { folded, nameProblem } from "../../src/access/Principal.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { verified } from "./Verified.ts"

let database: Database
const runtime = ManagedRuntime.make(
  Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
)
const run = runtime.runPromise
const query = async (statement: string) => {
  await using session = await connect(database.url)
  return await session.query(statement)
}

const LEGACY = 8
/** In the order in which they were made: id, name of before, name of now. */
const KEYS = [
  ["k01", "deployer", "deployer"],
  ["k02", "deployer", "deployer"], // one name is one principal
  ["k03", "Deployer", "Deployer-2"],
  ["k04", "deployer-2", "deployer-2-2"], // what it is called is what the one before is called now, but for case
  ["k05", "DEPLOYER", "DEPLOYER-3"],
  ["k06", "DEPLOYER", "DEPLOYER-3"],
  ["k07", "ｄｅｐｌｏｙｅｒ", "ｄｅｐｌｏｙｅｒ-4"], // full width
  ["k08", "herald", "herald-2"],
  ["k09", "System", "System-2"],
  ["k10", "node", "node-3"], // somebody has the name with the 2
  ["k11", "node-2", "node-2"],
  ["k12", "Ünal", "Ünal"],
  ["k13", "first-admin", "first-admin"],
  ["k14", "ünal", "ünal-2"],
  ["k15", "Straße", "Straße"],
  ["k16", "STRASSE", "STRASSE-2"]
] as const

beforeAll(async () => {
  database = await startDatabase()
  const legacy = Pools.pipe(
    Effect.flatMap(({ other }) =>
      Effect.provideService(migrate(readMigrations().filter(({ id }) => id <= LEGACY)), SqlClient.SqlClient, other)
    ),
    Effect.provide(Pools.layer(clientOptions(database.url)))
  )
  await Effect.runPromise(legacy)
  for (const [index, [id, name]] of KEYS.entries()) {
    await query(`insert into api_keys values ('${id}', '${name}', 'hash of ${id}', 'publisher', '["production"]',
      timestamptz '2025-01-01' + interval '${index} hours', 'admin', null, null)`)
    await query(`select herald_audit('', 'key.create', 'admin',
      '{"id":"${id}","name":"${name}","role":"publisher","environments":["production"],"expiresAt":null}')`)
  }
  await query("update api_keys set revoked_at = now() where id = 'k06'")
  await query(`select herald_audit('', 'key.revoke', 'admin', '{"id":"k06"}')`)
})
afterAll(async () => {
  await runtime.dispose()
  await database[Symbol.asyncDispose]()
})

describe("keys of before there were principals", () => {
  it("PN1 PN2 keep their names, but for those that are reserved or alike: these get a number, and the log says so", async () => {
    const keys = await run(Effect.flatMap(ApiKeyStore, (store) => store.list))
    const named: Record<string, string> = Object.fromEntries(KEYS.map((key) => [key[0], key[2]] as const))
    assert.deepStrictEqual(Object.fromEntries(keys.map(({ id, name }) => [id, name])), named)
    assert.sameMembers(
      (await query("select name from principals")).map((row) => row["name"]),
      [...new Set(KEYS.map(([, , name]) => name))]
    )
    for (const { name, folded: kept } of await query("select name, folded from principals"))
      assert.strictEqual(kept, folded(String(name)))
    for (const [, , name] of KEYS.filter(([, before, now]) => before !== now)) assert.isUndefined(nameProblem(name))

    const entries = await run(Effect.flatMap(AuditLog, (log) => log.read({ limit: 100 })))
    assert.sameDeepMembers(
      entries
        .filter(({ action }) => action === "key.rename")
        .map(({ performedBy, details: { id, former, name } }) => [performedBy, id, former, name]),
      KEYS.filter(([, before, now]) => before !== now).map((key) => ["herald", ...key])
    )
    assert.isUndefined((await run(verified)).problem)
  })

  it("PN1 stay whole: hash, rights and end are as they were", async () => {
    assert.deepStrictEqual(
      await query(`select count(*)::int as n from api_keys where hash = 'hash of ' || id and role = 'publisher'
        and environments = '["production"]' and created_by = 'admin' and (revoked_at is not null) = (id = 'k06')`),
      [{ n: KEYS.length }]
    )
  })

  it("PN3 a key that is made now joins its principal by the exact name only", async () => {
    const [key] = await run(Effect.flatMap(ApiKeyStore, (store) => store.list))
    const make = (id: string, name: string, alone: boolean) =>
      run(
        Effect.flatMap(ApiKeyStore, (store) =>
          store.create({ ...key!, id, name, revokedAt: null }, { alone }).pipe(
            Effect.as("made"),
            Effect.catch((error) => Effect.succeed(error.name))
          )
        )
      )
    assert.strictEqual(await make("new1", "deployer", true), "PrincipalExists")
    assert.strictEqual(await make("new2", "deployer", false), "made")
    assert.strictEqual(await make("new3", "HERALD-2", false), "PrincipalExists")
    assert.strictEqual(await make("new4", "ünal", false), "PrincipalExists")
    assert.isUndefined((await run(verified)).problem)
  })

  it("PN5 NO2 servers of 0.1.0 go on beside: they give signs of life, make keys, and commit without naming one", async () => {
    await run(ConfigurationStore)
    const [row] = await query("select herald_node_seen('old', 'old', interval '90 seconds') as said")
    assert.deepStrictEqual(row!["said"], { taken: [], owners: [], doubted: [] })
    assert.deepStrictEqual(await query("select node from nodes where run = 'old'"), [{ node: "old" }])
    await query(
      `insert into api_keys values ('old', 'of before', 'hash', 'viewer', '["production"]', now(), 'admin', null, null)`
    )
    assert.deepStrictEqual(await query("select name from principals where folded = 'of before'"), [
      { name: "of before" }
    ])
    await query(`select herald_audit('', 'key.create', 'admin',
      '{"id":"old","name":"of before","role":"viewer","environments":["production"],"expiresAt":null}')`)
    await query(`select herald_commit('[{"action":"publish","actor":"deployer","message":"","traceparent":"","commitId":"~old","digest":"",
      "changes":[{"key":"old","environment":"production","value":"1","valueType":"string","schema":null,"strict":false,"template":false,
        "digest":"${"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}","changeLog":""}]}]', 0)`)
    await run(Effect.flatMap(Commits, (commits) => commits.commit(release([change("new", "1")], { keyId: "k01" }))))
    const entries = await run(Effect.flatMap(AuditLog, (log) => log.read({ limit: 2 })))
    assert.deepStrictEqual(Object.fromEntries(entries.map(({ configId, details }) => [configId, details["keyId"]])), {
      "production/old": undefined,
      "production/new": "k01"
    })
    assert.isUndefined((await run(verified)).problem)
  })
})
