/** Commits in PostgreSQL: one call of `herald_commit` for all that wait. */
import { Effect, Layer, Queue } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import { Commits } from "../../../src/commits/Commits.ts"
import type { Idempotency } from "../../../src/commits/Release.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { Kinds } from "../../../src/propagation/Kinds.ts"
import { every } from "../../../src/telemetry/Every.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { CHANNEL } from "../propagation/Channel.ts"
import { asRevision } from "../propagation/Rows.ts"
import { makeWriter } from "./Writer.ts"
import type { Replayed } from "./WriterMessages.ts"

/** Time between two NOTIFYs. Each is a transaction of its own, with a lock of the whole cluster and a flush. */
const NOTICE_PAUSE = "10 millis"

/** How long a publisher waits for a database that is away. */
const DEADLINE = "3 seconds"

/** `origin` marks this process's hints, so that it need not listen to itself. */
export const layer = ({ origin, notify }: { readonly origin: string; readonly notify: boolean }) =>
  Layer.effect(
    Commits,
    Effect.gen(function* () {
      const { reads: sql, writes, witness } = yield* Pools
      const kinds = yield* Kinds
      const notice = yield* Queue.sliding<void>(1)
      const commit = yield* makeWriter({
        deadline: DEADLINE,
        committed: (revision) => {
          if (revision !== undefined) witness.saw(revision)
          Queue.offerUnsafe(notice, undefined)
        }
      }).pipe(Effect.provideService(SqlClient.SqlClient, writes))
      // After the commit: inside of it, NOTIFY would take a lock of the whole cluster. When one is lost, the poll finds the commit.
      const tell = Effect.andThen(
        Queue.take(notice),
        guarded("tell other nodes")(writes`select pg_notify(${CHANNEL}, ${origin})`)
      )
      if (notify) yield* Effect.forkScoped(every("other nodes were not told", NOTICE_PAUSE, tell))
      return Commits.of({
        commit: commit as Commits["Service"]["commit"],
        earlier: Effect.fnUntraced(function* ({ owner, key, digest }: Idempotency & { readonly owner: string }) {
          const [found] = yield* guarded("look for an earlier commit")(sql<{ digest: string; answer: Replayed | null }>`
            select digest, herald_replayed(revision) as answer from idempotency_keys where actor = ${owner} and key = ${`=${key}`}`)
          if (found === undefined) return undefined
          if (found.digest !== digest) {
            return yield* failure("IdempotencyConflict", `the idempotency key ${key} was used for another request`)
          }
          return found.answer === null ? undefined : { revision: asRevision(kinds, found.answer.row), replayed: true }
        }) as Commits["Service"]["earlier"]
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
