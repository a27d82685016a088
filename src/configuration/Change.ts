/** What a publisher asks for, and what it was checked against. Pure. */
import type { Position } from "../propagation/Position.ts"
import type { ValueType } from "../values/ValueType.ts"

/** What a change keeps of the version that it replaces; the values themselves are the change's. */
export interface Kept {
  /** Was there a version that is no tombstone? */
  readonly live: boolean
  readonly fields: ReadonlyArray<"schema" | "strict" | "type">
}

/** What else a release was checked against. */
export interface Basis {
  /** Values of keys that it does not change, by their digests; "" where there is none. */
  readonly values: ReadonlyArray<{ readonly environment: string; readonly key: string; readonly digest: string }>
  /** Environments whose other templates were all rendered, as they were at that position. */
  readonly templates: ReadonlyArray<{ readonly environment: string; readonly position: Position }>
}

/** One change of a release, checked: value, type, schema and template are known to fit. */
export interface Change {
  readonly key: string
  readonly environment: string
  /** null deletes the key. */
  readonly value: string | null
  readonly valueType: ValueType
  readonly schema: unknown | null
  readonly strict: boolean
  readonly template: boolean
  readonly digest: string
  /** The version that must be current; 0: the key must not exist. Undefined: any. */
  readonly expectedVersion: number | undefined
  /** Committed only while this is so. Undefined: everything was given. */
  readonly kept?: Kept | undefined
  readonly changeLog: string
}

export type Action = "publish" | "delete" | "rollback" | "release"

/** The same owner, key and digest give the same result again; another digest fails. */
export interface Idempotency {
  /** Whose key it is; the actor's without. */
  readonly owner?: string | undefined
  readonly key: string
  readonly digest: string
}

/** Changes that are committed together, as one revision. */
export interface Release {
  readonly action: Action
  readonly changes: ReadonlyArray<Change>
  /** The principal. */
  readonly actor: string
  /** The public id of its API key, for the audit log; undefined: it has none. PN5 */
  readonly keyId: string | undefined
  readonly message: string
  readonly traceparent: string
  readonly idempotency: Idempotency | undefined
  /** Committed only while this is so. */
  readonly basis?: Basis | undefined
}
