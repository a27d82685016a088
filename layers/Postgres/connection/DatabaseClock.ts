/**
 * Knows the database's time as well as this process can tell (docs/decisions/0011-deadlines-and-dependencies.md). Pure state.
 *
 *   DC1  A moment of this process is never given as a later one of the database: the time that an answer took is left out.
 *   DC2  What was learnt from one server, or long ago, is not used for another, or now.
 *   DC3  An answer that took long, because a commit waited for its disk or its standby, makes nothing worse; a clock that was set back counts.
 */

/** What `herald_clock()` says. */
export interface Told {
  /** Changes with the server, and with its restart. */
  readonly server: string
  /** Milliseconds since 1970, rounded down. */
  readonly now: number
}

const MILLISECOND = 1_000_000n
/** Nanoseconds for which what was learnt is used: longer, and the clocks may have run apart. DC2 */
const FRESH = 60_000_000_000n

export const makeDatabaseClock = () => {
  let server = ""
  /** Nanoseconds by which the database's clock is at least ahead of the monotonic one. */
  let ahead = 0n
  let heardAt = 0n
  const serverAt = (now: bigint): string => (now - heardAt > FRESH ? "" : server)
  return {
    /** `asked`, `at`: nanoseconds of the monotonic clock, before the question and after the answer. */
    heard: (told: Told, asked: bigint, at: bigint): void => {
      const now = BigInt(told.now) * MILLISECOND
      const [least, most] = [now - at, now + MILLISECOND - asked]
      const known = told.server === serverAt(at) && most >= ahead // otherwise it was set back
      ahead = known && ahead > least ? ahead : least // DC3
      server = told.server
      heardAt = at
    },
    /** The server whose clock is known; "" when none is. DC2 */
    server: serverAt,
    /** Milliseconds of the database's clock that are not after `moment` of the monotonic clock. DC1 */
    at: (moment: bigint): number => {
      const time = moment + ahead
      return Number(time / MILLISECOND) - (time < 0n && time % MILLISECOND !== 0n ? 1 : 0)
    }
  }
}
