/**
 * Port: what is known of every instance and delivery. Written behind, in batches; the newest state wins. Fails `DatabaseUnavailable`,
 * `DatabaseReadOnly` or `Timeout`.
 */
import { Context, type Effect } from "effect"
import type { TouchScope } from "../access/About.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import type { Lease } from "../leases/Leases.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Batch, Counted, InstanceId, InstanceReport } from "./Instance.ts"

/** A node, and one life of its process. */
export interface Run {
  readonly run: string
  readonly node: string
  /** After so long without a sign of life a node's instances are lost. */
  readonly timeoutMillis: number
}

/** A node, as its last signs of life tell. Milliseconds since 1970, the store's clock. */
export interface NodeReport {
  readonly node: string
  readonly run: string
  /** Seen without a break since then. */
  readonly since: number
  readonly seenAt: number
  /** Connected to it. */
  readonly clients: number
}

/** A client of another node. */
export interface Elsewhere {
  readonly client: ClientView
  readonly patterns: ReadonlyArray<string>
}

/** An instance, and whether it was listed among the connected ones. */
export interface ListCursor extends InstanceId {
  readonly connected: boolean
}

export interface ListOptions {
  readonly environment?: string | undefined
  readonly service?: string | undefined
  readonly instance?: string | undefined
  /** The instance after which the page begins. */
  readonly after?: ListCursor | undefined
  /** At most so many instances. */
  readonly limit: number
  /** At most so many keys of each. */
  readonly keys: number
  /** Only keys after this one. */
  readonly afterKey?: string | undefined
  /** Only those that are connected, or only those that are not. */
  readonly connected?: boolean | undefined
  /** Only those with a key that was rejected or can't be sent. */
  readonly troubled?: boolean | undefined
  /** Only those that subscribe to this key; of their keys, only this one. */
  readonly key?: string | undefined
  /** Of their keys, only those in it, as `inNameScope` says; left out: all. */
  readonly scope?: TouchScope
}

export interface CountOptions {
  readonly environment?: string | undefined
  readonly service?: string | undefined
  /** Only those that subscribe to this key; of their keys, only this one. */
  readonly key?: string | undefined
  /** The instance after which the page begins. */
  readonly after?: InstanceId | undefined
  /** At most so many instances are counted. */
  readonly limit: number
}

export interface Taken {
  readonly session: string
  /** Who has its instance now. */
  readonly owner: string
}

export class InstanceStore extends Context.Service<
  InstanceStore,
  {
    /**
     * One transaction. Upserts by the table of Facts.ts, so a batch may be written twice; what changes nothing writes nothing. An instance
     * belongs to the session that the store saw take it last: what another session still says of it or its keys is not kept. Returns the
     * connected sessions of the batch whose instance a connected session of another owner has. OW2. `Unkeepable` when the store can never
     * take one of the rows.
     */
    readonly write: (batch: Batch) => Effect.Effect<ReadonlyArray<string>, HeraldError | Unkeepable>
    /** Connected ones first, then the others, both in the order of environment, service and instance. */
    readonly list: (options: ListOptions) => Effect.Effect<ReadonlyArray<InstanceReport>, HeraldError>
    /** In the order of environment, service and instance. */
    readonly count: (options: CountOptions) => Effect.Effect<Counted, HeraldError>
    /** Nodes that gave a sign of life in the last day, the newest first, at most 100. */
    readonly nodes: Effect.Effect<ReadonlyArray<NodeReport>, HeraldError>
    /**
     * A node's sign of life. Returns `taken`, the sessions of this run whose instance another run took since the last sign, and `doubted`,
     * up to 10,000 that were taken for lost.
     */
    readonly seen: (
      run: Run
    ) => Effect.Effect<{ readonly taken: ReadonlyArray<Taken>; readonly doubted: ReadonlyArray<string> }, HeraldError>
    /**
     * Marks at most 10,000 instances of dead nodes as `timed_out` with the ending `NodeLost`, and returns how many; undefined when the lease
     * was taken (LE1). A node that was away itself marks none.
     */
    readonly lose: (
      lease: Lease,
      leaseMillis: number,
      timeoutMillis: number
    ) => Effect.Effect<number | undefined, HeraldError>
    /** Connected clients of other runs, at most `limit`. */
    readonly elsewhere: (options: {
      readonly environment: string
      readonly run: string
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<Elsewhere>, HeraldError>
  }
>()("herald/fleet/InstanceStore") {}
