/**
 * Tails the revision log and keeps this node's view of what is current.
 *
 *   P1  Revisions are applied to the view, and told, in order and without a gap.
 *   P2  A hint may be lost: the log is polled at least every second.
 *   P3  A view that the database has not confirmed for `staleAfter` is stale, and says so.
 *   P4  Concurrent reads of one value share one load.
 */
import { Context, type Effect, type PubSub, type Scope } from "effect"
import type { Configuration, Head } from "../configuration/Configuration.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position, Revision } from "./Revision.ts"

export class Propagation extends Context.Service<
  Propagation,
  {
    /** The position that this node has applied. */
    readonly position: () => Position
    /** P3. */
    readonly stale: () => boolean
    /** This node committed (or heard of) a revision: apply it now if it is the next, otherwise read the log. */
    readonly hint: (revision: Revision) => Effect.Effect<void>
    /** Undefined when the key never existed; tombstones are returned. */
    readonly head: (environment: string, key: string) => Head | undefined
    /** Heads that a pattern covers, tombstones included. */
    readonly matching: (environment: string, pattern: string) => ReadonlyArray<Head>
    /** The current configuration of a head, from the cache or else the database. P4. */
    readonly value: (environment: string, key: string) => Effect.Effect<Configuration | undefined, HeraldError>
    /** The environment's template variables. */
    readonly variables: (environment: string) => Effect.Effect<Readonly<Record<string, string>>, HeraldError>
    /** Revisions from now on, in order. */
    readonly revisions: Effect.Effect<PubSub.Subscription<Revision>, never, Scope.Scope>
  }
>()("herald/propagation/Propagation") {}
