/** The owner of the database changes what he likes, with every trigger off; the check of the audit log says what, and where. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, beforeEach } from "vitest"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Checkpoints from "../../layers/Memory/access/CheckpointStore.ts"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditCheckpoints } from "../../src/access/AuditCheckpoints.ts"
import { CHECKS } from "../../src/access/AuditLog.ts"
import { CheckpointStore } from "../../src/access/CheckpointStore.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { verified } from "./Verified.ts"

let database: Database
let session: Session
const runtime = ManagedRuntime.make(
  Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
)

const key = (id: string, changed: Partial<ApiKey> = {}): ApiKey => ({
  id,
  name: `the ${id}`,
  hash: "0".repeat(64),
  role: "viewer",
  environments: ["production"],
  createdAt: 1_700_000_000_123,
  createdBy: "admin",
  expiresAt: null,
  revokedAt: null,
  ...changed
})

const TABLES = ["audit_log", "configuration_history", "configurations", "api_keys", "revisions"]

beforeAll(async () => {
  database = await startDatabase()
  session = await connect(database.url)
  await runtime.runPromise(
    Effect.gen(function* () {
      const [commits, keys] = [yield* Commits, yield* ApiKeyStore]
      const commit = (name: string, value: string | null, changed = {}) =>
        commits.commit(release([change(name, value, changed)], value === null ? { action: "delete" } : {}))
      yield* keys.createFirstAdmin(key("first", { role: "admin", environments: ["*"] }))
      for (const id of ["kept", "ended"]) yield* keys.create(key(id))
      yield* commit("a/b", "1", { schema: { type: "string", title: "a|b" }, strict: true, changeLog: "x|y" })
      yield* commits.commit(release([change("a/b", "2")], { keyId: "first" }))
      yield* commit("gone", "1")
      yield* commit("gone", null)
      yield* commits.commit(release([change("r1", "1"), change("r2", "2")], { action: "release" }))
      yield* keys.revoke("ended", "admin")
    })
  )
  await session.query("set session_replication_role = replica")
  for (const table of TABLES) await session.query(`create table kept_${table} as select * from ${table}`)
})
afterAll(async () => {
  await runtime.dispose()
  await session[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const undo = async () => {
  for (const table of TABLES) {
    await session.query(`truncate ${table}`)
    await session.query(`insert into ${table} select * from kept_${table}`)
  }
}
beforeEach(undo)

const verify = () => runtime.runPromise(verified)
const number = async (query: string) => Number((await session.query(query))[0]!["n"])
const entryOf = (what: string) => number(`select id as n from kept_audit_log where ${what} order by id limit 1`)
/** A node that signs, from nothing on. */
const signing = async () => {
  const context = await runtime.context()
  const node = ManagedRuntime.make(
    AuditCheckpoints.layer({ pepper: "pepper", every: "20 millis" }).pipe(
      Layer.provideMerge(Layer.mergeAll(Layer.succeedContext(context), Checkpoints.layer, KeyHash.layer))
    )
  )
  const compared = (lines: ReadonlyArray<string> = []) =>
    node.runPromise(Effect.flatMap(AuditCheckpoints, ({ compare }) => compare(lines)))
  const last = await number("select max(id) as n from audit_log")
  await waitUntil("the end of the log to be signed", async () => Number((await compared()).newest?.id ?? 0) === last)
  return {
    compared,
    lines: () => node.runPromise(Effect.flatMap(CheckpointStore, ({ read }) => read)),
    forget: () => node.runPromise(Effect.flatMap(CheckpointStore, ({ replace }) => replace([]))),
    [Symbol.asyncDispose]: () => node.dispose()
  }
}

/** As the formula of the port says: whoever can write the table can do this. */
const REHASH = `do $$ declare e audit_log; h text := ''; begin
  for e in select * from audit_log order by id loop
    update audit_log set prev_hash = h, hash = herald_audit_hash(h, e.id, e.config_id, e.action, e.performed_by, e.details, e.created_at)
      where id = e.id returning hash into h;
  end loop; end $$`

