/** Bars as one computes them by hand from the payloads of events: no code of the product, so that it can be wrong by itself. */

/** As JSON has it. */
export interface Said {
  readonly type: string
  readonly symbol: string
  readonly id: string
  readonly price: string
  readonly size: string
  readonly sequence: number
  readonly ts_event: string
  readonly ts_original?: string
  readonly conditions?: ReadonlyArray<string>
}

/** In units of 1e-9. */
export const whole = (text: string): bigint => {
  const [before, behind = ""] = text.split(".")
  return BigInt(before + behind.padEnd(9, "0"))
}
export const plain = (nanos: bigint): string => {
  const text = String(nanos).padStart(10, "0")
  return `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, "")
}

/** Trades of a symbol as they are in the end, in the order of the venue. */
export const finalTrades = (events: ReadonlyArray<Said>, symbol: string): ReadonlyArray<Said> => {
  const trades = new Map<string, Said>()
  for (const one of events) {
    if (one.symbol !== symbol) continue
    if (one.type === "trade") trades.set(one.id, one)
    if (one.type === "cancel") trades.delete(one.id)
    if (one.type === "correction") trades.set(one.id, { ...one, ts_event: one.ts_original! })
  }
  return [...trades.values()].sort((a, b) =>
    BigInt(a.ts_event) === BigInt(b.ts_event)
      ? a.sequence - b.sequence
      : BigInt(a.ts_event) < BigInt(b.ts_event)
        ? -1
        : 1
  )
}

const isOdd = ({ conditions = [] }: Said): boolean => conditions.includes("I")

/** "<start> <open> <high> <low> <close> <volume> <trades>" of each; `millis`: how wide they are. Odd lots count for volume alone. */
export const straightBars = (trades: ReadonlyArray<Said>, millis: number): ReadonlyArray<string> => {
  const bars = Map.groupBy(
    trades,
    ({ ts_event }) => Math.floor(Number(BigInt(ts_event) / 1_000_000n) / millis) * millis
  )
  return [...bars].map(([start, its]) => {
    const prices = its.filter((one) => !isOdd(one)).map(({ price }) => whole(price))
    const sorted = [...prices].sort((a, b) => (a < b ? -1 : 1))
    const volume = its.reduce((sum, { size }) => sum + whole(size), 0n)
    const told = [prices[0], sorted.at(-1), sorted[0], prices.at(-1)].map((one) =>
      one === undefined ? null : plain(one)
    )
    return [new Date(start).toISOString(), ...told, plain(volume), its.length].join(" ")
  })
}

/** The same of what REST answers. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
export const toldBars = (data: ReadonlyArray<any>): ReadonlyArray<string> =>
  data.map(({ start_time, open, high, low, close, volume, trades }) =>
    [start_time, open, high, low, close, volume, trades].join(" ")
  )
