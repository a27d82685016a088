/** The conformance suite of CEL, as far as it is about what JSON has: no messages of protobuf, no extensions of the language. */

import type { SimpleTest } from "@bufbuild/cel-spec/cel/expr/conformance/test/simple_pb.js"
import type { Value } from "@bufbuild/cel-spec/cel/expr/value_pb.js"
import { getConformanceSuite, type IncrementalTestSuite } from "@bufbuild/cel-spec/testdata/tests.js"
import { Result } from "effect"
import { slotOf } from "../../src/filters/Engine.ts"
import { prepare } from "../../src/filters/Filter.ts"
import { type Kind, UNDECLARED } from "../../src/filters/Variables.ts"

const SUITES = [
  "basic",
  "comparisons",
  "conversions",
  "fields",
  "fp_math",
  "integer_math",
  "lists",
  "logic",
  "macros",
  "namespace",
  "parse",
  "plumbing",
  "string",
  "timestamps"
]
const PROTOBUF = /TestAllTypes|google\.protobuf|Value\{|NestedEnum/

export interface Case {
  readonly name: string
  readonly test: SimpleTest
}

export const cases = (): ReadonlyArray<Case> => {
  const found: Array<Case> = []
  const seen = new Map<string, number>()
  const walk = ({ suites, tests }: IncrementalTestSuite, path: ReadonlyArray<string>) => {
    for (const suite of suites ?? []) walk(suite, [...path, suite.name])
    for (const { original: test, name } of tests ?? []) {
      if (!SUITES.includes(path[0] ?? "") || isOfProtobuf(test)) continue
      const whole = [...path, name].join("/")
      const times = (seen.get(whole) ?? 0) + 1
      seen.set(whole, times)
      found.push({ name: times === 1 ? whole : `${whole} (${times})`, test })
    }
  }
  walk(getConformanceSuite(), [])
  return found
}

const isOfProtobuf = ({ expr, container, bindings, resultMatcher }: SimpleTest): boolean =>
  container !== "" ||
  PROTOBUF.test(expr) ||
  Object.values(bindings).some(({ kind }) => kind.case !== "value" || plain(kind.value) === UNKNOWN) ||
  (resultMatcher.case === "value" && plain(resultMatcher.value) === UNKNOWN)

const UNKNOWN = Symbol("of protobuf")

/** As JSON has it, or CEL where JSON has none; types by their names. */
const plain = ({ kind }: Value): unknown => {
  switch (kind.case) {
    case "nullValue":
      return null
    case "boolValue":
    case "int64Value":
    case "doubleValue":
    case "stringValue":
    case "bytesValue":
      return kind.value
    case "uint64Value":
      return Result.getOrThrow(prepare(`${kind.value}u`, UNDECLARED)).evaluate({})
    case "typeValue":
      return `type ${kind.value}`
    case "listValue":
      return kind.value.values.map(plain)
    case "mapValue":
      return new Map(kind.value.entries.map(({ key, value }) => [plain(key!), plain(value!)]))
    default:
      return UNKNOWN
  }
}

const kindOf = (value: unknown): Kind => {
  if (typeof value === "bigint") return "int"
  if (typeof value === "number") return "double"
  if (typeof value === "string") return "string"
  if (typeof value === "boolean") return "bool"
  return Array.isArray(value) ? "list<dyn>" : value instanceof Map ? "map" : "dyn"
}

const isUnsigned = (value: unknown): value is { valueOf(): bigint } => value?.constructor.name === "UnsignedInt"

/** Both as one text, so that what is equal in CEL is equal. */
const shown = (value: unknown): string => {
  if (isUnsigned(value)) return `${value.valueOf()}u`
  if (value instanceof Uint8Array) return `bytes ${[...value].join()}`
  if (Array.isArray(value)) return `[${value.map(shown).join()}]`
  const entries =
    value instanceof Map ? [...value] : typeof value === "object" && value !== null ? Object.entries(value) : undefined
  if (entries !== undefined)
    return `{${entries
      .map(([name, one]) => `${typeof name === "string" ? name : String(name)}:${shown(one)}`)
      .sort()
      .join()}}`
  if (typeof value === "bigint") return `${value}i`
  return typeof value === "number" && Number.isNaN(value) ? "NaN" : JSON.stringify(value)
}

export type Verdict = "right" | "refused" | "wrong"

/** `refused`: an error where the suite has a value. `wrong`: a value that the suite has not. */
export const verdictOf = ({ expr, bindings, resultMatcher }: SimpleTest): Verdict => {
  const given = Object.entries(bindings).map(([name, { kind }]) => [name, plain(kind.value as Value)] as const)
  const fields = new Map(given.map(([name, value]) => [name, kindOf(value)]))
  const prepared = prepare(expr, { fields: given.length === 0 ? undefined : fields })
  const isValue = resultMatcher.case === "value" || resultMatcher.case === undefined
  if (Result.isFailure(prepared)) return isValue ? "refused" : "right"
  try {
    const values = Object.fromEntries(given.map(([name, value]) => [slotOf(name), value]))
    const found = prepared.success.evaluate(values)
    if (!isValue) return "wrong"
    const expected = resultMatcher.case === "value" ? plain(resultMatcher.value) : true
    return shown(found) === shown(expected) ? "right" : "wrong"
  } catch {
    return isValue ? "refused" : "right"
  }
}
