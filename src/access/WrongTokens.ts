/**
 * Limits by address how often a keyed hash is made for what turns out to be nobody's: of API keys, service tokens and tickets together.
 *
 *   A10 After 20 wrong ones of an address (and 1 a second), at whichever door, no further hash with the pepper is made for it, and the database is not
 *       asked; what was right at this node before gets in nevertheless. So it is where they all come at once. An address that many share is not limited.
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
  const wrongOf = new Attempts({ perSecond: 1, burst: 20 }, now)
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

  /**
   * Undefined: it is nobody's. `known`: what can be said without a hash; `what`: as people are told of it. Fails `RateLimited`
   * (details.retryAfterMillis), and as `attempt`.
   */
  const attempted = <A>(
    address: string | undefined,
    attempt: Effect.Effect<A | undefined, HeraldError>,
    known: () => A | undefined,
    what = "tokens"
  ): Effect.Effect<A | undefined, HeraldError> => {
    const counted = addressOf(address)
    if (counted === undefined) return attempt
    const refused = (wait: number) =>
      Effect.fail(
        failure("RateLimited", `too many wrong ${what} came from this address`, { details: { retryAfterMillis: wait } })
      )
    return wrongOf.run<A | undefined, HeraldError, never>(counted, { known, attempt, isRight, refused })
  }

  /** Whether no hash is made for an address now. */
  const isHeld = (address: string | undefined): boolean => {
    const counted = addressOf(address)
    return counted !== undefined && wrongOf.wait(counted) > 0
  }

  return {
    addressOf,
    isHeld,
    attempted,
    /** What a text with a mark says. `read`: undefined, it is none. Fails as `attempted`. */
    marked: <A>(text: string, address: string | undefined, read: () => A | undefined) => {
      const attempt = Effect.sync(() => {
        const found = read()
        if (found !== undefined) remember(text)
        return found
      })
      return attempted(address, attempt, () => (wasRight(text) ? read() : undefined))
    },
    /** The same without waiting; undefined also where no hash is made now. */
    markedNow: <A>(text: string, address: string | undefined, read: () => A | undefined): A | undefined => {
      if (isHeld(address) && !wasRight(text)) return undefined
      const found = read()
      if (found !== undefined) remember(text)
      return found
    }
  }
}
