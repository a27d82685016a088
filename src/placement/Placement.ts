/**
 * Port: which node of the cluster does a piece of work that one alone is to do, several pieces spread over the nodes.
 *
 *   PC1  A node does the work of a name only while it is the name's turn there. It is interrupted, and has ended before it begins elsewhere, when
 *        the turn is another node's; it is interrupted when nobody can tell any more whose turn it is, and when the scope closes, which
 *        waits for its end.
 *   PC2  Who was frozen or cut off may still be at a step of the work when another begins it, so a turn is no fence: what the work
 *        changes is decided where it is committed. (held by the compare-and-set of each commit)
 *   PC3  Whose turn it is depends on the name and on the nodes that live, not on who registered it: on a node that has not registered a
 *        name its turn is not used.
 *   PC4  Work that meets a defect is told and begun again a second later. Work that ends is begun again when its turn comes anew, and no sooner.
 */
import { Context, type Effect, type Scope } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** Which node is to do the work of a name. */
export interface Turn {
  readonly name: string
  /** The node's name, and the life of its process, as in the list of nodes. Undefined while it is nobody's turn. */
  readonly node: string | undefined
  readonly run: string | undefined
}

export class Placement extends Context.Service<
  Placement,
  {
    /**
     * Registers the work under the name, on every node, until the scope closes; returns at once. Names are registered and unregistered at
     * any time, some hundreds of them; one that is registered already on this node dies.
     */
    readonly single: <R>(
      name: string,
      work: Effect.Effect<void, never, R>
    ) => Effect.Effect<void, never, R | Scope.Scope>
    /** Whose turn it is, of every name that is registered on this node, in the order of names. Fails `DatabaseUnavailable` or `Timeout`. */
    readonly turns: Effect.Effect<ReadonlyArray<Turn>, HeraldError>
  }
>()("herald/placement/Placement") {}
