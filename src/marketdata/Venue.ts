/** Where something is traded: when, and what a trade there counts for. Pure. */
import { ALWAYS, type Calendar, US_EQUITIES } from "./Calendar.ts"
import { NO_RULES, type Rules, US_RULES } from "./Conditions.ts"

export interface Venue {
  readonly calendar: Calendar
  readonly rules: Rules
}

const US: Venue = { calendar: US_EQUITIES, rules: US_RULES }
/** Any other: coins and currencies have no hours and no tape. */
const OTHER: Venue = { calendar: ALWAYS, rules: NO_RULES }

/** By what feeds call them, and by their codes of ISO 10383. */
const VENUES: ReadonlyMap<string, Venue> = new Map(
  [
    ...["NYSE", "XNYS", "NASDAQ", "XNAS", "ARCA", "ARCX", "AMEX", "XASE", "BATS", "BZX", "BYX", "BATY", "EDGA", "EDGX"],
    ...["IEX", "IEXG", "MEMX", "PSX", "XPSX", "XBOS", "XCHI", "XCIS", "FINRA", "XADF", "MIAX", "EPRL", "LTSE", "US"]
  ].map((name) => [name, US])
)

export const venueOf = (exchange: string): Venue => VENUES.get(exchange) ?? OTHER
