/** Describes a checked change of a configuration, and what it was checked against. Pure. */
import type { Wish } from "../commits/Release.ts"
import type { Position } from "../propagation/Position.ts"
import type { ValueType } from "../values/ValueType.ts"
import type { Configuration } from "./Configuration.ts"

/** Which fields a change took over from the version that it replaces. Their values are in the change. */
export interface Kept {
  /** There was a version that is no tombstone. */
  readonly live: boolean
  readonly fields: ReadonlyArray<"schema" | "strict" | "type">
}

/** What else a release was checked against. */
export interface Basis {
  /** Digests of values of keys that it does not change; "" where there is none. */
  readonly values: ReadonlyArray<{ readonly environment: string; readonly key: string; readonly digest: string }>
  /** Environments whose other templates were all rendered, and the position that they were of. */
  readonly templates: ReadonlyArray<{ readonly environment: string; readonly position: Position }>
}

/** One change of a release, checked: value, type, schema and template are known to fit. */
export interface ConfigurationWish extends Wish<Configuration> {
  /** null deletes the key. */
  readonly value: string | null
  readonly valueType: ValueType
  readonly schema: unknown | null
  readonly strict: boolean
  readonly template: boolean
  readonly digest: string
  /** The version that must be current; 0: the key must not exist. Undefined: any. */
  readonly expectedVersion: number | undefined
  /** Committed only while this still holds. Undefined: the publisher gave every field. */
  readonly kept?: Kept | undefined
  readonly changeLog: string
  /** The number that it has as the candidate of the rollout that completes in this release. Left out: the next number. RQ4 */
  readonly candidate?: number | undefined
}
