/**
 * What a trade counts for: rules of its venue for the conditions under which it was made. Pure.
 *
 *   MN1  A trade counts for volume, for high and low, and for open and last as its venue's rule says for all of its conditions together; a condition
 *        that no rule knows changes nothing.
 *   MN2  What was traded outside of regular hours (T, U) gives volume to the day and prices only to the session that it was in.
 */
import type { Session } from "./Calendar.ts"

export interface Counts {
  readonly volume: boolean
  readonly highLow: boolean
  /** Open and close of a bar, and the latest trade. */
  readonly last: boolean
}

interface Rule extends Counts {
  /** Outside of the regular session it counts as any other. MN2 */
  readonly outside?: boolean
}

export type Rules = ReadonlyMap<string, Rule>

const ALL: Counts = { volume: true, highLow: true, last: true }
const VOLUME: Rule = { volume: true, highLow: false, last: false }
const NOT_LAST: Rule = { volume: true, highLow: true, last: false }
const NOTHING: Rule = { volume: false, highLow: false, last: false }
const OUTSIDE: Rule = { ...VOLUME, outside: true }

export const NO_RULES: Rules = new Map()

/** As the consolidated tapes of the US have them (UTP and CTA); those that are left out count for everything. */
export const US_RULES: Rules = new Map([
  ["C", VOLUME], // cash sale
  ["G", NOT_LAST], // bunched, sold
  ["H", VOLUME], // price variation
  ["I", VOLUME], // odd lot
  ["M", NOTHING], // the market centre's official close: a price, no trade
  ["N", VOLUME], // next day
  ["P", NOT_LAST], // prior reference price
  ["Q", NOTHING], // the market centre's official open
  ["R", VOLUME], // seller
  ["T", OUTSIDE], // Form T
  ["U", OUTSIDE], // extended hours, sold out of sequence
  ["V", VOLUME], // contingent
  ["W", VOLUME], // average price
  ["Z", NOT_LAST], // sold out of sequence
  ["4", NOT_LAST], // derivatively priced
  ["7", VOLUME], // qualified contingent
  ["8", VOLUME], // placeholder for a 611-exempt trade
  ["9", { volume: false, highLow: true, last: true }] // corrected consolidated close
])

/** MN1 */
export const countsOf = (rules: Rules, conditions: ReadonlyArray<string>, session: Session): Counts => {
  let counts = ALL
  for (const condition of conditions) {
    const rule = rules.get(condition)
    if (rule === undefined || (rule.outside === true && session !== "regular")) continue
    counts = {
      volume: counts.volume && rule.volume,
      highLow: counts.highLow && rule.highLow,
      last: counts.last && rule.last
    }
  }
  return counts
}
