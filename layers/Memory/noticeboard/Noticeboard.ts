/** A board in this process. */
import { Clock, Effect, Layer } from "effect"
import type { Notice } from "../../../src/noticeboard/Notice.ts"
import { Noticeboard } from "../../../src/noticeboard/Noticeboard.ts"

/** By name. `until`: milliseconds of the clock. */
export type Board = Map<string, Pick<Notice, "text"> & { readonly until: number }>

/** `board`: what stands there; what has ended is forgotten when something is put up. */
export const layer = (board: Board, away: () => boolean = () => false) =>
  Layer.effect(
    Noticeboard,
    Effect.map(Clock.Clock, (clock) => ({
      away,
      put: (notices: ReadonlyArray<Notice>) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          for (const [name, { until }] of board) if (until <= now) board.delete(name)
          if (!away()) for (const { name, text, millis } of notices) board.set(name, { text, until: now + millis })
        })
    }))
  )
