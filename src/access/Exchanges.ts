/**
 * Tells the audit log of service tokens, before anybody gets them.
 *
 *   EX1  No token is answered whose exchange is not durable in the audit log: where that can't be written there is none. The entry says who,
 *        from what, from where and what the token may, and holds no part of it.
 *   EX2  One principal writes at most 60 entries in any minute at a node: 30 at once, and one every 2 s. The same exchange once more within a minute, or while
 *        its entry is being written, needs no other.
 */
import { Clock, Deferred, Effect, Exit } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { RateLimits } from "../limits/RateLimits.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { ExchangeAudit, type ExchangeEntry } from "./ExchangeAudit.ts"
import { grantOf } from "./Grant.ts"
import type { Identity } from "./Identity.ts"
import type { Exchange, Exchanged } from "./ServiceToken.ts"

/** EX2 */
const RATE = { perSecond: 0.5, burst: 30 }
/** Milliseconds. EX2 */
const SAME = 60_000
/** The oldest make room, which costs an entry. */
const MOST = 10_000

interface Written {
  readonly since: number
  readonly done: Deferred.Deferred<void, HeraldError>
}

/** `digest`: so that what is kept of an exchange does not grow with its grant. */
export const makeExchanges = Effect.fnUntraced(function* (digest: (text: string) => string) {
  const { append } = yield* ExchangeAudit
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const entries = new RateLimits(RATE)
  /** The oldest first. */
  const written = new Map<string, Written>()

  const forget = (now: number) => {
    for (const [old, { since }] of written) {
      if (now - since < SAME && written.size < MOST) return
      written.delete(old)
    }
  }

  const write = (same: string, entry: ExchangeEntry): Effect.Effect<Written, HeraldError> =>
    Effect.suspend(() => {
      const now = millisOf(clock)
      forget(now)
      const found = written.get(same)
      if (found !== undefined) return Effect.succeed(found)
      const wait = entries.take(entry.principal, now)
      if (wait > 0)
        return failure(
          "RateLimited",
          `${entry.principal} made too many different tokens in a minute: give one to several jobs`,
          {
            details: { retryAfterMillis: wait }
          }
        )
      const its: Written = { since: now, done: Deferred.makeUnsafe() }
      written.set(same, its)
      const writing = Effect.onExit(append(entry), (exit) =>
        Effect.suspend(() => {
          if (Exit.isFailure(exit) && written.get(same) === its) written.delete(same)
          return Deferred.done(its.done, exit)
        })
      )
      // Whoever asked may go away: others wait for the same entry.
      return Effect.as(Effect.forkIn(writing, scope), its)
    })

  /** `whose`: what was shown. Fails `RateLimited` (details.retryAfterMillis), and as `ExchangeAudit`. EX1 */
  return Effect.fnUntraced(function* (whose: Identity, { life, address }: Exchange, { identity, until }: Exchanged) {
    const { name, keyId, signer } = identity
    const its = {
      ...{ principal: name, keyId, by: whose.by ?? "key", ...grantOf(identity), lifeMillis: life },
      ...(signer === undefined ? {} : { signer }),
      ...(address === undefined ? {} : { address })
    }
    const { done } = yield* write(digest(JSON.stringify([its, whose.until])), { ...its, until })
    yield* Deferred.await(done)
  })
})
