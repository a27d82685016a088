/** What a publisher asks for. Pure. */
import type { ValueType } from "./Configuration.ts"

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
  readonly changeLog: string
}

export type Action = "publish" | "delete" | "rollback" | "release"

/** Changes that are committed together, as one revision. */
export interface Release {
  readonly action: Action
  readonly changes: ReadonlyArray<Change>
  readonly actor: string
  readonly message: string
  readonly traceparent: string
  /** Scoped to the actor. The same key and digest give the same result again; another digest fails. */
  readonly idempotency: { readonly key: string; readonly digest: string } | undefined
}
