/**
 * Gives shares back to the store that this node has there and doesn't serve. Part of Consuming.
 *
 *   LZ5  Nothing waits for it: the store may have to wait for who has something of them locked.
 */
import { Effect, Queue } from "effect"
import { every } from "../telemetry/Every.ts"
import type { CursorStore } from "./CursorStore.ts"

export type Given = Parameters<CursorStore["Service"]["give"]>[1][number]

/** Shares that wait for it, and that are given back at once. What there is no room for, or fails, is found again by LZ3. */
const MOST = 512

export const makeGivingBack = Effect.fnUntraced(function* (run: string, store: CursorStore["Service"]) {
  const waiting = new Map<string, Given>()
  const some = yield* Queue.sliding<void>(1)
  const give = Effect.suspend(() => {
    const all = [...waiting.values()]
    waiting.clear()
    return all.length === 0 ? Effect.void : store.give(run, all)
  })
  yield* Effect.forkScoped(every("shares of subscriptions were not given back", Queue.take(some), give))

  /** Returns at once. */
  return (shares: ReadonlyArray<Given>): void => {
    for (const one of shares) {
      const key = `${one.id}/${one.share}`
      if (waiting.size < MOST || waiting.has(key)) waiting.set(key, one)
    }
    if (waiting.size > 0) Queue.offerUnsafe(some, undefined)
  }
})
