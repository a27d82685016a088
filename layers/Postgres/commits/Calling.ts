/**
 * Sends a batch of releases to the database, in one call.
 *
 *   X10 A call in which each release only gives a configuration another value asks `herald_publish`, which is cheaper. Where anything is out of
 *       the ordinary that does nothing and says so; then `herald_commit`, which every other call asks at once, decides.
 */
import { type Clock, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { QuotasOf } from "../../../src/limits/Quotas.ts"
import { within } from "../../../src/telemetry/Traces.ts"
import { makeDatabaseClock, type Told } from "../connection/DatabaseClock.ts"
import { guarded } from "../connection/Failure.ts"
import { endOf, type Waiting } from "./Waiting.ts"
import { answersOf, type CommitAnswer, type PublishAnswer, sinceOf } from "./WriterMessages.ts"

/**
 * Milliseconds that one call waits for the lock. Not less, or releases that come one after the other would each end a wait of their own. Not
 * more, so that the database ends the wait, and says so, before this process takes it for gone.
 */
const [LEAST_WAIT, LONGEST_WAIT] = [250, 4_000]

/**
 * Answers by release; or nothing was done, and it may be asked again: "clock": another server's was meant, "whole": something is out of the
 * ordinary. `reached` is called when it is given to a connection. `whole`: the batch is for `herald_commit`.
 */
export type Call = (
  batch: ReadonlyArray<Waiting>,
  now: bigint,
  whole: boolean,
  reached: () => void
) => Effect.Effect<ReadonlyArray<CommitAnswer> | "clock" | "whole", HeraldError>

interface Answered<A> {
  readonly answers: A | null
  readonly clock: Told
}

export interface CallingOptions {
  /** Nanoseconds that a release may wait. */
  readonly longest: bigint
  readonly quotas: QuotasOf
}

export const makeCalling = (
  sql: SqlClient.SqlClient,
  clock: Clock.Clock,
  { longest, quotas }: CallingOptions
): Call => {
  const databaseClock = makeDatabaseClock()
  const said = { keys: quotas.keys, bytes: quotas.bytes, of: Object.fromEntries(quotas.of) }

  const wholly = (batch: ReadonlyArray<Waiting>, terms: object) => {
    const releases = together(batch, ({ json }) => json)
    return sql<Answered<ReadonlyArray<CommitAnswer>>>`
      select herald_commit(${releases}::text::jsonb, null, ${JSON.stringify(terms)}::text::jsonb) as answers, herald_clock() as clock`
  }

  const shortly = (batch: ReadonlyArray<Waiting>, terms: object) => {
    const releases = together(batch, ({ plain }) => plain!)
    return sql<Answered<PublishAnswer>>`
      select herald_publish(${releases}::text::json, ${JSON.stringify(terms)}::text::jsonb) as answers, herald_clock() as clock`
  }

  const together = (batch: ReadonlyArray<Waiting>, text: (one: Waiting) => string) =>
    `[${batch.map((one) => `{"notAfter":${databaseClock.at(one.until)},${text(one)}`).join(",")}]`

  return (batch, now, whole, reached) => {
    const left = batch.reduce((least, one) => Math.min(least, Number(endOf(one) - now)), Number(longest))
    const wait = Math.min(LONGEST_WAIT, Math.max(LEAST_WAIT, Math.ceil(left / 1_000_000)))
    const terms = { clock: databaseClock.server(now), wait, since: sinceOf(batch), quotas: said }
    let asked = now
    const heard = <A>([row]: ReadonlyArray<Answered<A>>): A | null => {
      databaseClock.heard(row!.clock, asked, clock.monotonicTimeNanosUnsafe())
      return row!.answers
    }
    // X10
    const short = !whole && terms.clock !== "" && isPlain(batch)
    const asking = short
      ? Effect.map(shortly(batch, terms), (rows) => {
          const answer = heard(rows)
          if (answer !== null) return answersOf(answer)
          return rows[0]!.clock.server === terms.clock ? ("whole" as const) : ("clock" as const)
        })
      : Effect.map(wholly(batch, terms), (rows) => heard(rows) ?? ("clock" as const))
    return Effect.scoped(
      Effect.flatMap(sql.reserve, (connection) => {
        asked = clock.monotonicTimeNanosUnsafe()
        reached()
        return Effect.provideService(asking, sql.transactionService, [connection, 0])
      })
    ).pipe(guarded("commit"), within(batch.flatMap(({ span }) => span ?? [])))
  }
}

/** Whether `herald_publish` may be asked: of each configuration it takes one change. */
const isPlain = (batch: ReadonlyArray<Waiting>): boolean => {
  if (batch.some(({ plain, lost }) => plain === undefined || lost)) return false
  return batch.length === 1 || new Set(batch.map(placeOf)).size === batch.length
}

const placeOf = ({ release }: Waiting): string => `${release.changes[0]!.environment}/${release.changes[0]!.key}`
