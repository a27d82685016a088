/**
 * Effects that happen once, in a PostgreSQL of the consumer's own: the effect of an event and the note that it happened are one transaction.
 *
 *   QX1  An event whose effect is committed has none again, however often it comes, to whomever, and in whatever order.
 *   QX2  What was noted of events below the floor of the subscription is forgotten, and the floor kept in its place: whoever is late with one of
 *        those finds that it is done.
 *   QX3  An event of an epoch before the newest that was seen has no effect: the history that it belongs to was lost.
 *   QX4  The event counts as done when PostgreSQL says that it committed. A transaction that failed inside, and was only said to be committed, is
 *        none.
 *   QX5  Notes are of one subscription: one that is made anew under its name has none of them. Where it isn't known which subscription it is, or whose the
 *        notes are that are there, nothing is begun, no event has failed by that, and the error says what to do.
 */
import { messageOf, TopicError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
import { copied } from "../OptionChecks.ts"
import type { Consumed } from "./Consumed.ts"
import { type Handler, Stop } from "./Handling.ts"

/** What is used of a client of `pg`, or of what is like it. */
export interface SqlClient {
  readonly query: (text: string, values?: Array<unknown>) => Promise<SqlResult>
}

export interface SqlResult {
  /** The word that PostgreSQL ends a statement with: "COMMIT". */
  readonly command: string
  // biome-ignore lint/suspicious/noExplicitAny: as pg has it
  readonly rows: Array<any>
}

/** As `pg.Pool` is one. */
export interface SqlPool<C extends SqlClient> {
  readonly connect: () => Promise<C & { readonly release: (destroy?: boolean) => void }>
}

/** Of what it is an event. */
type Source = Parameters<Handler>[1]

export interface TransactionOptions {
  /** Two tables are made, `<prefix>_done` and `<prefix>_floor`, where they are not there. "herald" when left out. */
  readonly prefix?: string | undefined
}

/** Events between two looks at what can be forgotten. */
const pruneEvery = 500

const sqlOf = (prefix: string) => ({
  tables: `create table if not exists ${prefix}_done (
  subscription text not null, partition integer not null, epoch bigint not null, "offset" bigint not null,
  primary key (subscription, partition, epoch, "offset"));
create table if not exists ${prefix}_floor (
  subscription text not null, partition integer not null, epoch bigint not null, "offset" bigint not null,
  primary key (subscription, partition))`,
  begun: `insert into ${prefix}_floor as f values ($1, $2, $3, 0)
on conflict (subscription, partition) do update set epoch = excluded.epoch, "offset" = 0 where f.epoch < excluded.epoch`,
  note: `with f as (select epoch, "offset" from ${prefix}_floor where subscription = $1 and partition = $2 for share),
i as (insert into ${prefix}_done select $1, $2, $3, $4 from f where f.epoch = $3 and f."offset" <= $4
  on conflict do nothing returning 1)
select f.epoch::text as epoch, (select count(*)::int from i) as fresh from f`,
  raise: `update ${prefix}_floor set "offset" = $4 where subscription = $1 and partition = $2 and epoch = $3 and "offset" < $4`,
  noted: `select from ${prefix}_floor where subscription = $1 limit 1`,
  prune: `delete from ${prefix}_done where subscription = $1 and partition = $2 and (epoch < $3 or (epoch = $3 and "offset" < $4))`
})

/** Runs `work` with a client of its own; one that broke is not used again. */
const withClient = async <C extends SqlClient, A>(pool: SqlPool<C>, work: (client: C) => Promise<A>): Promise<A> => {
  const client = await pool.connect()
  let broken = true
  try {
    const result = await work(client)
    broken = false
    return result
  } finally {
    client.release(broken)
  }
}

/** QX4 */
const transaction = async <A>(client: SqlClient, work: () => Promise<A>): Promise<A> => {
  await client.query("begin isolation level read committed")
  let result: A
  try {
    result = await work()
  } catch (error) {
    await client.query("rollback")
    throw error
  }
  const { command } = await client.query("commit")
  if (command !== "COMMIT") throw new Error("PostgreSQL rolled the transaction back: a statement in it failed")
  return result
}

class Refused extends Error {}

/** Of PostgreSQL: it may not, or there is no such schema. No later try heals that. */
const FORBIDDEN = ["42501", "3F000"]

/** QD4 in Handling.ts */
const stopping = (prefix: string) => (error: unknown) => {
  const { code } = Object(error) as { readonly code?: unknown }
  if (typeof code !== "string" || !FORBIDDEN.includes(code)) throw error
  throw new Stop(`withTransaction can't keep its notes in ${prefix}_done and ${prefix}_floor: ${messageOf(error)}`, {
    cause: error
  })
}

/** QX5: by its id, and for people by its names. */
const nameOf = ({ topic, subscription, subscriptionId }: Source): string => {
  if (subscriptionId !== "") return `${topic} ${subscription} ${subscriptionId}`
  throw new TopicError(
    errors.NotesUnclear.code,
    `which subscription ${subscription} of ${topic} is was not said: withTransaction needs a Herald that tells its id.`
  )
}

/** QX5: what was noted by the names alone may be of this subscription, or of one that was deleted. */
const ambiguous = ({ topic, subscription, subscriptionId }: Source, prefix: string): TopicError =>
  new TopicError(
    errors.NotesUnclear.code,
    `${prefix}_done and ${prefix}_floor have rows for '${topic} ${subscription}' without the subscription's id. Stop what consumes it with an older SDK. If they are of this subscription, add its id: update each set subscription = '${topic} ${subscription} ${subscriptionId}' where subscription = '${topic} ${subscription}'; if they are of one that was deleted, delete them.`
  )

/**
 * A handler for `topic.consume`: `work` has its effects by the client that it is given, which is in a transaction; it neither begins nor ends one.
 * Of whatever type the subscription is, and however many consume it on one database, each event has its effect once. QX1
 * Where its notes can't be kept or are unclear, it stops: `done` of the handling rejects. QX5
 */
export const withTransaction = <C extends SqlClient>(
  pool: SqlPool<C>,
  work: (event: Consumed, client: C) => unknown,
  options: TransactionOptions = {}
): Handler => {
  const { prefix = "herald" } = copied(options, "", ["prefix"]) as TransactionOptions
  if (!/^[a-z_][a-z0-9_]{0,39}(\.[a-z_][a-z0-9_]{0,39})?$/.test(prefix))
    throw new TypeError("prefix is a lower-case name of PostgreSQL, or two with a dot between them")
  const sql = sqlOf(prefix)
  /** By subscription and partition. */
  const begun = new Map<string, number>()
  const since = new Map<string, number>()
  const known = new Set<string>()
  let tables: Promise<unknown> | undefined

  const prepare = async (name: string, source: Source, { partition, epoch }: Consumed) => {
    tables ??= withClient(pool, (client) =>
      transaction(client, async () => {
        await client.query("select pg_advisory_xact_lock(hashtext($1))", [`${prefix}_done`]) // two that make a table at once: one fails
        await client.query(sql.tables)
      })
    )
    await tables.catch((error) => {
      tables = undefined
      throw error
    })
    if (!known.has(name)) {
      const { rows } = await withClient(pool, (client) =>
        client.query(sql.noted, [`${source.topic} ${source.subscription}`])
      )
      if (rows.length > 0) throw ambiguous(source, prefix)
      known.add(name)
    }
    const at = `${name} ${partition}`
    if ((begun.get(at) ?? 0) >= epoch) return
    await withClient(pool, (client) => client.query(sql.begun, [name, partition, epoch]))
    begun.set(at, epoch)
  }

  /** QX2 */
  const prune = async (
    name: string,
    partition: number,
    at: { readonly epoch: number; readonly floor: number } | undefined
  ) => {
    const its = `${name} ${partition}`
    const count = (since.get(its) ?? 0) + 1
    since.set(its, count % pruneEvery)
    if (count < pruneEvery || at === undefined || at.floor === 0) return
    const values = [name, partition, at.epoch, at.floor]
    await withClient(pool, (client) =>
      transaction(client, async () => {
        await client.query(sql.raise, values)
        await client.query(sql.prune, values)
      })
    )
  }

  return async (event, consumer) => {
    const name = nameOf(consumer)
    const { partition, epoch, offset } = event
    await prepare(name, consumer, event).catch(stopping(prefix))
    const applied = withClient(pool, (client) =>
      transaction(client, async () => {
        const { rows } = await client.query(sql.note, [name, partition, epoch, offset])
        const [row] = rows as Array<{ readonly epoch: string; readonly fresh: number }>
        if (row === undefined || Number(row.epoch) > epoch)
          throw new TopicError(
            errors.EventsGone.code,
            `event ${partition}:${epoch}:${offset} is of an epoch that is over.`
          ) // QX3
        if (row.fresh === 0) throw new Refused()
        await work(event, client)
      })
    )
    await applied.catch((error) => {
      if (!(error instanceof Refused)) throw error // QX1: it is done
    })
    await prune(name, partition, consumer.floor(partition)).catch(() => {}) // another time
  }
}
