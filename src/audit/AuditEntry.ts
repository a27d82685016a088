/** Describes an entry of the audit log, and what a check of the log may find. Pure. */

export interface AuditEntry {
  readonly id: bigint
  /** "<environment>/<key>", "<environment>/<service>" of a client, or "" where neither is concerned. */
  readonly configId: string
  readonly action: string
  readonly performedBy: string
  readonly details: Record<string, unknown>
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Hashes are SHA-256 in hex. */
  readonly prevHash: string
  readonly hash: string
}

/** An entry with its details as the text that was hashed: numbers, spaces and order are the store's. */
export type HashedEntry = Omit<AuditEntry, "details"> & { readonly details: string }

/** Stands for an entry and, by its hash, for all before it. */
export type AuditMark = Pick<AuditEntry, "id" | "hash">

/**
 * changed: an entry's hash does not follow · missing: an entry is gone · truncated: the end is gone · rewritten: the chain holds, and is not
 * the one that was signed · value: a version is not what was published · unlogged: something is there that no entry tells of · current: a
 * configuration is not the newest version of its history · key: an API key is not what was created, or not revoked any more
 */
export const auditProblems = [
  "changed",
  "missing",
  "truncated",
  "rewritten",
  "value",
  "unlogged",
  "current",
  "key"
] as const

export interface AuditProblem {
  readonly kind: (typeof auditProblems)[number]
  /** The first entry that it is about; undefined when it is about none. */
  readonly entry: bigint | undefined
  readonly message: string
}
