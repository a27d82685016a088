/** Keeps dead letters that wait for their topics in PostgreSQL, by migration 0037. */
import { Effect, Layer } from "effect"
import { type Bundle, LetterBox, type Numbered, type WaitingLetter } from "../../../src/subscriptions/LetterBox.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

type Row = Omit<WaitingLetter, "event" | "numbered"> & { readonly event: string } & (
    | Numbered
    | { readonly target: null; readonly sequence: null; readonly part: null }
  ) & { readonly part: number | null }

export const layer = Layer.effect(
  LetterBox,
  Effect.map(Pools, ({ writes, other: sql }) =>
    LetterBox.of({
      bundles: (after, limit) =>
        guarded("find dead letters that wait")(sql<Bundle>`
          select s.id::text as "subscriptionId", s.topic_name as "topicName", s.subscription_name as "subscriptionName", d.topic
          from (select distinct subscription_id, dead_letter_topic collate "C" as topic from dead_letters
            where not posted and refused = '' and subscription_id >= ${after.subscriptionId}::text::bigint
              and (subscription_id, dead_letter_topic collate "C") > (${after.subscriptionId}::text::bigint, ${after.topic})
            order by 1, 2 limit ${limit}) d
          join subscriptions s on s.id = d.subscription_id order by s.id, d.topic`),
      waiting: ({ subscriptionId, topic }, { limit, maxBytes }) =>
        Effect.map(
          guarded("read dead letters that wait")(sql<Row>`
            with page as materialized (
              select id, sum(octet_length(event)) over (order by id) - octet_length(event) as before, row_number() over (order by id) as n
              from (select id, event from dead_letters where not posted and refused = '' and subscription_id = ${subscriptionId}::text::bigint
                and dead_letter_topic = ${topic} order by id limit ${limit}) them)
            select id::float8 as id, epoch::float8 as epoch, partition, log_epoch::float8 as "logEpoch", "offset"::float8 as "offset",
              translate(encode(event, 'base64'), E'\\n', '') as event, herald_millis(published_at) as "publishedAt", attempts, reason, cause,
              dead_letter_topic as topic, herald_millis(at) as at, refused, target::float8 as target, part, sequence::float8 as sequence
            from dead_letters join page using (id)
            where n = 1 or before + octet_length(event) <= ${maxBytes}::int order by id`),
          (rows) =>
            rows.map(({ target, part, sequence, ...row }) => ({
              ...row,
              event: new Uint8Array(Buffer.from(row.event, "base64")),
              numbered: target === null ? null : { target, partition: part!, sequence: sequence! }
            }))
        ),
      number: (lease, leaseMillis, letters) =>
        Effect.map(
          guarded("number dead letters")(writes<{ done: boolean }>`
            select herald_letters_number(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval,
              ${JSON.stringify(letters)}::text::jsonb) as done`),
          ([row]) => row!.done
        ),
      refuse: (letters) =>
        Effect.asVoid(
          guarded("set dead letters aside")(writes`
            update dead_letters d set refused = l->>'why' from jsonb_array_elements(${JSON.stringify(letters)}::text::jsonb) l
              where d.id = (l->>'id')::bigint and not d.posted`)
        ),
      posted: (ids) =>
        Effect.asVoid(
          guarded("note that dead letters were appended")(writes`
            update dead_letters set posted = true
              where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::bigint)`)
        )
    })
  )
)
