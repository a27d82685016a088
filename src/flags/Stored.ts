/**
 * What an environment has under a name as a text with versions, and how the log and the lanes have it: flags, and what flags share. Pure.
 */
import type { Candidacy } from "../commits/Candidacy.ts"
import type { Wish } from "../commits/Release.ts"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"

export interface Stored<K extends string = string> extends Change {
  readonly kind: K
  readonly revision: bigint
  /** From 1; numbers between two were candidates of rollouts. */
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
  /** Segments that it names, in their order. Left out: none. */
  readonly uses?: ReadonlyArray<string>
  /** The digest of the list of ids that it names. Left out: it names none, or has its ids in its definition. */
  readonly list?: string
  /** Of a version in history: a rollout has, or had, it as a candidate. Left out: none has. */
  readonly rollout?: Candidacy
}

/** A checked change: the definition is known to be right by itself. */
export interface StoredWish<C extends Stored = Stored> extends Wish<C> {
  /** null deletes it. */
  readonly definition: string | null
  readonly digest: string
  readonly bytes: number
  /** The version that must be current; 0: it must not exist. Undefined: any. */
  readonly expectedVersion: number | undefined
  /** Segments that it names, in their order. Left out: none. */
  readonly uses?: ReadonlyArray<string>
  /** The digest of the list of ids that it names. Left out: it names none, or has its ids in its definition. */
  readonly list?: string
}

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export type StoredRow = Omit<Stored, "kind" | "revision" | "rollout"> & { readonly revision: string }

export const asStored = <K extends string>(kind: K, row: StoredRow): Stored<K> => ({
  kind,
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
  message: row.message,
  ...(row.uses === undefined || row.uses.length === 0 ? {} : { uses: row.uses }),
  ...(row.list === undefined ? {} : { list: row.list })
})

export const rowOf = ({ kind: _, rollout: __, revision, ...stored }: Stored): StoredRow => ({
  ...stored,
  revision: String(revision)
})

const texts = ["environment", "key", "definition", "digest", "updatedBy", "message"] as const
const numbers = ["version", "createdAt", "updatedAt"] as const

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof StoredRow, unknown>>): said is StoredRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  typeof said.deleted === "boolean" &&
  (said.definition === "") === said.deleted &&
  (said.uses === undefined || (Array.isArray(said.uses) && said.uses.every((name) => typeof name === "string"))) &&
  (said.list === undefined || typeof said.list === "string") &&
  /^\d{1,19}$/.test(String(said.revision))

/** About how many bytes of memory it takes. */
const bytesIn = ({ key, definition, message, uses }: Stored): number =>
  OVERHEAD + 2 * (key.length + definition.length + message.length) + (uses?.length ?? 0) * 100

export const storedKind = <K extends string>(name: K): Kind<Stored<K>> => ({
  name,
  bytes: bytesIn,
  fromLog: (stored) => asStored(name, stored as StoredRow),
  toLane: rowOf,
  fromLane: (said) => (isRow(said) ? asStored(name, said) : undefined),
  word: name,
  told: ({ version, deleted, definition, digest }) => ({
    service: "",
    version,
    deleted,
    value: deleted ? null : definition,
    valueType: "json",
    digest
  })
})
