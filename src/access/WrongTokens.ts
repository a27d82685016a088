/**
 * Limits by address how often a keyed hash is made for what turns out to be nobody's.
 *
 *   A10 After 20 wrong API keys of an address (and 1 a second), at whichever door, no further hash with the pepper is made for one of it, and the database
 *       is not asked; what was right at this node before gets in nevertheless. So it is where they all come at once. Service tokens and tickets have 1,000
 *       of their own (and 100 a second): they are asked of nobody, and are new as a rule, so being right before helps none of them. One whose time is over
 *       is not wrong for that. An address that many share is not limited.
 */
import { Cause, Effect, Exit } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Attempts } from "../limits/Attempts.ts"
import { countedAs } from "../net/Address.ts"

export interface WrongTokensOptions {
  /** Milliseconds of a clock that goes forward. */
  readonly now: () => number
  /** Whether many share an address, such as a proxy's. */
  readonly shared: (address: string) => boolean
  /** Without the pepper, for what is remembered in memory. */
  readonly digest: (text: string) => string
}

/** What was right and is remembered: digests of 64 characters. */
const RIGHT = 10_000

/** Whom nobody could look up, and who is known but may no more, is not wrong for that. */
const isRight = (exit: Exit.Exit<unknown, HeraldError>): boolean =>
  Exit.isSuccess(exit) ? exit.value !== undefined : exit.cause.reasons.some(Cause.isFailReason)

export const makeWrongTokens = ({ now, shared, digest }: WrongTokensOptions) => {
  const wrongKeys = new Attempts({ perSecond: 1, burst: 20 }, now)
  const wrongMarks = new Attempts({ perSecond: 100, burst: 1_000 }, now)
  const right = new Set<string>()

  const addressOf = (address: string | undefined): string | undefined =>
    address === undefined || shared(address) ? undefined : countedAs(address)
  const remember = (text: string): void => {
    right.add(digest(text))
    for (const oldest of right) {
      if (right.size <= RIGHT) break
      right.delete(oldest)
    }
  }
  const wasRight = (text: string): boolean => right.has(digest(text))

  /** Undefined: it is nobody's. `known`: what can be said without a hash. Fails `RateLimited` (details.retryAfterMillis), and as `attempt`. */
  const attempting = <A>(
    wrong: Attempts,
    address: string | undefined,
    attempt: Effect.Effect<A | undefined, HeraldError>,
    known: () => A | undefined
  ): Effect.Effect<A | undefined, HeraldError> => {
    const counted = addressOf(address)
    if (counted === undefined) return attempt
    const refused = (wait: number) =>
      Effect.fail(
        failure("RateLimited", `too many wrong ${wrong === wrongKeys ? "API keys" : "tokens"} came from this address`, {
          details: { retryAfterMillis: wait }
        })
      )
    return wrong.run<A | undefined, HeraldError, never>(counted, { known, attempt, isRight, refused })
  }

  const isHeld = (wrong: Attempts, address: string | undefined): boolean => {
    const counted = addressOf(address)
    return counted !== undefined && wrong.wait(counted) > 0
  }

  return {
    addressOf,
    /** Whether no hash is made for an address now, of an API key. */
    isHeld: (address: string | undefined) => isHeld(wrongKeys, address),
    /** An API key. Fails as `attempting`. */
    keyed: <A>(
      address: string | undefined,
      attempt: Effect.Effect<A | undefined, HeraldError>,
      known: () => A | undefined
    ) => attempting(wrongKeys, address, attempt, known),
    /** What has a mark. Fails as `attempting`. */
    attempted: <A>(address: string | undefined, attempt: Effect.Effect<A | undefined, HeraldError>) =>
      attempting(wrongMarks, address, attempt, () => undefined),
    /** What a text with a mark says. `read`: undefined, it is none. Fails as `attempting`. */
    marked: <A>(text: string, address: string | undefined, read: () => A | undefined) => {
      const attempt = Effect.sync(() => {
        const found = read()
        if (found !== undefined) remember(text)
        return found
      })
      return attempting(wrongMarks, address, attempt, () => (wasRight(text) ? read() : undefined))
    },
    /** The same without waiting; undefined also where no hash is made now. */
    markedNow: <A>(text: string, address: string | undefined, read: () => A | undefined): A | undefined => {
      if (isHeld(wrongMarks, address) && !wasRight(text)) return undefined
      const found = read()
      if (found !== undefined) remember(text)
      return found
    }
  }
}
