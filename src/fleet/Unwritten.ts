/**
 * Notes that wait to be written, merged and bounded in entries and bytes. Pure state; Bookkeeping.ts writes them.
 *
 *   BL1  in DeliveryRows.ts
 *   BL2  Beyond the bounds the oldest rows give way to later ones of their client, key and state; then the oldest go altogether. Each step
 *        costs the same, however much waits.
 *   BL3  A batch has at most `BATCH` rows and `BYTES` bytes, instances first: nothing is written of an instance that is not yet known.
 *   BL4  What was taken and could not be written comes first again, under what came later.
 *   BL5  A batch that the store can never take is halved until the row at fault is alone; that one is left out, and holds nothing else up.
 */

import { Weighed } from "../bounds/Weighed.ts"
import { DeliveryRows, sizeOfDelivery } from "./DeliveryRows.ts"
import {
  type Batch,
  type DeliveryRow,
  type HealthNote,
  type HeldRow,
  type InstanceNote,
  instanceKey,
  type Speaker
} from "./Instance.ts"

/** Rows that are written at once. */
export const BATCH = 10_000
/** Bytes of text that are written at once, about. */
export const BYTES = 4 * 1024 * 1024

type HeldKey = HeldRow["keys"][number]

const slotKey = (row: DeliveryRow) => `${instanceKey(row)}\u0000${row.key}\u0000${row.state}`
const heldKey = (row: HeldRow) => `${row.session}\u0000${row.epoch}`
const healthKey = (row: HealthNote) => `${instanceKey(row)}\u0000${row.epoch}\u0000${row.revision}`

/** The later of two notes on one instance; a session that was not written yet still has to take it. */
const laterNote = (a: InstanceNote, b: InstanceNote): InstanceNote =>
  a.opening && a.session === b.session ? { ...b, opening: true } : b

/** Bytes, about. */
export const sizeOfInstance = ({ labels, patterns }: Pick<InstanceNote, "labels" | "patterns">) =>
  Object.entries(labels).reduce((sum, [name, value]) => sum + name.length + value.length + 8, 600) +
  patterns.reduce((sum, pattern) => sum + pattern.length + 4, 0)
const sizeOfHealth = ({ message, metrics }: HealthNote) =>
  400 + 2 * message.length + Object.keys(metrics).reduce((sum, name) => sum + name.length + 24, 0)
const sizeOfHeld = ({ key }: HeldKey) => 24 + key.length

/** Two halves, to be written in this order; undefined for a single row. BL5 */
export const halved = (batch: Batch): readonly [Batch, Batch] | undefined => {
  const { instances, deliveries, held, health } = batch
  const size = instances.length + deliveries.length + held.length + health.length
  if (size < 2) return undefined
  let left = size >> 1
  const first = <A>(rows: ReadonlyArray<A>) => {
    const some = rows.slice(0, left)
    left -= some.length
    return some
  }
  const one = { instances: first(instances), deliveries: first(deliveries), held: first(held), health: first(health) }
  const two = {
    instances: instances.slice(one.instances.length),
    deliveries: deliveries.slice(one.deliveries.length),
    held: held.slice(one.held.length),
    health: health.slice(one.health.length)
  }
  return [one, two]
}

interface Told {
  readonly row: Omit<HeldRow, "keys">
  readonly keys: Array<HeldKey>
}

export interface UnwrittenBounds {
  /** Deliveries that are all kept; beyond, only the newest of each key, client and state is, ten times as many at most. */
  readonly rows: number
  /** Of all that waits. */
  readonly bytes: number
}

export class Unwritten {
  readonly #bounds: UnwrittenBounds
  readonly #instances = new Weighed<InstanceNote>(sizeOfInstance)
  readonly #deliveries = new DeliveryRows()
  /** What gave way: the newest of each client, key and state. BL2 */
  readonly #newest = new Weighed<DeliveryRow>(sizeOfDelivery)
  readonly #health = new Weighed<HealthNote>(sizeOfHealth)
  readonly #held = new Map<string, Told>()
  /** A batch that could not be written. BL4 */
  #front: { readonly deliveries: DeliveryRows; readonly health: Weighed<HealthNote> } | undefined
  #heldKeys = 0
  #heldBytes = 0
  /** Rows that others replaced or displaced since this was last set to 0. */
  merged = 0

  constructor(bounds: UnwrittenBounds) {
    this.#bounds = bounds
  }

  /** Deliveries that wait, and keys that clients hold. */
  get deliveries(): number {
    return this.#deliveries.size + this.#newest.size + this.#heldKeys + (this.#front?.deliveries.size ?? 0)
  }

  get size(): number {
    return this.deliveries + this.#instances.size + this.#health.size + (this.#front?.health.size ?? 0)
  }

  get bytes(): number {
    const { deliveries, health } = this.#front ?? {}
    const waiting = this.#instances.bytes + this.#deliveries.bytes + this.#newest.bytes + this.#health.bytes
    return waiting + this.#heldBytes + (deliveries?.bytes ?? 0) + (health?.bytes ?? 0)
  }

  /** `instance`: the row's `instanceKey`, if the caller has it already. */
  delivery(row: DeliveryRow, instance: string = instanceKey(row)): void {
    const front = this.#front?.deliveries
    if (front?.has(row, instance) === true) front.add(row, instance)
    else this.#deliveries.add(row, instance)
    this.#bound()
  }

