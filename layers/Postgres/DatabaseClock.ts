/**
 * What time it is for the database, as this process can tell: docs/decisions/0011-deadlines-and-dependencies.md. Pure but for what it keeps.
 *
 *   DC1  A moment of this process is never given as a later one of the database: the time that an answer took is left out.
 *   DC2  What was learnt from one server, or long ago, is not used for another, or now.
 */

/** What `herald_clock()` says. */
export interface Told {
  /** Changes with the server, and with its restart. */
  readonly server: string
  /** Milliseconds since 1970, rounded down. */
  readonly now: number
}

/** Nanoseconds: how far two clocks may run apart unnoticed. */
const FRESH = 60_000_000_000n

export const makeDatabaseClock = () => {
  let told: Told | undefined
  let heardAt = 0n
  return {
    /** `at`: nanoseconds of the monotonic clock, when the answer was here. */
    heard: (one: Told, at: bigint): void => {
      told = one
      heardAt = at
    },
    /** The server whose clock is known; "" when none is. DC2 */
    server: (now: bigint): string => (told === undefined || now - heardAt > FRESH ? "" : told.server),
    /** Milliseconds of the database's clock that are not after `moment` of the monotonic clock. DC1 */
    at: (moment: bigint): number =>
      told === undefined ? 0 : told.now + Math.floor(Number(moment - heardAt) / 1_000_000)
  }
}
