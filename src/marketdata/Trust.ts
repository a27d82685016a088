/**
 * Of which topics an answer is that several tell of. Pure.
 *
 *   MU4  Nobody who publishes to one topic keeps readers of others from an answer, or from what others told: of the topics that tell of a symbol those count
 *        that the first pattern of MARKET_DATA_TOPICS covers of which there are any, each whole, as many as have `EXCHANGES` and, of bars, one calendar
 *        together; who told of it first has precedence. Which these are is told, and which were left out, and why.
 */
import type { Calendar } from "./Calendar.ts"
import { venueOf } from "./Venue.ts"

/** Exchanges of one symbol that are put together. */
export const EXCHANGES = 32

/** What a topic tells of a symbol. */
export interface Telling {
  /** The topic's name. */
  readonly topic: string
  /** By their names; at most one more than `EXCHANGES`. */
  readonly exchanges: ReadonlyArray<string>
  /** Of its slowest partition that tells of it, in nanoseconds; undefined: not known. */
  readonly watermark: bigint | undefined
}

/** trust: a topic that is trusted more tells of it. exchanges: there were too many with it. hours: its exchanges have others. */
export type WhyNot = "trust" | "exchanges" | "hours"

export interface LeftOut {
  readonly topic: string
  readonly why: WhyNot
}

export interface Trusted {
  /** None: not even the first could be put together, and `leftOut` says why. */
  readonly taken: ReadonlyArray<Telling>
  readonly leftOut: ReadonlyArray<LeftOut>
  readonly exchanges: ReadonlyArray<string>
  /** Of those that are taken. */
  readonly calendar: Calendar | undefined
}

/** `tellings`: in the order in which they are trusted. `bars`: of one calendar, as days of two zones don't begin at once. */
export const trusted = (
  tellings: ReadonlyArray<Telling>,
  rankOf: (topic: string) => number,
  { bars }: { readonly bars: boolean }
): Trusted => {
  const best = rankOf(tellings[0]?.topic ?? "")
  const taken: Array<Telling> = []
  const leftOut: Array<LeftOut> = []
  let exchanges: ReadonlySet<string> = new Set()
  let calendar: Calendar | undefined
  for (const one of tellings) {
    const both = new Set([...exchanges, ...one.exchanges])
    const calendars = new Set([...both].map((exchange) => venueOf(exchange).calendar))
    const why: WhyNot | undefined =
      rankOf(one.topic) > best
        ? "trust"
        : both.size > EXCHANGES
          ? "exchanges"
          : bars && calendars.size > 1
            ? "hours"
            : undefined
    if (why !== undefined) {
      leftOut.push({ topic: one.topic, why })
      continue
    }
    taken.push(one)
    exchanges = both
    calendar = [...calendars][0]
  }
  return { taken, leftOut, exchanges: [...exchanges].sort(), calendar }
}
