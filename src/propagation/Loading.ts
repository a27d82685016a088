/**
 * Reads every head: at the start, and when history was lost.
 *
 *   P6  Heads are read in pages while others commit: the view begins with what was current at one position, of one epoch.
 */
import { Effect } from "effect"
import { ConfigurationStore } from "../configuration/ConfigurationStore.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Heads } from "./Heads.ts"
import { isNewer, type Position, sameEpoch } from "./Position.ts"
import { RevisionLog } from "./RevisionLog.ts"

export interface Loaded {
  readonly heads: Heads
  readonly position: Position
}

/** Heads that are read at once. */
const HEADS = 2_500
/** Revisions that are read at once. */
export const PAGE = 500

export const makeLoading = Effect.gen(function* () {
  const store = yield* ConfigurationStore
  const log = yield* RevisionLog

  const load: Effect.Effect<Loaded, HeraldError> = Effect.gen(function* () {
    const heads = new Heads()
    let page = yield* store.heads(undefined, HEADS)
    let position = page.position
    let newest = position
    while (true) {
      for (const head of page.heads) {
        heads.set(head)
        const at = { epoch: position.epoch, revision: head.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.next === undefined) break
      yield* Effect.yieldNow
      page = yield* store.heads(page.next, HEADS)
      if (!sameEpoch(page.position, position)) return yield* load
    }
    while (isNewer(newest, position)) {
      const read = yield* log.after(position.revision, PAGE)
      const last = read?.at(-1)
      if (read === undefined || last === undefined)
        return yield* failure("DatabaseUnavailable", "the log does not go up to what is current")
      if (!read.every((one) => sameEpoch(one, newest))) return yield* load
      for (const { changes } of read) for (const change of changes) heads.set(change)
      position = { epoch: last.epoch, revision: last.revision }
      yield* Effect.yieldNow
    }
    return { heads, position }
  })

  return load
})
