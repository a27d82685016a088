import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { filterOf } from "../../src/filters/Filter.ts"
import { type FilteredEvent, Filters } from "../../src/filters/Filters.ts"
import { UNDECLARED, type Variables, variablesOf } from "../../src/filters/Variables.ts"
import { event } from "./Events.ts"

const trade = variablesOf({
  type: "object",
  $defs: { venue: { type: "string" } },
  properties: {
    price: { type: "number" },
    volume: { type: "integer" },
    exchange: { $ref: "#/$defs/venue" },
    type: { type: "string" },
    key: { type: "string" },
    active: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    prices: { type: "array", items: { type: "number" } },
    note: { type: ["string", "null"] },
    order: { type: "object", properties: { id: { type: "integer" } } }
  }
})

const outcomeOf = (text: string, of: FilteredEvent, variables: Variables): string => {
  const filters = new Filters(variables)
  const held = filters.hold(text)
  if (Result.isFailure(held)) return JSON.stringify(held.failure)
  // So that its only term is not how it is found.
  filters.match(of)
  const { filter, counts } = held.success
  return Object.entries(counts).find(([, count]) => count > 0)?.[0] ?? (filter.terms.length > 0 ? "other" : "never")
}
const json = (payload: unknown) => event({ payload: JSON.stringify(payload) })
const problem = (text: string, variables: Variables = trade) => {
  const found = filterOf(text, variables)
  return Result.isFailure(found) ? found.failure.message : "none"
}
const tick = {
  price: 120.5,
  volume: 7,
  exchange: "NASDAQ",
  active: true,
  tags: ["a", "hot"],
  prices: [1, 2.5],
  type: "trade",
  key: "own",
  order: { id: 5, venue: { name: "X" } }
}

const HOLD: ReadonlyArray<readonly [text: string, outcome: string]> = [
  ['price > 100 && exchange == "NASDAQ"', "match"],
  ["price > 121", "other"],
  ["price == 120.5 && price != 120", "match"],
  ["price * 2 - 1 == 240", "match"],
  ["-price < -100", "match"],
  ["price in [1, 120.5]", "match"],
  ["price in [1, 2, 3]", "other"],
  ["2 in prices || 1 in prices", "match"],
  ["volume / 2 == 3 && volume % 2 == 1", "match"],
  ["volume > 6.5 && volume == 7", "match"],
  ['tags.exists(t, t.startsWith("h")) && "a" in tags && tags.size() == 2', "match"],
  ["prices.all(p, p < 3)", "match"],
  ["tags[1] == 'hot'", "match"],
  ["tags[2] == 'hot'", "failed"],
  ["active", "match"],
  ["!active", "other"],
  ["type == 'trade'", "match"],
  ["payload.type == 'trade' && payload['type'] == 'trade'", "match"],
  ["payload.key == 'own' && key == 'k1'", "match"],
  ["order.id == 5 && order.venue.name == 'X' && order['venue']['name'] == 'X'", "match"],
  ["order.id + 1 == 6", "match"],
  ["order.nope == 5", "failed"],
  ["has(order.id) && !has(order.nope) && has(payload.order.venue.name)", "match"],
  ["has(price) && !has(note) && !has(payload.whatever)", "match"],
  ["note == 'x'", "other"],
  ["payload.whatever == 1", "other"],
  ["payload.whatever > 1", "missing"],
  ["price > 1000 || payload.whatever > 1", "failed"],
  ["price > 100 || payload.whatever > 1", "match"],
  ["price > 1000 && payload.whatever > 1", "missing"],
  ["exchange.matches('^NAS') && matches(exchange, 'Q$') && !exchange.matches('^AS')", "match"],
  ["exchange.lowerAscii() == 'nasdaq' && exchange.size() == 6", "match"],
  ["topic == 'trades' && partition == 3 && offset == 41", "match"],
  ["headers.source == 'feed' && headers['x-id'] == '9'", "match"],
  ["headers.nope == 'feed'", "failed"],
  ["published_at > timestamp('2026-11-27T09:00:00Z') && published_at.getHours() == 9", "match"],
  ["published_at - timestamp('2026-11-27T09:29:00Z') == duration('1m')", "match"],
  ["volume / 0 == 1", "failed"],
  ["int(price) == 120 && string(volume) == '7' && double(volume) == 7.0", "match"]
]

