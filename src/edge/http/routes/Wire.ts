/** Routing rules as JSON. */
import { Schema } from "effect"
import type { Explained } from "../../../routes/Explaining.ts"
import { TEMPLATE_LENGTH } from "../../../routes/KeyTemplate.ts"
import * as Model from "../../../routes/Route.ts"
import type { RouteDraft, RouteStats as Stats } from "../../../routes/RoutingRules.ts"
import { Plain } from "../../../text/Plain.ts"
import { EVENT_KEY_LENGTH } from "../../../topics/Message.ts"
import { Labels, Message, Stamp, stamp, TopicName, Whole, within } from "../Wire.ts"

const Name = Plain(1_000).annotate({ examples: ["big-checkouts"] })
export const Target = { route: Name }
export const TestTarget = { topic: TopicName }

const Source = Plain(1_000).annotate({ examples: ["checkouts/*"] })
const Condition = Schema.String
const Key = Plain(TEMPLATE_LENGTH).annotate({ examples: ["{exchange}:{symbol}"] })

/**
 * `source`: a topic, or a name and /* for all below it. `condition`: CEL, as filters of subscriptions are; left out: all events. `key`: text with fields in
 * braces; left out: keys stay. `priority`: the greatest goes first. `final`: what it takes goes through no rule behind it. `start`: latest, unless it says
 * earliest.
 */
export const RouteBody = Schema.Struct({
  name: Name,
  source: Source,
  target: TopicName,
  condition: Schema.optionalKey(Condition),
  key: Schema.optionalKey(Key),
  priority: Schema.optionalKey(within(-Model.PRIORITY, Model.PRIORITY)),
  final: Schema.optionalKey(Schema.Boolean),
  enabled: Schema.optionalKey(Schema.Boolean),
  description: Schema.optionalKey(Plain(Model.ROUTE_DESCRIPTION_LENGTH)),
  start: Schema.optionalKey(Schema.Literals(["latest", "earliest"])),
  message: Schema.optionalKey(Message)
}).annotate({
  identifier: "RouteBody",
  examples: [
    { name: "big-checkouts", source: "checkouts/*", target: "orders", condition: "total > 1000", key: "{customer}" }
  ]
})

/** What is left out stays. `skip`: it goes on with what comes now. `expectedVersion`: fail unless it is the current one. */
export const RouteChangeBody = Schema.Struct({
  target: Schema.optionalKey(TopicName),
  condition: Schema.optionalKey(Condition),
  key: Schema.optionalKey(Key),
  priority: Schema.optionalKey(within(-Model.PRIORITY, Model.PRIORITY)),
  final: Schema.optionalKey(Schema.Boolean),
  enabled: Schema.optionalKey(Schema.Boolean),
  description: Schema.optionalKey(Plain(Model.ROUTE_DESCRIPTION_LENGTH)),
  skip: Schema.optionalKey(Schema.Boolean),
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Whole)
}).annotate({ identifier: "RouteChangeBody", examples: [{ enabled: false, message: "until the flood is over" }] })

/** `error`: why nothing is routed by it until somebody changes or enables it; "": nothing is wrong. */
export const Route = Schema.Struct({
  name: Schema.String,
  source: Schema.String,
  target: Schema.String,
  condition: Schema.String,
  key: Schema.String,
  priority: Schema.Int,
  final: Schema.Boolean,
  enabled: Schema.Boolean,
  status: Schema.Literals(["active", "disabled", "error"]),
  error: Schema.String,
  description: Schema.String,
  version: Whole,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  createdBy: Schema.String,
  updatedAt: Schema.Finite,
  updatedTime: Stamp
}).annotate({ identifier: "Route" })
export type Route = typeof Route.Type

export const RouteList = Schema.Struct({ routes: Schema.Array(Route) })
export type RouteList = typeof RouteList.Type

const sums = { routed: Whole, skipped: Whole, refused: Whole, missed: Whole, lag: Whole }

/**
 * Of all nodes, since it was added. `skipped`: its condition was not true, or another rule was final. `missed`: gone before they were routed. `waits`: why
 * nothing goes out although it is enabled. `left`: topics of its source in memory only, which are not routed. `refusals`: the newest first.
 */
