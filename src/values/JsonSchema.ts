/** Checks that a JSON Schema is small, self-contained and harmless, before anyone compiles it. Pure. */
import { Result } from "effect"
import { problemIn } from "./Structure.ts"
import { exceeds, textProblem } from "./Value.ts"

/** Bytes of a schema: compact JSON as UTF-8. */
export const SCHEMA_BYTES = 65_536
const DIALECT = "https://json-schema.org/draft/2020-12/schema"
const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"]

const seen = new WeakMap<object, Result.Result<string, string>>()

/** The text of a schema; fails with the first rule that it breaks. Kept by object, as a schema is never changed. */
export const schemaText = (schema: unknown): Result.Result<string, string> => {
  if (typeof schema === "boolean") return Result.succeed(String(schema))
  if (typeof schema !== "object" || schema === null || Array.isArray(schema))
    return Result.fail("it must be an object or a boolean")
  let found = seen.get(schema)
  if (found === undefined) seen.set(schema, (found = textOf(schema)))
  return found
}

const textOf = (schema: object): Result.Result<string, string> => {
  const problem = problemIn(schema, { secrets: false })
  if (problem !== undefined) return Result.fail(problem)
  const text = JSON.stringify(schema)
  if (exceeds(text, SCHEMA_BYTES)) return Result.fail(`it is larger than ${SCHEMA_BYTES} bytes`)
  const dialect = (schema as { $schema?: unknown }).$schema
  if (dialect !== undefined && dialect !== DIALECT && dialect !== `${DIALECT}#`)
    return Result.fail(`its $schema is ${JSON.stringify(dialect)}; Herald reads draft 2020-12 only`)
  const wrong = nodeProblem(schema)
  return wrong === undefined ? Result.succeed(text) : Result.fail(wrong)
}

const nodeProblem = (node: unknown): string | undefined => {
  if (typeof node === "string") return node.includes("\u0000") ? textProblem(node) : undefined
  if (typeof node !== "object" || node === null) return undefined
  for (const [key, value] of Object.entries(node)) {
    if (key.includes("\u0000")) return textProblem(key)
    if (REFERENCES.includes(key) && typeof value === "string" && !value.startsWith("#")) {
      return `${key} ${JSON.stringify(value)} is remote; put the definition into $defs and refer to "#/$defs/…"`
    }
    if (key === "$async") return "$async is not part of JSON Schema"
    const problem = nodeProblem(value)
    if (problem !== undefined) return problem
  }
  return undefined
}
