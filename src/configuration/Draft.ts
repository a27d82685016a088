/** Describes what publishers ask for. Pure. */
import type { ValueType } from "../values/ValueType.ts"
import type { Condition } from "./Condition.ts"

/** One key's change as it comes from outside, not checked. */
export interface Draft {
  readonly key: string
  readonly environment: string
  /** null deletes. */
  readonly value: string | null
  /** Undefined: that of the current version; for a new key `typeIfNew`, or else json. */
  readonly type?: ValueType | undefined
  readonly typeIfNew?: ValueType | undefined
  /** What the door found when it read the value as `type`: as that, the value is not checked again. `problem` undefined: nothing is wrong. CV4 */
  readonly found?: { readonly type: ValueType; readonly problem: string | undefined } | undefined
  /** Undefined keeps the current schema, null removes it. */
  readonly schema?: unknown
  readonly strict?: boolean | undefined
  readonly expectedVersion?: number | undefined
  readonly condition?: Condition | undefined
  /** The value was accepted before. So a rollback is not refused by rules that came later. */
  readonly stored?: boolean
}

/** Which current version a write is meant for. */
export type Expecting = Pick<Draft, "expectedVersion" | "condition">
