/**
 * A checkpoint: that the audit log had this entry with this hash at that time, signed with a key that the database never sees. Pure.
 *
 *   AC1  A line that was not signed with this key says nothing; one that somebody asks to compare with is refused, so that it is not taken for proof.
 *   AC2  Checkpoints are kept in a bounded number: of the older ones every second goes. What a newer one says, the older ones said of less.
 */
import type { AuditMark, AuditProblem } from "./AuditEntry.ts"

export interface Checkpoint extends AuditMark {
  /** Milliseconds since 1970, by the node's clock. */
  readonly at: number
}

/** HMAC-SHA-256(key, text), hex. */
type Sign = (text: string) => string

const MOST = 2_048
const LINE = /^herald-audit-1 (\d{1,19}) ([0-9a-f]{64}) (\d{1,15}) ([0-9a-f]{64})$/

const bodyOf = ({ id, hash, at }: Checkpoint) => `herald-audit-1 ${id} ${hash} ${at}`

export const lineOf = (checkpoint: Checkpoint, sign: Sign): string =>
  `${bodyOf(checkpoint)} ${sign(bodyOf(checkpoint))}`

/** Undefined when it was not signed with this key. AC1 */
export const checkpointOf = (
  line: string,
  sign: Sign,
  equal: (a: string, b: string) => boolean
): Checkpoint | undefined => {
  const [, id, hash, at, signature] = LINE.exec(line.trim()) ?? []
  if (id === undefined || hash === undefined) return undefined
  const checkpoint = { id: BigInt(id), hash, at: Number(at) }
  return equal(sign(bodyOf(checkpoint)), signature ?? "") ? checkpoint : undefined
}

/** AC2 */
export const thinned = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length < MOST ? lines : lines.filter((_, index) => index % 2 === 0 || index >= MOST / 2)

/** The problem of the first checkpoint that the log's entries contradict. */
export const disagreement = (
  checkpoints: ReadonlyArray<Checkpoint>,
  marks: ReadonlyArray<AuditMark>,
  last: bigint
): AuditProblem | undefined => {
  const held = new Map(marks.map(({ id, hash }) => [id, hash]))
  const sorted = checkpoints.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  let agreed = 0n
  for (const { id, hash, at } of sorted) {
    const when = new Date(at).toISOString()
    if (held.get(id) === hash) {
      agreed = id
      continue
    }
    if (id > last) {
      return {
        kind: "truncated",
        entry: last + 1n,
        message: `the log ends with entry ${last}; at ${when} it had entry ${id}: its end was removed, or an older backup was restored`
      }
    }
    return {
      kind: held.has(id) ? "rewritten" : "missing",
      entry: id,
      message: `entry ${id} is not the one that was signed at ${when}: ${
        held.has(id) ? "the chain was made anew" : "it is gone"
      }, from some entry after ${agreed} on`
    }
  }
  return undefined
}
