/**
 * Port: routing rules, how far each is in each partition, and the step by which events are routed. Fails `DatabaseUnavailable`,
 * `DatabaseReadOnly` or `Timeout`.
 *
 *   ZE1  Rules are changed one after the other: what was decided by a revision of them that is not the newest is refused. A step is carried out by the
 *        newest revision only, so nothing is routed by a rule once it was said to be changed, off or deleted.
 *   ZE2  A step is done whole or not at all: what it appends is in the targets when its positions are, and with them only. A step whose positions
 *        are not those that there are does nothing, whoever made it and whenever it comes.
 *   ZE3  Positions are bounded in number, and so is what is kept of events that were refused: the newest `REFUSALS` of a rule.
 *   ZE4  With a note, what is added, changed or deleted is in the audit log, in the same transaction.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Frame } from "../topics/Message.ts"
import type { Place } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { LogKind } from "../topics/Topic.ts"
import type { Note } from "../topics/TopicStore.ts"
import type { Route, RouteChangeable, RouteDefinition } from "./Route.ts"

/** Of one rule. ZE3 */
export const REFUSALS = 100

export interface Routes {
  /** Counts changes of all of them. */
  readonly revision: number
  /** By id. */
  readonly routes: ReadonlyArray<Route>
}

/** How far a rule is in a partition of a topic that it routes. */
export interface Position extends PartitionId {
  readonly route: number
  /** Of the next event. */
  readonly at: Place
}

/** With what became of events since the rule was added. */
export interface Progress extends Position, Sums {}

export interface Sums {
  readonly routed: number
  /** Its condition was not true of them, or another rule was final. */
  readonly skipped: number
  readonly refused: number
  /** They were gone before they could be routed. */
  readonly missed: number
}

/** An event that can't be routed as the rule says. */
export interface Refusal extends Place {
  readonly partition: number
  /** Of its topic. */
  readonly topic: number
  readonly why: string
}

export interface KeptRefusal extends Refusal {
  /** Milliseconds since 1970. */
  readonly refusedAt: number
}

/** What of a topic is known here. */
export interface Covered {
  readonly id: number
  readonly name: string
  readonly partitions: number
  readonly log: LogKind
  readonly version: number
}

/** What a rule makes of what it read. */
export interface Advance extends Sums {
  readonly route: number
  readonly from: Place
  readonly to: Place
  /** The newest of them. */
  readonly refusals: ReadonlyArray<Refusal>
}

/** What goes into a partition of a target. */
export interface Appended extends PartitionId {
  readonly events: Frame
  /** As the target says. */
  readonly zstd: boolean
}

export interface Step {
  readonly revision: number
  /** From where it is routed. */
  readonly source: PartitionId
  readonly advances: ReadonlyArray<Advance>
  /** Those of a partition in their order. */
  readonly appended: ReadonlyArray<Appended>
}

/**
 * done: it is in the log. stale: the rules are others by now. elsewhere: a position is another by now. unavailable: a target is gone or disabled.
 * But for done nothing happened. ZE2
 */
export type Stepped = "done" | "stale" | "elsewhere" | "unavailable"

/** Changed by somebody else meanwhile. */
export type Written<A> = A | "stale"

export class RouteStore extends Context.Service<
  RouteStore,
  {
    /** Of the rules. */
    readonly revision: Effect.Effect<number, HeraldError>
    readonly all: Effect.Effect<Routes, HeraldError>
    /** `begins`: where it is in the partitions that there are. Fails besides `RoutingRuleExists`, `RoutingRulesFull`. ZE1 */
    readonly create: (
      definition: RouteDefinition,
      options: {
        readonly revision: number
        readonly begins: ReadonlyArray<Omit<Position, "route">>
        readonly by: string
        readonly note?: Note
      }
    ) => Effect.Effect<Written<Route>, HeraldError>
    /** Ends its error. `skip`: where it goes on instead of where it is. Undefined: there is no such rule. ZE1 */
    readonly update: (
      id: number,
      change: Partial<RouteChangeable>,
      options: {
        readonly revision: number
        readonly skip?: ReadonlyArray<Omit<Position, "route">>
        readonly note?: Note
      }
    ) => Effect.Effect<Written<Route | undefined>, HeraldError>
    /** False: there was none. */
    readonly remove: (id: number, note?: Note) => Effect.Effect<boolean, HeraldError>
    /** Nothing is routed by it until it is changed. False: it has another version by now. */
    readonly fail: (id: number, version: number, error: string) => Effect.Effect<boolean, HeraldError>
    /** Topics that these sources cover. */
    readonly covered: (sources: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Covered>, HeraldError>
    readonly positions: (topics: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<Position>, HeraldError>
    /** Makes those that are not there, of rules that are; gives how they are then. False: there is no room. ZE3 */
    readonly begin: (positions: ReadonlyArray<Position>) => Effect.Effect<boolean, HeraldError>
    /** ZE1, ZE2. Fails besides `OutcomeUnknown`. */
    readonly step: (step: Step) => Effect.Effect<Stepped, HeraldError>
    readonly progress: (id: number) => Effect.Effect<ReadonlyArray<Progress>, HeraldError>
    /** Of all rules together, by id. */
    readonly sums: Effect.Effect<ReadonlyArray<Sums & { readonly route: number }>, HeraldError>
    /** The newest first. */
    readonly refusals: (id: number, limit: number) => Effect.Effect<ReadonlyArray<KeptRefusal>, HeraldError>
    /** Forgets positions in topics that were deleted. Returns how many. */
    readonly sweep: Effect.Effect<number, HeraldError>
  }
>()("herald/routes/RouteStore") {}
