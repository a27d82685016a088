/** Checks on what a publisher sends, before anything is read. Pure but for the error type. */
import { Result } from "effect"
import type { Beside } from "../commits/Beside.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { targetProblem } from "../keys/Target.ts"
import { schemaText } from "../values/JsonSchema.ts"
import { VALUE_BYTES } from "../values/Limits.ts"
import { bytesOf } from "../values/Value.ts"
import { limits } from "./Configuration.ts"
import type { Draft } from "./Draft.ts"

export const expectedProblem = (key: string, expectedVersion: number | undefined): HeraldError | undefined =>
  expectedVersion === undefined ||
  (Number.isSafeInteger(expectedVersion) && expectedVersion >= 0 && expectedVersion <= limits.version)
    ? undefined
    : failure("InvalidInput", `the expected version of ${key} must be a whole number from 0 to ${limits.version}`)

const NOTHING = { changes: 0, bytes: 0 }

/** What can be found wrong with drafts without a look at what is stored. F3 */
export const draftsProblem = (
  drafts: ReadonlyArray<Draft>,
  beside: Pick<Beside, "changes" | "bytes"> = NOTHING
): HeraldError | undefined => {
  const changes = drafts.length + beside.changes
  if (changes === 0) return failure("NothingChanged", "the release has no change")
  if (changes > limits.changes) {
    return failure("TooLarge", `the release has ${changes} changes; at most ${limits.changes} are allowed`)
  }
  const seen = new Set<string>()
  let { bytes } = beside
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
