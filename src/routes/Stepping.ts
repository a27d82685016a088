/**
 * Routes what a partition has, a step at a time, from where its rules are.
 *
 *   ZI1  An event goes through a rule once: what it becomes is in the target with the position behind it, in one step (ZE2), whatever crashes and
 *        whoever else is at it.
 *   ZI2  A rule whose target is gone, or that doesn't fit the topic, is put in error, with why; the others go on. One whose target is disabled waits.
 *   ZI3  What can't be routed as the rule says is counted and kept as a refusal; what was gone before it could be is counted and told. Neither
 *        holds up what is behind it.
 *   ZI4  Rules that are at different places take turns, so that one that is far behind holds up no other; where they meet they go on together.
 *   ZI5  An event is judged by conditions of the schema that its topic has, a second late at most (TZ1): a rule that doesn't fit it any more is put in error
 *        where it is.
 */
import { Effect, Metric } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { makeFitting } from "../topics/Fitting.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import { Logs } from "../topics/Logs.ts"
import type { Place } from "../topics/MessageId.ts"
import { samePlace } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import { lookingSlices } from "../work/Slices.ts"
import { advancesOf, type Bite, biteOf, type Outgoing } from "./Bite.ts"
import type { Deciding } from "./Deciding.ts"
import type { Route } from "./Route.ts"
import { type Covered, RouteStore } from "./RouteStore.ts"
import { segmentsOf } from "./Segments.ts"

/** Bytes of events that are read at once. */
const READ_BYTES = 262_144
/** The longest that a log is waited for. */
const ANSWERED = "5 seconds"
/** Rules that go on together: with each, what may come of one event grows. */
const TOGETHER = 32

export interface Routed {
  readonly topic: Covered
  readonly partition: PartitionId
  readonly deciding: Deciding
  readonly revision: number
  /** Where the rules are; changed with each step. */
  readonly positions: Map<number, Place>
  /** Counts steps: whose turn it is. ZI4 */
  turn: number
}

/** more: there may be; end: all is routed; waits: for a target; anew: rules or positions are others by now; gone: there is no such partition. */
export type Step = "more" | "end" | "waits" | "anew" | "gone"

const unread = () => Effect.fail(failure("Timeout", `the log gave no events to route within ${ANSWERED}`))

/** Those that are at one place, of all that can go on. ZI4 */
export const groupOf = (positions: ReadonlyMap<number, Place>, turn: number) => {
  const places = [...Map.groupBy(positions, ([, { epoch, offset }]) => `${epoch}/${offset}`).values()]
  if (places.length === 0) return undefined
  const group = places[turn % places.length]!
  const from = group[0]![1]
  const ahead = [...positions.values()].filter(({ epoch, offset }) => epoch === from.epoch && offset > from.offset)
  const until = Math.min(Number.POSITIVE_INFINITY, ...ahead.map(({ offset }) => offset))
  return { ids: group.slice(0, TOGETHER).map(([id]) => id), from, until, groups: places.length }
}

