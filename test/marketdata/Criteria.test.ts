import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Filters } from "../../src/filters/Filters.ts"
import { UNDECLARED, type Variables, variablesOf } from "../../src/filters/Variables.ts"
import { type Criteria, EVERYTHING, filterOf } from "../../src/marketdata/Criteria.ts"

const trade = {
  type: "trade",
  symbol: "AAPL",
  exchange: "NASDAQ",
  currency: "USD",
  price: "187.23",
  size: "100",
  id: "1"
}
const quote = { type: "quote", symbol: "AAPL", exchange: "NASDAQ", currency: "USD", bid: "187.2", ask: "187.3" }
const cancel = { type: "cancel", symbol: "AAPL", exchange: "NASDAQ", currency: "USD", id: "1", ts_original: "1" }
const bare = { symbol: "MSFT", exchange: "NYSE", price: 420.5, volume: 7 }
const all = { trade, quote, cancel, bare, none: { symbol: "X" }, "no object": [1] }

/** Names of the events that are taken. */
const taken = (criteria: Partial<Criteria>, variables: Variables = UNDECLARED) => {
  const made = filterOf({ ...EVERYTHING, ...criteria })
  if ("wrong" in made) return made.wrong
  const filters = new Filters(variables)
  const held = filters.hold(made.filter)
  if (Result.isFailure(held)) return assert.fail(JSON.stringify([made.filter, held.failure]))
  const told = { topic: "t", partition: 0, offset: 0, key: "", headers: new Map<string, string>(), publishedAt: 0 }
  return Object.entries(all)
    .filter(([, value]) => [...filters.match({ ...told, payload: Buffer.from(JSON.stringify(value)) })].length > 0)
    .map(([name]) => name)
    .join(" ")
}
const schema = variablesOf({
  type: "object",
  properties: {
    ...{ symbol: { type: "string" }, exchange: { type: "string" }, price: { type: ["string", "number"] } },
    ...{ size: { type: "string" } }
  }
})

describe("Criteria", () => {
  it("MQ1 MQ3 takes what all criteria hold of, with numbers that are texts, with a schema and without", () => {
    for (const variables of [UNDECLARED, schema]) {
      assert.strictEqual(taken({ symbols: ["AAPL", "GOOG"] }, variables), "trade quote cancel")
      assert.strictEqual(taken({ symbols: ["MSFT"], exchanges: ["NYSE"] }, variables), "bare")
      assert.strictEqual(taken({ symbols: ["MSFT"], exchanges: ["NASDAQ"] }, variables), "")
      assert.strictEqual(taken({ currencies: ["USD"] }, variables), "trade quote cancel")
      assert.strictEqual(taken({ kinds: ["trade"], exchanges: ["NYSE", "NASDAQ"] }, variables), "trade bare")
      assert.strictEqual(taken({ kinds: ["quote", "cancel"] }, variables), "quote cancel")
      assert.strictEqual(taken({ minPrice: "187.23" }, variables), "trade quote cancel bare")
      assert.strictEqual(taken({ minPrice: "187.31" }, variables), "cancel bare")
      assert.strictEqual(taken({ maxPrice: "187.2" }, variables), "quote cancel")
      assert.strictEqual(taken({ minPrice: "100", maxPrice: "187.23" }, variables), "trade quote cancel")
      assert.strictEqual(taken({ minVolume: "8", exchanges: ["NYSE", "NASDAQ"] }, variables), "trade quote cancel")
      assert.strictEqual(taken({ minVolume: "7", exchanges: ["NYSE", "NASDAQ"] }, variables), "trade quote cancel bare")
      assert.strictEqual(
        taken({ symbols: ["AAPL"], kinds: ["trade"], minPrice: "1", maxPrice: "200", minVolume: "100" }, variables),
        "trade"
      )
    }
  })

  it("MQ2 as many symbols as may be are found by what an event has", () => {
    const symbols = Array.from({ length: 64 }, (_, n) => `S${n}`)
    assert.strictEqual(taken({ symbols: ["AAPL", ...symbols.slice(1)] }), "trade quote cancel")
    assert.include(taken({ symbols: [...symbols, "S64"] }), "symbols: 65 are more than 64")
  })

  it("MQ1 refuses what is none, in words", () => {
    assert.include(taken({ symbols: ['A" || true || "'] }), "symbols: ")
    assert.include(taken({ exchanges: ["no exchange"] }), "exchanges: ")
    assert.include(taken({ currencies: [""] }), "currencies: ")
    assert.include(taken({ minPrice: "1e999" }), "min_price: ")
    assert.include(taken({ minVolume: "NaN" }), "min_volume: ")
    assert.deepStrictEqual(filterOf(EVERYTHING), { filter: "" })
  })
})