  instance(row: InstanceNote): void {
    const id = instanceKey(row)
    const known = this.#instances.get(id)
    this.#instances.set(id, known === undefined ? row : laterNote(known, row))
    while (this.#instances.size > this.#bounds.rows) this.#drop(this.#instances)
    this.#bound()
  }

  health(row: HealthNote): void {
    const id = healthKey(row)
    if (this.#front?.health.get(id) !== undefined) this.#front.health.replace(id, row)
    else this.#health.set(id, row)
    while (this.#health.size > this.#bounds.rows) this.#drop(this.#health)
    this.#bound()
  }

  held(speaker: Speaker, key: HeldKey & { readonly epoch: string }, at: number): void {
    const { environment, service, instance, session } = speaker
    const row = { environment, service, instance, session, epoch: key.epoch, at }
    this.#hold(row, key)
    this.#bound()
  }

  /** BL3 */
  take(): Batch {
    const batch = { instances: [], deliveries: [], held: [], health: [] } as {
      instances: Array<InstanceNote>
      deliveries: Array<DeliveryRow>
      held: Array<HeldRow>
      health: Array<HealthNote>
    }
    const room = { rows: Math.min(BATCH, this.#bounds.rows), bytes: BYTES }
    if (!this.#instances.takeInto(batch.instances, room)) return batch
    const from = [...(this.#front === undefined ? [] : [this.#front.deliveries]), this.#newest, this.#deliveries]
    for (const rows of from) if (!rows.takeInto(batch.deliveries, room)) return batch
    if (this.#front?.health.takeInto(batch.health, room) === false) return batch
    this.#front = undefined
    if (!this.#health.takeInto(batch.health, room)) return batch
    for (const [id, { row, keys }] of this.#held) {
      if (room.rows <= 0 || room.bytes <= 0) break
      const some = keys.splice(0, room.rows)
      const bytes = some.reduce((sum, key) => sum + sizeOfHeld(key), 0)
      this.#heldKeys -= some.length
      this.#heldBytes -= bytes
      room.rows -= some.length
      room.bytes -= bytes
      if (keys.length === 0) this.#held.delete(id)
      batch.held.push({ ...row, keys: some })
    }
    return batch
  }

  /** BL4 */
  putBack({ instances, deliveries, held, health }: Batch): void {
    for (const row of instances) {
      const id = instanceKey(row)
      const newer = this.#instances.get(id)
      if (newer === undefined) this.#instances.set(id, row)
      else this.#instances.replace(id, laterNote(row, newer))
    }
    const front = this.#front ?? { deliveries: new DeliveryRows(), health: new Weighed(sizeOfHealth) }
    for (const row of deliveries) {
      const id = instanceKey(row)
      const newer = this.#deliveries.delete(row, id)
      front.deliveries.add(row, id)
      if (newer !== undefined) front.deliveries.add(newer, id)
    }
    for (const row of health) front.health.set(healthKey(row), this.#health.delete(healthKey(row)) ?? row)
    this.#front = front
    for (const { keys, ...row } of held) for (const key of keys) this.#hold(row, key)
    while (this.#instances.size > this.#bounds.rows) this.#drop(this.#instances)
    this.#bound()
  }

  #hold(row: Omit<HeldRow, "keys">, key: HeldKey): void {
    const id = heldKey({ ...row, keys: [] })
    let told = this.#held.get(id)
    if (told === undefined) this.#held.set(id, (told = { row, keys: [] }))
    told.keys.push(key)
    this.#heldKeys++
    this.#heldBytes += sizeOfHeld(key)
  }

  #drop(rows: Pick<Weighed<unknown>, "shift">): void {
    if (rows.shift() !== undefined) this.merged++
  }

  /** BL2 */
  #bound(): void {
    const { rows, bytes } = this.#bounds
    const front = this.#front?.deliveries.size ?? 0
    while (this.#deliveries.size > Math.max(rows - front - this.#newest.size, rows >> 1)) this.#yield()
    while (this.#newest.size > 10 * rows) this.#drop(this.#newest)
    while (this.bytes > bytes && this.size > 0) {
      if (this.#held.size > 0) this.#dropHeld()
      else if (this.#newest.size > this.#deliveries.size) this.#drop(this.#newest)
      else if (this.#deliveries.size > 0) this.#yield()
      else if (this.#newest.size > 0) this.#drop(this.#newest)
      else if (this.#health.size > 0) this.#drop(this.#health)
      else if (this.#instances.size > 0) this.#drop(this.#instances)
      else break // what was put back: at most a batch
    }
    while (this.#heldKeys > 20 * rows) this.#dropHeld()
  }

  #yield(): void {
    const row = this.#deliveries.shift()!
    if (this.#newest.get(slotKey(row)) !== undefined) this.merged++
    this.#newest.set(slotKey(row), row)
  }

  /** Clients say it again when they connect again. */
  #dropHeld(): void {
    for (const [id, { keys }] of this.#held) {
      this.#held.delete(id)
      this.#heldKeys -= keys.length
      this.#heldBytes -= keys.reduce((sum, key) => sum + sizeOfHeld(key), 0)
      this.merged += keys.length
      return
    }
  }
}
