/**
 * Tokens with a short life that nobody keeps: `hrst_<what it says>.<mark>`, and tickets of whoever has no API key. Pure.
 *
 *   JY1  What is in it was put there by a node: the mark is made with a key that comes from the nodes' pepper, and is compared before a byte of the
 *        rest is read. What was made for one purpose is nothing for another.
 *   JY2  It names the API key, subject (and what signed for it) or certificate that it came from, by whose end it ends, and a time at most an hour after
 *        it was made.
 *   JY3  It is the same text whenever the same is asked for with the same end.
 */
import type { Grant } from "./Decision.ts"
import { grantOf, grantProblem } from "./Grant.ts"
import type { Identity } from "./Identity.ts"
import type { Marks } from "./Ticket.ts"

export const SERVICE_TOKEN = "hrst_"

/** Milliseconds. JY2 */
export const LONGEST_LIFE = 3_600_000

/** Characters of a token that a client can send. */
export const LONGEST_TOKEN = 8_192

/** What a service token should be that somebody wants. */
export interface Exchange {
  /** Milliseconds; at most an hour, and what is left of what was shown. */
  readonly life: number
  /** What it may; what is left out, as what was shown. */
  readonly grant: Partial<Grant>
  /** Where it is asked for, for the audit log. */
  readonly address?: string
}

export interface Exchanged {
  readonly token: string
  readonly identity: Identity
  /** Milliseconds since 1970: when it ends. */
  readonly until: number
}

const SEALED = /^([A-Za-z0-9_-]{1,8120})\.([0-9a-f]{64})$/

/** `marks`: with a key for this purpose. */
export const seal = (identity: Identity, until: number, { hash }: Pick<Marks, "hash">): string => {
  const { name, keyId, signer } = identity
  const all = [name, keyId, until, grantOf(identity), ...(signer === undefined ? [] : [signer])]
  const said = Buffer.from(JSON.stringify(all)).toString("base64url")
  return `${said}.${hash(said)}`
}

/** Whose it is, whether or not its time is over. Undefined: no node made it for this purpose. JY1 */
export const unseal = (text: string, { hash, equal }: Marks): Identity | undefined => {
  const [, said = "", mark = ""] = SEALED.exec(text) ?? []
  if (said === "" || !equal(mark, hash(said))) return undefined
  try {
    const [name, keyId, until, grant, signer] = JSON.parse(Buffer.from(said, "base64url").toString("utf8")) as [
      ...[name: string, keyId: string, until: number, grant: Grant, signer?: string]
    ]
    // Another version of Herald may have made it, and have said more.
    if (grantProblem(grant) !== undefined) return undefined
    return { name, keyId, ...grantOf(grant), by: "token", until, ...(signer === undefined ? {} : { signer }) }
  } catch {
    return undefined
  }
}
