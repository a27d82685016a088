/** Reads the revision log in PostgreSQL, and hears hints by LISTEN. */

import { Deferred, Duration, Effect, Layer, Stream } from "effect"
import { Kinds } from "../../../src/propagation/Kinds.ts"
import { RevisionLog } from "../../../src/propagation/RevisionLog.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { CHANNEL } from "./Channel.ts"
import { asRevision, type RevisionRow } from "./Rows.ts"

const RECONNECT = Duration.millis(500)

export const layer = ({ origin, notify }: { readonly origin: string; readonly notify: boolean }) =>
  Layer.effect(
    RevisionLog,
    Effect.gen(function* () {
      const { reads: sql, witness, listen: listenOn } = yield* Pools
      const kinds = yield* Kinds

      const listen = (onHint: () => void, listening: Deferred.Deferred<void>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { notifications, left } = yield* listenOn(CHANNEL)
            yield* Deferred.succeed(listening, undefined)
            onHint() // what came while nobody listened
            const heard = Stream.runForEach(Stream.fromQueue(notifications), ({ payload }) =>
              Effect.sync(() => payload !== origin && onHint())
            )
            yield* Effect.raceFirst(heard, left) // it ends with its connection, and `hints` makes another
          })
        )

      return RevisionLog.of({
        head: guarded("read the newest revision")(sql<{ epoch: string; revision: string; committedAt: number }>`
          select e.epoch, coalesce(r.revision, 0)::text as revision, coalesce(herald_millis(r.committed_at), 0) as "committedAt"
          from herald_epoch e left join (select revision, committed_at from revisions where revision = (select herald_head())) r on true`).pipe(
          Effect.map(([row]) => {
            const position = { epoch: row!.epoch, revision: BigInt(row!.revision) }
            witness.saw({ ...position, committedAt: row!.committedAt })
            return position
          })
        ),
        after: Effect.fnUntraced(function* (revision, limit) {
          const rows = yield* guarded(`read revisions after ${revision}`)(sql<
            Partial<RevisionRow> & { horizon: string }
          >`
            select l.horizon::text as horizon, found.* from herald_log l left join (
              select revision::text as revision, epoch, payload, traceparent, actor, message, herald_millis(committed_at) as "committedAt", n
              from (
                select *, revision as n, sum(bytes) over (order by revision) - bytes as bytes_before from revisions
                where revision > ${String(revision)}::text::bigint order by revision limit ${limit}
              ) page where bytes_before < ${PAGE_BYTES}
            ) found on true order by found.n`)
          const page = rows.filter((row): row is RevisionRow & { horizon: string } => row.revision !== null)
          const first = page[0]
          if (
            BigInt(rows[0]!.horizon) > revision ||
            (first !== undefined && BigInt(first.revision) !== revision + 1n)
          ) {
            return undefined
          }
          const found = page.map((row) => asRevision(kinds, row))
          const last = found.at(-1)
          if (last !== undefined) witness.saw(last)
          return found
        }),
        hints: Effect.fnUntraced(function* (onHint) {
          if (!notify) return
          const listening = yield* Deferred.make<void>()
          const heard = Effect.ensuring(listen(onHint, listening), Deferred.succeed(listening, undefined))
          yield* Effect.forkScoped(every("the listener for hints was lost", RECONNECT, heard))
          yield* Deferred.await(listening)
        }),
        horizon: guarded("read the horizon")(sql<{ horizon: string }>`
          select horizon::text as horizon from herald_log`).pipe(Effect.map(([row]) => BigInt(row!.horizon)))
      })
    })
  )
