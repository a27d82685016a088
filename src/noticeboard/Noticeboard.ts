/**
 * Port: a board that other programs read, and no node: what stands there is a hint, may be old or gone at any time, and is never the truth. It may be
 * slow or away, and never fails.
 *
 *   NJ1  What is put up stands there under its name, in the place of what stood there, and ends by itself. (held by test/contracts/Noticeboards.ts)
 */
import { Context, type Effect } from "effect"
import type { Notice } from "./Notice.ts"

export interface NoticeboardShape {
  /** True: it does not answer, so that nothing is worth putting together. */
  readonly away: () => boolean
  /** Returns when all are up, or when the board took no more of them. */
  readonly put: (notices: ReadonlyArray<Notice>) => Effect.Effect<void>
}

/** None by default: nothing is put together then. */
export const Noticeboard = Context.Reference<NoticeboardShape | undefined>("herald/noticeboard/Noticeboard", {
  defaultValue: () => undefined
})
