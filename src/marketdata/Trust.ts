/**
 * Of which topics an answer is that several tell of. Pure.
 *
 *   MU4  Of the topics that tell of a symbol those count that the first pattern of MARKET_DATA_TOPICS covers of which there are any: all of them, whoever
 *        told first and however many are of one mind, or none. Where they can't be put together (more than `TOPICS` of them, with more than `EXCHANGES`, or,
 *        of bars, with several calendars), it is refused by their names, and whoever names a topic or an exchange has an answer. Which these are is told,
 *        and which were left out as they are trusted less.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Calendar } from "./Calendar.ts"
import { venueOf } from "./Venue.ts"

/** Topics that are put together. */
export const TOPICS = 64
/** Exchanges of one symbol that are put together. */
export const EXCHANGES = 32
/** Topics that a refusal names, of each side. */
const NAMED = 4

/** What a topic tells of a symbol. */
export interface Telling {
  /** The topic's name. */
  readonly topic: string
  /** By their names; at most one more than `EXCHANGES`. */
  readonly exchanges: ReadonlyArray<string>
  /** Of its slowest partition that tells of it, in nanoseconds; undefined: not known. */
  readonly watermark: bigint | undefined
}

/** trust: a topic that is trusted more tells of it. */
export type WhyNot = "trust"

export interface LeftOut {
  readonly topic: string
  readonly why: WhyNot
}

export interface Trusted {
  readonly taken: ReadonlyArray<Telling>
  readonly leftOut: ReadonlyArray<LeftOut>
  readonly exchanges: ReadonlyArray<string>
  /** Of all of them, where bars are asked for. */
  readonly calendar: Calendar
}

const named = (tellings: ReadonlyArray<Telling>): string => {
  const names = tellings.map(({ topic }) => topic)
  const more = names.length - NAMED
  return more <= 0 ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${more} more`
}

/**
 * `tellings`: at least one, in the order in which they are trusted, one more than `TOPICS` where there are more. `bars`: of one calendar, as days of two zones
 * don't begin at once. Or that they can't be put together: `InvalidInput`.
 */
export const trusted = (
  symbol: string,
  tellings: ReadonlyArray<Telling>,
  rankOf: (topic: string) => number,
  { bars }: { readonly bars: boolean }
): Trusted | HeraldError => {
  const best = rankOf(tellings[0]!.topic)
  const taken = tellings.filter(({ topic }) => rankOf(topic) === best)
  if (taken.length > TOPICS)
    return failure("InvalidInput", `more than ${TOPICS} topics tell of ${symbol} (${named(taken)}): name one of them`)
  const exchanges = [...new Set(taken.flatMap((one) => one.exchanges))].sort()
  if (exchanges.length > EXCHANGES)
    return failure(
      "InvalidInput",
      `${symbol} is traded on more than ${EXCHANGES} exchanges (${named(taken)}): name one of them, or a topic`
    )
  const calendarOf = (exchange: string) => venueOf(exchange).calendar
  const firsts = exchanges.filter((one, at) => exchanges.findIndex((it) => calendarOf(it) === calendarOf(one)) === at)
  if (bars && firsts.length > 1) {
    const tellOf = (one: string) =>
      taken.filter((its) => its.exchanges.some((it) => calendarOf(it) === calendarOf(one)))
    const sides = firsts.map((one) => `${one} (${named(tellOf(one))})`).join(" and ")
    return failure(
      "InvalidInput",
      `${symbol} is traded on ${sides}, which have other hours: name an exchange, or a topic`
    )
  }
  const leftOut = tellings.slice(taken.length).map(({ topic }) => ({ topic, why: "trust" }) as const)
  return { taken, leftOut, exchanges, calendar: calendarOf(exchanges[0]!) }
}
