/**
 * Puts together what goes out in one delivery. Pure state.
 *
 *   DX1  What came back twice goes out with half as many others, then with a quarter: so what no consumer can handle is found, and its neighbours
 *        are done meanwhile.
 *   DX2  A delivery has at most `EVENTS` and `BYTES`; one event that is larger goes by itself.
 */
import type { Cursor } from "./Cursor.ts"
import type { Item } from "./Item.ts"

/** Events of a delivery. */
export const EVENTS = 256
/** Bytes of a delivery. */
export const BYTES = 1_048_576

export interface Sent<B> {
  readonly offset: number
  /** From 1. */
  readonly attempt: number
  readonly body: B
}

export interface Delivery<B> {
  readonly session: string
  readonly token: number
  readonly cursor: Cursor<B>
  readonly events: ReadonlyArray<Sent<B>>
}

/** With how many others at most it goes out, itself counted. DX1 */
export const togetherOf = (attempts: number): number =>
  attempts < 2 ? EVENTS : Math.max(1, Math.floor(EVENTS / 2 ** (attempts - 1)))

interface Open<B> {
  readonly delivery: Delivery<B> & { readonly events: Array<Sent<B>> }
  most: number
  bytes: number
}

export class Outgoing<B> {
  readonly deliveries: Array<Delivery<B>> = []
  /** The last of each session, of the cursor that is looked at. */
  readonly #open = new Map<string, Open<B>>()
  #cursor: Cursor<B> | undefined
  readonly #token: () => number

  constructor(token: () => number) {
    this.#token = token
  }

  /** Returns its token. */
  put(cursor: Cursor<B>, session: string, item: Item<B>, body: B): number {
    if (this.#cursor !== cursor) this.#open.clear()
    this.#cursor = cursor
    const most = togetherOf(item.attempts)
    let open = this.#open.get(session)
    const count = open?.delivery.events.length ?? 0
    if (open === undefined || count >= Math.min(open.most, most) || open.bytes + item.bytes > BYTES) {
      open = { delivery: { session, token: this.#token(), cursor, events: [] }, most, bytes: 0 }
      this.#open.set(session, open)
      this.deliveries.push(open.delivery)
    }
    open.most = Math.min(open.most, most)
    open.bytes += item.bytes
    open.delivery.events.push({ offset: item.offset, attempt: item.attempts + 1, body })
    return open.delivery.token
  }
}