describe("the check of the audit log", () => {
  const version = "select v.* from configuration_history v where v.key = 'a/b' and v.version ="
  const bump = `update configurations set version = 3, value = 'forged', digest = encode(sha256('forged'), 'hex') where key = 'a/b'`
  const tampered: ReadonlyArray<
    readonly [what: string, statements: ReadonlyArray<string>, kind: string, entry: string | undefined]
  > = [
    ["who did it", ["update audit_log set performed_by = 'mallory' where id = 5"], "changed", "id = 5"],
    ["when", ["update audit_log set created_at = created_at + interval '1 s' where id = 5"], "changed", "id = 5"],
    [
      "what it tells",
      [`update audit_log set details = details || '{"message":"forged"}' where id = 5`],
      "changed",
      "id = 5"
    ],
    [
      "whose key did it",
      [`update audit_log set details = details || '{"keyId":"ended"}' where details->>'keyId' = 'first'`],
      "changed",
      "details->>'keyId' = 'first'"
    ],
    [
      "that a key did it",
      [`update audit_log set details = details - 'keyId' where details->>'keyId' = 'first'`],
      "changed",
      "details->>'keyId' = 'first'"
    ],
    ["an entry gone", ["delete from audit_log where id = 5"], "missing", "id = 5"],
    ["the first gone", ["delete from audit_log where id = 1"], "missing", "id = 1"],
    [
      "two that changed places",
      [
        "update audit_log set id = -1 where id = 5",
        "update audit_log set id = 5 where id = 6",
        "update audit_log set id = 6 where id = -1"
      ],
      "changed",
      "id = 5"
    ],
    ["the end gone", ["delete from audit_log where id >= 8"], "truncated", "id = 8"],
    [
      "a value in the history",
      ["update configuration_history set value = 'x' where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "a value with its digest, everywhere",
      [
        "update configuration_history set value = 'x', digest = encode(sha256('x'), 'hex') where key = 'a/b' and version = 2",
        "update configurations set value = 'x', digest = encode(sha256('x'), 'hex') where key = 'a/b'"
      ],
      "value",
      "details->>'version' = '2' and config_id = 'production/a/b'"
    ],
    [
      "a schema in the history",
      ["update configuration_history set schema_definition = null where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "strictness",
      ["update configuration_history set strict = false where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "a tombstone",
      ["update configuration_history set deleted = false where key = 'gone' and version = 2"],
      "value",
      "action = 'delete'"
    ],
    [
      "a version gone",
      ["delete from configuration_history where key = 'gone' and version = 1"],
      "value",
      "config_id = 'production/gone'"
    ],
    ["what is current", ["update configurations set value = 'x' where key = 'r1'"], "current", undefined],
    [
      "what is current, set back",
      [`delete from configurations where key = 'a/b'`, `insert into configurations ${version} 1`],
      "current",
      undefined
    ],
    [
      "a version that nobody published",
      [bump, `insert into configuration_history select * from configurations where key = 'a/b'`],
      "unlogged",
      undefined
    ],
    ["what is current, removed", [`delete from configurations where key = 'r1'`], "current", undefined],
    [
      "a version of a key that there never was",
      [
        `insert into configuration_history select 'ghost', environment, 1, 1000, 'forged', value_type, deleted, schema_definition, strict,
          template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`
      ],
      "current",
      undefined
    ],
    [
      "a version that is newer than the newest revision",
      [
        `insert into configuration_history select 'ghost', environment, 1, 1000, 'forged', value_type, deleted, schema_definition, strict,
          template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`,
        `insert into configurations select * from configuration_history where key = 'ghost'`
      ],
      "unlogged",
      undefined
    ],
    [
      "a revision that nobody committed",
      [
        `insert into revisions select revision + 1, epoch, payload, bytes, traceparent, actor, message, committed_at, audit_id, '~forged'
          from revisions order by revision desc limit 1`
      ],
      "unlogged",
      undefined
    ],
    [
      "a commit that no entry tells of",
      [
        `insert into configuration_history select 'ghost', environment, 1, revision + 1, 'forged', value_type, deleted, schema_definition,
          strict, template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`,
        `insert into configurations select * from configuration_history where key = 'ghost'`,
        `insert into revisions select n.revision + 1, epoch, jsonb_build_array(herald_configuration_json(c)), bytes, traceparent, actor,
          message, committed_at, audit_id, '~forged' from revisions n, configurations c
          where c.key = 'ghost' order by n.revision desc limit 1`
      ],
      "unlogged",
      undefined
    ],
    [
      "what nodes are told of a version",
      [`update revisions set payload = jsonb_set(payload, '{0,value}', '"forged"') where payload->0->>'key' = 'a/b'`],
      "value",
      undefined
    ],
    [
      "what nodes are not told of a release",
      ["update revisions set payload = payload - 0 where jsonb_array_length(payload) = 2"],
      "value",
      undefined
    ],
    [
      "what nodes are told twice instead of the rest of a release",
      [
        "update revisions set payload = jsonb_build_array(payload->1, payload->1) where jsonb_array_length(payload) = 2"
      ],
      "value",
      undefined
    ],
    [
      "a revision that tells nodes nothing",
      ["update revisions set payload = '[]' where revision = 2"],
      "value",
      undefined
    ],
    [
      "what nodes are not told, of a revision that names another's entry",
      ["update revisions set payload = '[]', audit_id = 1 where revision = 2"],
      "unlogged",
      undefined
    ],
    ["a revision gone", ["delete from revisions where revision = 3"], "missing", undefined],
    [
      "an API key with more rights",
      ["update api_keys set role = 'admin' where id = 'kept'"],
      "key",
      "details->>'id' = 'kept'"
    ],
    [
      "an API key with another secret",
      ["update api_keys set hash = '1' where id = 'kept'"],
      "key",
      "details->>'id' = 'kept'"
    ],
    [
      "an API key that is not revoked any more",
      ["update api_keys set revoked_at = null where id = 'ended'"],
      "key",
      "action = 'key.revoke'"
    ],
    ["an API key that was removed", ["delete from api_keys where id = 'kept'"], "key", "details->>'id' = 'kept'"],
    [
      "an API key that nobody made",
      [
        "insert into api_keys select 'ghost', name, hash, role, environments, created_at, created_by, expires_at, null from api_keys where id = 'first'"
      ],
      "unlogged",
      undefined
    ],
    [
      "an API key that nobody revoked",
      ["update api_keys set revoked_at = now() where id = 'kept'"],
      "unlogged",
      undefined
    ]
  ]
  for (const [what, statements, kind, entry] of tampered) {
    it(`AL1 AL2 finds ${what}`, async () => {
      assert.deepInclude(await verify(), { problem: undefined })
      for (const statement of statements) await session.query(statement)
      const verdict = await verify()

      assert.strictEqual(verdict.kind, kind as never)
      assert.strictEqual(verdict.broken, entry === undefined ? undefined : BigInt(await entryOf(entry)))
    })
  }

  it("AL3 checks one page at a time, however many ask: the rest of the pool goes on", async () => {
    const other = await connect(database.url)
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
    const forged = newest.replace(/^(herald-audit-1) \d+/, "$1 999")

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
    const url = database.url.replace(/postgres$/, "older")
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