export const makeStepping = Effect.fnUntraced(function* ({ eventBytes }: { readonly eventBytes: number }) {
  const store = yield* RouteStore
  const known = yield* KnownTopics
  const logs = yield* Logs
  const misfits = yield* makeFitting

  const fail = Effect.fnUntraced(function* (route: Route, why: string) {
    if (yield* store.fail(route.id, route.version, why.slice(0, 1_000)))
      yield* Effect.logWarning(`the routing rule ${route.name} is in error: ${why}`, { rule: route.name })
  })

  /** ZI2. Undefined: it waits. False: it is in error. */
  const targetOf = Effect.fnUntraced(function* (route: Route) {
    const target = yield* Effect.catchIf(
      known.find(route.target),
      ({ refused }) => refused, // there is none
      () => Effect.undefined
    )
    const wrong =
      target === undefined
        ? `there is no topic ${route.target}`
        : target.log === "postgres"
          ? undefined
          : `${route.target} is kept in ${target.log}, and nothing is routed there`
    if (wrong === undefined) return target!.enabled ? target : undefined
    yield* fail(route, wrong)
    return false
  })

  const told = Effect.fnUntraced(function* (routed: Routed, bite: Bite, kept: number, refused: number, rules: number) {
    let skipped = 0
    for (const count of bite.skipped.values()) skipped += count
    for (const [outcome, count] of [
      ["routed", kept],
      ["skipped", skipped],
      ["refused", refused],
      ["missed", bite.missed * rules]
    ] as const)
      if (count > 0) yield* Metric.update(Metric.withAttributes(routedTotal, { outcome }), count)
    if (bite.missed > 0)
      yield* Effect.logWarning("events were gone before they were routed", {
        ...{ topic: routed.topic.name, partition: routed.partition.partition, events: bite.missed }
      })
  })

  const step = Effect.fn("Stepping.step")(function* (routed: Routed): Effect.fn.Return<Step, HeraldError> {
    const { topic, partition, deciding, revision, positions } = routed
    const targets = new Map<number, Topic>()
    for (const route of deciding.routes) {
      if (!positions.has(route.id)) continue
      const target = yield* targetOf(route)
      if (target === false) return "anew"
      if (target !== undefined) targets.set(route.id, target)
    }
    const waits = targets.size < deciding.routes.length
    const group = groupOf(new Map([...positions].filter(([id]) => targets.has(id))), routed.turn++)
    if (group === undefined) return waits ? "waits" : "end"
    const { ids, from, until } = group
    const asked = logs.of(topic.log)?.read(partition, from, { maxBytes: READ_BYTES, packed: false })
    const read =
      asked === undefined ? undefined : yield* Effect.timeoutOrElse(asked, { duration: ANSWERED, orElse: unread })
    if (read === undefined) return "gone"
    if (read.pieces.length === 0) return group.groups > 1 ? "more" : waits ? "waits" : "end"
    // Conditions are those of the schema: by another, an event that they take could be passed over for good. ZI5
    if ((yield* known.find(topic.name)).schemaVersion !== deciding.schemaVersion) return "anew"
    const its = { from, targets: new Map(ids.map((id) => [id, targets.get(id)!])) }
    const of = { topic: topic.name, partition, until, eventBytes, ...its }
    const bite = yield* lookingSlices.through(() => biteOf(deciding, read, of)) // ZG3
    const wrong = new Map<Outgoing, string>()
    for (const [target, those] of Map.groupBy(bite.outgoing, (one) => one.target))
      for (const [index, why] of yield* misfits(
        target,
        those.map(({ message }) => message)
      ))
        wrong.set(those[index]!, why) // ZI3
    const kept = wrong.size === 0 ? bite.outgoing : bite.outgoing.filter((one) => !wrong.has(one))
    const refused = [
      ...bite.refused,
      ...[...wrong].map(([{ route, epoch, offset }, why]) => ({ ...partition, route: route.id, epoch, offset, why }))
    ].toSorted((a, b) => a.offset - b.offset)
    const into = Map.groupBy(kept, (one) => `${one.target.id}/${one.partition}`)
    const stepped = yield* store.step({
      ...{ revision, source: partition, advances: advancesOf(its, { ...bite, refused }, kept) },
      appended: [...into.values()].flatMap(segmentsOf)
    })
    if (stepped === "unavailable") {
      for (const { target } of kept) known.doubted(target.name)
      return "waits"
    }
    if (stepped !== "done") return "anew"
    for (const id of ids) positions.set(id, bite.to)
    yield* told(routed, bite, kept.length, refused.length, ids.length)
    return samePlace(bite.to, from) && group.groups === 1 ? "end" : "more"
  })

  return { step, fail }
})

const routedTotal = counter(
  "herald_routes_events_total",
  "events that routing rules looked at, by what became of them: of each rule apart",
  each("outcome", ["routed", "skipped", "refused", "missed"])
)
