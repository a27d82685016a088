/** Writes how far the subscriptions of a node are, all of them in one statement, one at a time. Part of Consuming. SO2 */
import { Effect, Semaphore } from "effect"
import type { CursorStore } from "./CursorStore.ts"
import type { Gathered } from "./Gathered.ts"
import type { Serving } from "./Serving.ts"

export interface WritingOptions {
  /** The life of this process. */
  readonly run: string
  readonly store: CursorStore["Service"]
  readonly servings: () => Iterable<Serving>
  readonly wake: (id: string) => void
}

export const makeWriting = Effect.fnUntraced(function* ({ run, store, servings, wake }: WritingOptions) {
  const writing = yield* Semaphore.make(1)

  /** One write at a time, so that what is told to machines is in the order of what was written. */
  const write = (gathered: ReadonlyArray<readonly [Serving, Gathered]>) =>
    Effect.gen(function* () {
      const flushes = gathered.flatMap(([, one]) => one.flushes)
      const { lost, full } = flushes.length === 0 ? { lost: [], full: [] } : yield* store.flush(flushes)
      let before = 0
      for (const [serving, one] of gathered) {
        const { subscription, machine } = serving
        if (full.includes(subscription.id)) {
          machine.status = "error"
          machine.reason = "it has as many dead letters as may be"
        } else {
          serving.kept(one, new Set(lost.map((place) => place - before)))
          wake(subscription.id)
        }
        before += one.flushes.length
      }
    })

  const flush = writing.withPermits(1)(
    Effect.suspend(() => write([...servings()].filter(({ isDirty }) => isDirty).map((one) => [one, one.gather()])))
  )

  const giveUp = (serving: Serving, share: number) =>
    writing.withPermits(1)(
      Effect.gen(function* () {
        const held = serving.held.get(share)
        if (held === undefined) return
        yield* write([[serving, serving.gather(serving.isIdle(share) ? share : undefined)]])
        yield* store.give(run, [{ id: serving.subscription.id, share, token: held.token }])
        if (serving.held.get(share) === held) serving.lose(share)
      })
    )

  return { flush, giveUp }
})
