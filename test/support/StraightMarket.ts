/** What becomes of events of one partition, as one computes it by hand from the first to the last: no code of the product, so that it can be wrong by itself. */
import { plain, whole } from "./StraightBars.ts"

/** As JSON has it; times are nanoseconds since 1970. */
export interface Event {
  readonly type: "trade" | "quote" | "cancel" | "correction"
  readonly symbol: string
  readonly exchange: "KRAKEN" | "NASDAQ"
  readonly ts_event: string
  readonly id?: string
  readonly sequence?: number
  readonly price?: string
  readonly size?: string
  readonly conditions?: ReadonlyArray<string>
  readonly ts_original?: string
  readonly bid?: string
  readonly bid_size?: string
}

/** What came at one moment, in milliseconds since 1970; a text is no tick. */
export interface Came {
  readonly at: number
  readonly events: ReadonlyArray<Event | string>
}

interface Live {
  readonly told: Event
  readonly name: string | undefined
  readonly nanos: bigint
  readonly offset: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** New York's clock in winter: all days of tests are in January. */
const behind = ({ exchange }: Event): number => (exchange === "NASDAQ" ? 5 * HOUR : 0)
const millisOf = (nanos: bigint): number => Number(nanos / 1_000_000n)
const floor = (millis: number, width: number, behind = 0): number =>
  Math.floor((millis - behind) / width) * width + behind

/** New York rests on Saturdays, Sundays, and on the 19th of January 2026. */
const rests = (day: number): boolean =>
  [2, 3].includes(day % 7) || new Date(day * DAY).toISOString().startsWith("2026-01-19")

/** Where it trades from four to eight. */
const sessionOf = (told: Event, millis: number): string => {
  if (told.exchange !== "NASDAQ") return "regular"
  if (rests(Math.floor((millis - behind(told)) / DAY))) return "closed"
  const minute = Math.floor(((((millis - behind(told)) % DAY) + DAY) % DAY) / MINUTE)
  if (minute < 4 * 60 || minute >= 20 * 60) return "closed"
  return minute < 9 * 60 + 30 ? "pre" : minute < 16 * 60 ? "regular" : "post"
}

/** Volume, prices, and whether it opens, closes and is the newest. */
const countsOf = (told: Event, session: string): readonly [volume: boolean, moves: boolean, last: boolean] => {
  let counts: [boolean, boolean, boolean] = [true, true, true]
  if (told.exchange !== "NASDAQ") return counts
  const left = { I: [true, false, false], Z: [true, true, false], M: [false, false, false] } as Record<
    string,
    boolean[]
  >
  for (const one of told.conditions ?? []) {
    const rule = one === "T" && session === "regular" ? left["I"] : left[one]
    if (rule !== undefined) counts = counts.map((counted, n) => counted && rule[n]!) as [boolean, boolean, boolean]
  }
  return counts
}

const before = (a: Live, b: Live): number => {
  if (a.nanos !== b.nanos) return a.nanos < b.nanos ? -1 : 1
  return (a.told.sequence ?? 0) - (b.told.sequence ?? 0) || a.offset - b.offset
}

/** Of one instrument, in one minute. */
const nameOf = (told: Event, nanos: bigint): string | undefined => {
  const name = told.id ?? (told.sequence ? `number ${told.sequence}` : undefined)
  return name && `${told.exchange} ${told.symbol} ${floor(millisOf(nanos), MINUTE)} ${name}`
}

/** Trades as they are in the end. `among`: events in which one that came before is found. */
const finalOf = (came: ReadonlyArray<Came>, among: number) => {
  const seen = new Map<string, number>()
  const quotes = new Map<string, Live>()
  let live: Array<Live> = []
  let [offset, newest] = [-1, 0n]
  for (const { at, events } of came)
    for (const told of events) {
      offset++
      if (typeof told === "string") continue
      const nanos = BigInt(told.ts_original ?? told.ts_event)
      // What is ahead of its time counts for nothing.
      if (millisOf(nanos) > at + MINUTE) continue
      const time = BigInt(told.ts_event)
      if (time > newest && millisOf(time) <= at + MINUTE) newest = time
      const name = nameOf(told, nanos)
      const one: Live = { told, name, nanos, offset }
      if (told.type === "quote") {
        const key = `${told.exchange} ${told.symbol}`
        const had = quotes.get(key)
        if (had === undefined || before(had, one) < 0) quotes.set(key, one)
      } else if (told.type === "trade") {
        const last = name === undefined ? undefined : seen.get(name)
        if (name !== undefined) seen.set(name, offset)
        if (last === undefined || offset - last > among) live.push(one)
      } else if (live.some((each) => each.name === name)) {
        live = live.filter((each) => each.name !== name)
        if (told.type === "correction") live.push(one)
      }
    }
  return { live: live.sort(before), quotes, newest }
}

const WIDTHS = { "1m": MINUTE, "5m": 5 * MINUTE, "1h": HOUR, "1d": DAY }

/**
 * Texts that are equal where what is told is: bars "<interval> <start> <exchange> <symbol> <session> <open> <high> <low> <close> <volume> <trades>", what is
 * newest of each session and of quotes, and the newest time.
 */
export const straightMarket = (came: ReadonlyArray<Came>, among: number): ReadonlyArray<string> => {
  const { live, quotes, newest } = finalOf(came, among)
  const bars = new Map<string, Array<Live>>()
  const latest = new Map<string, Live>()
  for (const one of live) {
    const { told, nanos } = one
    const session = sessionOf(told, millisOf(nanos))
    const who = `${told.exchange} ${told.symbol} ${session}`
    if (countsOf(told, session)[2]) latest.set(who, one)
    for (const [interval, width] of Object.entries(WIDTHS)) {
      const start = floor(millisOf(nanos), width, interval === "1d" ? behind(told) : 0)
      const key = `${interval} ${new Date(start).toISOString()} ${who}`
      bars.set(key, [...(bars.get(key) ?? []), one])
    }
  }
  const lines: Array<string> = [`until ${newest}`]
  for (const [key, its] of bars) {
    const counting = (n: 0 | 1 | 2) => its.filter(({ told }) => countsOf(told, key.split(" ").at(-1)!)[n])
    const [volume, moved, last] = [counting(0), counting(1), counting(2)].map((all) => all.map(({ told }) => told))
    const prices = moved!.map(({ price }) => whole(price!)).sort((a, b) => (a < b ? -1 : 1))
    const shown = [last![0]?.price, prices.at(-1), prices[0], last!.at(-1)?.price].map((price) =>
      price === undefined ? "-" : plain(typeof price === "string" ? whole(price) : price)
    )
    const sum = volume!.reduce((all, { size }) => all + whole(size!), 0n)
    // Where nothing of it counts there is no bar.
    if (its.some(({ told }) => countsOf(told, key.split(" ").at(-1)!).includes(true)))
      lines.push([key, ...shown, plain(sum), volume!.length].join(" "))
  }
  for (const [who, { told, offset }] of latest)
    lines.push(`latest ${who} ${told.id ?? ""} ${plain(whole(told.price!))} ${plain(whole(told.size!))} at ${offset}`)
  for (const [who, { told, offset }] of quotes) lines.push(`quote ${who} ${plain(whole(told.bid!))} at ${offset}`)
  return lines.sort()
}
