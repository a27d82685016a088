/** What is committed together, as one revision: changes of any kinds (decision 0018). Pure. */
import type { Change, Revision } from "../propagation/Revision.ts"

/** One change that is asked for, checked. What follows is its kind's own. */
export interface Wish<C extends Change = Change> {
  readonly kind: C["kind"]
  readonly environment: string
  readonly key: string
  /** What it becomes; only the type is meant, nothing has it. */
  readonly makes?: C
}

export type Action = "publish" | "delete" | "rollback" | "release"

/** The same owner, key and digest give the same result again; another digest fails. */
export interface Idempotency {
  /** Whose key it is; the actor's without. */
  readonly owner?: string | undefined
  readonly key: string
  readonly digest: string
}

export interface Release<C extends Change = Change> {
  readonly action: Action
  readonly changes: ReadonlyArray<Wish<C>>
  /** The principal. */
  readonly actor: string
  /** The public id of its API key, for the audit log; undefined: it has none. PN5 */
  readonly keyId: string | undefined
  readonly message: string
  readonly traceparent: string
  readonly idempotency: Idempotency | undefined
  /** What else it was checked against, as the kinds of its changes have it: committed only while this is so. */
  readonly basis?: object | undefined
}

export interface Committed<C extends Change = Change> {
  readonly revision: Revision<C>
  /** True when an earlier commit with the same idempotency key made this result. */
  readonly replayed: boolean
}
