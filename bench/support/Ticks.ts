/** Ticks of a random market, of some 120 bytes. */

let price = 100

export const tick = (n: number): string => {
  price += Math.random() - 0.5
  return JSON.stringify({
    symbol: `S${n % 500}`,
    price: Number(price.toFixed(2)),
    size: n % 1_000,
    id: Math.random().toString(36),
    exchange: "NASDAQ",
    at: 1_764_225_600_000 + n
  })
}
