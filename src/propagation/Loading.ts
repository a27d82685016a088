/**
 * Reads every view at the start, and again when history was lost.
 *
 *   P6  Views are read in pages while others commit: they begin with what was current at one position, of one epoch.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isNewer, type Position, sameEpoch } from "./Position.ts"
import type { Revision } from "./Revision.ts"
import { RevisionLog } from "./RevisionLog.ts"
import type { NextView } from "./View.ts"
import { Views } from "./Views.ts"

export interface Loaded {
  readonly position: Position
  /** From now on all views serve what was read, as of `position`. Synchronous. */
  readonly begin: () => void
}

/** Revisions of one page. */
export const PAGE = 500

export const makeLoading = Effect.gen(function* () {
  const views = yield* Views
  const log = yield* RevisionLog

  const load: Effect.Effect<Loaded, HeraldError> = Effect.gen(function* () {
    const readings = new Map<string, NextView>()
    let position: Position | undefined
    let newest: Position | undefined
    for (const view of views) {
      const reading = yield* view.read
      if (position !== undefined && !sameEpoch(reading.from, position)) return yield* load
      readings.set(view.kind, reading)
      if (position === undefined || isNewer(position, reading.from)) position = reading.from
      if (newest === undefined || isNewer(reading.newest, newest)) newest = reading.newest
    }
    if (position === undefined || newest === undefined) return { position: yield* log.head, begin: () => {} }
    while (isNewer(newest, position)) {
      const read: ReadonlyArray<Revision> | undefined = yield* log.after(position.revision, PAGE)
      const last: Revision | undefined = read?.at(-1)
      if (read === undefined || last === undefined)
        return yield* failure("DatabaseUnavailable", "the log does not go up to what is current")
      const of: Position = newest
      if (!read.every((one) => sameEpoch(one, of))) return yield* load
      for (const one of read) for (const change of one.changes) readings.get(change.kind)?.catchUp(change, one)
      position = { epoch: last.epoch, revision: last.revision }
      yield* Effect.yieldNow
    }
    const at: Position = position
    return {
      position: at,
      begin: () => {
        for (const reading of readings.values()) reading.begin(at)
      }
    }
  })

  return load
})
