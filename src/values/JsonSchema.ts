/** What a JSON Schema must be before anyone compiles it: small, self-contained, harmless. Pure. */
import { problemIn } from "./Structure.ts"
import { exceeds, textProblem } from "./Value.ts"

/** Of a schema as compact JSON, as UTF-8. */
export const SCHEMA_BYTES = 65_536
const DIALECT = "https://json-schema.org/draft/2020-12/schema"
const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"]

/** The first rule that the schema breaks. */
export const schemaProblem = (schema: unknown): string | undefined => {
  if (typeof schema === "boolean") return undefined
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return "it must be an object or a boolean"
  const problem = problemIn(schema, { secrets: false })
  if (problem !== undefined) return problem
  const text = JSON.stringify(schema)
  if (exceeds(text, SCHEMA_BYTES)) return `it is larger than ${SCHEMA_BYTES} bytes`
  const dialect = (schema as { $schema?: unknown }).$schema
  if (dialect !== undefined && dialect !== DIALECT && dialect !== `${DIALECT}#`) {
    return `its $schema is ${JSON.stringify(dialect)}; Herald reads draft 2020-12 only`
  }
  return nodeProblem(schema)
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
