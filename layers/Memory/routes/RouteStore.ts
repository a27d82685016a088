/** RouteStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { POSITIONS, ROUTES, type Route } from "../../../src/routes/Route.ts"
import { type Position, RouteStore, type Step, type Stepped, type Written } from "../../../src/routes/RouteStore.ts"
import { covers } from "../../../src/routes/Source.ts"
import { samePlace } from "../../../src/topics/MessageId.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import type { Note } from "../../../src/topics/TopicStore.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "../topics/TopicTables.ts"
import { positionKey, RouteTables } from "./RouteTables.ts"

export const layer = Layer.effect(
  RouteStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(RouteTables)
    const topics = state.tables(TopicTables)
    const access = state.tables(AccessTables)
    const { rules, positions } = tables
    const now = () => clock.currentTimeMillisUnsafe()

    /** ZE4 */
    const tell = (route: Route, action: string, note: Note | undefined, more: object): void => {
      if (note === undefined) return
      const { by, keyId, message } = note
      const { name, id, version, source, target } = route
      const said = message === "" ? {} : { message }
      const details = { route: name, id, version, source, target, keyId, ...said, ...more }
      access.append({ configId: "", action, performedBy: by, details, createdAt: now() })
    }

    const place = (begins: ReadonlyArray<Position>): boolean => {
      if (positions.size + begins.length > POSITIONS) return false
      for (const one of begins) {
        const key = positionKey(one.route, one)
        if (rules.has(one.route) && !positions.has(key))
          positions.set(key, { ...one, routed: 0, skipped: 0, refused: 0, missed: 0 })
      }
      return true
    }

    /** ZE2 */
    const step = ({ revision, source, advances, appended }: Step): Stepped => {
      if (revision !== tables.revision) return "stale"
      const held = (route: number) => positions.get(positionKey(route, source))
      for (const { route, from } of advances) {
        const at = held(route)?.at
        if (at === undefined || !samePlace(at, from)) return "elsewhere"
      }
      const ids = new Map([...topics.topics.values()].map((topic) => [topic.id, topic]))
      const into = appended.map((one) => ({ ...one, to: topics.partitions.get(partitionKey(one)) }))
      if (into.some(({ topic, to }) => to === undefined || ids.get(topic)?.enabled !== true)) return "unavailable"
      for (const { topic, partition, events, to } of into) {
        to!.append({ topic, partition, events, compression: "none", producing: undefined }, undefined, now())
        for (const hear of topics.listeners) hear({ topic, partition })
      }
      for (const { route, to, routed, skipped, refused, missed, refusals } of advances) {
        const at = held(route)!
        const sums = {
          routed: at.routed + routed,
          skipped: at.skipped + skipped,
          refused: at.refused + refused,
          missed: at.missed + missed
        }
        positions.set(positionKey(route, source), { ...at, at: to, ...sums })
        tables.refuse(
          route,
          refusals.map((one) => ({ ...one, refusedAt: now() }))
        )
      }
      return "done"
    }

    const sumsOf = (route: number) => {
      const all = { route, routed: 0, skipped: 0, refused: 0, missed: 0 }
      for (const one of positions.values())
        if (one.route === route)
          for (const name of ["routed", "skipped", "refused", "missed"] as const) all[name] += one[name]
      return all
    }

    return RouteStore.of({
      revision: Effect.sync(() => tables.revision),
      all: Effect.sync(() => ({ revision: tables.revision, routes: [...rules.values()].sort((a, b) => a.id - b.id) })),
      create: (definition, { revision, begins, by, note }) =>
        Effect.suspend((): Effect.Effect<Written<Route>, HeraldError> => {
          if (revision !== tables.revision) return Effect.succeed("stale")
          tables.revision++
          const { name } = definition
          if ([...rules.values()].some((one) => one.name === name))
            return Effect.fail(failure("RoutingRuleExists", `there is a rule ${name}`))
          const full = failure("RoutingRulesFull", `there are ${ROUTES} rules, or ${POSITIONS} positions of rules`)
          if (rules.size >= ROUTES) return Effect.fail(full)
          const at = now()
          const more = { id: ++tables.ids, version: 1, error: "", createdAt: at, createdBy: by, updatedAt: at }
          const made: Route = { ...definition, ...more }
          rules.set(made.id, made)
          if (!place(begins.map((one) => ({ ...one, route: made.id })))) {
            rules.delete(made.id)
            return Effect.fail(full)
          }
          tell(made, "route.create", note, { enabled: made.enabled })
          return Effect.succeed(made)
        }),
      update: (id, change, { revision, skip, note }) =>
        Effect.sync(() => {
          if (revision !== tables.revision) return "stale" as const
          tables.revision++
          const held = rules.get(id)
          if (held === undefined) return undefined
          const updatedAt = Math.max(held.updatedAt, now())
          const made: Route = { ...held, ...change, version: held.version + 1, error: "", updatedAt }
          rules.set(id, made)
          for (const one of skip ?? []) {
            const key = positionKey(id, one)
            const its = positions.get(key)
            if (its !== undefined) positions.set(key, { ...its, at: one.at })
          }
          tell(made, "route.update", note, { changed: change, ...(skip === undefined ? {} : { skipped: true }) })
          return made
        }),
      remove: (id, note) =>
        Effect.sync(() => {
          tables.revision++
          const held = rules.get(id)
          if (held === undefined) return false
          tables.remove(id)
          tell(held, "route.delete", note, {})
          return true
        }),
      fail: (id, version, error) =>
        Effect.sync(() => {
          tables.revision++
          const held = rules.get(id)
          if (held?.version !== version || !held.enabled || held.error !== "") return false
          rules.set(id, { ...held, error, version: version + 1, updatedAt: Math.max(held.updatedAt, now()) })
          return true
        }),
      covered: (sources) =>
        Effect.sync(() =>
          [...topics.topics.values()]
            .filter(({ name }) => sources.some((source) => covers(source, name)))
            .map(({ id, name, partitions, log, version }) => ({ id, name, partitions, log, version }))
            .sort((a, b) => a.id - b.id)
        ),
      positions: (of) =>
        Effect.sync(() =>
          [...positions.values()]
            .filter(({ topic }) => of.includes(topic))
            .map(({ route, topic, partition, at }) => ({ route, topic, partition, at }))
        ),
      begin: (begins) => Effect.sync(() => place(begins)),
      step: (one) => Effect.sync(() => step(one)),
      progress: (id) =>
        Effect.sync(() =>
          [...positions.values()]
            .filter(({ route }) => route === id)
            .sort((a, b) => a.topic - b.topic || a.partition - b.partition)
        ),
      sums: Effect.sync(() => {
        const those = new Set([...positions.values()].map(({ route }) => route))
        return [...those].sort((a, b) => a - b).map(sumsOf)
      }),
      refusals: (id, limit) => Effect.sync(() => (tables.refusals.get(id) ?? []).toReversed().slice(0, limit)),
      sweep: Effect.sync(() => {
        const ids = new Set([...topics.topics.values()].map(({ id }) => id))
        const gone = [...positions].filter(([, { topic }]) => !ids.has(topic)).slice(0, 1_000)
        for (const [key] of gone) positions.delete(key)
        return gone.length
      })
    })
  })
)
