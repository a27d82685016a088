/** Checks on what a publisher sends, before anything is read. Pure but for the error type. */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { targetProblem } from "../keys/Target.ts"
import { schemaText } from "../values/JsonSchema.ts"
import { VALUE_BYTES } from "../values/Limits.ts"
import { bytesOf, textProblem } from "../values/Value.ts"
import { limits } from "./Configuration.ts"
import type { Draft, PublishOptions } from "./Draft.ts"

/** Characters. */
export const IDEMPOTENCY_KEY = 200

export const optionsProblem = ({ message, idempotencyKey }: PublishOptions): HeraldError | undefined => {
  if (message.length > limits.message) {
    return failure(
      "InvalidInput",
      `the message has ${message.length} characters; at most ${limits.message} are allowed`
    )
  }
  const problem = textProblem(message)
  if (problem !== undefined) return failure("InvalidInput", `the message can't be stored: ${problem}`)
  if (idempotencyKey === undefined) return undefined
  const length = idempotencyKey.length
  return length === 0 || length > IDEMPOTENCY_KEY || textProblem(idempotencyKey) !== undefined
    ? failure("InvalidInput", `the idempotency key must be 1 to ${IDEMPOTENCY_KEY} characters of valid text`)
    : undefined
}

export const expectedProblem = (key: string, expectedVersion: number | undefined): HeraldError | undefined =>
  expectedVersion === undefined ||
  (Number.isSafeInteger(expectedVersion) && expectedVersion >= 0 && expectedVersion <= limits.version)
    ? undefined
    : failure("InvalidInput", `the expected version of ${key} must be a whole number from 0 to ${limits.version}`)

/** F3 for everything that needs no look at what is stored. */
export const draftsProblem = (drafts: ReadonlyArray<Draft>): HeraldError | undefined => {
  if (drafts.length === 0) return failure("NothingChanged", "the release has no change")
  if (drafts.length > limits.changes) {
    return failure("TooLarge", `the release has ${drafts.length} changes; at most ${limits.changes} are allowed`)
  }
  const seen = new Set<string>()
  let bytes = 0
  for (const draft of drafts) {
    const { key, environment, value, expectedVersion, schema } = draft
    const problem = targetProblem(environment, key)
    if (problem !== undefined) return problem
    const id = `${environment}/${key}`
    if (seen.has(id)) return failure("InvalidInput", `${key} in ${environment} appears twice in the release`)
    seen.add(id)
    const unexpected = expectedProblem(key, expectedVersion)
    if (unexpected !== undefined) return unexpected
    if (schema !== undefined && schema !== null) {
      const text = schemaText(schema)
      if (Result.isFailure(text)) return failure("InvalidSchema", `the schema of ${key} can't be used: ${text.failure}`)
    }
    if (value === null) continue
    const size = value.length > VALUE_BYTES ? value.length : bytesOf(value)
    if (size > VALUE_BYTES) {
      return failure("TooLarge", `the value of ${key} is larger than ${VALUE_BYTES} bytes`, { details: { key } })
    }
    bytes += size
  }
  return bytes > limits.release
    ? failure("TooLarge", `the release has ${bytes} bytes of values; at most ${limits.release} are allowed`)
    : undefined
}

/** JSON with sorted keys, so that equal requests have equal text. */
export const canonical = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const entries = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(",")}}`
}
