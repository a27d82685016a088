/** Rules, their templates, loops, and what they make of an event. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { UNDECLARED, variablesOf } from "../../src/filters/Variables.ts"
import { Deciding, HOPS_HEADER, ORIGIN_HEADER, ROUTE_HEADER, type Routable, whyNot } from "../../src/routes/Deciding.ts"
import { keyOf, keyTemplateOf, PLACES, TEMPLATE_LENGTH } from "../../src/routes/KeyTemplate.ts"
import { loopOf } from "../../src/routes/Loop.ts"
import { HOPS, type Route, routeDefaults, statusOf, wrongRoute } from "../../src/routes/Route.ts"
import { covers, isSource } from "../../src/routes/Source.ts"
import { EVENT_KEY_LENGTH, HEADERS } from "../../src/topics/Message.ts"

let ids = 0
const rule = (change: Partial<Route> = {}): Route => ({
  ...routeDefaults,
  ...{ id: ++ids, name: `r${ids}`, source: "a", target: "b", version: 1, error: "" },
  ...{ createdAt: 0, createdBy: "ann", updatedAt: 0 },
  ...change
})

const event = (payload: unknown, change: Partial<Routable> = {}): Routable => ({
  ...{
    topic: "a",
    partition: 2,
    epoch: 7,
    offset: 41,
    publishedAt: 5,
    key: "k",
    eventTime: 3,
    headers: new Map([["h", "é"]])
  },
  payload: new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)),
  ...change
})

const edge = (name: string, source: string, target: string) => ({ name, source, target })

describe("rules", () => {
  it("ZA1 what a rule may be", () => {
    assert.isUndefined(wrongRoute(rule({ source: "orders/*" })))
    for (const [change, said] of [
      [{ name: "a b" }, "name"],
      [{ name: "x".repeat(101) }, "name"],
      [{ source: "*" }, "source"],
      [{ source: "../a" }, "source"],
      [{ target: "a/*" }, "target"],
      [{ priority: 0.5 }, "priority"],
      [{ priority: 1_000_001 }, "priority"],
      [{ description: "\u0000" }, "description"],
      [{ condition: 'a == "\u0000"' }, "condition"],
      [{ condition: 'a == "\ud800"' }, "condition"],
      [{ key: "{a}\udc00" }, "key"]
    ] as const)
      assert.match(wrongRoute(rule(change))!, new RegExp(`^${said}:`))
    assert.isTrue(isSource("a/b") && isSource("a/*") && !isSource("a*") && !isSource("/*"))
    assert.isTrue(covers("a/*", "a/b/c") && !covers("a/*", "a") && !covers("a/*", "ab") && covers("a", "a"))
  })

  it("ZA2 a rule that is off is that, whatever was wrong with it", () => {
    assert.strictEqual(statusOf({ enabled: true, error: "" }), "active")
    assert.strictEqual(statusOf({ enabled: true, error: "x" }), "error")
    assert.strictEqual(statusOf({ enabled: false, error: "x" }), "disabled")
  })
})

describe("loops", () => {
  it("ZB1 a rule that routes to what it routes from is a loop", () => {
    assert.deepStrictEqual(loopOf([], edge("x", "a", "a")), ["x"])
    assert.deepStrictEqual(loopOf([], edge("x", "a/*", "a/big")), ["x"])
    assert.isUndefined(loopOf([], edge("x", "a/*", "a")))
  })

  it("ZB1 a way back over others is a loop, and is told", () => {
    const others = [edge("one", "b/*", "c"), edge("two", "c", "d"), edge("three", "d", "a/x"), edge("aside", "c", "q")]
    assert.deepStrictEqual(loopOf(others, edge("x", "a/*", "b/1")), ["x", "one", "two", "three"])
    assert.isUndefined(loopOf(others, edge("x", "a/*", "z")))
    assert.isUndefined(loopOf(others, edge("x", "nothing", "b/1")))
  })

  it("ZB1 what is found is what a search of all ways finds", () => {
    let seed = 7
    const next = (most: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most
    const names = ["a", "a/x", "b", "b/x", "c", "c/x/y"]
    const sources = [...names, "a/*", "b/*", "c/*", "c/x/*"]
    let loops = 0
    for (let run = 0; run < 2_000; run++) {
      const rules = Array.from({ length: next(5) }, (_, n) => edge(`r${n}`, sources[next(10)]!, names[next(6)]!))
      const one = edge("x", sources[next(10)]!, names[next(6)]!)
      // All topics that an event of the rule can come to.
      const reached = new Set([one.target])
      for (let grew = true; grew; ) {
        grew = false
        for (const { source, target } of rules)
          if (!reached.has(target) && [...reached].some((topic) => covers(source, topic))) {
            reached.add(target)
            grew = true
          }
      }
      const expected = [...reached].some((topic) => covers(one.source, topic))
      const found = loopOf(rules, one)
      assert.strictEqual(found !== undefined, expected)
      if (found !== undefined) loops++
    }
    assert.isAbove(loops, 200)
  })

  it("ZB1 a thousand rules are gone through in a few steps each", () => {
    const others = Array.from({ length: 999 }, (_, n) => edge(`r${n}`, `t/${n}`, `t/${n + 1}`))
    assert.strictEqual(loopOf(others, edge("x", "t/999", "t/0"))?.length, 1_000)
    const dense = Array.from({ length: 999 }, (_, n) => edge(`r${n}`, "s/*", `s/${n}`))
    assert.isUndefined(loopOf(dense, edge("x", "q", "s/1")))
  })
})

const made = (text: string, schema?: unknown) =>
  keyTemplateOf(text, schema === undefined ? UNDECLARED : variablesOf(schema))
const problemOf = (text: string, schema?: unknown) => {
  const found = made(text, schema)
  assert(Result.isFailure(found))
  return found.failure.message
}

describe("templates", () => {
  const key = (text: string, payload: unknown, change: Partial<Routable> = {}) => {
    const [[, decided]] = new Deciding(null, [rule({ key: text })]).decide(event(payload, change)) as [
      readonly [Route, ReturnType<Deciding["decide"]>[number][1]]
    ]
    return decided.is === "routed"
      ? decided.message.key
      : decided.is === "refused"
        ? `refused: ${decided.why}`
        : "skipped"
  }

  it("ZC2 a key is made of fields as they are", () => {
    const payload = { symbol: "ÄÖ", order: { id: 7, ok: true }, big: 9007199254740991 }
    assert.strictEqual(key("{symbol}", payload), "ÄÖ")
    assert.strictEqual(key("{{x}}-{order.id}:{order.ok}:{big}", payload), "{x}-7:true:9007199254740991")
    assert.strictEqual(key("{topic}/{partition}/{key}/{headers.h}", payload), "a/2/k/é")
    assert.strictEqual(key("{payload.key}", { key: "own" }), "own")
    assert.isNull(key("{key}", {}, { key: null }))
  })

  it("ZC2 of what is not there, or is no text and no whole number, no key is made", () => {
    assert.strictEqual(key("{symbol}", {}), "refused: the event has no field symbol")
    assert.strictEqual(key("{symbol}", "no JSON"), "refused: the event has no field symbol")
    assert.strictEqual(key("{a.b}", { a: 1 }), "refused: the event has no field a.b")
    assert.strictEqual(key("{headers.x}", {}), "refused: the event has no header x")
    for (const price of [1.5, 1e300, null, [1], { a: 1 }]) assert.match(key("{price}", { price })!, /^refused: /)
    assert.match(key("{s}", { s: "x".repeat(EVENT_KEY_LENGTH + 1) })!, /longer than 512/)
    assert.match(key("{s}", { s: "a\nb" })!, /no key can have/)
  })

  it("ZC1 what is no template is refused with its place", () => {
    assert.match(problemOf("a{symbol"), /^line 1, column 2: a field begins here/)
    assert.match(problemOf("a}b"), /^line 1, column 2: } ends no field/)
    for (const text of ["{}", "{a b}", "{a[0]}", "{a.}", "{$x}", "{constructor()}", "{a|b}"])
      assert.match(problemOf(text), /is no field/)
    assert.match(problemOf("{headers}"), /is used with a name/)
    assert.match(problemOf("{a}".repeat(PLACES + 1)), /more than 16 fields/)
    assert.match(problemOf("x".repeat(TEMPLATE_LENGTH + 1)), /longer than 512/)
    assert.match(problemOf("a\u0000"), /no key can have/)
    const schema = { properties: { symbol: { type: "string" } } }
    assert.match(problemOf("{symbl}", schema), /has no field "?symbl"?; is symbol meant\?/)
    assert.isTrue(Result.isSuccess(made("{payload.symbl}{symbol}", schema)))
  })

  it("ZC2 no name is anything but a field", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      assert.strictEqual(key(`{${name}}`, {}), `refused: the event has no field ${name}`)
      const template = Result.getOrThrow(made(`{${name}}`))
      assert.isTrue(Result.isFailure(keyOf(template, event({}), () => undefined)))
    }
    assert.strictEqual(key("{headers.constructor}", {}), "refused: the event has no header constructor")
  })
})

describe("deciding", () => {
  const outcomes = (deciding: Deciding, one: Routable) =>
    deciding.decide(one).map(([{ name }, { is }]) => `${name} ${is}`)

  it("ZD1 rules take what their conditions are true of, in the order of priority and age", () => {
    const [low, first, second] = [
      rule({ name: "low", condition: "price > 5" }),
      rule({ name: "first", priority: 9, condition: 'symbol == "X"' }),
      rule({ name: "second", priority: 9 })
    ]
    const deciding = new Deciding(null, [low!, second!, first!])
    assert.deepStrictEqual(outcomes(deciding, event({ symbol: "X", price: 6 })), [
      "first routed",
      "second routed",
      "low routed"
    ])
    assert.deepStrictEqual(outcomes(deciding, event({ symbol: "Y", price: 5 })), [
      "first skipped",
      "second routed",
      "low skipped"
    ])
    assert.deepStrictEqual(outcomes(deciding, event("no JSON")), ["first skipped", "second routed", "low skipped"])
  })

  it("ZD1 behind a final rule that takes it an event goes through none, and through all others", () => {
    const rules = [
      rule({ name: "final", priority: 2, final: true, condition: "price > 5" }),
      rule({ name: "rest", priority: 1 }),
      rule({ name: "before", priority: 3 })
    ]
    const deciding = new Deciding(null, rules)
    assert.deepStrictEqual(outcomes(deciding, event({ price: 6 })), ["before routed", "final routed", "rest skipped"])
    assert.deepStrictEqual(outcomes(deciding, event({ price: 5 })), ["before routed", "final skipped", "rest routed"])
    // Also where it can't be routed by the final one.
    const refusing = new Deciding(null, [rule({ name: "final", final: true, key: "{none}" }), rule({ name: "rest" })])
    assert.deepStrictEqual(outcomes(refusing, event({})), ["final refused", "rest skipped"])
  })

  it("ZD1 a rule that can't be used for a topic's schema is told, and the others are", () => {
    const schema = JSON.stringify({ properties: { price: { type: "number" } } })
    const [good, bad, worse] = [
      rule({ condition: "price > 5" }),
      rule({ condition: "prise > 5" }),
      rule({ key: "{prise}" })
    ]
    const deciding = new Deciding(schema, [good!, bad!, worse!])
    assert.deepStrictEqual(deciding.routes, [good])
    assert.match(deciding.unfit.get(bad!.id)!, /^condition: .*is price meant/)
    assert.match(deciding.unfit.get(worse!.id)!, /^key: /)
  })

  it("ZD2 an event tells where it was first and through how many rules it came, and ends at too many", () => {
    const deciding = new Deciding(null, [rule({ name: "to-b", target: "b" })])
    const [, first] = deciding.decide(event({ a: 1 }))[0]!
    assert(first.is === "routed")
    const headers = Object.fromEntries(first.message.headers)
    assert.deepStrictEqual(headers, { h: "é", [ROUTE_HEADER]: "to-b", [HOPS_HEADER]: "1", [ORIGIN_HEADER]: "a:2:7:41" })
    let one = event({ a: 1 })
    for (let hop = 0; hop < HOPS; hop++) {
      const [, decided] = deciding.decide(one)[0]!
      assert(decided.is === "routed")
      assert.strictEqual(decided.message.headers.get(ORIGIN_HEADER), "a:2:7:41")
      one = event({ a: 1 }, { offset: 99, headers: decided.message.headers })
    }
    assert.deepStrictEqual(deciding.decide(one)[0]![1], {
      is: "refused",
      why: "the event came through 16 rules already"
    })
  })

  it("ZD3 payload, time and headers stay; what has no room for its headers is refused", () => {
    const deciding = new Deciding(null, [rule()])
    const one = event("\u0001 no JSON")
    const [, decided] = deciding.decide(one)[0]!
    assert(decided.is === "routed")
    assert.strictEqual(decided.message.payload, one.payload)
    assert.deepInclude(decided.message, { key: "k", eventTime: 3 })
    const many = new Map(Array.from({ length: HEADERS - 2 }, (_, n) => [`h${n}`, "x"] as const))
    assert.deepStrictEqual(deciding.decide(event({}, { headers: many }))[0]![1], {
      is: "refused",
      why: "headers: at most 64"
    })
  })

  it("ZD1 why a condition is not true is said", () => {
    const why = (condition: string, payload: unknown) => whyNot(condition, UNDECLARED, event(payload))
    assert.isUndefined(why("", {}))
    assert.isUndefined(why("price > 5", { price: 6 }))
    assert.strictEqual(why("price > 5", { price: 5 }), "the condition is false")
    assert.match(why("price > 5", {})!, /has no value.* for the field "price"$/)
    assert.match(why('symbol == "A" && price > 5', { price: 6 })!, /for the field "symbol"$/)
    assert.strictEqual(whyNot("price > 5", UNDECLARED, event("no JSON")), "the event's payload is no JSON object")
    assert.match(why("price > 5 &&", {})!, /^line 1/)
  })
})
