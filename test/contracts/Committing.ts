/** A database of a test file's own, two connections to it, and commits as a writer asks for them. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { fresh } from "../support/fresh.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

export const text = (value: unknown) => `$json$${JSON.stringify(value)}$json$`

export const release = (key: string, changed: Record<string, unknown> = {}, change: Record<string, unknown> = {}) => ({
  action: "publish",
  actor: "tester",
  message: "why",
  traceparent: "",
  commitId: `~${fresh("made")}`,
  digest: "",
  changes: [
    {
      key,
      environment: "production",
      value: "v",
      valueType: "string",
      schema: null,
      strict: false,
      template: false,
      digest: "",
      changeLog: "",
      ...change
    }
  ],
  ...changed
})

export type Answer = Record<string, unknown>
interface Clock {
  readonly server: string
  readonly now: number
}

export const committing = () => {
  let database: Database
  let live: ReadonlyArray<Session> = []
  const connection = (which: number): Pick<Session, "query"> => ({
    query: (statement) => live[which]!.query(statement)
  })
  const [session, other] = [connection(0), connection(1)]

  beforeAll(async () => {
    database = await startDatabase()
    const runtime = ManagedRuntime.make(
      Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
    )
    await runtime.runPromise(Effect.flatMap(RevisionLog, ({ head }) => head)) // migrated
    await runtime.dispose()
    live = [await connect(database.url), await connect(database.url)]
  })
  afterAll(async () => {
    for (const one of live) await one[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const clock = async () => (await session.query("select herald_clock() as clock"))[0]!["clock"] as Clock
  const epoch = async () => String((await session.query("select epoch from herald_epoch"))[0]!["epoch"])
  const head = async () =>
    Number((await session.query("select coalesce(max(revision), 0)::int as head from revisions"))[0]!["head"])

  const call = (releases: ReadonlyArray<unknown>, terms: unknown) =>
    `select herald_commit(${text(releases)}::jsonb, null, ${terms === null ? "null" : `${text(terms)}::jsonb`}) as answers`
  const commit = async (
    releases: ReadonlyArray<unknown>,
    terms: Record<string, unknown> = {},
    on: Pick<Session, "query"> = session
  ) => {
    const { server } = await clock()
    const [row] = await on.query(call(releases, { clock: server, wait: 5_000, since: null, ...terms }))
    return row!["answers"] as ReadonlyArray<Answer>
  }
  const versionsOf = async (key: string) =>
    (await session.query(`select version from configuration_history where key = '${key}' order by version`)).map(
      (row) => row["version"]
    )

  const waiting = () =>
    waitUntil("a session to wait for the lock", async () => {
      const [row] = await session.query(
        "select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 7234733 and not granted"
      )
      return Number(row!["n"]) > 0
    })

  return {
    session,
    other,
    clock,
    epoch,
    head,
    call,
    commit,
    versionsOf,
    waiting,
    connected: () => connect(database.url)
  }
}
