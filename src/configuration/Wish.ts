/** A change of a configuration that a publisher asks for, and what it was checked against. Pure. */
import type { Wish } from "../commits/Release.ts"
import type { Position } from "../propagation/Position.ts"
import type { ValueType } from "../values/ValueType.ts"
import type { Configuration } from "./Configuration.ts"

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
  /** Committed only while this is so. Undefined: everything was given. */
  readonly kept?: Kept | undefined
  readonly changeLog: string
}
