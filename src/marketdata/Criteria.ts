/**
 * What a listener wants of market data, and the filter in CEL that says it. Pure.
 *
 *   MQ1  The filter takes an event exactly where all criteria hold: symbols, kinds, exchanges and currencies are any of those that are named; trades and corrections are held to
 *        prices and volumes, quotes to prices by either side; what is taken back is always told, whatever it cost.
 *   MQ2  Symbols come first, as an equality: listeners of other symbols cost an event nothing.
 *   MQ3  Prices that are texts count as numbers. They are compared as doubles.
 */
import { excerpt } from "../text/Excerpt.ts"
import { decimalOf, decimalText } from "./Decimal.ts"
import { EXCHANGE, SYMBOL } from "./ReadTick.ts"
import type { Tick } from "./Tick.ts"

export const KINDS = ["trade", "quote", "cancel", "correction"] as const satisfies ReadonlyArray<Tick["kind"]>
export type Kind = (typeof KINDS)[number]

/** None of a list: all. Bounds are decimals as texts; "": none. */
export interface Criteria {
  readonly symbols: ReadonlyArray<string>
  readonly kinds: ReadonlyArray<Kind>
  readonly exchanges: ReadonlyArray<string>
  readonly currencies: ReadonlyArray<string>
  readonly minPrice: string
  readonly maxPrice: string
  readonly minVolume: string
}

export const EVERYTHING: Criteria = {
  ...{ symbols: [], kinds: [], exchanges: [], currencies: [] },
  ...{ minPrice: "", maxPrice: "", minVolume: "" }
}

/** As many as an index of filters takes. MQ2 */
export const MOST_SYMBOLS = 64
export const MOST_NAMES = 32
const CURRENCY = /^[A-Za-z0-9]{1,12}$/

const named = (what: string, names: ReadonlyArray<string>, pattern: RegExp, most: number): string | undefined => {
  if (names.length > most) return `${what}: ${names.length} are more than ${most}; ask in several streams`
  const wrong = names.find((name) => !pattern.test(name))
  return wrong === undefined ? undefined : `${what}: ${excerpt(wrong)} is none`
}

/** As a literal of CEL that is a double; a text says what is wrong. */
const bound = (what: string, text: string): { readonly at: string | undefined } | string => {
  if (text === "") return { at: undefined }
  const decimal = decimalOf(text)
  if (typeof decimal === "string") return `${what}: ${decimal}`
  const plain = decimalText(decimal)
  return { at: plain.includes(".") ? plain : `${plain}.0` }
}

const among = (field: string, names: ReadonlyArray<string>): string =>
  `payload.${field} in ${JSON.stringify([...new Set(names)])}`

/** MQ1 */
const kindsIn = (kinds: ReadonlyArray<Kind>): string => {
  const any = among("type", kinds)
  return kinds.includes("trade") ? `(!has(payload.type) || ${any})` : `has(payload.type) && ${any}`
}

const pricesIn = (least: string | undefined, most: string | undefined): string => {
  const within = (field: string) =>
    [
      ...(least === undefined ? [] : [`double(payload.${field}) >= ${least}`]),
      ...(most === undefined ? [] : [`double(payload.${field}) <= ${most}`])
    ].join(" && ")
  const side = (field: string) => `(has(payload.${field}) && ${within(field)})`
  return `(has(payload.price) ? ${within("price")} : ${CANCEL} || ${side("bid")} || ${side("ask")})`
}
const CANCEL = `(has(payload.type) && payload.type == "cancel")`

const volumeIn = (least: string): string =>
  `(has(payload.size) ? double(payload.size) >= ${least} : has(payload.volume) ? double(payload.volume) >= ${least} : !has(payload.price))`

/** "" for all events. */
export const filterOf = (criteria: Criteria): { readonly filter: string } | { readonly wrong: string } => {
  const { symbols, kinds, exchanges, currencies } = criteria
  const wrong =
    named("symbols", symbols, SYMBOL, MOST_SYMBOLS) ??
    named("exchanges", exchanges, EXCHANGE, MOST_NAMES) ??
    named("currencies", currencies, CURRENCY, MOST_NAMES)
  if (wrong !== undefined) return { wrong }
  const bounds = [
    bound("min_price", criteria.minPrice),
    bound("max_price", criteria.maxPrice),
    bound("min_volume", criteria.minVolume)
  ]
  for (const one of bounds) if (typeof one === "string") return { wrong: one }
  const [least, most, volume] = bounds.map((one) => (one as { readonly at: string | undefined }).at)
  const terms = [
    ...(symbols.length === 0 ? [] : [among("symbol", symbols)]),
    ...(exchanges.length === 0 ? [] : [among("exchange", exchanges)]),
    ...(currencies.length === 0 ? [] : [among("currency", currencies)]),
    ...(kinds.length === 0 ? [] : [kindsIn(kinds)]),
    ...(least === undefined && most === undefined ? [] : [pricesIn(least, most)]),
    ...(volume === undefined ? [] : [volumeIn(volume)])
  ]
  return { filter: terms.join(" && ") }
}
