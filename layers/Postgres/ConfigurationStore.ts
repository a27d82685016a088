/** The registry in PostgreSQL. */
import { Effect, Layer, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { guarded } from "./Failure.ts"
import { CHANNEL } from "./RevisionLog.ts"
import { asConfiguration, asHead, CONFIGURATION_COLUMNS, type ConfigurationRow, type HeadRow } from "./Rows.ts"
import { makeWriter } from "./Writer.ts"

/** Between two NOTIFYs: each is a transaction of its own, with a lock of the whole cluster and a flush. */
const NOTICE_PAUSE = "10 millis"

/** How long a publisher waits for a database that is away. */
const DEADLINE = "3 seconds"

/** `origin` marks this process's hints, so that it need not listen to itself. */
export const layerStore = ({ origin, notify }: { readonly origin: string; readonly notify: boolean }) =>
  Layer.effect(
    ConfigurationStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(CONFIGURATION_COLUMNS)
      const notice = yield* Queue.sliding<void>(1)
      const commit = yield* makeWriter({
        deadline: DEADLINE,
        committed: () => Queue.offerUnsafe(notice, undefined)
      })
      // Outside of the commit: NOTIFY inside would take a lock of the whole cluster. One that is lost is repaired by the poll.
      const tell = Queue.take(notice).pipe(
        Effect.andThen(Effect.ignore(guarded("tell other nodes")(sql`select pg_notify(${CHANNEL}, ${origin})`))),
        Effect.andThen(Effect.sleep(NOTICE_PAUSE)),
        Effect.forever
      )
      if (notify) yield* Effect.forkScoped(tell)
      return ConfigurationStore.of({
        commit,
        current: Effect.fnUntraced(function* (environment, key) {
          const rows = yield* guarded(`read ${key}`)(sql<ConfigurationRow>`
            select ${columns} from configurations where environment = ${environment} and key = ${key}`)
          return rows[0] && asConfiguration(rows[0])
        }),
        version: Effect.fnUntraced(function* (environment, key, version) {
          const rows = yield* guarded(`read version ${version} of ${key}`)(sql<ConfigurationRow>`
            select ${columns} from configuration_history
            where environment = ${environment} and key = ${key} and version = ${version}`)
          return rows[0] && asConfiguration(rows[0])
        }),
        history: Effect.fnUntraced(function* (environment, key, { limit, before }) {
          const rows = yield* guarded(`read the history of ${key}`)(sql<ConfigurationRow>`
            select ${columns} from configuration_history
            where environment = ${environment} and key = ${key} and version < ${before ?? 2_147_483_647}
            order by version desc limit ${limit}`)
          return rows.map(asConfiguration)
        }),
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
  )
