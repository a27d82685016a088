/** Holds keys, principals and the audit log, whose entries are chained as the port AuditLog says. */
import { createHash } from "node:crypto"
import type { ApiKey } from "../../../src/access/ApiKeyStore.ts"
import type { AuditEntry } from "../../../src/audit/AuditEntry.ts"

export class AccessTables {
  readonly keys = new Map<string, ApiKey>()
  /** From names as they are compared to names as they are written. PN1 */
  readonly principals = new Map<string, string>()
  readonly audit: Array<AuditEntry> = []

  append(entry: Pick<AuditEntry, "configId" | "action" | "performedBy" | "details" | "createdAt">): void {
    const unhashed = { ...entry, id: BigInt(this.audit.length + 1), prevHash: this.audit.at(-1)?.hash ?? "" }
    this.audit.push({ ...unhashed, hash: chainHash(unhashed) })
  }
}

/** The formula of the port AuditLog. */
export const chainHash = (entry: Omit<AuditEntry, "hash">): string =>
  createHash("sha256")
    .update(
      [
        entry.prevHash,
        entry.id,
        entry.configId,
        entry.action,
        entry.performedBy,
        JSON.stringify(entry.details),
        entry.createdAt
      ].join("|")
    )
    .digest("hex")
