/** Keeps routing rules and their positions in PostgreSQL, and routes, by the functions of migration 0041. */
import { Effect, Layer } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { POSITIONS, ROUTES, type Route } from "../../../src/routes/Route.ts"
import {
  type Appended,
  type Covered,
  type KeptRefusal,
  type Progress,
  REFUSALS,
  RouteStore,
  type Stepped,
  type Sums
} from "../../../src/routes/RouteStore.ts"
import { isPattern } from "../../../src/routes/Source.ts"
import type { Note } from "../../../src/topics/TopicStore.ts"
import { Gone, guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { bytesOf } from "../topics/Asking.ts"
import { makeNotices } from "../topics/Notices.ts"
import { pack } from "../topics/Packing.ts"

type Problem = { readonly problem: "stale" | "exists" | "full" }
type Answer = Route | Problem | null

const NONE = new Uint8Array(0)

/** ZE4 */
const noteText = (note: Note | undefined): string | null => (note === undefined ? null : JSON.stringify(note))

const full = () => failure("RoutingRulesFull", `there are ${ROUTES} rules, or ${POSITIONS} positions of rules`)

const written = (name: string, answer: Answer): Effect.Effect<Route | "stale" | undefined, HeraldError> => {
  if (answer === null) return Effect.undefined
  if (!("problem" in answer)) return Effect.succeed(answer)
  if (answer.problem === "stale") return Effect.succeed("stale")
  return Effect.fail(answer.problem === "full" ? full() : failure("RoutingRuleExists", `there is a rule ${name}`))
}

const placesText = (places: ReadonlyArray<{ readonly at: object }> | undefined): string | null =>
  places === undefined ? null : JSON.stringify(places.map(({ at, ...its }) => ({ ...its, ...at })))

/** Names, and with what the names begin that a pattern covers. */
const partsOf = (sources: ReadonlyArray<string>) => ({
  names: sources.filter((source) => !isPattern(source)),
  prefixes: sources.filter(isPattern).map((source) => source.slice(0, -1))
})

const packed = Effect.fnUntraced(function* ({ events, zstd }: Appended) {
  const made = pack(events.bytes, zstd)
  return made instanceof Promise ? yield* Effect.promise(() => made) : made
})

export const layer = ({ notify }: { readonly notify: boolean }) =>
  Layer.effect(
    RouteStore,
    Effect.gen(function* () {
      const { other: sql, reads } = yield* Pools
      const { grew } = yield* makeNotices({ notify })

      return RouteStore.of({
        revision: guarded("read the revision of routing rules")(
          sql<{ revision: bigint }>`select revision from routing_revision`
        ).pipe(Effect.map(([row]) => Number(row!.revision))),
        all: guarded("read routing rules")(sql<{ revision: bigint; routes: ReadonlyArray<Route> }>`
          select (select revision from routing_revision) as revision,
            (select coalesce(jsonb_agg(herald_route_json(r) order by id), '[]') from routing_rules r) as routes`).pipe(
          Effect.map(([row]) => ({ revision: Number(row!.revision), routes: row!.routes }))
        ),
        create: Effect.fnUntraced(function* (definition, { revision, begins, by, note }) {
          const [row] = yield* guarded("add the routing rule")(sql<{ route: Answer }>`
            select herald_route_create(${JSON.stringify(definition)}::text::jsonb, ${placesText(begins)}::text::jsonb, ${BigInt(revision)}, ${by},
              ${noteText(note)}::text::jsonb, ${ROUTES}::int, ${POSITIONS}::int) as route`)
          return (yield* written(definition.name, row!.route))!
        }),
        update: Effect.fnUntraced(function* (id, change, { revision, skip, note }) {
          const [row] = yield* guarded("change the routing rule")(sql<{ route: Answer }>`
            select herald_route_update(${id}::int, ${JSON.stringify(change)}::text::jsonb, ${placesText(skip)}::text::jsonb, ${BigInt(revision)},
              ${noteText(note)}::text::jsonb) as route`)
          return yield* written("", row!.route)
        }),
        remove: (id, note) =>
          guarded("delete the routing rule")(
            sql<{ went: boolean }>`select herald_route_remove(${id}::int, ${noteText(note)}::text::jsonb) as went`
          ).pipe(Effect.map(([row]) => row!.went)),
        fail: (id, version, error) =>
          guarded("note what is wrong with a routing rule")(
            sql<{ noted: boolean }>`select herald_route_fail(${id}::int, ${version}::int, ${error}) as noted`
          ).pipe(Effect.map(([row]) => row!.noted)),
        covered: (sources) => {
          const { names, prefixes } = partsOf(sources)
          return guarded("find the topics of routing rules")(sql<Covered>`
            select id, name, partitions, log, version from topics t
            where name = any (${names}::text[]) or exists (select from unnest(${prefixes}::text[]) p where starts_with(t.name, p))
            order by id`)
        },
        positions: (topics) =>
          guarded("read how far routing rules are")(sql<{ all: string }>`
            select coalesce(jsonb_agg(jsonb_build_array(rule_id, topic_id, part, epoch, off)), '[]')::text as all
            from routing_positions where topic_id = any (${[...topics]}::int[])`).pipe(
            Effect.map(([row]) =>
              (JSON.parse(row!.all) as ReadonlyArray<readonly [number, number, number, number, number]>).map(
                ([route, topic, partition, epoch, offset]) => ({ route, topic, partition, at: { epoch, offset } })
              )
            )
          ),
        begin: (positions) =>
          guarded("note where routing rules begin")(
            sql<{
              fits: boolean
            }>`select herald_routes_begin(${placesText(positions)}::text::jsonb, ${POSITIONS}::int) as fits`
          ).pipe(Effect.map(([row]) => row!.fits)),
        step: Effect.fnUntraced(function* ({ revision, source, advances, appended }) {
          const ordered = appended.toSorted((a, b) => a.topic - b.topic || a.partition - b.partition)
          const bytes = yield* Effect.forEach(ordered, packed)
          const [row] = yield* guarded("route events")(sql<{ stepped: Stepped }>`
            select herald_route_step(${BigInt(revision)}, ${source.topic}::int, ${source.partition}::int, ${JSON.stringify(advances)}::text::jsonb,
              ${REFUSALS}::int, ${ordered.map(({ topic }) => topic)}::int[], ${ordered.map(({ partition }) => partition)}::int[],
              ${ordered.map(({ events }) => events.count)}::int[], ${bytes.map(({ codec }) => codec)}::int[],
              ${bytes.map(({ crc }) => BigInt(crc))}::bigint[], ${bytes.map(({ data }) => data)}::bytea[],
              ${ordered.map(({ events: { hashes } }) => (hashes === undefined ? NONE : bytesOf(hashes)))}::bytea[]) as stepped`).pipe(
            Effect.catchIf(
              (error) => error instanceof Gone,
              (error) =>
                failure("OutcomeUnknown", `the answer to a step of routes was lost: ${error.message}`, { cause: error })
            )
          )
          if (row!.stepped === "done") for (const { topic, partition } of ordered) grew({ topic, partition })
          return row!.stepped
        }),
        progress: (id) =>
          guarded("read how far the routing rule is")(
            sql<
              Record<"routed" | "skipped" | "refused" | "missed" | "epoch" | "off", bigint> & {
                topic_id: number
                part: number
              }
            >`
              select topic_id, part, epoch, off, routed, skipped, refused, missed from routing_positions where rule_id = ${id}::int
              order by topic_id, part`
          ).pipe(
            Effect.map((rows) =>
              rows.map(
                ({ topic_id, part, epoch, off, ...sums }): Progress => ({
                  route: id,
                  topic: topic_id,
                  partition: part,
                  at: { epoch: Number(epoch), offset: Number(off) },
                  ...numbers(sums)
                })
              )
            )
          ),
        sums: guarded("read what routing rules did")(
          reads<Record<keyof Sums, bigint> & { route: number }>`
            select rule_id as route, sum(routed)::bigint as routed, sum(skipped)::bigint as skipped, sum(refused)::bigint as refused,
              sum(missed)::bigint as missed from routing_positions group by rule_id order by rule_id`
        ).pipe(Effect.map((rows) => rows.map(({ route, ...sums }) => ({ route, ...numbers(sums) })))),
        refusals: (id, limit) =>
          guarded("read what the routing rule refused")(
            sql<{ it: KeptRefusal }>`
              select jsonb_build_object('topic', topic_id, 'partition', part, 'epoch', epoch, 'offset', off, 'why', why, 'refusedAt', refused_at) as it
              from routing_refusals where rule_id = ${id}::int order by id desc limit ${limit}`
          ).pipe(Effect.map((rows) => rows.map(({ it }) => it))),
        sweep: guarded("forget positions in topics that are gone")(
          sql`delete from routing_positions c where ctid = any (array(select p.ctid from routing_positions p
            where not exists (select from topics t where t.id = p.topic_id) limit 1000)) returning 1`
        ).pipe(Effect.map((rows) => rows.length))
      })
    })
  )

const numbers = ({ routed, skipped, refused, missed }: Record<keyof Sums, bigint>): Sums => ({
  routed: Number(routed),
  skipped: Number(skipped),
  refused: Number(refused),
  missed: Number(missed)
})
