/** Keeps subscriptions and their dead letters in PostgreSQL, by the functions of migration 0037. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { DeadLetter } from "../../../src/subscriptions/DeadLetter.ts"
import { type Begin, placesOf } from "../../../src/subscriptions/Place.ts"
import { failedOf } from "../../../src/subscriptions/SavedCursor.ts"
import { limits, type Subscription } from "../../../src/subscriptions/Subscription.ts"
import {
  type Progress,
  type Retrying,
  type SubscriptionCounts,
  SubscriptionStore
} from "../../../src/subscriptions/SubscriptionStore.ts"
import type { Note } from "../../../src/topics/TopicStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

type Row = { readonly it: Subscription | null }
type Letter = Omit<DeadLetter, "event"> & { readonly event: string }

/** What of a note is in the audit log; null: nothing. SM4 */
const noteText = (note: Note | undefined): string | null => (note === undefined ? null : JSON.stringify(note))

const placed = (of: Pick<Subscription, "type" | "slices">, begins: ReadonlyArray<Begin>): string =>
  JSON.stringify(placesOf(of, begins))

export const layer = Layer.effect(
  SubscriptionStore,
  Effect.map(Pools, ({ other: sql }) =>
    SubscriptionStore.of({
      create: (made, begins, by, note) =>
        Effect.flatMap(
          guarded("create a subscription")(sql<{ it: Subscription | "full" | null }>`
            with made as materialized (select herald_subscription_create(${JSON.stringify(made)}::text::jsonb,
              ${placed(made, begins)}::text::jsonb, ${by}, ${limits.perTopic}::int) as it)
            select it, case when jsonb_typeof(it) = 'object' then herald_subscription_note('subscription.create', it,
              ${noteText(note)}::text::jsonb, jsonb_build_object('type', it->'type')) end from made`),
          ([row]) => {
            const { it } = row!
            const { topicName, subscriptionName } = made
            if (it === null)
              return failure("SubscriptionExists", `${topicName} has a subscription ${subscriptionName} already`)
            if (it === "full")
              return failure("SubscriptionsFull", `${topicName} has ${limits.perTopic} subscriptions already`)
            return Effect.succeed(it)
          }
        ),
      get: (topicName, subscriptionName) =>
        Effect.map(
          guarded("read a subscription")(sql<Row>`
            select herald_subscription_json(s) as it from subscriptions s
            where topic_name = ${topicName} and subscription_name = ${subscriptionName}`),
          ([row]) => row?.it ?? undefined
        ),
      list: (topicName, { limit, after, scope }) =>
        Effect.map(
          guarded("list subscriptions")(sql<{ it: Subscription }>`
            select herald_subscription_json(s) as it from subscriptions s
            where (${topicName} = '' or topic_name = ${topicName})
              and (${scope === undefined} or topic_name = any (${[...(scope?.names ?? [])]}::text[])
                or exists (select from unnest(${[...(scope?.prefixes ?? [])]}::text[]) p where starts_with(topic_name, p)))
              and (topic_name, subscription_name) > (${after?.topicName ?? ""}, ${after?.subscriptionName ?? ""})
            order by topic_name, subscription_name limit ${limit}`),
          (rows) => rows.map(({ it }) => it)
        ),
      remove: (topicName, subscriptionName, note) =>
        Effect.map(
          guarded("delete a subscription")(sql`
            with gone as (delete from subscriptions s where topic_name = ${topicName} and subscription_name = ${subscriptionName}
              returning herald_subscription_json(s) as it)
            select herald_subscription_note('subscription.delete', it, ${noteText(note)}::text::jsonb, '{}') from gone`),
          (rows) => rows.length > 0
        ),
      change: ({ id, epoch }, { status, reason, pausedMillis }, note) =>
        Effect.map(
          guarded("change a subscription")(sql<{ it: Subscription }>`
            with changed as (
              update subscriptions s set status = ${status}, reason = ${reason}, last_activity = clock_timestamp(),
                paused_until = clock_timestamp() + ${pausedMillis === null ? null : String(pausedMillis)}::text::float8 * interval '1 millisecond'
              where id = ${id}::text::bigint and epoch = ${String(epoch)}::text::bigint
                and (s.status <> 'stopped' or ${status} not in ('paused', 'error')) returning herald_subscription_json(s) as it)
            select it, herald_subscription_note(${`subscription.${status}`}, it, ${noteText(note)}::text::jsonb,
              ${JSON.stringify({ pausedMillis })}::text::jsonb) from changed`),
          ([row]) => row?.it
        ),
      update: ({ id, version }, change, note) =>
        Effect.map(
          guarded("change what is said of a subscription")(sql<{ it: Subscription }>`
            with said as materialized (select ${JSON.stringify(change)}::text::jsonb as c),
            changed as (
              update subscriptions s set version = version + 1, last_activity = clock_timestamp(),
                consumer_group = coalesce(c->>'consumerGroup', consumer_group),
                max_attempts = coalesce((c->>'maxAttempts')::integer, max_attempts),
                dead_letter_topic = coalesce(c->>'deadLetterTopic', dead_letter_topic),
                ack_timeout_millis = coalesce((c->>'ackTimeoutMillis')::bigint, ack_timeout_millis),
                backoff_millis = coalesce(c->'backoffMillis', backoff_millis),
                max_in_flight = coalesce((c->>'maxInFlight')::integer, max_in_flight)
              from said where id = ${id}::text::bigint and version = ${String(version)}::text::bigint
              returning herald_subscription_json(s) as it)
            select it, herald_subscription_note('subscription.update', it, ${noteText(note)}::text::jsonb,
              jsonb_build_object('change', (select c from said))) from changed`),
          ([row]) => row?.it
        ),
      seek: (topicName, subscriptionName, begins, note) =>
        Effect.gen(function* () {
          // Its type never changes.
          const [found] = yield* guarded("read a subscription")(sql<{ it: Subscription }>`
            select herald_subscription_json(s) as it from subscriptions s
            where topic_name = ${topicName} and subscription_name = ${subscriptionName}`)
          if (found === undefined) return undefined
          const [row] = yield* guarded("set the position of a subscription")(sql<Row>`
            with moved as materialized (select herald_subscription_seek(${found.it.id}::text::bigint,
              ${placed(found.it, begins)}::text::jsonb) as it)
            select it, case when it is not null then herald_subscription_note('subscription.seek', it, ${noteText(note)}::text::jsonb,
              ${JSON.stringify({ begins })}::text::jsonb) end from moved`)
          return row!.it ?? undefined
        }),
      extend: (subscription, begins) =>
        Effect.asVoid(
          guarded("follow the partitions of a topic")(sql`
            select herald_cursors_place(${subscription.id}::text::bigint, ${placed(subscription, begins)}::text::jsonb)`)
        ),
      progress: (id) =>
        Effect.map(
          guarded("read how far a subscription is")(sql<
            Omit<Progress, "ranges" | "failed"> & { ranges: string; failed: string }
          >`
            select partition, slice_from as from, slice_to as to, share, log_epoch::float8 as "logEpoch", floor::float8 as floor,
              translate(encode(ranges, 'base64'), E'\\n', '') as ranges, failed
            from subscription_cursors where subscription_id = ${id}::text::bigint order by partition, slice_from`),
          (rows) =>
            rows.map((row) => ({
              ...row,
              ranges: new Uint8Array(Buffer.from(row.ranges, "base64")),
              failed: failedOf(row.failed).length
            }))
        ),
      retrying: (id, limit) =>
        guarded("read what a subscription tries again")(sql<Retrying>`
          select partition, log_epoch::float8 as "logEpoch", (f->>0)::float8 as "offset", (f->>1)::integer as attempts,
            (f->>2)::float8 as due, (f->>3)::boolean as alone, f->>4 as cause, (f->>5)::boolean as rejected
          from subscription_cursors, jsonb_array_elements(failed::jsonb) f where subscription_id = ${id}::text::bigint
            and not (f->>5)::boolean
          order by 5, 1, 3 limit ${limit}`),
      deadLettersTo: (topicName, limit) =>
        Effect.map(
          guarded("find subscriptions by their dead-letter topic")(sql<{ it: Subscription }>`
            select herald_subscription_json(s) as it from subscriptions s
            where dead_letter_topic = ${topicName} and dead_letter_topic <> ''
            order by topic_name, subscription_name limit ${limit}`),
          (rows) => rows.map(({ it }) => it)
        ),
      counts: (id) =>
        Effect.map(
          guarded("count consumers and dead letters")(sql<SubscriptionCounts>`
            select (select coalesce(sum(n.consumers), 0)::float8 from subscription_nodes n join subscription_runs r on r.run = n.run
                where n.subscription_id = ${id}::text::bigint and r.until > clock_timestamp()) as consumers,
              (select count(*)::float8 from dead_letters where subscription_id = ${id}::text::bigint) as "deadLetters"`),
          ([row]) => row!
        ),
      deadLetters: (id, { limit, after, maxBytes }) =>
        Effect.map(
          guarded("list dead letters")(sql<Letter>`
            with page as materialized (
              select id, sum(octet_length(event)) over (order by id) - octet_length(event) as before, row_number() over (order by id) as n
              from (select id, event from dead_letters where subscription_id = ${id}::text::bigint and id > ${String(after)}::text::bigint
                order by id limit ${limit}) them)
            select id::float8 as id, epoch::float8 as epoch, partition, log_epoch::float8 as "logEpoch", "offset"::float8 as "offset",
              translate(encode(event, 'base64'), E'\\n', '') as event, herald_millis(published_at) as "publishedAt", attempts, reason, cause,
              dead_letter_topic as topic, herald_millis(at) as at, refused
            from dead_letters join page using (id)
            where n = 1 or before + octet_length(event) <= ${maxBytes}::int order by id`),
          (rows) => rows.map((row) => ({ ...row, event: new Uint8Array(Buffer.from(row.event, "base64")) }))
        ),
      bury: (id, letters, why, note) =>
        Effect.map(
          guarded("remove dead letters")(sql<{ count: number }>`
            with gone as (delete from dead_letters where id in (select id from dead_letters where subscription_id = ${id}::text::bigint
              and (${typeof letters === "number" ? null : JSON.stringify(letters)}::text is null or id in (
                select jsonb_array_elements_text(${typeof letters === "number" ? null : JSON.stringify(letters)}::text::jsonb)::bigint))
              order by id limit ${typeof letters === "number" ? letters : letters.length}) returning id)
            select count(*)::float8 as count, case when count(*) > 0 then (
                select herald_subscription_note(${`dead_letters.${why}`}, herald_subscription_json(s), ${noteText(note)}::text::jsonb,
                  jsonb_build_object('letters', jsonb_agg(gone.id order by gone.id)))
                from subscriptions s where s.id = ${id}::text::bigint) end
            from gone`),
          ([row]) => row!.count
        )
    })
  )
)
