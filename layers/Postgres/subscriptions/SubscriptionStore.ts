/** Keeps subscriptions and their dead letters in PostgreSQL, by the functions of migration 0037. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { DeadLetter } from "../../../src/subscriptions/DeadLetter.ts"
import { type Begin, placesOf } from "../../../src/subscriptions/Place.ts"
import { failedOf } from "../../../src/subscriptions/SavedCursor.ts"
import { limits, type Subscription } from "../../../src/subscriptions/Subscription.ts"
import { type Progress, SubscriptionStore } from "../../../src/subscriptions/SubscriptionStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

type Row = { readonly it: Subscription | null }
type Letter = Omit<DeadLetter, "event"> & { readonly event: string }

const placed = (of: Pick<Subscription, "type" | "slices">, begins: ReadonlyArray<Begin>): string =>
  JSON.stringify(placesOf(of, begins))

export const layer = Layer.effect(
  SubscriptionStore,
  Effect.map(Pools, ({ other: sql }) =>
    SubscriptionStore.of({
      create: (made, begins, by) =>
        Effect.flatMap(
          guarded("create a subscription")(sql<{ it: Subscription | "full" | null }>`
            select herald_subscription_create(${JSON.stringify(made)}::text::jsonb, ${placed(made, begins)}::text::jsonb, ${by},
              ${limits.perTopic}::int) as it`),
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
      list: (topicName, { limit, after }) =>
        Effect.map(
          guarded("list subscriptions")(sql<{ it: Subscription }>`
            select herald_subscription_json(s) as it from subscriptions s
            where (${topicName} = '' or topic_name = ${topicName})
              and (topic_name, subscription_name) > (${after?.topicName ?? ""}, ${after?.subscriptionName ?? ""})
            order by topic_name, subscription_name limit ${limit}`),
          (rows) => rows.map(({ it }) => it)
        ),
      remove: (topicName, subscriptionName) =>
        Effect.map(
          guarded("delete a subscription")(sql`
            delete from subscriptions where topic_name = ${topicName} and subscription_name = ${subscriptionName} returning id`),
          (rows) => rows.length > 0
        ),
      change: ({ id, epoch }, { status, reason, pausedMillis }) =>
        Effect.map(
          guarded("change a subscription")(sql<{ it: Subscription }>`
            update subscriptions s set status = ${status}, reason = ${reason}, last_activity = clock_timestamp(),
              paused_until = clock_timestamp() + ${pausedMillis === null ? null : String(pausedMillis)}::text::float8 * interval '1 millisecond'
            where id = ${id}::text::bigint and epoch = ${String(epoch)}::text::bigint returning herald_subscription_json(s) as it`),
          ([row]) => row?.it
        ),
      seek: (topicName, subscriptionName, begins) =>
        Effect.gen(function* () {
          // Its type never changes.
          const [found] = yield* guarded("read a subscription")(sql<{ it: Subscription }>`
            select herald_subscription_json(s) as it from subscriptions s
            where topic_name = ${topicName} and subscription_name = ${subscriptionName}`)
          if (found === undefined) return undefined
          const [row] = yield* guarded("set the position of a subscription")(sql<Row>`
            select herald_subscription_seek(${found.it.id}::text::bigint, ${placed(found.it, begins)}::text::jsonb) as it`)
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
      deadLetters: (id, { limit, after }) =>
        Effect.map(
          guarded("list dead letters")(sql<Letter>`
            select id::float8 as id, epoch::float8 as epoch, partition, log_epoch::float8 as "logEpoch", "offset"::float8 as "offset",
              translate(encode(event, 'base64'), E'\\n', '') as event, herald_millis(published_at) as "publishedAt", attempts, reason, cause,
              dead_letter_topic as topic, herald_millis(at) as at
            from dead_letters where subscription_id = ${id}::text::bigint and id > ${String(after)}::text::bigint order by id limit ${limit}`),
          (rows) => rows.map((row) => ({ ...row, event: new Uint8Array(Buffer.from(row.event, "base64")) }))
        ),
      bury: (id, letters) =>
        Effect.map(
          guarded("remove dead letters")(sql`
            delete from dead_letters where subscription_id = ${id}::text::bigint
              and id in (select jsonb_array_elements_text(${JSON.stringify(letters)}::text::jsonb)::bigint) returning id`),
          (rows) => rows.length
        )
    })
  )
)
