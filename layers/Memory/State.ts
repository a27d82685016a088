/** Holds what the memory twins share, as those on PostgreSQL share a database: its history, and the tables of every capability. */
import { randomUUID } from "node:crypto"
import { Context, Layer } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import type { Revision } from "../../src/propagation/Revision.ts"

export class State {
  /** Every twin asks for it, as those on PostgreSQL ask for pools. */
  static readonly service = Context.Service<State>("herald/layers/Memory/State")
  static readonly layer = Layer.sync(State.service, () => new State())

  readonly epoch = randomUUID()
  /** Versions of a key, ascending, by "<environment>/<key>". */
  readonly versions = new Map<string, Array<Configuration>>()
  readonly revisions: Array<Revision> = []
  /** How many revisions are behind the horizon. */
  swept = 0
  readonly idempotency = new Map<string, { readonly digest: string; readonly revision: bigint }>()
  readonly listeners = new Set<() => void>()
  readonly #tables = new Map<new () => object, object>()

  /** The tables of one capability; made empty when they are first asked for. */
  tables<A extends object>(kind: new () => A): A {
    const tables = (this.#tables.get(kind) as A | undefined) ?? new kind()
    this.#tables.set(kind, tables)
    return tables
  }

  /** Whether it is a tombstone behind the horizon. Its history stays. */
  forgotten({ deleted, revision }: Pick<Configuration, "deleted" | "revision">): boolean {
    return deleted && revision <= this.swept
  }

  get head(): bigint {
    return BigInt(this.swept + this.revisions.length)
  }
}
