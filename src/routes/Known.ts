/**
 * What a node knows of routing rules: which there are, and which topics they route from.
 *
 *   ZJ1  A change of rules is known within `FRESH`, a new topic below a pattern within `TOPICS_FRESH`. What is not known yet is late and no more: no step
 *        is carried out by old rules (ZE1), and a topic is routed from its first event.
 *
 * Where no rule is active, one small question every `FRESH` is all that this costs. Rules that are put together for topics are kept in bounds: those
 * that were not used for longest are put together again.
 */
import { Clock, Effect, Metric } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import type { LogKind } from "../topics/Topic.ts"
import { Deciding } from "./Deciding.ts"
import { type Route, statusOf } from "./Route.ts"
import { type Covered, RouteStore } from "./RouteStore.ts"
import { covers } from "./Source.ts"

/** Milliseconds. ZJ1 */
export const FRESH = 1_000
export const TOPICS_FRESH = 5_000
/** Bytes, about, of rules that are put together */
const MOST = 33_554_432

const NONE: ReadonlyArray<number> = []

interface Made {
  readonly deciding: Deciding
  readonly revision: number
  readonly schemaVersion: number
  readonly weight: number
}

const weightOf = ({ condition, key }: Route): number => 4_096 + 20 * (condition.length + key.length)

export const makeKnown = Effect.gen(function* () {
  const store = yield* RouteStore
  const topics = yield* KnownTopics
  const clock = yield* Clock.Clock
  const made = new Weighed<Made>(({ weight }) => weight)
  let revision = -1
  let at = Number.NEGATIVE_INFINITY
  let active: ReadonlyArray<Route> = []
  let covered: ReadonlyMap<number, Covered> = new Map()
  let byLog = new Map<LogKind, ReadonlyArray<number>>()

  return {
    get revision() {
      return revision
    },
    /** Whether there is anything to do. */
    get any() {
      return active.length > 0
    },
    /** Topics that rules route from, by id. Those in memory only are left out: a position in them means nothing later. */
    get covered() {
      return covered
    },
    /** Ids of those in a kind of log; the same array until they are others. */
    in: (log: LogKind): ReadonlyArray<number> => byLog.get(log) ?? NONE,
    /** True: rules or topics are others than before. */
    refresh: Effect.gen(function* () {
      const now = Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
      const newest = yield* store.revision
      const others = newest !== revision
      if (!others && (active.length === 0 || now - at < TOPICS_FRESH)) return false
      if (others) {
        const all = yield* store.all
        active = all.routes.filter((route) => statusOf(route) === "active")
        revision = all.revision
        for (const status of ["active", "disabled", "error"] as const)
          yield* Metric.update(
            Metric.withAttributes(rulesGauge, { status }),
            all.routes.filter((route) => statusOf(route) === status).length
          )
      }
      const sources = [...new Set(active.map(({ source }) => source))]
      const found = sources.length === 0 ? [] : yield* store.covered(sources)
      covered = new Map(found.filter(({ log }) => log !== "ephemeral").map((one) => [one.id, one]))
      byLog = new Map(
        [...Map.groupBy(covered.values(), ({ log }) => log)].map(([log, those]) => [log, those.map(({ id }) => id)])
      )
      at = now
      return true
    }),
    /** What its rules make of a topic's events. Fails `NoSuchTopic`, and as the store. */
    of: Effect.fnUntraced(function* ({ id, name }: Covered) {
      const topic = yield* topics.find(name)
      const held = made.use(String(id))
      if (held !== undefined && held.revision === revision && held.schemaVersion === topic.schemaVersion)
        return held.deciding
      const routes = active.filter(({ source }) => covers(source, name))
      const deciding = new Deciding(topic.schema, routes, topic.schemaVersion)
      const weight = routes.reduce((sum, route) => sum + weightOf(route), 1_024)
      made.set(String(id), { deciding, revision, schemaVersion: topic.schemaVersion, weight })
      made.trim(MOST, 10_000)
      return deciding
    })
  }
})

const rulesGauge = gauge("herald_routes_rules", "Routing rules, by their status")
