/**
 * Port: what one node at a time may do.
 *
 *   LE1  A lease is one run's at a time. Whoever is overtaken changes nothing any more: each effect asks, in its own transaction, whether
 *        the lease is still the one it was begun under (the fence), and nobody takes the lease before that transaction ends.
 *   LE2  No two claims ever get the same lease, also over a promotion that lost the newest of them.
 *   LE3  Times are the store's own; no node's clock is asked.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** What a fence compares. */
export interface Lease {
  readonly name: string
  /** The life of a server process that holds it, as in the list of nodes. */
  readonly run: string
  /** Of the history in which it was claimed. */
  readonly epoch: string
  /** Larger than every one before. */
  readonly token: bigint
}

export class Leases extends Context.Service<
  Leases,
  {
    /** Takes the lease if it has passed, was given up or is `run`'s already; undefined when it is another's. */
    readonly claim: (name: string, run: string, leaseMillis: number) => Effect.Effect<Lease | undefined, HeraldError>
    /** The fence by itself: prolongs the lease; false when another claim took it. */
    readonly keep: (lease: Lease, leaseMillis: number) => Effect.Effect<boolean, HeraldError>
    /** Gives the lease up, so that nobody has to wait for its end. Nothing happens to one that was taken. */
    readonly release: (lease: Lease) => Effect.Effect<void, HeraldError>
  }
>()("herald/leases/Leases") {}
