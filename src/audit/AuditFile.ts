/**
 * The audit log as a file: a JSON object a line. Entries follow each other by their ids; a checkpoint stands directly after the entry that it is
 * about, and the public key that signed it somewhere before. Pure.
 *
 *   AE2  A line has one spelling: these fields in this order, without spaces, as JSON.stringify writes them. So a line that says more than what was
 *        hashed, or says something twice, is none.
 */
import type { HashedEntry } from "./AuditEntry.ts"
import type { CheckpointKey } from "./CheckpointKey.ts"

/** `publicKey`: SPKI in base64. For whoever reads the file: what vouches for it is a key from elsewhere. */
export interface KeyLine {
  readonly type: "key"
  readonly id: string
  readonly publicKey: string
}

/**
 * `hash` is the SHA-256, in hex, of `prevHash`, `id`, `configId`, `action`, `performedBy`, `details` and `createdMillis` (since 1970) with a `|` between. `details` is JSON as
 * text, as it was hashed.
 */
export interface EntryLine {
  readonly type: "entry"
  readonly id: number
  readonly configId: string
  readonly action: string
  readonly performedBy: string
  readonly details: string
  readonly createdMillis: number
  readonly prevHash: string
  readonly hash: string
}

/** `line`: `herald-audit-2 <entry> <hash> <milliseconds> <key> <signature>`, signed up to the key (Ed25519, base64url). */
export interface CheckpointLine {
  readonly type: "checkpoint"
  readonly line: string
}

export type AuditLine = KeyLine | EntryLine | CheckpointLine

const FIELDS = {
  key: { id: "string", publicKey: "string" },
  entry: {
    id: "number",
    configId: "string",
    action: "string",
    performedBy: "string",
    details: "string",
    createdMillis: "number",
    prevHash: "string",
    hash: "string"
  },
  checkpoint: { line: "string" }
} as const

const isType = (type: unknown): type is keyof typeof FIELDS => typeof type === "string" && Object.hasOwn(FIELDS, type)

/** The one spelling of a line. AE2 */
export const textOf = (line: AuditLine): string => {
  const fields = line as unknown as Record<string, unknown>
  const names = Object.keys(FIELDS[line.type])
  return JSON.stringify(Object.fromEntries([["type", line.type], ...names.map((name) => [name, fields[name]])]))
}

/** Undefined: it is none, or has another spelling. AE2 */
export const lineOfText = (text: string): AuditLine | undefined => {
  let parsed: Record<string, unknown>
  try {
    parsed = Object(JSON.parse(text))
  } catch {
    return undefined
  }
  const { type } = parsed
  if (!isType(type)) return undefined
  for (const [name, kind] of Object.entries(FIELDS[type])) {
    const value = parsed[name]
    if (typeof value !== kind || (kind === "number" && !(Number.isSafeInteger(value) && Number(value) >= 0))) {
      return undefined
    }
  }
  const line = parsed as unknown as AuditLine
  return textOf(line) === text ? line : undefined
}

const entryLine = ({
  id,
  configId,
  action,
  performedBy,
  details,
  createdAt,
  prevHash,
  hash
}: HashedEntry): EntryLine => ({
  type: "entry",
  id: Number(id),
  configId,
  action,
  performedBy,
  details,
  createdMillis: createdAt,
  prevHash,
  hash
})

/** Both by entry. Checkpoints of entries that are not there stand where these would. */
export const linesOf = (
  keys: ReadonlyArray<CheckpointKey>,
  entries: ReadonlyArray<HashedEntry>,
  checkpoints: ReadonlyArray<{ readonly id: bigint; readonly line: string }>
): ReadonlyArray<AuditLine> => {
  const lines: Array<AuditLine> = keys.map(({ id, publicKey }) => ({ type: "key", id, publicKey }))
  let next = 0
  const vouch = (before: (id: bigint) => boolean) => {
    for (; next < checkpoints.length && before(checkpoints[next]!.id); next++) {
      lines.push({ type: "checkpoint", line: checkpoints[next]!.line })
    }
  }
  for (const entry of entries) {
    vouch((id) => id < entry.id)
    lines.push(entryLine(entry))
  }
  vouch(() => true)
  return lines
}

/** What was hashed of an entry, whose fields have one reading: see `AuditFileCheck.ts`. */
export const hashedOf = ({ prevHash, id, configId, action, performedBy, details, createdMillis }: EntryLine): string =>
  [prevHash, id, configId, action, performedBy, details, createdMillis].join("|")
