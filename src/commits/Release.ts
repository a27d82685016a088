/** Describes what is committed together as one revision: changes of any kinds (decision 0018). Pure. */
import type { Change, Revision } from "../propagation/Revision.ts"

/** One checked change that is to be committed. Each kind adds fields of its own. */
export interface Wish<C extends Change = Change> {
  readonly kind: C["kind"]
  readonly environment: string
  readonly key: string
  /** The type of what it becomes. No value ever has this field. */
  readonly makes?: C
}

export type Action =
  | ("publish" | "delete" | "rollback" | "release" | "schedule" | "cancel" | "rollout" | "experiment")
  | ("protect" | "request" | "approve" | "reject" | "withdraw" | "review")

/** The same owner, key and digest get the same result again; the same owner and key with another digest fail `IdempotencyConflict`. */
export interface Idempotency {
  /** Whose key it is. Undefined: the actor's. */
  readonly owner?: string | undefined
  readonly key: string
  readonly digest: string
}

export interface Release<C extends Change = Change> {
  readonly action: Action
  readonly changes: ReadonlyArray<Wish<C>>
  /** The principal's name. */
  readonly actor: string
  /** The public id of its API key, for the audit log; undefined: it has none. PN5 */
  readonly keyId: string | undefined
  readonly message: string
  readonly traceparent: string
  readonly idempotency: Idempotency | undefined
  /** What else it was checked against, in the form of its changes' kinds. Committed only while it holds. */
  readonly basis?: object | undefined
  /** Nanoseconds of the monotonic clock: after that it fails `Timeout`. Undefined: whenever its turn comes. */
  readonly until?: bigint | undefined
}

export interface Committed<C extends Change = Change> {
  readonly revision: Revision<C>
  /** An earlier commit with the same idempotency key had this result; nothing was written now. */
  readonly replayed: boolean
}
