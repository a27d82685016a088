/** Against another implementation of CEL, and the index against evaluating everything. */
import { isCelError, run } from "@bufbuild/cel"
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { filterOf } from "../../src/filters/Filter.ts"
import { Filters, type Held } from "../../src/filters/Filters.ts"
import { UNDECLARED, variablesOf } from "../../src/filters/Variables.ts"
import { event } from "./Events.ts"
import { drawn, schema, tick, truth } from "./Random.ts"

const Seed = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 31 }))
const ROUNDS = { arbitrary: { runs: Number(process.env["ROUNDS"] ?? 300) } }
const declared = variablesOf(schema)

/** As the other one has it: what is a whole number by the schema is one. */
const bindings = (payload: Readonly<Record<string, unknown>>): Record<string, string | number | bigint | boolean> =>
  Object.fromEntries(
    Object.entries(payload).map(([name, value]) => [name, name === "volume" ? BigInt(value as number) : value])
  ) as never

const only = (text: string, payload: Readonly<Record<string, unknown>>) => {
  const filters = new Filters(declared)
  const held = Result.getOrThrow(filters.hold(text))
  filters.match(event({ payload: JSON.stringify(payload) }))
  return Object.entries(held.counts).find(([, count]) => count > 0)?.[0] ?? "other"
}

describe("filters and their twins", () => {
  it.prop(
    "FZ5 FZ6 FZ9 are true of the events of which CEL says so, and of no others",
    [Seed],
    ([seed]) => {
      const draw = drawn(seed)
      const { ours, cels } = truth(draw, 1 + draw.int(4))
      if (Result.isFailure(filterOf(ours, declared))) {
        assert.match(JSON.stringify(filterOf(ours, declared)), /more than|nested deeper/, ours)
        return
      }
      for (let event = 0; event < 8; event++) {
        const payload = tick(draw)
        const found = run(cels, bindings(payload))
        const expected = isCelError(found) ? ["failed", "missing"] : found === true ? ["match"] : ["other", "missing"]
        const said = `${ours} of ${JSON.stringify(payload)}`
        assert.include(expected, only(`(${ours}) || 1 > 2`, payload), said)
        assert.strictEqual(only(ours, payload) === "match", found === true, said)
      }
    },
    ROUNDS
  )

  it.prop(
    "FZ11 comparisons say what the engine says, of values of any type",
    [Seed],
    ([seed]) => {
      const draw = drawn(seed)
      const literals = ["1", "2.5", "-1", "9007199254740993", "true", "false", '"a"', '"b"', '""', "0", "-0.0", "1e20"]
      const one = (): string => {
        const [field, literal] = [draw.of(["a", "b", "payload.c"]), draw.of(literals)]
        return draw.of([
          `${field} ${draw.of(["==", "!=", "<", "<=", ">", ">="])} ${literal}`,
          `${literal} ${draw.of(["==", "!=", "<", "<=", ">", ">="])} ${field}`,
          `${field} in [${literal}]`,
          `!(${field} == ${literal})`,
          field,
          `!${field}`
        ])
      }
      const text = Array.from({ length: 1 + draw.int(3) }, one).join(" && ")
      const value = () =>
        draw.of([
          "1",
          "1.0",
          "2.5",
          "-1",
          "9007199254740993",
          "9007199254740992",
          "true",
          "false",
          '"a"',
          '""',
          "null",
          "[1]",
          '{"a":1}',
          "0",
          "-0",
          "100000000000000000000"
        ])
      for (let round = 0; round < 8; round++) {
        const fields = ["a", "b", "c"].filter(() => draw.int(8) > 0).map((name) => `"${name}":${value()}`)
        const of = event({ payload: `{${fields.join()}}` })
        const [ours, engines] = [text, `1 < 2 && ${text}`].map((filter) => {
          const filters = new Filters(UNDECLARED)
          const { counts } = Result.getOrThrow(filters.hold(filter))
          filters.match(of)
          return JSON.stringify(counts)
        })
        assert.strictEqual(ours, engines, `${text} of {${fields.join()}}`)
      }
    },
    ROUNDS
  )

  const part = (draw: ReturnType<typeof drawn>): string => {
    const field = draw.of(["symbol", "exchange", "key", "n", "payload.symbol"])
    const value = () =>
      field === "n" ? draw.of(["1", "2", "-1", "9007199254740993"]) : JSON.stringify(draw.of(["A", "B", "C"]))
    return draw.of([
      `${field} == ${value()}`,
      `${value()} == ${field}`,
      `${field} in [${value()}, ${value()}]`,
      `(${field} == ${value()} || ${field} == ${value()})`,
      `${field} != ${value()}`,
      "n > 1",
      "has(symbol)",
      "(symbol == 'A' || n == 2)"
    ])
  }

  it.prop(
    "IX1 IX2 IX3 IX4 IX6 IX7 what an event matches is what every filter by itself says, whichever come and go",
    [Seed],
    ([seed]) => {
      const draw = drawn(seed)
      const filters = new Filters(UNDECLARED)
      const held: Array<Held> = []
      for (let step = 0; step < 60; step++) {
        if (held.length > 0 && draw.int(4) === 0) filters.release(held.splice(draw.int(held.length), 1)[0]!)
        else {
          const text = Array.from({ length: 1 + draw.int(3) }, () => part(draw)).join(draw.of([" && ", " && ", " || "]))
          held.push(Result.getOrThrow(filters.hold(text)))
        }
        const fields = {
          symbol: draw.of(["A", "B", "C", "D", 1, null]),
          exchange: draw.of(["A", "B", "Z"]),
          n: draw.of(["1", "1.0", "2", "-1", "9007199254740993", "9007199254740992", '"A"', "true"])
        }
        const payload = `{${Object.entries(fields)
          .filter(() => draw.int(6) > 0)
          .map(([name, value]) => `${JSON.stringify(name)}:${name === "n" ? value : JSON.stringify(value)}`)
          .join()}}`
        const of = event({ payload, key: draw.of(["A", "B", null]) })
        const matched = new Set(filters.match(of).map(({ filter }) => filter.text))
        const expected = new Set<string>()
        for (const text of new Set(held.map(({ filter }) => filter.text))) {
          // Behind an alternative that nothing is found by.
          const alone = new Filters(UNDECLARED)
          Result.getOrThrow(alone.hold(`(${text}) || 1 > 2`))
          if (alone.match(of).length > 0) expected.add(text)
        }
        assert.deepStrictEqual(matched, expected, payload)
        assert.strictEqual(filters.size, new Set(held.map(({ filter }) => filter.text)).size)
      }
      for (const one of held) filters.release(one)
      assert.deepStrictEqual([filters.size, filters.bytes], [0, 0])
    },
    { arbitrary: { runs: 40 } }
  )
})
