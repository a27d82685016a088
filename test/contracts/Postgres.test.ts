/** A real PostgreSQL keeps the contracts of the stores, and what only a database can be asked. */

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll } from "vitest"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import { makeSum } from "../../layers/Postgres/experiments/Summing.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { ClientAudit } from "../../src/consumers/ClientAudit.ts"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import type { Batch, HealthNote, InstanceNote } from "../../src/fleet/Instance.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Seal } from "../../src/seals/Seal.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { approvalListsContract } from "./ApprovalLists.ts"
import { approvalModelContract } from "./ApprovalModel.ts"
import { approvalPersonsContract } from "./ApprovalPersons.ts"
import { approvalsContract } from "./ApprovalStores.ts"
import { approvalTouchesContract } from "./ApprovalTouches.ts"
import { approvalWaysContract } from "./ApprovalWays.ts"
import { exchangeAuditsContract } from "./ExchangeAudits.ts"
import { experimentsContract } from "./ExperimentStores.ts"
import { experimentSumsContract } from "./ExperimentSums.ts"
import { flagsContract } from "./FlagStores.ts"
import { instanceFactsContract } from "./InstanceFacts.ts"
import { instancesContract } from "./Instances.ts"
import { keyRightsContract } from "./KeyRights.ts"
import { leasesContract } from "./Leases.ts"
import { outboxContract } from "./Outboxes.ts"
import { ownersContract } from "./Owners.ts"
import { peopleContract } from "./People.ts"
import { refsContract } from "./RefStores.ts"
import { releasesContract } from "./Releases.ts"
import { retentionContract } from "./Retentions.ts"
import { schedulesContract } from "./ScheduleStores.ts"
import { scheduleVersionsContract } from "./ScheduleVersions.ts"
import { segmentsContract } from "./SegmentStores.ts"
import { shardsContract } from "./ShardStores.ts"
import { storesContract } from "./Stores.ts"
import { usagesContract } from "./Usages.ts"
import { webhooksContract } from "./Webhooks.ts"

let database: Database
const stores = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
const runtime = ManagedRuntime.make(stores)

beforeAll(async () => {
  database = await startDatabase()
})
afterAll(async () => {
  await runtime.dispose()
  await database[Symbol.asyncDispose]()
})

/** Given up by Vitest, it does nothing more: others look at the same database. */
const test = <A, E>(name: string, body: () => Effect.Effect<A, E, Layer.Success<typeof stores>>) =>
  it(name, ({ signal }) => runtime.runPromise(Effect.suspend(body), { signal }))

