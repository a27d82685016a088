/** Lets in whom a node knows already, for requests that are not worth a fiber. A2–A4 in Access.ts. */
import type { CountIn } from "../limits/Counting.ts"
import type { Told } from "../limits/Spending.ts"
import type { ApiKey } from "./ApiKeyStore.ts"
import { type Identity, identityOf } from "./Identity.ts"
import type { Shown } from "./Shown.ts"
import type { Marks } from "./Ticket.ts"
import * as Token from "./Token.ts"

/** For what can't wait for a fiber. */
export interface AtOnce {
  /** Whom `authenticate` would find, before it counts; undefined where only that can say who it is, or why nobody. */
  readonly recognise: (shown: Shown) => Identity | undefined
  /** Counts `cost` requests. False: that is over the identity's rate, nothing was counted, and `authenticate` would say so. A4 */
  readonly charge: (identity: Identity, cost: number, environment?: string) => boolean
  /** Counts what was counted as `cost` requests in environments that become known later; undefined: none has limits. LX3 */
  readonly counting: (cost: number, counted: string | undefined) => CountIn | undefined
  /** What headers tell of its limits. LX2 */
  readonly told: (identity: Identity, environment?: string) => Told
}

export interface AtOnceOptions {
  /** A key that is good, as it is known now. */
  readonly known: (id: string) => ApiKey | undefined
  /** `digest`: without the pepper, for what is remembered in memory. */
  readonly marks: Marks & { readonly digest: (secret: string) => string }
}

/** Secrets whose digests are remembered. */
const RIGHT = 1_000

export interface KeysAtOnce {
  /** Whose token of an API key it is. */
  readonly whose: (token: string) => Identity | undefined
  /** The same, of tokens alone that were right before: no keyed hash is made. */
  readonly remembered: (token: string) => Identity | undefined
  /** A secret that was right, and the hash of its key. */
  readonly remember: (secret: string, hash: string) => void
}

export const makeAtOnce = ({ known, marks }: AtOnceOptions): KeysAtOnce => {
  /** Hashes of keys by the digest of a secret that was right: to make the hash again costs more than the rest of a small request. */
  const right = new Map<string, string>()
  const wasRight = (secret: string, { hash }: ApiKey): boolean => right.get(marks.digest(secret)) === hash
  const remember = (secret: string, hash: string): void => {
    const digest = marks.digest(secret)
    if (right.size >= RIGHT && !right.has(digest)) right.clear()
    right.set(digest, hash)
  }
  /** A2 */
  const isRight = (secret: string, { hash }: ApiKey): boolean => {
    if (!marks.equal(marks.hash(secret), hash)) return false
    remember(secret, hash)
    return true
  }
  const whoseBy =
    (...ways: ReadonlyArray<typeof wasRight>) =>
    (token: string): Identity | undefined => {
      const parts = Token.parse(token)
      const key = parts && known(parts.id)
      return parts !== undefined && key !== undefined && ways.some((is) => is(parts.secret, key))
        ? identityOf(key)
        : undefined
    }
  return { whose: whoseBy(wasRight, isRight), remembered: whoseBy(wasRight), remember }
}
