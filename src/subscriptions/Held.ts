/** Shares that a node has of a subscription. State, moved by Serving. */
import { Cursor } from "./Cursor.ts"
import type { Dispatch } from "./Dispatch.ts"
import type { Body } from "./Gathered.ts"
import type { SavedCursor } from "./SavedCursor.ts"
import type { Slice } from "./Share.ts"
import { isOrdered, isSingle, type Subscription } from "./Subscription.ts"

/** One of them. */
export interface Held {
  token: bigint
  readonly cursors: Map<string, Cursor<Body>>
  /** Milliseconds: it is given up by then, whatever is under way. Undefined: it stays. */
  leaving: number | undefined
  /** It is being given up: it stays no more, as what is written of it says that nothing is under way. */
  going: boolean
}

/** Lets go of the last ones where there are too many, by `until`; takes those back that are leaving where there are too few. Returns how many are missing. */
export const keepTo = (
  quota: number,
  held: ReadonlyMap<number, Held>,
  until: number,
  drain: (cursor: Cursor<Body>) => void
): number => {
  const all = [...held.values()]
  const staying = all.filter(({ leaving }) => leaving === undefined)
  for (const one of all.filter(({ leaving, going }) => leaving !== undefined && !going)) {
    if (staying.length >= quota) break
    one.leaving = undefined
    for (const cursor of one.cursors.values()) cursor.draining = false
    staying.push(one)
  }
  for (const one of staying.slice(quota)) {
    one.leaving = until
    for (const cursor of one.cursors.values()) drain(cursor)
  }
  return Math.max(0, quota - staying.length)
}

export const cursorOf = (
  { type, maxAttempts }: Subscription,
  where: { readonly slice: Slice; readonly share: number; readonly end: number },
  saved: SavedCursor
): Cursor<Body> => {
  const order = isSingle(type) ? "all" : isOrdered(type) ? "keys" : "unordered"
  return new Cursor<Body>({ ...where, maxAttempts, order }, saved)
}

/** What of it says whether a look may find something new. */
export const standingOf = (
  { status, pausedUntil, maxInFlight, subscription: { version } }: Dispatch<Body>,
  held: ReadonlyMap<number, Held>
): string => {
  const leaving = [...held.values()].filter((one) => one.leaving !== undefined).length
  return [status, Math.round((pausedUntil ?? 0) / 1_000), maxInFlight, version, held.size, leaving].join()
}
