/**
 * A checkpoint: that the audit log had this entry with this hash at that time, signed with a key that the database never sees. Pure.
 *
 *   AC1  A line that no key of these nodes signed says nothing; one that somebody asks to compare with is refused, so that it is not taken for proof.
 *   AC2  Checkpoints are kept in a bounded number: of the older ones every second goes. What a newer one says, the older ones said of less.
 *   AC5  A checkpoint names the key that signed it, so that keys can be changed. Whoever has the public key can check it, without a server.
 */
import type { Signing } from "../access/Signing.ts"
import type { AuditMark, AuditProblem } from "./AuditEntry.ts"

export interface Checkpoint extends AuditMark {
  /** Milliseconds since 1970, by the node's clock. */
  readonly at: number
  /** The id of the key that signed it; undefined where it was the pepper, as nodes of before did. AC5 */
  readonly key: string | undefined
}

/** A line as it is read, before anybody asked whether its signature is right. */
export interface Signed {
  readonly checkpoint: Checkpoint
  /** What was signed. */
  readonly body: string
  readonly signature: string
}

/** By what a node believes a line. */
export interface Trust {
  /** The public key of that id, if it is one of these nodes'. */
  readonly publicKeyOf: (id: string) => string | undefined
  readonly verifies: (publicKey: string, text: string, signature: string) => boolean
  /** HMAC-SHA-256 with a key that is derived from the pepper, in hex. */
  readonly mac: (text: string) => string
  readonly equal: (a: string, b: string) => boolean
}

const MOST = 2_048
const LINE = /^(herald-audit-2 (\d{1,19}) ([0-9a-f]{64}) (\d{1,15}) ([0-9a-f]{16})) ([A-Za-z0-9_-]{86})$/
const OLD = /^(herald-audit-1 (\d{1,19}) ([0-9a-f]{64}) (\d{1,15})()) ([0-9a-f]{64})$/

export const lineOf = ({ id, hash, at }: Omit<Checkpoint, "key">, key: Signing): string => {
  const body = `herald-audit-2 ${id} ${hash} ${at} ${key.id}`
  return `${body} ${key.sign(body)}`
}

/** Undefined: it has not the form of a checkpoint. */
export const signedOf = (line: string): Signed | undefined => {
  const [, body, id, hash, at, key, signature] = LINE.exec(line) ?? OLD.exec(line) ?? []
  if (body === undefined || id === undefined || hash === undefined || signature === undefined) return undefined
  return { checkpoint: { id: BigInt(id), hash, at: Number(at), key: key === "" ? undefined : key }, body, signature }
}

/** Undefined when no key of these nodes signed it. AC1 */
export const checkpointOf = (line: string, trust: Trust): Checkpoint | undefined => {
  const found = signedOf(line.trim())
  if (found === undefined) return undefined
  const { checkpoint, body, signature } = found
  if (checkpoint.key === undefined) return trust.equal(trust.mac(body), signature) ? checkpoint : undefined
  const publicKey = trust.publicKeyOf(checkpoint.key)
  return publicKey !== undefined && trust.verifies(publicKey, body, signature) ? checkpoint : undefined
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
