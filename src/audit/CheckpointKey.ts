/**
 * A public key of a node as it is written down: beside the checkpoints of its node, and in the table that all nodes read. Pure.
 *
 *   AC6  A node believes a public key that it finds only with the seal of the pepper, which all nodes share and the database never sees: who can
 *        write the database can't name a key of his own, and who takes one away only has lines left out, which is said.
 */
import type { Trust } from "./Checkpoint.ts"

export interface CheckpointKey {
  /** The first 16 hex digits of the SHA-256 of the key's SPKI form. */
  readonly id: string
  /** SPKI (RFC 8410) in base64: what stands in a PEM between its two lines. */
  readonly publicKey: string
  /** Milliseconds since 1970, by the clock of the node that wrote it down. */
  readonly at: number
}

/** Keys of its own that a node keeps beside its checkpoints. */
const KEPT = 64
const LINE = /^(herald-audit-key-1 ([0-9a-f]{16}) ([A-Za-z0-9+/]{59}=) (\d{1,15})) ([0-9a-f]{64})$/

export const keyLineOf = ({ id, publicKey, at }: CheckpointKey, mac: Trust["mac"]): string => {
  const body = `herald-audit-key-1 ${id} ${publicKey} ${at}`
  return `${body} ${mac(body)}`
}

export const isKeyLine = (line: string): boolean => line.startsWith("herald-audit-key-")

/** Undefined: it is none, or the pepper did not seal it. AC6 */
export const keyOf = (line: string, { mac, equal }: Pick<Trust, "mac" | "equal">): CheckpointKey | undefined => {
  const [, body, id, publicKey, at, seal] = LINE.exec(line.trim()) ?? []
  if (body === undefined || id === undefined || publicKey === undefined || seal === undefined) return undefined
  return equal(mac(body), seal) ? { id, publicKey, at: Number(at) } : undefined
}

/** What a file of checkpoints becomes: the newest of its keys, then the others as `thin` leaves them. AC2 */
export const compacted = (
  lines: ReadonlyArray<string>,
  thin: (lines: ReadonlyArray<string>) => ReadonlyArray<string>
): ReadonlyArray<string> => [...lines.filter(isKeyLine).slice(-KEPT), ...thin(lines.filter((line) => !isKeyLine(line)))]

/** As openssl and every other tool reads it. */
export const pemOf = ({ publicKey }: Pick<CheckpointKey, "publicKey">): string =>
  `-----BEGIN PUBLIC KEY-----\n${publicKey}\n-----END PUBLIC KEY-----\n`
