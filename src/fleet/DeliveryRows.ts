/**
 * Deliveries that wait to be written, by the revision of a key and then by instance. A fan-out and its answers come in that order, so that
 * a thousand clients cost a thousand look-ups of strings that exist, and no new ones. Pure state of Unwritten.ts.
 *
 *   BL1  A delivery has one row: an answer is never overwritten by "sent".
 */
import type { Room } from "../bounds/Weighed.ts"
import type { DeliveryRow } from "./Instance.ts"

/** BL1 */
const later = (a: DeliveryRow, b: DeliveryRow): DeliveryRow => {
  const row = b.state === "sent" ? a : b
  return { ...row, sentAt: Math.max(a.sentAt, b.sentAt), lacks: a.lacks || b.lacks }
}

/** Bytes, about. */
export const sizeOfDelivery = ({ key, reason }: DeliveryRow): number => 240 + key.length + 2 * reason.length

export class DeliveryRows {
  /** Oldest revision of a key first, and in it the oldest row. */
  readonly #of = new Map<string, Map<string, DeliveryRow>>()
  size = 0
  bytes = 0
  /** The last place that was asked for: the next row usually has the same. */
  #last: { readonly key: string; readonly epoch: string; readonly revision: bigint; readonly place: string } | undefined

  has(row: DeliveryRow, instance: string): boolean {
    return this.size > 0 && this.#of.get(this.#placeOf(row))?.has(instance) === true
  }

  /** BL1 */
  add(row: DeliveryRow, instance: string): void {
    const place = this.#placeOf(row)
    let rows = this.#of.get(place)
    if (rows === undefined) this.#of.set(place, (rows = new Map()))
    const known = rows.get(instance)
    if (known === undefined) {
      rows.set(instance, row)
      this.size++
      this.bytes += sizeOfDelivery(row)
      return
    }
    const merged = later(known, row)
    this.bytes += sizeOfDelivery(merged) - sizeOfDelivery(known)
    rows.set(instance, merged)
  }

  delete(row: DeliveryRow, instance: string): DeliveryRow | undefined {
    const place = this.#placeOf(row)
    const rows = this.#of.get(place)
    const found = rows?.get(instance)
    if (found !== undefined) this.#drop(place, rows!, instance, found)
    return found
  }

  shift(): DeliveryRow | undefined {
    for (const [place, rows] of this.#of)
      for (const [instance, row] of rows) {
        this.#drop(place, rows, instance, row)
        return row
      }
    return undefined
  }

  /** Moves the oldest rows into `list` while there is room; false when some are left. */
  takeInto(list: Array<DeliveryRow>, room: Room): boolean {
    for (const [place, rows] of this.#of) {
      const from = list.length
      for (const row of rows.values()) {
        if (room.rows <= 0 || room.bytes <= 0) break
        room.rows--
        room.bytes -= sizeOfDelivery(row)
        this.bytes -= sizeOfDelivery(row)
        list.push(row)
      }
      const taken = list.length - from
      this.size -= taken
      if (taken === rows.size) this.#of.delete(place)
      else {
        let left = taken
        for (const instance of rows.keys()) {
          if (left-- === 0) break
          rows.delete(instance)
        }
        return false
      }
    }
    return true
  }

  #drop(place: string, rows: Map<string, DeliveryRow>, instance: string, row: DeliveryRow): void {
    rows.delete(instance)
    if (rows.size === 0) this.#of.delete(place)
    this.size--
    this.bytes -= sizeOfDelivery(row)
  }

  #placeOf({ key, epoch, revision }: DeliveryRow): string {
    const last = this.#last
    if (last !== undefined && last.key === key && last.revision === revision && last.epoch === epoch) return last.place
    const place = `${key}\u0000${epoch}\u0000${revision}`
    this.#last = { key, epoch, revision, place }
    return place
  }
}
