/**
 * Port: leases, for work that only one node at a time may do. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   LE1  A lease belongs to one run at a time. Whoever is overtaken changes nothing any more: each effect asks, in its own transaction,
 *        whether the lease is still the one it was begun under (the fence), and nobody takes the lease before that transaction ends.
 *   LE2  No two claims ever get the same lease, not even across a promotion that lost the newest of them.
 *   LE3  Times are by the store's clock; no node's clock matters.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** What a fence compares. */
export interface Lease {
  readonly name: string
  /** The run of a server process that holds it, as in the list of nodes. */
  readonly run: string
  /** Of the history in which it was claimed. */
  readonly epoch: string
  /** Larger than every token before. */
  readonly token: bigint
}

export class Leases extends Context.Service<
  Leases,
  {
    /** Takes the lease if it has expired, was given up or is `run`'s already; undefined when it is another's. */
    readonly claim: (name: string, run: string, leaseMillis: number) => Effect.Effect<Lease | undefined, HeraldError>
    /** The fence by itself: extends the lease; false when another claim took it. */
    readonly keep: (lease: Lease, leaseMillis: number) => Effect.Effect<boolean, HeraldError>
    /** Gives the lease up, so that nobody has to wait for it to expire. Does nothing when another claim took it. */
    readonly release: (lease: Lease) => Effect.Effect<void, HeraldError>
  }
>()("herald/leases/Leases") {}
