/**
 * Counts feeds: how many are open, which wait for their readers, and why others did not come or ended.
 *
 *   FO1  A feed is slow once its reader took nothing for 5 s of what it was handed. Such a one that ends, because its reader left or was cut
 *        off for holding memory, ended slow.
 */
import { Effect, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"

/** Milliseconds. FO1 */
const SLOW = 5_000

export interface Counted {
  /** When the reader was handed what it has not taken yet; undefined while it waits for more. Milliseconds since 1970. */
  readonly handed: number | undefined
}

export type Refused = "full" | "principal" | "draining"
export type EndedBy = "reader" | "key" | "draining"

/** FO1 */
const isSlow = ({ handed }: Counted, now: number): boolean => handed !== undefined && now - handed >= SLOW

export const makeCounts = Effect.fnUntraced(function* (feeds: Iterable<Counted>) {
  const context = yield* Effect.context<never>()
  let changes = 0

  const write = Effect.clockWith((clock) => {
    const now = clock.currentTimeMillisUnsafe()
    let [all, slow] = [0, 0]
    for (const feed of feeds) {
      all++
      if (isSlow(feed, now)) slow++
    }
    const told = changes
    changes = 0
    return Metric.update(open, all).pipe(
      Effect.andThen(Metric.update(slowOnes, slow)),
      Effect.andThen(Metric.update(changesTotal, told))
    )
  })
  yield* Effect.forkScoped(afterEvery("feeds were not counted", "1 second", write))

  return {
    /** Changes that feeds handed to their readers. */
    told: (number: number): void => void (changes += number),
    refused: (reason: Refused): void => Metric.withAttributes(refusals, { reason }).updateUnsafe(1, context),
    reset: (reason: "history" | "horizon"): void => Metric.withAttributes(resets, { reason }).updateUnsafe(1, context),
    /** `now`: milliseconds since 1970. */
    ended: (feed: Counted, by: EndedBy, now: number): void => {
      const reason = by === "reader" && isSlow(feed, now) ? "slow" : by
      Metric.withAttributes(endings, { reason }).updateUnsafe(1, context)
    }
  }
})

const open = gauge("herald_feeds", "feeds of changes that are open")
const slowOnes = gauge("herald_feeds_slow", "open feeds whose reader took nothing for 5 s of what it was handed")
const changesTotal = counter("herald_feeds_changes_total", "changes handed to the readers of feeds")
const refusals = counter(
  "herald_feeds_refused_total",
  "feeds that were not opened: all places taken (FEEDS_MAX), all of one principal, or the node leaves",
  each("reason", ["full", "principal", "draining"])
)
const resets = counter(
  "herald_feeds_resets_total",
  "feeds whose readers had to read everything again, as their position was of another history or no longer kept",
  each("reason", ["history", "horizon"])
)
const endings = counter(
  "herald_feeds_ended_total",
  "feeds that ended: the reader left, left or was cut off while slow, its API key is no longer good, or the node leaves",
  each("reason", ["reader", "slow", "key", "draining"])
)
