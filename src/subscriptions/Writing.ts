/**
 * Writes how far the subscriptions of a node are, one statement at a time. Part of Consuming. SO2
 *
 *   WO1  A write is of those that have changed, as many as fit into `MOST`; between two of them is the more rest the larger they are.
 *   WO2  One subscription of which nothing can be written holds up no other: it is written apart, and given up when that is no use either.
 *   WO3  Where nothing at all can be written it is the store: all is kept, and tried again.
 *   WO5  One of which others have something locked waits for that, and no other does.
 *   WO4  What is written as given up is given up: it stays with nobody here, and where that is not sure nothing of it goes out before it is written anew.
 */
import { Cause, Effect, Exit, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Unkeepable } from "../errors/Unkeepable.ts"
import { saidOf } from "../telemetry/Every.ts"
import type { CursorStore, Flush, Flushed } from "./CursorStore.ts"
import type { Gathered } from "./Gathered.ts"
import { type Given, makeGivingBack } from "./GivingBack.ts"
import type { Serving } from "./Serving.ts"

export interface WritingOptions {
  /** The life of this process. */
  readonly run: string
  readonly store: CursorStore["Service"]
  /** Milliseconds. SO5 */
  readonly now: () => number
  readonly wake: (id: string) => void
}

/** Bytes of one write, about, of more than one subscription. WO1 */
const MOST = 8_388_608
/** Of a write of nothing. */
const nothing: Flushed = { lost: [], full: [], locked: [] }
/** Milliseconds until another write of one that is locked. WO5 */
const LOCKED = 250
/** Milliseconds between two writes at least, and bytes of a write for each one more. WO1 */
const [REST, PACE] = [20, 8_192]

type Part = readonly [Serving, Gathered]

/** Bytes of it as it is written, about. */
const sizeOf = ({ saved, letters }: Flush): number =>
  saved.failed.reduce((sum, { cause }) => sum + 64 + cause.length, 256 + 1.4 * saved.ranges.length) +
  letters.reduce((sum, { event, cause }) => sum + 512 + cause.length + 1.4 * event.length, 0)

const bytesOf = ([, { flushes }]: Part): number => flushes.reduce((sum, flush) => sum + sizeOf(flush), 0)

/** What the store failed with; undefined: no store could take it, as it is a defect of ours or what was to be written is wrong. WO3 */
const errorOf = (cause: Cause.Cause<HeraldError | Unkeepable>): HeraldError | undefined => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  return error instanceof Unkeepable ? undefined : error
}

