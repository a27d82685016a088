/** Checks values by JSON Schemas with ajv. Runs in worker threads, and in tests in their own; never on the thread that delivers. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js"
import addFormatsModule from "ajv-formats"
import type { JobResult, SchemaCheck } from "../../../src/work/Job.ts"
import { addExactKeywords, addMultipleOf, type Inexact, withFractions } from "./ExactNumbers.ts"

/** As the module is CommonJS, Node and Deno find the function at different places. */
const addFormats = ((addFormatsModule as { default?: unknown }).default ?? addFormatsModule) as (
  ajv: Ajv2020
) => unknown

/** How many compiled schemas are kept, and characters of their texts. Beyond that all are dropped together, with the ajv that holds them. */
const KEPT = 256
const KEPT_TEXT = 2_097_152

const ROOT = "urn:herald:schema"

const fresh = (addNumbers: (ajv: Ajv2020) => void): Ajv2020 => {
  const ajv = new Ajv2020({
    strict: false,
    // A value has only the names that are written in it, not those that JavaScript's objects inherit.
    ownProperties: true,
    allErrors: false,
    addUsedSchema: false,
    logger: false,
    validateFormats: true
  })
  addFormats(ajv)
  addNumbers(ajv)
  return ajv
}

const violation = (error: ErrorObject | undefined): string => {
  if (error === undefined) return "the value does not satisfy it"
  const path = error.instancePath === "" ? "the value" : error.instancePath
  const { additionalProperty, unevaluatedProperty, allowedValues, allowedValue } = error.params as Record<
    string,
    unknown
  >
  const name = additionalProperty ?? unevaluatedProperty
  const extra = name ?? allowedValues ?? allowedValue
  return `${path} ${error.message ?? "is wrong"}${extra === undefined ? "" : `: ${JSON.stringify(extra)}`}`.slice(
    0,
    1_000
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 1_000)

const compiler = (addNumbers: (ajv: Ajv2020) => void) => {
  const compiled = new Map<string, ValidateFunction>()
  let ajv = fresh(addNumbers)
  let texts = 0

  return (schema: string): ValidateFunction => {
    const known = compiled.get(schema)
    if (known !== undefined) return known
    if (compiled.size >= KEPT || texts + schema.length > KEPT_TEXT) {
      compiled.clear()
      texts = 0
      ajv = fresh(addNumbers)
    }
    const parsed: unknown = JSON.parse(schema)
    // "$ref": "#" refers to the root, which ajv finds by its $id only.
    const validate = ajv.compile(typeof parsed === "object" ? { $id: ROOT, ...parsed } : (parsed as boolean))
    compiled.set(schema, validate)
    texts += schema.length
    return validate
  }
}

export const makeSchemaCheck = (): SchemaCheck => {
  let inexact: Inexact | undefined
  const compile = compiler((ajv) => addMultipleOf(ajv))
  /** Slower, for the few values with numbers that JavaScript does not hold exactly. */
  const compileExactly = compiler((ajv) => addExactKeywords(ajv, () => inexact ?? new Map()))

  return (schema, read): JobResult | undefined => {
    let validate: ValidateFunction
    inexact = read.inexact
    const value = inexact === undefined ? read.json : withFractions(read.json, inexact)
    try {
      validate = inexact === undefined ? compile(schema) : compileExactly(schema)
    } catch (error) {
      return { _tag: "InvalidSchema", message: `the schema can't be used: ${messageOf(error)}` }
    }
    try {
      if (validate(value) === true) return undefined
      const [error] = validate.errors ?? []
      return { _tag: "Violation", path: error?.instancePath ?? "", message: violation(error) }
    } catch (error) {
      return { _tag: "InvalidSchema", message: `the schema can't be used: it failed: ${messageOf(error)}` }
    }
  }
}
