/**
 * Writes how far the subscriptions of a node are, one statement at a time. Part of Consuming. SO2
 *
 *   WO1  A write is of those that have changed, as many as fit into `MOST`; between two of them is the more rest the larger they are.
 *   WO2  One subscription of which nothing can be written holds up no other: it is written apart, and given up when that is no use either.
 */
import { Cause, Effect, Exit, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { CursorStore, Flush } from "./CursorStore.ts"
import type { Gathered } from "./Gathered.ts"
import type { Serving } from "./Serving.ts"

export interface WritingOptions {
  /** The life of this process. */
  readonly run: string
  readonly store: CursorStore["Service"]
  readonly wake: (id: string) => void
}

/** Bytes of one write, about, of more than one subscription. WO1 */
const MOST = 8_388_608
/** Milliseconds between two writes at least, and bytes of a write for each one more. WO1 */
const [REST, PACE] = [20, 8_192]

type Part = readonly [Serving, Gathered]

/** Bytes of it as it is written, about. */
const sizeOf = ({ saved, letters }: Flush): number =>
  saved.failed.reduce((sum, { cause }) => sum + 64 + cause.length, 256 + 1.4 * saved.ranges.length) +
  letters.reduce((sum, { event, cause }) => sum + 512 + cause.length + 1.4 * event.length, 0)

const bytesOf = ([, { flushes }]: Part): number => flushes.reduce((sum, flush) => sum + sizeOf(flush), 0)

/** The store is away, or refuses everything for now. */
const isAway = ({ name }: HeraldError): boolean => ["DatabaseUnavailable", "DatabaseReadOnly", "Timeout"].includes(name)

export const makeWriting = Effect.fnUntraced(function* ({ run, store, wake }: WritingOptions) {
  const writing = yield* Semaphore.make(1)
  const dirty = new Set<Serving>()

  /** What is told to machines is in the order of what was written. */
  const write = (parts: ReadonlyArray<Part>) =>
    Effect.gen(function* () {
      const flushes = parts.flatMap(([, one]) => one.flushes)
      const { lost, full } = flushes.length === 0 ? { lost: [], full: [] } : yield* store.flush(flushes)
      let before = 0
      for (const [serving, one] of parts) {
        const places = lost.map((place) => place - before).filter((place) => place >= 0 && place < one.flushes.length)
        before += one.flushes.length
        if (full.includes(serving.subscription.id)) serving.saving.full()
        else serving.kept(one, new Set(places))
        if (serving.isDirty) dirty.add(serving)
        wake(serving.subscription.id)
      }
    })

  /** Nothing of it can be written. WO2 */
  const drop = (serving: Serving, cause: unknown) =>
    Effect.suspend(() => {
      const held = [...serving.held].map(([share, { token }]) => ({ id: serving.subscription.id, share, token }))
      for (const { share } of held) serving.lose(share)
      const { topicName: topic, subscriptionName: subscription } = serving.subscription
      return Effect.andThen(
        Effect.logError("how far a subscription is can't be written", { topic, subscription, cause }),
        store.give(run, held)
      )
    })

  /** WO2 */
  const apart = (parts: ReadonlyArray<Part>): Effect.Effect<void, HeraldError> =>
    Effect.catchCause(write(parts), (cause) => {
      if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
      const failed = cause.reasons.find(Cause.isFailReason)
      if (failed !== undefined && isAway(failed.error)) return Effect.fail(failed.error)
      return parts.length === 1
        ? drop(parts[0]![0], cause)
        : Effect.forEach(parts, (part) => apart([part]), { discard: true })
    })

  /** Returns the milliseconds of rest until the next. WO1 */
  const flush = writing.withPermits(1)(
    Effect.gen(function* () {
      const parts: Array<Part> = []
      let bytes = 0
      for (const serving of [...dirty]) {
        if (bytes >= MOST) break
        dirty.delete(serving)
        if (!serving.isDirty) continue
        const made = yield* Effect.exit(Effect.sync((): Part => [serving, serving.gather()]))
        if (Exit.isFailure(made)) yield* drop(serving, made.cause)
        else {
          parts.push(made.value)
          bytes += bytesOf(made.value)
        }
      }
      const again = Effect.sync(() => {
        for (const [serving] of parts) dirty.add(serving)
      })
      yield* Effect.onError(apart(parts), () => again)
      return REST + bytes / PACE
    })
  )

  /** Gives these shares of each up; clean, where nothing of them is under way. */
  const giveUp = (those: ReadonlyArray<readonly [Serving, ReadonlyArray<number>]>) =>
    writing.withPermits(1)(
      Effect.gen(function* () {
        const all = those.flatMap(([serving, shares]) =>
          shares.flatMap((share) => {
            const held = serving.held.get(share)
            return held === undefined ? [] : [{ serving, id: serving.subscription.id, share, token: held.token, held }]
          })
        )
        let parts: Array<Part> = []
        let bytes = 0
        for (const [serving, shares] of those) {
          const part: Part = [serving, serving.gather(new Set(shares.filter((share) => serving.isIdle(share))))]
          parts.push(part)
          bytes += bytesOf(part)
          if (bytes < MOST) continue
          yield* write(parts)
          parts = []
          bytes = 0
        }
        yield* write(parts)
        yield* store.give(
          run,
          all.map(({ id, share, token }) => ({ id, share, token }))
        )
        for (const { serving, share, held } of all) if (serving.held.get(share) === held) serving.lose(share)
      })
    )

  return { dirty, flush, giveUp }
})

export type Writing = Effect.Success<ReturnType<typeof makeWriting>>
