/**
 * The worker thread of SchemaValidator: compiles a schema once and checks values with it. It never touches Herald's state, so it can be
 * terminated at any time.
 */
import { parentPort } from "node:worker_threads"
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js"
import addFormatsModule from "ajv-formats"
import type { Answer, Question } from "./SchemaMessages.ts"

/** CommonJS: Node and Deno disagree on where the function is. */
const addFormats = ((addFormatsModule as { default?: unknown }).default ?? addFormatsModule) as (
  ajv: Ajv2020
) => unknown

/** Compiled schemas that are kept; ajv keeps what it compiled, so both start anew together. */
const KEPT = 256
const compiled = new Map<string, ValidateFunction>()
const fresh = (): Ajv2020 => {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    addUsedSchema: false,
    logger: false,
    validateFormats: true
  })
  addFormats(ajv)
  return ajv
}
let ajv = fresh()

const compile = (schema: string): ValidateFunction => {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  if (compiled.size >= KEPT) {
    compiled.clear()
    ajv = fresh()
  }
  const validate = ajv.compile(JSON.parse(schema))
  compiled.set(schema, validate)
  return validate
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

const answer = ({ schema, value }: Question): Answer => {
  let validate: ValidateFunction
  try {
    validate = compile(schema)
  } catch (error) {
    return { _tag: "InvalidSchema", message: (error instanceof Error ? error.message : String(error)).slice(0, 1_000) }
  }
  try {
    return validate(value) === true
      ? { _tag: "Valid" }
      : { _tag: "Violation", path: validate.errors?.[0]?.instancePath ?? "", message: violation(validate.errors?.[0]) }
  } catch (error) {
    return { _tag: "InvalidSchema", message: `it failed: ${error instanceof Error ? error.message : String(error)}` }
  }
}

parentPort?.on("message", (question: Question) => parentPort?.postMessage(answer(question)))
parentPort?.postMessage({ _tag: "Ready" } satisfies Answer)
