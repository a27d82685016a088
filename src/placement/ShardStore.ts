/**
 * Port: which nodes take part in placement, and which shards each has. A shard is a lease that lasts as long as its holder's life, of
 * which the holder gives a sign all the time. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   OS1  A shard is one living node's at a time; a node whose life is over has lost nothing that nobody took.
 *   OS2  What was taken from somebody, or by another claim of the same run, that one has no more and can't give up.
 *   OS3  A node that leaves is no member and takes nothing; what it has is its until it gives it up or dies.
 *   OS4  Times are by the store's clock; no node's clock matters. Where it is set back, nobody lives on for it.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

export interface Member {
  readonly run: string
  readonly node: string
}

export interface Holder extends Member {
  /** The shard. */
  readonly name: string
}

export class ShardStore extends Context.Service<
  ShardStore,
  {
    /** Takes part from now on. `lifeMillis`, the same for all nodes: how long a node lives after its last sign. */
    readonly join: (member: Member, lifeMillis: number) => Effect.Effect<void, HeraldError>
    /** Takes part no more. OS3 */
    readonly leave: (run: string) => Effect.Effect<void, HeraldError>
    /** Runs of those that take part. */
    readonly members: (lifeMillis: number) => Effect.Effect<ReadonlyArray<string>, HeraldError>
    /** Takes those of these shards that are no living node's, or are the run's already. A sign of life. */
    readonly claim: (
      run: string,
      shards: ReadonlyArray<string>,
      lifeMillis: number
    ) => Effect.Effect<ReadonlyArray<Lease>, HeraldError>
    /** A sign of life. Returns what the run has: nobody takes it before the life that begins now is over. */
    readonly keep: (run: string, lifeMillis: number) => Effect.Effect<ReadonlyArray<Lease>, HeraldError>
    /** Gives them up. OS2 */
    readonly release: (run: string, leases: ReadonlyArray<Lease>) => Effect.Effect<void, HeraldError>
    /** Who of those that live has which of these shards. */
    readonly holders: (
      shards: ReadonlyArray<string>,
      lifeMillis: number
    ) => Effect.Effect<ReadonlyArray<Holder>, HeraldError>
  }
>()("herald/placement/ShardStore") {}
