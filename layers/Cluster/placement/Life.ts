/**
 * Knows how long this node still lives for the others: for `LIFE` since it asked for the last sign of life that was taken.
 *
 *   PC5  It is never thought to be longer than the others think: by this node's monotonic clock, from before it asked. So whoever was frozen
 *        or cut off rests without asking anybody.
 *   PC6  Whoever was away itself judges no other: for another life it goes on with the nodes that it knew.
 */
import { Clock, Effect, Latch } from "effect"
import { notice } from "../../../src/telemetry/Degraded.ts"
import { always } from "../../../src/telemetry/Every.ts"

/** Milliseconds. */
export const LIFE = 3_000

/** Milliseconds between two signs after which a node may have missed those of others. */
const AWAY = LIFE / 2

const NANOS = 1_000_000n

export const makeLife = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const rests = yield* notice("placement", {
    source: "life",
    began: "the database does not say that this node still lives: its share of the work that one node does rests",
    ended: "this node does its share of the work that one node does again"
  })
  /** Milliseconds of a clock that nobody sets. */
  const now = () => Number(clock.currentTimeNanosUnsafe() / NANOS)
  /** When the last sign that was taken was asked for. */
  let last = Number.NEGATIVE_INFINITY
  let judges = Number.NEGATIVE_INFINITY
  const sure = Latch.makeUnsafe(false)
  const over = Latch.makeUnsafe(true)
  let known = new Set<string>()

  const away = () => now() - last > AWAY
  const left = () => last + LIFE - now()
  const look = Effect.suspend(() => {
    if (!sure.isOpen()) return sure.await
    if (left() > 0) return Effect.andThen(rests.works, Effect.sleep(left() + 1))
    sure.closeUnsafe()
    over.openUnsafe()
    return rests.fails(`no sign of life was taken for ${LIFE} ms`)
  })
  yield* Effect.forkScoped(always("nobody saw how long this node lives", look)) // PC5

  return {
    /** Asks for a sign of life, or what is one. */
    sign: <A, E>(asked: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        const at = now()
        return Effect.tap(asked, () =>
          Effect.sync(() => {
            if (last > Number.NEGATIVE_INFINITY && at - last > AWAY) judges = now() + LIFE // PC6
            last = Math.max(last, at)
            if (left() <= 0) return
            over.closeUnsafe()
            sure.openUnsafe()
          })
        )
      }),
    /** Those that take part, as far as this node may judge. PC6 */
    judged: (members: ReadonlyArray<string>): ReadonlyArray<string> => {
      if (now() < judges || away()) known = new Set([...known, ...members])
      else known = new Set(members)
      return [...known]
    },
    /** Does it while the life lasts, and again from the beginning when it does again. PC5 */
    during: <R>(work: Effect.Effect<never, never, R>): Effect.Effect<never, never, R> =>
      always("work of one node for all did not rest", Effect.andThen(sure.await, Effect.raceFirst(work, over.await)))
  }
})

export type Life = Effect.Success<typeof makeLife>
