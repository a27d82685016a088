/** What is checked of a rule before it is written: ZF2, ZF3 in RoutingRules.ts */
import { Effect, Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { rememberedFilter } from "../filters/Remembered.ts"
import { variablesIn } from "../filters/Variables.ts"
import { KnownTopics, noSuchTopic } from "../topics/KnownTopics.ts"
import { Logs } from "../topics/Logs.ts"
import { makePaying } from "../topics/PaidFilter.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { keyTemplateOf } from "./KeyTemplate.ts"
import { loopOf } from "./Loop.ts"
import type { Route, RouteChangeable, RouteDefinition } from "./Route.ts"
import { type Covered, type Position, RouteStore } from "./RouteStore.ts"
import { isPattern } from "./Source.ts"

/** Topics that a rule may cover when it is added. */
const MOST_COVERED = 1_000

const invalid = (message: string) => failure("InvalidInput", message)

/** ZF2 */
export const unfitFor = (
  { condition, key }: RouteChangeable,
  { name, schema }: Pick<Topic, "name" | "schema">,
  several: boolean
) => {
  const variables = variablesIn(schema)
  const where = several ? ` (for ${name})` : ""
  const filter = condition === "" ? undefined : rememberedFilter(condition, variables)
  if (filter !== undefined && Result.isFailure(filter))
    return failure("InvalidFilter", `condition: ${filter.failure.message}${where}`)
  const template = keyTemplateOf(key, variables)
  return Result.isFailure(template)
    ? failure("InvalidKeyTemplate", `key: ${template.failure.message}${where}`)
    : undefined
}

/** ZF3 */
export const loopProblem = (others: ReadonlyArray<Route>, rule: RouteDefinition) => {
  const loop = loopOf(others, rule)
  return loop === undefined
    ? undefined
    : failure(
        "RoutingLoop",
        `${rule.source} → ${rule.target} would lead back to ${rule.source}, by ${loop.join(" → ")}`,
        {
          details: { rules: loop.slice(0, 20) }
        }
      )
}

export const makeChecking = Effect.gen(function* () {
  const store = yield* RouteStore
  const topics = yield* TopicStore
  const known = yield* KnownTopics
  const logs = yield* Logs
  const paying = yield* makePaying

  const boundsOf = (covered: ReadonlyArray<Covered>): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> =>
    Effect.map(
      Effect.forEach([...Map.groupBy(covered, ({ log }) => log)], ([kind, those]) =>
        kind === "ephemeral"
          ? Effect.succeed([])
          : (logs.of(kind)?.bounds(those.map(({ id }) => id)) ?? Effect.succeed([]))
      ),
      (all) => all.flat()
    )

  /** Where a rule begins in all that there is. */
  const beginsOf = (covered: ReadonlyArray<Covered>, start: "latest" | "earliest") =>
    Effect.map(boundsOf(covered), (all) =>
      all.map(
        ({ topic, partition, epoch, first, next }): Omit<Position, "route"> => ({
          topic,
          partition,
          at: { epoch, offset: start === "latest" ? next : first }
        })
      )
    )

  /** ZF2. Gives the topics that it covers. */
  const checked = Effect.fnUntraced(function* (rule: RouteDefinition) {
    const covered = yield* store.covered([rule.source])
    if (covered.length > MOST_COVERED)
      return yield* invalid(
        `source: ${rule.source} covers ${covered.length} topics, at most ${MOST_COVERED} are allowed`
      )
    const several = isPattern(rule.source)
    if (!several && covered.length === 0) return yield* noSuchTopic(rule.source)
    if (!several && covered[0]!.log === "ephemeral")
      return yield* invalid(`source: ${rule.source} is in memory only, where a position means nothing later`)
    yield* paying(rule.condition, null) // FZ14
    const bare = unfitFor(rule, { name: rule.source, schema: null }, false)
    if (bare !== undefined) return yield* bare
    for (const { name } of covered) {
      const topic = yield* known.find(name)
      yield* paying(rule.condition, topic.schema)
      const wrong = topic.schema === null ? undefined : unfitFor(rule, topic, several)
      if (wrong !== undefined) return yield* wrong
    }
    const target = yield* topics.get(rule.target)
    if (target === undefined) return yield* noSuchTopic(rule.target)
    if (target.log !== "postgres")
      return yield* invalid(
        `target: ${rule.target} is kept in ${target.log}; only in PostgreSQL are what is routed and how far it is kept together`
      )
    return covered
  })

  return { boundsOf, beginsOf, checked }
})
