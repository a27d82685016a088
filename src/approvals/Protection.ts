/**
 * What of an environment needs a second person, as it is stored and told. A kind of change, so versioned, audited and in the one log. Pure.
 *
 *   AQ7  A protection protects itself: it is lowered, changed or taken away as what it protects is changed. To add one takes no second person.
 */
import { kinds as allKinds, type Kind as KeyKind, type Role } from "../access/Identity.ts"
import { type KeyRights, ofEveryKey, ofKind, scopeOf, withinScope } from "../access/KeyScope.ts"
import type { Wish } from "../commits/Release.ts"
import { matches, meets } from "../keys/Pattern.ts"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"

/** Live protections of one environment. */
export const PROTECTIONS = 100
/** Patterns of one. */
export const PATTERNS = 100
/** Persons that one may ask for. */
export const MOST_APPROVALS = 5
/** Milliseconds that a request waits unless a protection says otherwise, and at least and at most. */
export const LASTS = 7 * 86_400_000
export const [LEAST_LASTS, LONGEST_LASTS] = [60_000, 90 * 86_400_000]
/** Roles that may approve at all: those that may write. */
export const approverRoles = ["publisher", "admin"] as const

export interface Protected {
  /** Patterns of keys (keys/Pattern.ts). */
  readonly patterns: ReadonlyArray<string>
  /** Kinds of the keys; null: every kind. */
  readonly kinds: ReadonlyArray<KeyKind> | null
  /** Persons who have to approve, from 1 to `MOST_APPROVALS`. */
  readonly approvals: number
  /** Of whom any counts. */
  readonly roles: ReadonlyArray<Role>
  /** Milliseconds that a request waits. */
  readonly lasts: number
}

export interface Protection extends Change, Protected {
  readonly kind: "protection"
  readonly revision: bigint
  readonly version: number
  readonly deleted: boolean
  /** Milliseconds since 1970. */
  readonly updatedAt: number
  readonly updatedBy: string
  readonly message: string
}

export interface ProtectionWish extends Wish<Protection>, Protected {
  readonly kind: "protection"
  readonly deleted: boolean
}

/** What a change is of, by the kinds that rights are given for; "*": of whatever kind. `key` undefined: any. */
export interface Touched {
  readonly kind: KeyKind | "*"
  readonly key: string | undefined
}

export const protects = (
  { patterns, kinds, deleted }: Pick<Protection, "patterns" | "kinds" | "deleted">,
  { kind, key }: Touched
): boolean =>
  !deleted &&
  (kinds === null || kind === "*" || kinds.includes(kind)) &&
  (key === undefined || patterns.some((pattern) => matches(pattern, key)))

/** Whether it protects a key, some of a pattern's keys, or with no key any of that kind. */
export const protectsSome = (
  { patterns, kinds, deleted }: Pick<Protection, "patterns" | "kinds" | "deleted">,
  kind: KeyKind,
  pattern: string | undefined
): boolean =>
  !deleted &&
  (kinds === null || kinds.includes(kind)) &&
  (pattern === undefined || patterns.some((one) => meets(one, pattern)))

/** As somebody is told of it who may see some of what it protects: that much of it; undefined: nothing. AQ13 */
export const visibleTo = (identity: KeyRights, one: Protection): Protection | undefined => {
  if (ofEveryKey(identity)) return one
  const [kinds, scoped] = [
    (one.kinds ?? allKinds).filter((kind) => ofKind(identity, kind)),
    allKinds.find((kind) => ofKind(identity, kind))
  ]
  const patterns = scoped === undefined ? [] : withinScope(scopeOf(identity, scoped), one.patterns)
  return kinds.length === 0 || patterns.length === 0
    ? undefined
    : { ...one, patterns, kinds: one.kinds === null && identity.kinds === undefined ? null : kinds }
}

export type ProtectionRow = Omit<Protection, "kind" | "revision"> & { readonly revision: string }

export const asProtection = (row: ProtectionRow): Protection => ({
  kind: "protection",
  environment: row.environment,
  key: row.key,
  revision: BigInt(row.revision),
  version: row.version,
  deleted: row.deleted,
  patterns: row.patterns,
  kinds: row.kinds,
  approvals: row.approvals,
  roles: row.roles,
  lasts: row.lasts,
  updatedAt: row.updatedAt,
  updatedBy: row.updatedBy,
  message: row.message
})

const isTexts = (said: unknown): boolean => Array.isArray(said) && said.every((one) => typeof one === "string")

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof ProtectionRow, unknown>>): said is ProtectionRow =>
  (["environment", "key", "updatedBy", "message"] as const).every((name) => typeof said[name] === "string") &&
  (["version", "approvals", "lasts", "updatedAt"] as const).every((name) => Number.isFinite(said[name])) &&
  typeof said.deleted === "boolean" &&
  isTexts(said.patterns) &&
  isTexts(said.roles) &&
  (said.kinds === null || isTexts(said.kinds)) &&
  /^\d{1,19}$/.test(String(said.revision))

export const protectionKind: Kind<Protection> = {
  name: "protection",
  bytes: ({ patterns, message }) =>
    OVERHEAD + 2 * message.length + patterns.reduce((sum, one) => sum + 50 + 2 * one.length, 0),
  fromLog: (stored) => asProtection(stored as ProtectionRow),
  toLane: ({ kind: _, revision, ...rest }) => ({ ...rest, revision: String(revision) }),
  fromLane: (said) => (isRow(said) ? asProtection(said) : undefined),
  word: "protection",
  told: ({ version, deleted, patterns, kinds, approvals, roles }) => ({
    service: "",
    version,
    deleted,
    value: null,
    valueType: "json",
    digest: "",
    detail: { keys: patterns, kinds, approvals, roles }
  })
}
