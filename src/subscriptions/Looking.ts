/** Looks at a subscription whenever there may be something to do: what goes out, what is read, what is written and given up. Part of Consuming. */
import { Effect, Queue } from "effect"
import { HeraldError } from "../errors/HeraldError.ts"
import { always, saidOf } from "../telemetry/Every.ts"
import type { LogKind } from "../topics/Topic.ts"
import type { Fetching } from "./Fetching.ts"
import type { Matches } from "./Matching.ts"
import type { Fitted, Schemas } from "./Schemas.ts"
import type { Serving } from "./Serving.ts"
import { statusAt } from "./Subscription.ts"
import type { SubscriptionStore } from "./SubscriptionStore.ts"
import type { Writing } from "./Writing.ts"

/** Milliseconds until another look at one that waits for a store or a log. */
export const AGAIN = 500
/** And at the latest, where it waits for nothing. */
const IDLE = 10_000

/** Where a subscription's events are from. */
export interface Source extends Fitted {
  readonly kind: LogKind
  readonly fetching: Fetching
  readonly woken: Queue.Queue<void>
}

export interface LookingOptions {
  readonly definitions: SubscriptionStore["Service"]
  readonly schemas: Schemas
  /** Milliseconds. SO5 */
  readonly now: () => number
  readonly writing: Writing
  /** There is something to be written. */
  readonly changed: () => void
  /** Shares were given up. */
  readonly news: () => void
}

/** Characters of why one is in error. */
const REASON = 1_000
const NOTHING: Matches = () => false

export const makeLooking = ({ definitions, schemas, now, writing, changed, news }: LookingOptions) => {
  /** Milliseconds: when those of which something was locked are to be given up again. */
  const later = new WeakMap<Serving, number>()

  /** True: some of them stay, for now. */
  const giveUpLeaving = Effect.fnUntraced(function* (serving: Serving) {
    const gone = [...serving.leaving].flatMap(([share, by]) => (serving.isIdle(share) || by <= now() ? [share] : []))
    if (gone.length === 0) return false
    if ((later.get(serving) ?? 0) > now()) return true
    const { isLocked } = yield* writing.giveUp([[serving, gone]])
    if (isLocked) later.set(serving, now() + AGAIN)
    else news()
    return isLocked
  })

  const told = (serving: Serving) =>
    Effect.suspend(() => {
      const { machine, subscription } = serving
      if (machine.status !== "error" || subscription.status === "error") return Effect.void
      const change = { status: "error" as const, reason: machine.reason, pausedMillis: null }
      return Effect.map(definitions.change(subscription, change), (changed) => {
        if (changed !== undefined) serving.become(changed)
      })
    })

  const note = (serving: Serving): void => {
    if (!serving.isDirty) return
    writing.dirty.add(serving)
    changed()
  }

  /** True: it is in error now, as its filter is none. QI6 */
  const stopped = Effect.fnUntraced(function* ({ machine, subscription }: Serving, source: Source) {
    if (!(source.matches instanceof HeraldError) || statusAt(machine, now()) !== "active") return false
    if (yield* schemas.again(subscription, source)) return false
    const reason = `filter: ${source.matches.message}`.slice(0, REASON).toWellFormed()
    Object.assign(machine, { status: "error", reason })
    return true
  })

  /** One look. Returns in how many milliseconds there is to be another at the latest. */
  const look = Effect.fnUntraced(function* (serving: Serving, source: Source) {
    const { fetching, matches } = source
    const isFit = !(matches instanceof HeraldError)
    const at = now()
    const { wants, deliveries, more, wake: next } = serving.poll(at, isFit && at < serving.holds)
    for (const seat of [...serving.seats.values()]) if (seat.isEnded) serving.leave(seat.session, at, true)
    note(serving)
    const isLocked = yield* giveUpLeaving(serving) // Before anything that a log may hold up: another node may have a log that answers.
    const isOver = yield* stopped(serving, source)
    yield* told(serving)
    const graves = yield* fetching.bury(serving)
    const { some, failed } = yield* fetching.fetch(serving, wants, isFit ? matches : NOTHING)
    note(serving)
    if (some || graves || more || deliveries.length > 0 || isOver || matches !== source.matches) return 0
    return Math.min(
      isLocked || serving.machine.dead.size > 0 || failed !== undefined ? AGAIN : IDLE,
      Math.max(1, (next ?? at + IDLE) - at)
    )
  })

  return (serving: Serving, source: Source) =>
    always(
      "a subscription met a defect",
      look(serving, source).pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logDebug("a subscription waits for its log or the store", saidOf(error)), AGAIN)
        ), // SO3
        Effect.flatMap((millis) =>
          millis === 0 ? Effect.yieldNow : Effect.raceFirst(Effect.sleep(millis), Queue.take(source.woken))
        )
      )
    )
}
