/**
 * A batch of which events hold only what changed. Pure.
 *
 *   BX30 In a batch with changes an event is whole, or the difference to the event of its key before it in the same batch: whoever has a batch has
 *        all that it needs for it, whatever was left out or lost before.
 */
import { changeOf, type Written, writtenOf } from "../delta/Changes.ts"
import { frameOf, messageOf } from "../topics/Message.ts"
import { Batch } from "./Batch.ts"
import { eventIn } from "./Rows.ts"

/** An event that is a difference: its place in the batch, and which fields of the one before are gone. */
export interface Changed {
  readonly event: number
  readonly gone: ReadonlyArray<number>
}

/** The same events; the same batch, where none of them is less as a difference. May be left between two events. BX30 */
export function* changedOf(batch: Batch): Generator<void, Batch> {
  if (batch.compressed !== undefined || batch.count < 2) return batch
  const before = new Map<string, Written | undefined>()
  const changed: Array<Changed> = []
  const rows: Array<Uint8Array> = []
  let event = 0
  for (const entry of batch.entries()) {
    yield
    rows.push(entry)
    const message = messageOf(eventIn(entry))
    const place = event++
    if (message.key === null) continue
    const now = writtenOf(message.payload)
    const last = before.get(message.key)
    before.set(message.key, now)
    const change = now === undefined || last === undefined ? undefined : changeOf(last, now)
    if (change === undefined) continue
    rows[place] = frameOf([{ ...message, payload: change.payload }]).bytes
    changed.push({ event: place, gone: change.gone })
  }
  if (changed.length === 0) return batch
  const { partition, epoch, first, count, next, at, later, steps, leftOut } = batch
  return new Batch({ partition, epoch, first, count, next, at, later, steps, leftOut, rows, changed })
}
