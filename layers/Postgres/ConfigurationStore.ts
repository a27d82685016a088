/** The registry in PostgreSQL. */
import { Effect, Layer, Queue } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import type { Statement } from "effect/sql/Statement"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { Position } from "../../src/propagation/Position.ts"
import type { ClientOptions } from "./Client.ts"
import { guarded } from "./Failure.ts"
import { Pools } from "./Pools.ts"
import { makeReplica } from "./Replica.ts"
import { CHANNEL } from "./RevisionLog.ts"
import { asConfiguration, asHead, CONFIGURATION_COLUMNS, type ConfigurationRow, type HeadRow } from "./Rows.ts"
import { makeWriter } from "./Writer.ts"

/** Between two NOTIFYs: each is a transaction of its own, with a lock of the whole cluster and a flush. */
const NOTICE_PAUSE = "10 millis"

/** How long a publisher waits for a database that is away. */
const DEADLINE = "3 seconds"

/** `origin` marks this process's hints, so that it need not listen to itself. */
export const layerStore = ({ origin, client }: { readonly origin: string; readonly client: ClientOptions }) =>
  Layer.effect(
    ConfigurationStore,
    Effect.gen(function* () {
      const { reads: sql, writes, witness } = yield* Pools
      const replica = yield* makeReplica(client)
      const columns = sql.literal(CONFIGURATION_COLUMNS)
      /** From the replica if it is as new as `atLeast`, else from the primary. */
      const read = Effect.fnUntraced(function* (
        what: string,
        atLeast: Position | undefined,
        query: (sql: SqlClient.SqlClient) => Statement<ConfigurationRow>
      ) {
        const rows = yield* replica.ask<ConfigurationRow>(atLeast, query)
        return (rows ?? (yield* guarded(what)(query(sql)))).map(asConfiguration)
      })
      const notice = yield* Queue.sliding<void>(1)
      const commit = yield* makeWriter({
        deadline: DEADLINE,
        committed: (revision) => {
          if (revision !== undefined) witness.saw(revision)
          Queue.offerUnsafe(notice, undefined)
        }
      }).pipe(Effect.provideService(SqlClient.SqlClient, writes))
      // Outside of the commit: NOTIFY inside would take a lock of the whole cluster. One that is lost is repaired by the poll.
      const tell = Queue.take(notice).pipe(
        Effect.andThen(Effect.ignore(guarded("tell other nodes")(writes`select pg_notify(${CHANNEL}, ${origin})`))),
        Effect.andThen(Effect.sleep(NOTICE_PAUSE)),
        Effect.forever
      )
      if (client.notify) yield* Effect.forkScoped(tell)
      return ConfigurationStore.of({
        commit,
        current: (environment, key, atLeast) =>
          Effect.map(
            read(
              `read ${key}`,
              atLeast,
              (sql) => sql<ConfigurationRow>`
                select ${columns} from configurations where environment = ${environment} and key = ${key}`
            ),
            ([found]) => found
          ),
        version: (environment, key, version) =>
          Effect.map(
            read(
              `read version ${version} of ${key}`,
              witness.newest(),
              (sql) => sql<ConfigurationRow>`
                select ${columns} from configuration_history
                where environment = ${environment} and key = ${key} and version = ${version}`
            ),
            ([found]) => found
          ),
        history: (environment, key, { limit, before }) =>
          Effect.map(
            read(
              `read the history of ${key}`,
              witness.newest(),
              (sql) => sql<ConfigurationRow>`
                select ${columns} from configuration_history
                where environment = ${environment} and key = ${key} and version < ${before ?? 2_147_483_647}
                order by version desc limit ${limit}`
            ),
            (versions) => versions.toSorted((a, b) => b.version - a.version)
          ),
        // One statement, so that heads and revision are of one moment.
        heads: guarded("read what is current")(sql<HeadRow & { head: string }>`
          select r.head::text as head, c.key, c.environment, c.version, c.revision::text as revision, c.digest, c.deleted, c.strict, c.template
          from (select coalesce(max(revision), 0) as head from revisions) r left join configurations c on true`).pipe(
          Effect.map((rows) => ({
            revision: BigInt(rows[0]!.head),
            heads: rows.filter(({ key }) => key !== null).map(({ head: _, ...row }) => asHead(row))
          }))
        )
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
