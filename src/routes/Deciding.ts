/**
 * What rules make of the events of one topic. Pure state.
 *
 *   ZD1  A rule takes an event whose condition is true of it, unless a rule before it that is final takes it: whatever else is known of either.
 *   ZD2  An event tells by its headers through how many rules it came and where it was first: one that came through `HOPS` is refused, also
 *        where the rules were changed while it was under way.
 *   ZD3  What an event is routed as has its payload, its time and its headers as they were.
 */
import { Result } from "effect"
import { type FilteredEvent, Filters, type Held } from "../filters/Filters.ts"
import { JsonFields } from "../filters/JsonFields.ts"
import { type Variables, variablesIn } from "../filters/Variables.ts"
import { type Wanted, wantAll } from "../filters/Wanted.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Message, wrongMessage } from "../topics/Message.ts"
import { messageIdText } from "../topics/MessageId.ts"
import { type KeyTemplate, keyOf, keyTemplateOf } from "./KeyTemplate.ts"
import { HOPS, inOrder, type Route } from "./Route.ts"

/** Headers of what was routed: the newest rule, through how many it came, and the id of the event that it was first. ZD2 */
export const ROUTE_HEADER = "herald-route"
export const HOPS_HEADER = "herald-route-hops"
export const ORIGIN_HEADER = "herald-route-origin"

/** An event where it is. */
export interface Routable extends Message {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly publishedAt: number
}

export type Decided =
  /** `final`: the rule before that took it. */
  | { readonly is: "skipped"; readonly final: Route | undefined }
  | { readonly is: "routed"; readonly message: Message }
  /** It can't be routed as the rule says, now or later. */
  | { readonly is: "refused"; readonly why: string }

interface Entry {
  readonly route: Route
  /** Undefined: all events. */
  readonly held: Held | undefined
  /** Undefined: as it is. */
  readonly template: KeyTemplate | undefined
}

const hopsOf = (headers: ReadonlyMap<string, string>): number => {
  const text = headers.get(HOPS_HEADER)
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : 0
}

export class Deciding {
  /** Those that can't be used for this topic, and why. */
  readonly unfit: ReadonlyMap<number, string>
  /** Of the schema that they were put together for. */
  readonly schemaVersion: number
  /** In their order. */
  readonly routes: ReadonlyArray<Route>
  readonly #entries: ReadonlyArray<Entry>
  readonly #filters: Filters
  readonly #slots = new Map<string, number>()
  readonly #fields: JsonFields | undefined
  #readFor: Uint8Array | undefined

  /** `routes`: those that are to be asked, in any order. */
  constructor(schema: string | null, routes: ReadonlyArray<Route>, schemaVersion = 0) {
    this.schemaVersion = schemaVersion
    const variables = variablesIn(schema)
    const unfit = new Map<number, string>()
    const wanted = new Map<string, Wanted>()
    this.#filters = new Filters(variables)
    this.#entries = routes.toSorted(inOrder).flatMap((route): ReadonlyArray<Entry> => {
      const held = route.condition === "" ? undefined : this.#filters.hold(route.condition)
      const template = route.key === "" ? undefined : keyTemplateOf(route.key, variables)
      const wrong =
        held !== undefined && Result.isFailure(held)
          ? `condition: ${"problem" in held.failure ? held.failure.problem.message : held.failure.full}`
          : template !== undefined && Result.isFailure(template)
            ? `key: ${template.failure.message}`
            : undefined
      if (wrong !== undefined) {
        unfit.set(route.id, wrong)
        return []
      }
      const its = template === undefined ? undefined : Result.getOrThrow(template)
      if (its !== undefined) wantAll(wanted, its.wanted)
      return [{ route, held: held === undefined ? undefined : Result.getOrThrow(held), template: its }]
    })
    this.unfit = unfit
    this.routes = this.#entries.map(({ route }) => route)
    for (const name of wanted.keys()) this.#slots.set(name, this.#slots.size)
    this.#fields = wanted.size === 0 ? undefined : new JsonFields(wanted)
  }

  /** What becomes of an event by each rule, in their order. ZD1 */
  decide(event: Routable): ReadonlyArray<readonly [Route, Decided]> {
    const matched = new Set(this.#filters.size === 0 ? [] : this.#filters.match(filteredOf(event)))
    this.#readFor = undefined
    let final: Route | undefined
    return this.#entries.map((entry): readonly [Route, Decided] => {
      const { route, held } = entry
      if (final !== undefined || (held !== undefined && !matched.has(held))) return [route, { is: "skipped", final }]
      if (route.final) final = route
      return [route, this.#routed(entry, event)]
    })
  }

  #routed({ route, template }: Entry, event: Routable): Decided {
    const hops = hopsOf(event.headers)
    if (hops >= HOPS) return { is: "refused", why: `the event came through ${hops} rules already` } // ZD2
    const key =
      template === undefined ? Result.succeed(event.key) : keyOf(template, event, (name) => this.#field(event, name))
    if (Result.isFailure(key)) return { is: "refused", why: key.failure }
    const headers = new Map(event.headers)
    headers.set(ROUTE_HEADER, route.name)
    headers.set(HOPS_HEADER, String(hops + 1))
    if (!headers.has(ORIGIN_HEADER)) headers.set(ORIGIN_HEADER, messageIdText(event))
    const message: Message = { key: key.success, payload: event.payload, eventTime: event.eventTime, headers } // ZD3
    const wrong = wrongMessage(message)
    return wrong === undefined ? { is: "routed", message } : { is: "refused", why: wrong }
  }

  /** A payload is read once for all rules. */
  #field({ payload }: Routable, name: string): unknown {
    if (this.#fields === undefined) return undefined
    if (this.#readFor !== payload) {
      this.#fields.read(payload)
      this.#readFor = payload
    }
    return this.#fields.values[this.#slots.get(name)!]
  }
}

const filteredOf = (event: Routable): FilteredEvent => event

/** Why a condition is not true of an event; undefined: it is. */
export const whyNot = (condition: string, variables: Variables, event: Routable): string | undefined => {
  if (condition === "") return undefined
  const filters = new Filters(variables)
  const held = filters.hold(condition)
  if (Result.isFailure(held)) return "problem" in held.failure ? held.failure.problem.message : held.failure.full
  if (filters.match(filteredOf(event)).length > 0) return undefined
  const { missing, failed, costly, missingField } = filters.figures(held.success)
  if (filters.unreadable > 0) return "the event's payload is no JSON object"
  return missing > 0
    ? `the event has no value, or one of another type, for the field ${excerpt(missingField)}`
    : failed > 0
      ? "the condition can't be evaluated for this event"
      : costly > 0
        ? "the condition would cost too much for this event"
        : "the condition is false"
}
