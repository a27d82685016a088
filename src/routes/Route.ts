/**
 * What a routing rule is: which events of which topics are appended to another topic too, and with which key. Pure.
 *
 *   ZA1  A rule's source is what its position belongs to: neither is changed later.
 *   ZA2  Whoever turns a rule off or on again leaves its position as it is: what came meanwhile is routed then, as far as it is kept.
 */
import { isTopicName, topicNameRule } from "../keys/TopicName.ts"
import { textProblem } from "../values/Value.ts"
import { isSource, sourceRule } from "./Source.ts"

/** Of one Herald. */
export const ROUTES = 1_000
/** Positions of all rules together: one for each partition of each topic that a rule routes. */
export const POSITIONS = 100_000
/** Characters. */
export const ROUTE_NAME_LENGTH = 100
/** Bytes of a condition. */
export const CONDITION_BYTES = 4_096
/** Characters. */
export const ROUTE_DESCRIPTION_LENGTH = 1_000
/** From minus this. */
export const PRIORITY = 1_000_000
/** Rules that an event may have come through. */
export const HOPS = 16

/** What of a rule may be changed. */
export interface RouteChangeable {
  /** In CEL, as filters are; "": all events. */
  readonly condition: string
  /** As KeyTemplate.ts says; "": events keep the keys that they have. */
  readonly key: string
  /** The name of a topic. */
  readonly target: string
  /** The greatest goes first; of the same, the oldest rule. */
  readonly priority: number
  /** Events that it takes go through no rule behind it. */
  readonly final: boolean
  readonly enabled: boolean
  readonly description: string
}

export interface RouteDefinition extends RouteChangeable {
  readonly name: string
  /** ZA1 */
  readonly source: string
}

export interface Route extends RouteDefinition {
  /** Never given to another one. */
  readonly id: number
  /** Counts what was changed of it, from 1. */
  readonly version: number
  /** Why nothing is routed by it until somebody enables it; "": nothing is wrong. */
  readonly error: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly createdBy: string
  readonly updatedAt: number
}

export const routeDefaults = {
  condition: "",
  key: "",
  priority: 0,
  final: false,
  enabled: true,
  description: ""
} as const satisfies Partial<RouteDefinition>

export type RouteStatus = "active" | "disabled" | "error"

export const statusOf = ({ enabled, error }: Pick<Route, "enabled" | "error">): RouteStatus =>
  enabled ? (error === "" ? "active" : "error") : "disabled"

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/

export const isRouteName = (name: string): boolean => name.length <= ROUTE_NAME_LENGTH && NAME.test(name)

export const routeNameRule = `1 to ${ROUTE_NAME_LENGTH} letters, digits and . _ -, beginning with a letter, a digit or _`

/** What is wrong with it, as a sentence about one of its fields. Condition and key are read elsewhere. */
export const wrongRoute = (route: RouteDefinition): string | undefined => {
  const { name, source, target, priority, description, condition, key } = route
  if (!isRouteName(name)) return `name: ${routeNameRule}`
  if (!isSource(source)) return `source: ${sourceRule}`
  if (!isTopicName(target)) return `target: the name of a topic, ${topicNameRule}`
  if (!Number.isSafeInteger(priority) || Math.abs(priority) > PRIORITY)
    return `priority: a whole number from -${PRIORITY} to ${PRIORITY}`
  for (const [field, text] of [
    ["condition", condition],
    ["key", key]
  ] as const) {
    const problem = textProblem(text)
    if (problem !== undefined) return `${field}: ${problem}`
  }
  if (description.length > ROUTE_DESCRIPTION_LENGTH || !description.isWellFormed() || /\p{Cc}/u.test(description))
    return `description: at most ${ROUTE_DESCRIPTION_LENGTH} characters, none of them a control character`
  return undefined
}

/** The order in which rules see an event. */
export const inOrder = (a: Pick<Route, "priority" | "id">, b: Pick<Route, "priority" | "id">): number =>
  b.priority - a.priority || a.id - b.id
