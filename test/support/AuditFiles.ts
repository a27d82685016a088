/** An audit log with a node that signs it, and the file that it is exported to. */
import { Redacted } from "effect"
import { newKey, signerOf } from "../../layers/Crypto/access/Ed25519.ts"
import { AccessTables } from "../../layers/Memory/access/AccessTables.ts"
import type { Signer } from "../../src/access/KeyHash.ts"
import type { HashedEntry } from "../../src/audit/AuditEntry.ts"
import { linesOf, textOf } from "../../src/audit/AuditFile.ts"
import { FileCheck, type FileVerdict } from "../../src/audit/AuditFileCheck.ts"
import { lineOf, type Signed } from "../../src/audit/Checkpoint.ts"
import { digest, idOf, verifier } from "../../src/cli/verbs/access/AuditFiles.ts"

export const keyOf = (): Redacted.Redacted => Redacted.make(newKey())
export const signer = (key = newKey()): Signer => signerOf(key)!

/** As many entries, of this person but for those of others. */
export const logOf = (entries: number, others: Readonly<Record<number, string>> = {}): ReadonlyArray<HashedEntry> => {
  const tables = new AccessTables()
  for (let id = 1; id <= entries; id++)
    tables.append({
      configId: `production/k${id}`,
      action: "publish",
      performedBy: others[id] ?? "ann",
      details: { version: id, message: "why" },
      createdAt: id
    })
  return tables.audit.map((entry) => ({ ...entry, details: JSON.stringify(entry.details) }))
}

/** The lines of a file, with a checkpoint by this key after each of these entries. */
export const fileOf = (
  log: ReadonlyArray<HashedEntry>,
  key: Signer,
  signed: ReadonlyArray<number>,
  keys: ReadonlyArray<Signer> = [key]
): ReadonlyArray<string> =>
  linesOf(
    keys.map(({ id, publicKey }) => ({ id, publicKey, at: 0 })),
    log,
    signed.map((id) => ({ id: BigInt(id), line: checkpointOf(log, key, id) }))
  ).map(textOf)

export const checkpointOf = (log: ReadonlyArray<HashedEntry>, key: Signer, id: number): string =>
  lineOf({ id: BigInt(id), hash: log.find((one) => one.id === BigInt(id))!.hash, at: id * 1_000 }, key)

/** What is found in these lines by who believes these keys. */
export const checked = (
  lines: ReadonlyArray<string | undefined>,
  believed: ReadonlyArray<Signer>,
  { after = 0, shown }: { readonly after?: number; readonly shown?: Signed } = {}
): FileVerdict => {
  const keys = new Map(believed.map(({ id, publicKey }) => [id, publicKey]))
  const check = new FileCheck({ digest, idOf, verifies: verifier(keys.values()), keys, after, shown })
  for (const line of lines) if (!check.next(line)) break
  return check.end()
}
