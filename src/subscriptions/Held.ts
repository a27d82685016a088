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
  /** It is being given up: it stays no more, as what is written of it says that nothing is under way. */
  going: boolean
}

/** What a node has of a subscription. */
export interface Holding {
  readonly held: ReadonlyMap<number, Held>
  /** Of these, milliseconds by when each is given up, whatever is under way. The others stay. */
  readonly leaving: Map<number, number>
}

/** Lets go of the last ones where there are too many, by `until`; takes those back that are leaving where there are too few. Returns how many are missing. HN1 */
export const keepTo = (
  quota: number,
  { held, leaving }: Holding,
  until: number,
  drain: (cursor: Cursor<Body>) => void
): number => {
  let staying = held.size - leaving.size
  if (staying < quota)
    for (const share of [...leaving.keys()]) {
      const one = held.get(share)!
      if (one.going) continue
      leaving.delete(share)
      for (const cursor of one.cursors.values()) cursor.draining = false
      if (++staying === quota) break
    }
  if (staying > quota) {
    const stay = [...held].filter(([share]) => !leaving.has(share))
    for (const [share, { cursors }] of stay.slice(quota)) {
      leaving.set(share, until)
      for (const cursor of cursors.values()) drain(cursor)
    }
  }
  return Math.max(0, quota - staying)
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
  { held, leaving }: Holding
): string => [status, Math.round((pausedUntil ?? 0) / 1_000), maxInFlight, version, held.size, leaving.size].join()
