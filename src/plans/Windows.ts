/**
 * When stages may begin. Pure.
 *
 *   WJ1  A stage begins, and a rollout completes, only within a window of its plan and in no freeze of its environment. Taking back, pausing and
 *        what a person asks for wait for neither.
 */
import type { Window } from "./Plan.ts"

/** A time in which nothing goes on in an environment. */
export interface Freeze {
  /** Milliseconds since 1970. */
  readonly from: number
  /** The first moment that is not in it any more. */
  readonly until: number
  readonly message: string
}

/** Why nothing may begin now, and in how many milliseconds to look again. */
export interface Closed {
  readonly millis: number
  readonly text: string
}

/** Milliseconds until another look when nobody knows. */
const AGAIN = 1_000
const MINUTE = 60_000
const WEEK = 7 * 24 * 60 * MINUTE
/** 1970 began on a Thursday. */
const THURSDAY = 3 * 24 * 60 * MINUTE

const modulo = (value: number, of: number): number => ((value % of) + of) % of

/** Milliseconds until the window is open; 0: it is. */
const opensIn = ({ from, until }: Window, now: number): number => {
  const at = modulo(now + THURSDAY, WEEK)
  const begin = modulo(from * MINUTE, WEEK)
  const lasts = modulo(until * MINUTE - begin, WEEK) || WEEK
  return modulo(at - begin, WEEK) < lasts ? 0 : modulo(begin - at, WEEK)
}

/** Undefined: it may begin. `freezes` undefined: nobody knows of any. WJ1 */
export const closedAt = (
  windows: ReadonlyArray<Window>,
  freezes: ReadonlyArray<Freeze> | undefined,
  now: number
): Closed | undefined => {
  if (freezes === undefined) return { millis: AGAIN, text: "what is frozen can't be read" }
  const freeze = freezes.find(({ from, until }) => from <= now && now < until)
  if (freeze !== undefined) {
    const said = freeze.message === "" ? "" : `: ${freeze.message}`
    const text = `the environment is frozen until ${new Date(freeze.until).toISOString()}${said}`
    return { millis: freeze.until - now, text }
  }
  if (windows.length === 0) return undefined
  const millis = Math.min(...windows.map((window) => opensIn(window, now)))
  if (millis === 0) return undefined
  return { millis, text: `the next change window opens at ${new Date(now + millis).toISOString()}` }
}
