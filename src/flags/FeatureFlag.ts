/** A flag as it is stored, versioned and told, and how the log and the lanes have it. Pure. */
import type { Wish } from "../commits/Release.ts"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"
import type { Prerequisite } from "./Definition.ts"

/** Bytes of one definition, as UTF-8. */
export const DEFINITION_BYTES = 262_144
/** Flags of one environment. */
export const FLAGS = 20_000
/** Bytes of the definitions of one environment. */
export const FLAGS_BYTES = 67_108_864

export interface FeatureFlag extends Change {
  readonly kind: "flag"
  readonly revision: bigint
  /** From 1, without gaps. */
  readonly version: number
  /** As it was written; "" when it is deleted. */
  readonly definition: string
  readonly deleted: boolean
  /** SHA-256 (hex) of the definition. */
  readonly digest: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
  readonly updatedBy: string
  readonly message: string
}

/** What others may need of a flag. */
export interface Shape {
  readonly variants: ReadonlyArray<string>
  readonly prerequisites: ReadonlyArray<Prerequisite>
}

/** A checked change: the definition is known to be right by itself. */
export interface FlagWish extends Wish<FeatureFlag>, Shape {
  readonly kind: "flag"
  /** null deletes it. */
  readonly definition: string | null
  readonly digest: string
  readonly bytes: number
  /** The version that must be current; 0: it must not exist. Undefined: any. */
  readonly expectedVersion: number | undefined
  readonly enabled: boolean
  /** Of the simple form; null: it has a rule of its own. */
  readonly percentage: number | null
  readonly targetUsers: ReadonlyArray<string> | null
}

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export type FlagRow = Omit<FeatureFlag, "kind" | "revision"> & { readonly revision: string }

export const asFlag = (row: FlagRow): FeatureFlag => ({
  kind: "flag",
  environment: row.environment,
  key: row.key,
  revision: BigInt(row.revision),
  version: row.version,
  definition: row.definition,
  deleted: row.deleted,
  digest: row.digest,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  updatedBy: row.updatedBy,
  message: row.message
})

export const rowOf = ({ kind: _, revision, ...flag }: FeatureFlag): FlagRow => ({ ...flag, revision: String(revision) })

const texts = ["environment", "key", "definition", "digest", "updatedBy", "message"] as const
const numbers = ["version", "createdAt", "updatedAt"] as const

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof FlagRow, unknown>>): said is FlagRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  typeof said.deleted === "boolean" &&
  (said.definition === "") === said.deleted &&
  /^\d{1,19}$/.test(String(said.revision))

/** About how many bytes of memory it takes. */
export const flagBytes = ({ key, definition, message }: FeatureFlag): number =>
  OVERHEAD + 2 * (key.length + definition.length + message.length)

export const flagKind: Kind<FeatureFlag> = {
  name: "flag",
  bytes: flagBytes,
  fromLog: (stored) => asFlag(stored as FlagRow),
  toLane: rowOf,
  fromLane: (said) => (isRow(said) ? asFlag(said) : undefined),
  word: "flag",
  told: ({ version, deleted, definition, digest }) => ({
    service: "",
    version,
    deleted,
    value: definition,
    valueType: "json",
    digest
  })
}
