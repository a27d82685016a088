/**
 * Use cases that change a subscription while it is there.
 *
 *   OB5, OB8 in Subscriptions.ts
 */
import { Effect } from "effect"
import type { CommitOptions } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Note } from "../topics/TopicStore.ts"
import type { Found } from "./Found.ts"
import { changeProblem, type Subscription, type SubscriptionChange } from "./Subscription.ts"
import type { StatusChange, SubscriptionStore } from "./SubscriptionStore.ts"
import type { Named } from "./Subscriptions.ts"

/** Milliseconds of the longest pause with an end. */
export const LONGEST_PAUSE = 90 * 86_400_000
/** How often a change is tried that another one came before. */
const TRIES = 5

const invalid = (message: string) => failure("InvalidInput", message)

export interface Changing {
  readonly store: SubscriptionStore["Service"]
  readonly found: (named: Named) => Effect.Effect<Found, HeraldError>
  /** Whoever may, and how it is noted. */
  readonly changing: (named: Named, options: CommitOptions) => Effect.Effect<Note, HeraldError>
  /** Undefined: it may be a dead-letter topic; "" is none. */
  readonly deadLetterProblem: (name: string) => Effect.Effect<HeraldError | undefined, HeraldError>
}

/** What each may fail with stands in `Subscriptions`. */
export const changesOf = ({ store, found, changing, deadLetterProblem }: Changing) => {
  const update = Effect.fn("Subscriptions.update")(function* (
    named: Named,
    change: SubscriptionChange,
    options: CommitOptions,
    expected?: number
  ) {
    const note = yield* changing(named, options)
    for (let tries = 0; tries < TRIES; tries++) {
      const { subscription: now } = yield* found(named)
      if (expected !== undefined && expected !== now.version)
        return yield* failure("SubscriptionConflict", `${named.subscriptionName} is at version ${now.version} by now`)
      const wrong = changeProblem(now, change)
      if (wrong !== undefined) return yield* invalid(wrong)
      const problem = yield* deadLetterProblem(change.deadLetterTopic ?? "")
      if (problem !== undefined) return yield* problem
      const changed = yield* store.update(now, change, note)
      if (changed !== undefined) return changed
    }
    return yield* failure("SubscriptionConflict", `${named.subscriptionName} is being changed by somebody else`)
  })

  /** `from`: in which states it may be. */
  const changed = Effect.fnUntraced(function* (
    named: Named,
    change: StatusChange,
    mayBe: (one: Subscription) => string | undefined,
    note: Note
  ) {
    for (let tries = 0; tries < TRIES; tries++) {
      const { subscription } = yield* found(named)
      const wrong = mayBe(subscription)
      if (wrong !== undefined) return yield* failure("SubscriptionConflict", wrong)
      const now = yield* store.change(subscription, change, note)
      if (now !== undefined) return now
    }
    return yield* failure("SubscriptionConflict", `${named.subscriptionName} is being moved by somebody else`)
  })

  const pause = Effect.fn("Subscriptions.pause")(function* (
    named: Named,
    millis: number | null,
    options: CommitOptions
  ) {
    const note = yield* changing(named, options)
    if (millis !== null && !(Number.isInteger(millis) && millis >= 1 && millis <= LONGEST_PAUSE))
      return yield* invalid(`a pause with an end has 1 to ${LONGEST_PAUSE} milliseconds`)
    const inError = ({ status, reason }: Subscription) => {
      if (status === "stopped") return "it is stopped, and has no consumers" // OB8
      return status === "error" ? `it is in error, and hands out nothing: ${reason}` : undefined // OB5
    }
    return yield* changed(named, { status: "paused", reason: "", pausedMillis: millis }, inError, note)
  })

  const stop = Effect.fn("Subscriptions.stop")(function* (named: Named, options: CommitOptions) {
    const note = yield* changing(named, options)
    return yield* changed(named, { status: "stopped", reason: "", pausedMillis: null }, () => undefined, note)
  })

  const resume = Effect.fn("Subscriptions.resume")(function* (named: Named, options: CommitOptions) {
    const note = yield* changing(named, options)
    return yield* changed(named, { status: "active", reason: "", pausedMillis: null }, () => undefined, note)
  })

  return { update, pause, stop, resume }
}
