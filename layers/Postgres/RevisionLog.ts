/** The revision log in PostgreSQL; hints by LISTEN. */
import { PgClient } from "@effect/sql-pg"
import { Deferred, Duration, Effect, Layer, Queue } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { guarded } from "./Failure.ts"
import { asRevision, type RevisionRow } from "./Rows.ts"

export const CHANNEL = "herald_revisions"

/** Bytes of releases in one page. */
const PAGE_BYTES = 8_388_608
const SWEEP_STEP = 1_000
const RECONNECT = Duration.millis(500)

export const layerLog = ({ origin, notify }: { readonly origin: string; readonly notify: boolean }) =>
  Layer.effect(
    RevisionLog,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient

      const listen = (onHint: () => void, listening: Deferred.Deferred<void>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const notifications = yield* sql.listen(CHANNEL)
            yield* Deferred.succeed(listening, undefined)
            onHint() // what came while nobody listened
            while (true) {
              const { payload } = yield* Queue.take(notifications)
              if (payload !== origin) onHint()
            }
          })
        )

      return RevisionLog.of({
        head: guarded("read the newest revision")(sql<{ epoch: string; revision: string }>`
          select epoch, (select coalesce(max(revision), 0) from revisions)::text as revision from herald_epoch`).pipe(
          Effect.map(([row]) => ({ epoch: row!.epoch, revision: BigInt(row!.revision) }))
        ),
        after: Effect.fnUntraced(function* (revision, limit) {
          const rows = yield* guarded(`read revisions after ${revision}`)(sql<RevisionRow>`
            select revision::text as revision, epoch, payload, traceparent, actor, message, herald_millis(committed_at) as "committedAt"
            from (
              select *, sum(bytes) over (order by revision) - bytes as bytes_before from revisions
              where revision > ${String(revision)}::text::bigint order by revision limit ${limit}
            ) page where bytes_before < ${PAGE_BYTES} order by page.revision`)
          const first = rows[0]
          if (first !== undefined && BigInt(first.revision) !== revision + 1n) {
            return yield* failure("NotFound", `revisions after ${revision} are behind the retention horizon`)
          }
          return rows.map(asRevision)
        }),
        hints: Effect.fnUntraced(function* (onHint) {
          if (!notify) return
          const listening = yield* Deferred.make<void>()
          yield* listen(onHint, listening).pipe(
            Effect.catch((error) => Effect.logDebug("listener lost", { reason: error.message })),
            Effect.andThen(Deferred.succeed(listening, undefined)),
            Effect.andThen(Effect.sleep(RECONNECT)),
            Effect.forever,
            Effect.forkScoped
          )
          yield* Deferred.await(listening)
        }),
        sweep: Effect.fn("RevisionLog.sweep")(function* ({ keepMillis, keepAtLeast }) {
          let total = 0
          while (true) {
            const [row] = yield* guarded("sweep old revisions")(sql<{ gone: string }>`
              select herald_sweep(make_interval(secs => ${keepMillis / 1_000}::float8), ${String(keepAtLeast)}::text::bigint, ${SWEEP_STEP}::int)::text as gone`)
            total += Number(row!.gone)
            if (Number(row!.gone) < SWEEP_STEP) return total
          }
        })
      })
    })
  )
