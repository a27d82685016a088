/** A database of a test file's own with something of everything that is audited, put back before each test, and who checks it. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll, beforeEach } from "vitest"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Checkpoints from "../../layers/Memory/audit/CheckpointStore.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditCheckpoints } from "../../src/audit/AuditCheckpoints.ts"
import { CheckpointStore } from "../../src/audit/CheckpointStore.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { verified } from "./Verified.ts"

export const key = (id: string, changed: Partial<ApiKey> = {}): ApiKey => ({
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

/** As the formula of the port says: whoever can write the table can do this. */
export const REHASH = `do $$ declare e audit_log; h text := ''; begin
  for e in select * from audit_log order by id loop
    update audit_log set prev_hash = h, hash = herald_audit_hash(h, e.id, e.config_id, e.action, e.performed_by, e.details, e.created_at)
      where id = e.id returning hash into h;
  end loop; end $$`

export const evidence = () => {
  let database: Database
  let live: Session
  const session: Pick<Session, "query"> = { query: (statement) => live.query(statement) }
  const runtime = ManagedRuntime.make(
    Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  )

  beforeAll(async () => {
    database = await startDatabase()
    live = await connect(database.url)
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
        yield* keys.create(key("narrow", { keys: ["a.*"], kinds: ["config"], topics: ["orders/*"] }))
      })
    )
    await session.query("set session_replication_role = replica")
    for (const table of TABLES) await session.query(`create table kept_${table} as select * from ${table}`)
  })
  afterAll(async () => {
    await runtime.dispose()
    await live[Symbol.asyncDispose]()
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

  return {
    runtime,
    session,
    url: () => database.url,
    connected: () => connect(database.url),
    undo,
    verify,
    number,
    entryOf,
    signing
  }
}
