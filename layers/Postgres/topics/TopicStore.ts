/** Keeps topics and their producers in PostgreSQL, by the functions of migration 0036. */
import { Effect, Layer } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Topic } from "../../../src/topics/Topic.ts"
import {
  type Note,
  type Opened,
  PRODUCERS,
  producersFull,
  type TopicPage,
  TopicStore
} from "../../../src/topics/TopicStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Problem {
  readonly problem: "exists" | "full" | "conflict" | "fewer"
  readonly version?: number
  readonly partitions?: number
}

type Answer<A> = A | Problem | null

const refusalOf = (name: string, { problem, version, partitions }: Problem): HeraldError => {
  switch (problem) {
    case "exists":
      return failure("TopicExists", `there is a topic ${name}`)
    case "full":
      return failure("TopicsFull", `${name} has no room: there are too many topics or partitions`)
    case "conflict":
      return failure("TopicConflict", `${name} is at version ${version} by now`, { details: { version } })
    case "fewer":
      return failure("InvalidInput", `partitions: ${name} has ${partitions}, and never less`)
  }
}

const answered =
  (name: string) =>
  <A extends object>(answer: Answer<A>): Effect.Effect<A | undefined, HeraldError> =>
    answer === null
      ? Effect.undefined
      : "problem" in answer
        ? Effect.fail(refusalOf(name, answer))
        : Effect.succeed(answer)

/** TS4 */
const noteText = (note: Note | undefined): string | null => (note === undefined ? null : JSON.stringify(note))

export const layer = Layer.effect(
  TopicStore,
  Effect.map(Pools, ({ other: sql, reads }) =>
    TopicStore.of({
      create: Effect.fnUntraced(function* (definition, by, note) {
        const [row] = yield* guarded("create the topic")(sql<{ topic: Answer<Topic> }>`
          select herald_topic_created(${JSON.stringify(definition)}::text::jsonb, ${by}, ${noteText(note)}::text::jsonb) as topic`)
        return (yield* answered(definition.name)(row!.topic))!
      }),
      get: (name) =>
        guarded("read the topic")(reads<{ topic: Topic }>`
          select herald_topic_json(t) as topic from topics t where name = ${name} and herald_topic_is_made(t)`).pipe(
          Effect.map(([row]) => row?.topic)
        ),
      list: (prefix, after, limit, scope) =>
        guarded("list topics")(reads<{ topic: Topic }>`
          select herald_topic_json(t) as topic from topics t where starts_with(name, ${prefix}) and name > ${after}
            and (${scope === undefined} or name = any (${[...(scope?.names ?? [])]}::text[])
              or exists (select from unnest(${[...(scope?.prefixes ?? [])]}::text[]) p where starts_with(name, p)))
            and herald_topic_is_made(t)
          order by name limit ${limit + 1}`).pipe(
          Effect.map(
            (rows): TopicPage => ({
              topics: rows.slice(0, limit).map(({ topic }) => topic),
              more: rows.length > limit
            })
          )
        ),
      update: (name, change, expected, note) =>
        guarded("change the topic")(sql<{ topic: Answer<Topic> }>`
          select herald_topic_updated(${name}, ${JSON.stringify(change)}::text::jsonb, ${expected === undefined ? null : BigInt(expected)}::bigint,
            ${noteText(note)}::text::jsonb) as topic`).pipe(Effect.flatMap(([row]) => answered(name)(row!.topic))),
      remove: (name, note) =>
        guarded("delete the topic")(
          sql<{ went: boolean }>`select herald_topic_removed(${name}, ${noteText(note)}::text::jsonb) as went`
        ).pipe(Effect.map(([row]) => row!.went)),
      made: (id, as) =>
        guarded("note what Kafka made")(sql<{ topic: Topic | null }>`
          select herald_topic_made(${id}::int, ${as}) as topic`).pipe(Effect.map(([row]) => row!.topic ?? undefined)),
      unmade: (id, note) =>
        guarded("forget a topic that Kafka did not make")(sql<{ went: boolean | null }>`
          select herald_topic_unmade(${id}::int, ${noteText(note)}::text::jsonb) as went`).pipe(
          Effect.map(([row]) => row?.went === true)
        ),
      producers: (topic) =>
        guarded("count the topic's producers")(
          reads<{ count: number }>`select count(*)::int as count from topic_producers where topic_id = ${topic}::int`
        ).pipe(Effect.map(([row]) => row!.count)),
      kept: (log) =>
        guarded("read which topics there are")(
          sql<{
            id: number
            millis: bigint | null
          }>`select id, retention_millis as millis from topics where log = ${log} order by id`
        ).pipe(
          Effect.map((rows) => rows.map(({ id, millis }) => ({ id, millis: millis === null ? null : Number(millis) })))
        ),
      open: Effect.fnUntraced(function* (topic, producer) {
        const [row] = yield* guarded("open the producer")(sql<{
          opened: Opened | { readonly problem: "full" | "share" } | null
        }>`
          select herald_topic_open(${topic}::int, ${producer}, ${PRODUCERS}::int) as opened`)
        const opened = row!.opened
        if (opened === null) return undefined
        if ("problem" in opened) return yield* producersFull(opened.problem === "share")
        return opened
      })
    })
  )
)