describe("PostgreSQL", () => {
  storesContract(test)
  flagsContract(test)
  segmentsContract(test)
  refsContract(test)
  approvalsContract(test)
  approvalListsContract(test)
  approvalWaysContract(test)
  approvalTouchesContract(test)
  approvalPersonsContract(test)
  approvalModelContract(test, 5)
  schedulesContract(test)
  scheduleVersionsContract(test)
  experimentsContract(test)
  experimentSumsContract(test)
  describe("in parts of two exposures", () => {
    const inParts = Effect.gen(function* () {
      return { ...(yield* ExperimentStore), sum: makeSum((yield* Pools).other, 2) }
    })
    experimentSumsContract((name, body) =>
      it(name, () =>
        runtime.runPromise(
          Effect.suspend(body).pipe(
            Effect.provideServiceEffect(ExperimentStore, inParts),
            Effect.provide(Pools.layer(clientOptions(database.url)))
          )
        )
      )
    )
  })
  releasesContract(test)
  shardsContract(test)
  leasesContract(test)
  peopleContract(test)
  exchangeAuditsContract(test)
  keyRightsContract(test)
  retentionContract(test)
  instancesContract(test)
  instanceFactsContract(test)
  ownersContract(test)
  usagesContract(test)
  webhooksContract(test)
  it("AU1 what the database can never take is told apart from what it can't take now", async () => {
    const entry = {
      action: "client.connect",
      environment: "production",
      service: "s",
      instance: "i",
      node: "n",
      reason: ""
    }
    const append = Effect.flatMap(ClientAudit, (audit) =>
      audit.append([{ ...entry, action: "client.connect", id: "never", at: "\u0000" }])
    )
    assert.instanceOf(await runtime.runPromise(Effect.flip(append)), Unkeepable)
  })
  it("HR1 what an instance says of its health is kept of its newest 100 revisions, and another's is its own", async () => {
    const id = (instance: string) => ({ environment: "production", service: "talks", instance })
    const row = (instance: string): InstanceNote => ({
      ...id(instance),
      state: "connected",
      ...{ labels: {}, patterns: ["talks"], connectedAt: 1, lastSeen: 1, ending: "", node: "n" },
      ...{ session: `talks/${instance}`, owner: "", opening: true, empty: false }
    })
    const said = (instance: string, revision: number): HealthNote => ({
      ...id(instance),
      health: "healthy",
      ...{ epoch: "", revision: BigInt(revision), message: "", metrics: {}, owner: "", reportedAt: revision }
    })
    const write = (batch: Partial<Batch>) =>
      runtime.runPromise(
        Effect.flatMap(InstanceStore, (store) =>
          store.write({ instances: [], deliveries: [], held: [], health: [], ...batch })
        )
      )
    await using session = await connect(database.url)
    const [{ first }] = (await session.query("select horizon::int + 1 as first from herald_log")) as [{ first: number }]
    await write({ instances: [row("much"), row("little")] })
    await write({ health: [said("little", first), said("little", first + 500)] })
    for (let n = 0; n < 5; n++)
      await write({ health: Array.from({ length: 60 }, (_, i) => said("much", first + 60 * n + i)) })
    await write({ health: [said("much", first)] }) // an old one again
    const kept = await session.query(`select i.instance, count(*)::int as n, min(h.revision)::int - ${first} as from,
      max(h.revision)::int - ${first} as to from health_reports h join instances i on i.id = h.instance_id
      where i.service = 'talks' group by 1 order by 1`)
    assert.deepStrictEqual(kept, [
      { instance: "little", n: 2, from: 0, to: 500 },
      { instance: "much", n: 100, from: 200, to: 299 }
    ])
  })

  // Last: the retention waits for a relay that has held its lease.
  outboxContract(test)

  it("SE1 nodes of one database believe each other: one key is made, however many begin, and a new one after 30 days", async () => {
    await using session = await connect(database.url)
    await session.query("delete from seal_keys")
    const read = Effect.flatMap(
      Pools,
      ({ other: sql }) =>
        sql<{ id: string; size: number }>`select id::text as id, octet_length(key) as size from herald_seal_keys()`
    ).pipe(Effect.provide(Pools.layer(clientOptions(database.url))))
    const first = await Promise.all(Array.from({ length: 10 }, () => Effect.runPromise(read)))
    assert.deepStrictEqual(new Set(first.map((keys) => JSON.stringify(keys))).size, 1)
    assert.deepStrictEqual(
      first[0]!.map(({ size }) => size),
      [32]
    )
    await session.query("update seal_keys set made_at = made_at - interval '30 days'")
    const rotated = await Promise.all(Array.from({ length: 10 }, () => Effect.runPromise(read)))
    assert.deepStrictEqual(new Set(rotated.map((keys) => keys.length)), new Set([2]))
    await session.query("update seal_keys set made_at = made_at - interval '61 days'")
    assert.strictEqual((await Effect.runPromise(read)).length, 2) // the oldest is gone, another was made
  })

  it("SE2 a seal of another node, whose key this one has not read yet, is believed when it is asked for", async () => {
    const made = Layer.build(Layer.fresh(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
    await Effect.runPromise(
      Effect.gen(function* () {
        const [a, b] = [Context.get(yield* made, Seal), Context.get(yield* made, Seal)]
        assert.isTrue(b.genuine("event", "x", a.seal("event", "x")))
        yield* Effect.promise(async () => {
          await using session = await connect(database.url)
          await session.query("update seal_keys set made_at = made_at - interval '31 days'")
        })
        const c = Context.get(yield* made, Seal)
        const young = c.seal("event", "x")
        assert.isFalse(a.genuine("event", "x", young))
        assert.isTrue(yield* a.verify("event", "x", young))
        assert.isTrue(yield* c.verify("event", "x", b.seal("event", "x")))
      }).pipe(Effect.scoped)
    )
  })

  it("history and audit can't be changed", async () => {
    await runtime.runPromise(Effect.flatMap(Commits, (commits) => commits.commit(release([change("kept", "1")]))))
    await using session = await connect(database.url)
    for (const statement of [
      "update configuration_history set value = 'x'",
      "delete from configuration_history",
      "truncate audit_log",
      "update audit_log set performed_by = 'x'"
    ]) {
      const error = await session.query(statement).then(
        () => undefined,
        (cause: unknown) => cause
      )
      assert.isDefined(error, statement)
    }
  })
})

describe("migrations", () => {
  const on = (url: string, migrations = readMigrations()) =>
    Effect.runPromise(
      Pools.pipe(
        Effect.flatMap(({ other }) => Effect.provideService(migrate(migrations), SqlClient.SqlClient, other)),
        Effect.result,
        Effect.provide(Pools.layer(clientOptions(url)))
      )
    )

  const another = async (name: string) => {
    await using session = await connect(database.url)
    await session.query(`create database ${name}`)
    return database.url.replace(/postgres$/, name)
  }

  it("Z1 servers that start together migrate once", async () => {
    const url = await another("together")
    const results = await Promise.all([on(url), on(url), on(url)])

    const counts = results.map((one) => (one._tag === "Success" ? one.success : one.failure.message))
    assert.deepStrictEqual([...counts].sort(), [0, 0, readMigrations().length])
  })

  it("Z2 a database that knows a later migration is refused and left as it is", async () => {
    const url = await another("newer")
    const mine = readMigrations()
    await on(url, [...mine, { id: 9_999, name: "later", sql: "create table later (id int);", checksum: "x" }])
    const result = await on(url)

    assert.strictEqual(result._tag === "Failure" && result.failure.name, "DatabaseNewer")
    assert.match(String(result._tag === "Failure" && result.failure.message), /9999 \(later\)/)
  })

  it("Z3 a migration whose text was changed after it was applied is refused", async () => {
    const url = await another("changed")
    await on(url)
    const [first, ...rest] = readMigrations()
    const result = await on(url, [{ ...first!, checksum: "other" }, ...rest])

    assert.match(String(result._tag === "Failure" && result.failure.message), /another text/)
  })

  it("a migration that fails leaves nothing behind", async () => {
    const url = await another("failing")
    const broken = {
      id: 9_998,
      name: "broken",
      sql: "create table half (id int); select 1/0 into strict x;",
      checksum: "x"
    }
    const result = await on(url, [...readMigrations(), broken])

    assert.strictEqual(result._tag, "Failure")
    await using session = await connect(url)
    assert.deepStrictEqual(
      await session.query("select 1 from pg_tables where tablename in ('half', 'configurations')"),
      []
    )
  })
})