export const makeWriting = Effect.fnUntraced(function* ({ run, store, now, wake }: WritingOptions) {
  const writing = yield* Semaphore.make(1)
  const dirty = new Set<Serving>()
  /** Milliseconds: when those that were locked are written again. WO5 */
  const waits = new WeakMap<Serving, number>()
  const giveBack = yield* makeGivingBack(run, store)
  /** The store refuses whatever it is given. WO3 */
  let refuses = false

  /** What is told to machines is in the order of what was written. False: nothing was. */
  const write = (parts: ReadonlyArray<Part>) =>
    Effect.gen(function* () {
      const flushes = parts.flatMap(([, one]) => one.flushes)
      const { lost, full, locked } = flushes.length === 0 ? nothing : yield* store.flush(flushes)
      let before = 0
      let some = false
      for (const [serving, one] of parts) {
        const { id } = serving.subscription
        const places = lost.map((place) => place - before).filter((place) => place >= 0 && place < one.flushes.length)
        before += one.flushes.length
        const isLocked = locked.includes(id)
        some ||= !isLocked && one.flushes.length > 0
        if (isLocked) waits.set(serving, now() + LOCKED)
        else if (full.includes(id)) serving.saving.full()
        else serving.kept(one, new Set(places))
        if (serving.isDirty) dirty.add(serving)
        if (!isLocked) wake(id)
      }
      return some
    })

  /** Nothing of it can be written. WO2 */
  const drop = (serving: Serving, cause: unknown) =>
    Effect.suspend(() => {
      const held = [...serving.held].map(([share, { token }]) => ({ id: serving.subscription.id, share, token }))
      for (const { share } of held) serving.lose(share)
      const { topicName: topic, subscriptionName: subscription } = serving.subscription
      giveBack(held)
      return Effect.logError("how far a subscription is can't be written", { topic, subscription, cause })
    })

  /** WO3 */
  const refused = (error: HeraldError) =>
    Effect.suspend(() => {
      const isNews = !refuses
      refuses = true
      const said = Effect.logWarning("how far subscriptions are can't be written, and is tried again", saidOf(error))
      return Effect.andThen(isNews ? said : Effect.void, error)
    })

  /** WO2, WO3 */
  const apart = Effect.fnUntraced(function* (parts: ReadonlyArray<Part>): Effect.fn.Return<void, HeraldError> {
    const failed: Array<readonly [Serving, Cause.Cause<HeraldError | Unkeepable>]> = []
    let passed = false
    /** False: it failed, and all that there is to be said of that is noted. */
    const tried = Effect.fnUntraced(function* (those: ReadonlyArray<Part>): Effect.fn.Return<boolean, HeraldError> {
      const exit = yield* Effect.exit(write(those))
      if (Exit.isSuccess(exit)) {
        passed ||= exit.value
        return true
      }
      const error = errorOf(exit.cause)
      if (Cause.hasInterrupts(exit.cause)) return yield* Effect.interrupt
      if (error?.away === true) return yield* error
      if (those.length === 1) failed.push([those[0]![0], exit.cause])
      return false
    })
    if (!(yield* tried(parts)) && parts.length > 1) for (const part of parts) yield* tried([part])
    if (passed) refuses = false
    let kept: HeraldError | undefined
    for (const [serving, cause] of failed) {
      const error = errorOf(cause)
      if (passed || error === undefined) yield* drop(serving, cause)
      else kept ??= error
    }
    if (kept !== undefined) yield* refused(kept)
  })

  /** While the store takes shares back others are written: it may wait for who has something of them locked. WO5 */
  const give = (gone: ReadonlyArray<Given>) => (gone.length === 0 ? Effect.void : store.give(run, gone))

  /** Returns the milliseconds of rest until the next. WO1 */
  const flush = writing.withPermits(1)(
    Effect.suspend(() => {
      const taken: Array<Serving> = []
      const work = Effect.gen(function* () {
        const parts: Array<Part> = []
        let bytes = 0
        for (const serving of [...dirty]) {
          if (bytes >= MOST) break
          if ((waits.get(serving) ?? 0) > now()) continue
          dirty.delete(serving)
          taken.push(serving)
          if (!serving.isDirty) continue
          const made = yield* Effect.exit(Effect.sync((): Part => [serving, serving.gather()]))
          if (Exit.isFailure(made)) yield* drop(serving, made.cause)
          else {
            parts.push(made.value)
            bytes += bytesOf(made.value)
          }
        }
        yield* apart(parts)
        return REST + bytes / PACE
      })
      return Effect.onError(work, () =>
        Effect.sync(() => {
          for (const serving of taken) dirty.add(serving)
        })
      )
    })
  )

  /** Writes these shares of each for the last time, and returns those that are nobody's here any more: where something is locked they stay. */
  const lastWrite = Effect.fnUntraced(function* (those: ReadonlyArray<readonly [Serving, ReadonlyArray<number>]>) {
    const all = those.flatMap(([serving, shares]) =>
      shares.flatMap((share) => {
        const held = serving.held.get(share)
        return held === undefined ? [] : [{ serving, id: serving.subscription.id, share, token: held.token, held }]
      })
    )
    for (const { held } of all) held.going = true
    for (const [serving] of those) waits.delete(serving)
    const gathered: Array<Part> = []
    const writes = Effect.gen(function* () {
      let parts: Array<Part> = []
      let bytes = 0
      for (const [serving, shares] of those) {
        const part: Part = [serving, serving.gather(new Set(shares.filter((share) => serving.isIdle(share))))]
        gathered.push(part)
        parts.push(part)
        bytes += bytesOf(part)
        if (bytes < MOST) continue
        yield* apart(parts)
        parts = []
        bytes = 0
      }
      yield* apart(parts)
    })
    yield* Effect.onError(writes, () =>
      Effect.sync(() => {
        for (const { held } of all) held.going = false
        for (const [serving, one] of gathered) serving.saving.unsure(one)
      })
    )
    const [gone, locked] = [
      all.filter(({ serving }) => !waits.has(serving)),
      all.filter(({ serving }) => waits.has(serving))
    ]
    for (const { held } of locked) held.going = false
    for (const { serving, share, held } of gone) if (serving.held.get(share) === held) serving.lose(share)
    return { gone: gone.map(({ id, share, token }) => ({ id, share, token })), isLocked: locked.length > 0 }
  })

  /** Gives these shares of each up; clean, where nothing of them is under way. `isLocked`: some of them stay, for now. WO4, WO5 */
  const giveUp = (those: ReadonlyArray<readonly [Serving, ReadonlyArray<number>]>) =>
    Effect.gen(function* () {
      const { gone, isLocked } = yield* writing.withPermits(1)(lastWrite(those))
      yield* give(gone)
      return { isLocked }
    })

  return { dirty, flush, giveUp }
})

export type Writing = Effect.Success<ReturnType<typeof makeWriting>>
