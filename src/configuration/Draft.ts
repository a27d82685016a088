/** What publishers ask for. Pure. */
import type { ValueType } from "../values/ValueType.ts"
import type { Condition } from "./Condition.ts"

/** What is asked of one key, as it comes from outside. */
export interface Draft {
  readonly key: string
  readonly environment: string
  /** null deletes. */
  readonly value: string | null
  /** Undefined: as the current version; for a new key `typeIfNew`, else json. */
  readonly type?: ValueType | undefined
  readonly typeIfNew?: ValueType | undefined
  /** What was found where the value was read on its way here, as that type: it is not checked again. CV4 */
  readonly found?: { readonly type: ValueType; readonly problem: string | undefined } | undefined
  /** Undefined keeps the current schema, null removes it. */
  readonly schema?: unknown
  readonly strict?: boolean | undefined
  readonly expectedVersion?: number | undefined
  readonly condition?: Condition | undefined
  /** The value was accepted before: a rollback is not held to rules of reading that came later. */
  readonly stored?: boolean
}

/** What a write is meant for. */
export type Expecting = Pick<Draft, "expectedVersion" | "condition">