describe("filters", () => {
  for (const [text, outcome] of HOLD)
    it(`FZ2 FZ5 FZ6 FZ9 ${text} is ${outcome}`, () => {
      const of = event({
        payload: JSON.stringify(tick),
        key: "k1",
        headers: new Map([
          ["source", "feed"],
          ["x-id", "9"]
        ])
      })
      assert.strictEqual(outcomeOf(text, of, trade), outcome)
    })

  it("FZ2 FZ5 need no schema: then each value says itself what it is", () => {
    for (const [text, outcome] of [
      ["price > 100 && exchange == 'NASDAQ'", "match"],
      ["price == 120.5 && volume == 7 && volume + 1 == 8", "match"],
      ["exchange > 5", "failed"],
      ["exchange == 5", "other"],
      ["'a' in tags", "match"],
      ["order.venue.name == 'X'", "match"],
      ["type == 'trade' && !has(string) && !has(int)", "match"]
    ] as const)
      assert.strictEqual(outcomeOf(text, json(tick), UNDECLARED), outcome, text)
    assert.strictEqual(
      outcomeOf("id == 9007199254740993", event({ payload: '{"id":9007199254740993}' }), UNDECLARED),
      "match"
    )
    assert.strictEqual(
      outcomeOf("id == 9007199254740993", event({ payload: '{"id":9007199254740992}' }), UNDECLARED),
      "other"
    )
  })

  it("KB1 what an event has in another type than the schema says is not there", () => {
    for (const [text, payload] of [
      ["price > 1", { price: "120" }],
      ["volume == 1 || volume > 0", { volume: 1.5 }],
      ["exchange.startsWith('N')", { exchange: ["N"] }],
      ["tags.exists(t, t == 'a')", { tags: ["a", 1] }],
      ["tags.exists(t, t == 'a')", { tags: { a: 1 } }],
      ["order.id == 1", { order: [1] }],
      ["active", { active: "true" }],
      ["price > 1", []],
      ["price > 1", null]
    ] as const)
      assert.strictEqual(outcomeOf(text, json(payload), trade), "missing", text)
    assert.strictEqual(outcomeOf("volume > 0", json({ volume: 3.0 }), trade), "match")
  })

  it("FZ2 what is wrong is said where it is, before anything is filtered", () => {
    assert.strictEqual(problem("pirce > 1"), 'line 1, column 1: the schema has no field "pirce"; is price meant?')
    assert.strictEqual(problem("price > 1 &&\n  exchange > 5"), "line 2, column 3: no such overload: string > int")
    assert.include(problem("price > 'a'"), "line 1, column 1: no such overload: double > string")
    assert.include(problem("volume == 1.5"), "no such overload: int == double")
    assert.include(problem("price"), "type double, and a filter gives true or false")
    assert.include(problem("price >"), "the end of the filter")
    assert.include(problem("price >> 1"), "Unexpected token: >")
    assert.include(problem("(price > 1"), "Expected ), got the end of the filter")
    assert.include(problem("exchange.startWith('a')"), "is startsWith meant?")
    assert.include(problem("sise(tags) > 1"), "is size meant?")
    assert.include(problem("type(price) == double"), "there is no function")
    assert.include(problem("published_at.getHours('Europe/Berlin') == 1"), "doesn't take 1 arguments")
    assert.include(problem("payload"), "payload is used with a field of it")
    assert.include(problem("exchange.matches('(')"), "RE2")
    assert.include(problem("duration('5x') == duration('1s')"), "is no duration")
    assert.include(problem(""), "the end of the filter")
    assert.include(problem("\u001b[31m"), "\\u001b")
  })

  it("FZ5 numbers that a double can't hold stay as they were written", () => {
    assert.include(problem("price == 9007199254740993"), "no such overload: double == int")
    assert.strictEqual(problem("price > 9007199254740993"), "none")
  })

  it("VB1 VB2 what a schema leaves open is known by each value only, and hostile schemas are read in a few steps", () => {
    const { fields } = variablesOf({
      properties: {
        a: { anyOf: [{ type: "string" }] },
        b: true,
        c: { $ref: "#/properties/c" },
        d: { type: "array", items: { type: "array" } },
        e: { type: "array", prefixItems: [{ type: "string" }] },
        f: { $ref: "https://example.com/x" },
        ["__proto__"]: { type: "string" },
        g: { enum: ["x"] }
      }
    })
    assert.deepStrictEqual(
      [...fields!],
      [
        ["a", "dyn"],
        ["b", "dyn"],
        ["c", "dyn"],
        ["d", "list<dyn>"],
        ["e", "list<dyn>"],
        ["f", "dyn"],
        ["__proto__", "string"],
        ["g", "dyn"]
      ]
    )
    for (const none of [undefined, true, null, [], "x", { type: "string" }, { $ref: "#" }, { $ref: "#/a/b" }])
      assert.deepStrictEqual(variablesOf(none), UNDECLARED)
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`f${n}`, { type: "string" }]))
    assert.strictEqual(variablesOf({ properties: many }).fields!.size, 1_000)
  })
})