export const RouteStats = Schema.Struct({
  route: Schema.String,
  status: Schema.Literals(["active", "disabled", "error"]),
  error: Schema.String,
  waits: Schema.String,
  ...sums,
  partitions: Schema.Array(
    Schema.Struct({ topic: Schema.String, partition: Whole, epoch: Whole, next: Whole, ...sums })
  ),
  left: Schema.Array(Schema.String),
  refusals: Schema.Array(
    Schema.Struct({
      topic: Schema.NullOr(Schema.String),
      partition: Whole,
      epoch: Whole,
      offset: Whole,
      why: Schema.String,
      time: Stamp
    })
  )
}).annotate({ identifier: "RouteStats" })
export type RouteStats = typeof RouteStats.Type

/** `value`: a string is the payload's text; other JSON is the payload as it stands. */
export const RouteTestBody = Schema.Struct({
  key: Schema.optionalKey(Schema.NullOr(Plain(EVENT_KEY_LENGTH))),
  value: Schema.Unknown,
  headers: Schema.optionalKey(Labels),
  partition: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
}).annotate({ identifier: "RouteTestBody", examples: [{ value: { total: 5000, customer: "c-1" } }] })

/** In the order in which events go through rules. `is`: what becomes of the event by the rule; `off`: the rule is disabled; `error`: it is in error. */
export const RouteTest = Schema.Struct({
  topic: Schema.String,
  rules: Schema.Array(
    Schema.Struct({
      route: Schema.String,
      priority: Schema.Int,
      final: Schema.Boolean,
      is: Schema.Literals(["routed", "skipped", "refused", "off", "error"]),
      why: Schema.String,
      target: Schema.String,
      key: Schema.NullOr(Schema.String),
      partition: Schema.NullOr(Whole)
    })
  )
}).annotate({ identifier: "RouteTest" })
export type RouteTest = typeof RouteTest.Type

export const draftOf = ({ message: _, ...body }: typeof RouteBody.Type): RouteDraft => body

export const changeOf = ({ message: _, expectedVersion: __, skip: ___, ...body }: typeof RouteChangeBody.Type) => body

export const route = (found: Model.Route): Route => ({
  name: found.name,
  source: found.source,
  target: found.target,
  condition: found.condition,
  key: found.key,
  priority: found.priority,
  final: found.final,
  enabled: found.enabled,
  status: Model.statusOf(found),
  error: found.error,
  description: found.description,
  version: found.version,
  createdAt: found.createdAt,
  createdTime: stamp(found.createdAt),
  createdBy: found.createdBy,
  updatedAt: found.updatedAt,
  updatedTime: stamp(found.updatedAt)
})

export const stats = ({ route: its, partitions, waits, left, refusals }: Stats): RouteStats => {
  const sum = (name: "routed" | "skipped" | "refused" | "missed" | "lag") =>
    partitions.reduce((all, one) => all + one[name], 0)
  const names = new Map(partitions.map((one) => [one.topic, one.topicName]))
  return {
    route: its.name,
    status: Model.statusOf(its),
    error: its.error,
    waits,
    routed: sum("routed"),
    skipped: sum("skipped"),
    refused: sum("refused"),
    missed: sum("missed"),
    lag: sum("lag"),
    partitions: partitions.map(({ topicName, partition, at, routed, skipped, refused, missed, lag }) => ({
      ...{ topic: topicName, partition, epoch: at.epoch, next: at.offset, routed, skipped, refused, missed, lag }
    })),
    left,
    refusals: refusals.map(({ topic, partition, epoch, offset, why, refusedAt }) => ({
      ...{ topic: names.get(topic) ?? null, partition, epoch, offset, why, time: stamp(refusedAt) }
    }))
  }
}

export const tested = (topic: string, found: ReadonlyArray<Explained>): RouteTest => ({
  topic,
  rules: found.map(({ route: { name, priority, final, target }, is, why, key, partition }) => ({
    ...{ route: name, priority, final, is, why, target, key, partition: partition ?? null }
  }))
})
