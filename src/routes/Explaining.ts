/** Says what rules make of an event, and why. Pure. ZF5 in RoutingRules.ts */

import { variablesIn } from "../filters/Variables.ts"
import { type Message, partitionOf } from "../topics/Message.ts"
import type { Topic } from "../topics/Topic.ts"
import { Deciding, type Routable, whyNot } from "./Deciding.ts"
import { inOrder, type Route, statusOf } from "./Route.ts"

export interface TestEvent extends Message {
  readonly partition: number
  /** Milliseconds since 1970. */
  readonly publishedAt: number
}

export interface Explained {
  readonly route: Route
  /** off: it is disabled; error: it is in error, or would be with this event. */
  readonly is: "routed" | "skipped" | "refused" | "off" | "error"
  /** "" where it is routed. */
  readonly why: string
  /** That it would have; null: none, or it isn't routed. */
  readonly key: string | null
  /** Of the target; undefined: it isn't routed. */
  readonly partition: number | undefined
}

/** Where an event goes in a target: by its key; without one by the partition that it is of, so that those stay in order. */
export const partitionIn = (partitions: number, key: string | null, partition: number): number =>
  key === null ? partition % partitions : partitionOf(key, partitions)

/** In the order in which it goes through them. `routes`: those that cover the topic. */
export const explain = (
  { name, schema }: Topic,
  routes: ReadonlyArray<Route>,
  targets: ReadonlyMap<string, Topic | undefined>,
  tested: TestEvent
): ReadonlyArray<Explained> => {
  const event: Routable = { ...tested, topic: name, epoch: 1, offset: 0 }
  const on = routes.filter((route) => statusOf(route) === "active")
  const deciding = new Deciding(schema, on)
  const decided = new Map(deciding.decide(event).map(([route, one]) => [route.id, one]))
  const variables = variablesIn(schema)
  return routes.toSorted(inOrder).map((route): Explained => {
    const not = (is: Explained["is"], why: string): Explained => ({ route, is, why, key: null, partition: undefined })
    const status = statusOf(route)
    if (status === "disabled") return not("off", "the rule is disabled")
    if (status === "error") return not("error", `the rule is in error: ${route.error}`)
    const unfit = deciding.unfit.get(route.id)
    if (unfit !== undefined) return not("error", unfit)
    const one = decided.get(route.id)!
    if (one.is === "refused") return not("refused", one.why)
    if (one.is === "skipped")
      return not(
        "skipped",
        one.final === undefined
          ? (whyNot(route.condition, variables, event) ?? "the condition is false")
          : `${one.final.name} is before it, took the event, and is final`
      )
    const target = targets.get(route.target)
    if (target === undefined) return not("refused", `there is no topic ${route.target}`)
    const { key } = one.message
    return { route, is: "routed", why: "", key, partition: partitionIn(target.partitions, key, event.partition) }
  })
}
