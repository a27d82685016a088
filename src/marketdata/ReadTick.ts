/**
 * Reads what a venue told from an event of a topic: JSON, as feeds write it. Pure.
 *
 *   MH2  Numbers are read as they are written, whether as JSON's numbers or as texts, and never by way of a double.
 *   MH3  What can't be read whole is refused with what is wrong: nothing of it counts. Of what is too long or too deep, nothing is read.
 */
import { excerpt } from "../text/Excerpt.ts"
import { type Decimal, priceOf, sizeOf } from "./Decimal.ts"
import type { Cancel, Correction, Quote, Side, Tick, Trade } from "./Tick.ts"

/** Bytes of an event that is read. */
export const LONGEST_TICK = 16_384
export const SYMBOL = /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$/
export const EXCHANGE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/
const CURRENCY = /^[A-Za-z0-9]{0,12}$/
const ID = /^[!-~]{1,64}$/
const CONDITION = /^[!-~]{1,16}$/
const CONDITIONS = 16
/** 1970 to 2262: nanoseconds in 64 bits. */
const LAST_TIME = 2n ** 63n - 1n
const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/

type Members = Readonly<Record<string, unknown>>

/** Says what is wrong with a tick. It never leaves this file. */
class Wrong extends Error {}
const wrong = (message: string): never => {
  throw new Wrong(message)
}
const right = <A>(value: A | string): A => (typeof value === "string" ? wrong(value) : (value as A))

/** A number that stands for itself, as it was written. */
class Numeral {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** TypeScript's library doesn't know of the third argument yet, by which the text of a number is had. MH2 */
const parse = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown
) => unknown

const textIn = (members: Members, name: string): string | undefined => {
  const said = members[name]
  if (said === undefined || said === null || said === "") return undefined
  if (said instanceof Numeral) return said.text
  return typeof said === "string" ? said : wrong(`${name} is neither a text nor a number`)
}

const matching = (members: Members, name: string, pattern: RegExp): string | undefined => {
  const text = textIn(members, name)
  return text === undefined || pattern.test(text) ? text : wrong(`${excerpt(text)} is no ${name}`)
}

const needed = <A>(name: string, value: A | undefined): A => (value === undefined ? wrong(`${name} is missing`) : value)

const timeOf = (name: string, text: string): bigint => {
  if (/^\d{1,19}$/.test(text)) {
    const nanos = BigInt(text)
    return nanos > LAST_TIME ? wrong(`${excerpt(text)} is no time`) : nanos
  }
  const found = text.length > 40 ? null : TIME.exec(text)
  const millis = found === null ? Number.NaN : Date.parse(`${found[1]}${found[3]}`)
  if (found === null || Number.isNaN(millis) || millis < 0)
    return wrong(`${name} ${excerpt(text)} is no time: write nanoseconds since 1970, or 2026-01-31T09:30:00.123456789Z`)
  const nanos = BigInt(millis) * 1_000_000n + BigInt((found[2] ?? "").padEnd(9, "0"))
  return nanos > LAST_TIME ? wrong(`${excerpt(text)} is no time`) : nanos
}

const time = (members: Members, ...names: ReadonlyArray<string>): bigint | undefined => {
  for (const name of names) {
    const text = textIn(members, name)
    if (text !== undefined) return timeOf(name, text)
  }
  return undefined
}

const sequenceIn = (members: Members): bigint => {
  const text = matching(members, "sequence", /^\d{1,19}$/)
  const sequence = BigInt(text ?? 0)
  return sequence > LAST_TIME ? wrong(`${excerpt(text!)} is no sequence`) : sequence
}

const conditionsIn = (members: Members): ReadonlyArray<string> => {
  const said = members["conditions"]
  if (said === undefined || said === null) return []
  if (!Array.isArray(said) || said.length > CONDITIONS) return wrong(`conditions are a list of at most ${CONDITIONS}`)
  return said.map((one: unknown) => {
    const text = one instanceof Numeral ? one.text : one
    return typeof text === "string" && CONDITION.test(text)
      ? text
      : wrong("a condition is a text of 1 to 16 characters")
  })
}

const toldIn = (members: Members) => ({
  exchange: needed("exchange", matching(members, "exchange", EXCHANGE)),
  symbol: needed("symbol", matching(members, "symbol", SYMBOL)),
  tsEvent: needed("ts_event", time(members, "ts_event", "timestamp")),
  tsRecv: time(members, "ts_recv") ?? 0n,
  sequence: sequenceIn(members),
  currency: matching(members, "currency", CURRENCY) ?? ""
})

const sizeIn = (members: Members, ...names: ReadonlyArray<string>): Decimal => {
  for (const name of names) {
    const text = textIn(members, name)
    if (text !== undefined) return right(sizeOf(text))
  }
  return wrong(`${names[0]} is missing`)
}

const tradeIn = (members: Members): Trade => ({
  kind: "trade",
  ...toldIn(members),
  id: matching(members, "id", ID) ?? "",
  price: right(priceOf(needed("price", textIn(members, "price")))),
  size: sizeIn(members, "size", "volume"),
  conditions: conditionsIn(members)
})

const sideIn = (members: Members, price: string, size: string): Side | undefined => {
  const text = textIn(members, price)
  return text === undefined ? undefined : { price: right(priceOf(text)), size: sizeIn(members, size) }
}

const quoteIn = (members: Members): Quote => ({
  kind: "quote",
  ...toldIn(members),
  bid: sideIn(members, "bid", "bid_size"),
  ask: sideIn(members, "ask", "ask_size")
})

/** Of which trade something is said. */
const originalIn = (members: Members) => ({
  id: needed("id", matching(members, "id", ID)),
  tsOriginal: needed("ts_original", time(members, "ts_original"))
})

const cancelIn = (members: Members): Cancel => ({ kind: "cancel", ...toldIn(members), ...originalIn(members) })

const correctionIn = (members: Members): Correction => {
  const { kind: _, ...trade } = tradeIn(members)
  const original = originalIn(members)
  const { exchange, symbol, tsEvent, tsRecv, sequence, currency } = trade
  return {
    ...{ kind: "correction", exchange, symbol, tsEvent, tsRecv, sequence, currency, ...original },
    // It stands where the first one stood.
    trade: { kind: "trade", ...trade, tsEvent: original.tsOriginal }
  }
}

const readers: Readonly<Record<string, (members: Members) => Tick>> = {
  trade: tradeIn,
  quote: quoteIn,
  cancel: cancelIn,
  correction: correctionIn
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** Of the payload of an event; a text says what is wrong. `type` left out: a trade. MH3 */
export const readTick = (payload: Uint8Array): Tick | string => {
  if (payload.byteLength > LONGEST_TICK) return `it has more than ${LONGEST_TICK} bytes`
  try {
    const said = parse(utf8.decode(payload), (_, value, context) =>
      typeof value === "number" ? new Numeral(context.source) : value
    )
    if (typeof said !== "object" || said === null || Array.isArray(said) || said instanceof Numeral)
      return "it is no JSON object"
    const members = said as Members
    const type = Object.hasOwn(members, "type") ? members["type"] : "trade"
    const read = typeof type === "string" && Object.hasOwn(readers, type) ? readers[type] : undefined
    return read === undefined ? "its type is none of trade, quote, cancel and correction" : read(members)
  } catch (cause) {
    return cause instanceof Wrong ? cause.message : "it is no JSON"
  }
}
