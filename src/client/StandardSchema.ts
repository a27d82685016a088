/** Standard Schema v1 (https://standardschema.dev): what Effect (`Schema.toStandardSchemaV1`), zod, valibot and others share. */
import { messageOf, ValueError } from "./ClientError.ts"

export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue> }

export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

const described = (issue: SchemaIssue): string => {
  const path = issue.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".")
  return path ? `${path}: ${issue.message}` : issue.message
}

const mostIssues = 20

const taken = <T>(key: string, result: SchemaResult<T>): T => {
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, mostIssues).map(described).join("; ")
  throw new ValueError(
    `the value of "${key}" does not fit the schema: ${issues}. Publish a value that fits, or correct the schema.`
  )
}

/** A schema is someone else's code: whatever it throws, or answers, becomes a `ValueError`. */
const broken = (key: string, cause: unknown): ValueError =>
  isValueError(cause)
    ? cause
    : new ValueError(`the schema given for "${key}" failed: ${messageOf(cause)}. Correct the schema.`, { cause })

const isValueError = (thrown: unknown): thrown is ValueError => {
  try {
    return thrown instanceof ValueError
  } catch {
    return false // even looking at it throws
  }
}

/** Throws `ValueError` with every issue, also for a schema that only works asynchronously. */
export const decode = <T>(key: string, schema: StandardSchemaV1<unknown, T>, value: unknown): T => {
  try {
    const result = schema["~standard"].validate(value)
    if (result instanceof Promise || typeof (result as { then?: unknown }).then === "function") {
      Promise.resolve(result).catch(() => undefined)
      throw new ValueError(`the schema given for "${key}" is asynchronous and get is not. Use watch with this schema.`)
    }
    return taken(key, result as SchemaResult<T>)
  } catch (error) {
    throw broken(key, error)
  }
}

/** The same for schemas that may be asynchronous. */
export const decodeAsync = async <T>(key: string, schema: StandardSchemaV1<unknown, T>, value: unknown): Promise<T> => {
  try {
    return taken(key, await schema["~standard"].validate(value))
  } catch (error) {
    throw broken(key, error)
  }
}
