/**
 * Schemas that all parts of the REST door share. Revisions are numbers, exact up to 2^53; times are milliseconds since 1970, with `…Time` beside
 * `…At`. Decoded and encoded forms of every schema are the same, so answers need no encoding.
 */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { NAME } from "../../access/Principal.ts"
import { BREAK_GLASS, IDEMPOTENCY_KEY, MESSAGE } from "../../commits/Request.ts"
import { FLAG_NAME } from "../../evaluation/Definition.ts"
import { ENVIRONMENT, ENVIRONMENT_LENGTH } from "../../keys/Environment.ts"
import { KEY, KEY_LENGTH } from "../../keys/Key.ts"
import { TOPIC_LENGTH, TOPIC_NAME } from "../../keys/TopicName.ts"

/** Shows a rule in the document. The use case enforces it and words the refusal. */
const shown = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })

/** KY1 */
export const Key = Schema.String.check(shown({ minLength: 1, maxLength: KEY_LENGTH, pattern: KEY.source })).annotate({
  examples: ["user-service"]
})
/** EN1 */
export const Environment = Schema.String.check(
  shown({ minLength: 1, maxLength: ENVIRONMENT_LENGTH, pattern: ENVIRONMENT.source })
).annotate({ examples: ["production"] })
/** KY1, and shorter than a key. */
export const FlagName = Schema.String.check(
  shown({ minLength: 1, maxLength: FLAG_NAME, pattern: KEY.source })
).annotate({ examples: ["new-checkout"] })
/** An environment as flagd's clients say it. FG5 */
export const FlagSelector = Schema.String.check(
  shown({
    maxLength: ENVIRONMENT_LENGTH + 20,
    pattern: `^((flagSetId|source)=)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,${ENVIRONMENT_LENGTH - 2}}[A-Za-z0-9_]$`
  })
).annotate({ examples: ["flagSetId=production"] })
/** Why something was done. */
export const Message = Schema.String.check(shown({ maxLength: MESSAGE, pattern: "^[^\\u0000]*$" })).annotate({
  examples: ["why it was changed"]
})
export const BreakGlass = Schema.String.check(
  shown({ minLength: 1, maxLength: BREAK_GLASS, pattern: "^[^\\u0000]*[!-~][^\\u0000]*$" })
).annotate({
  description: "Why what is changed by a rollout only is changed at once; kept with the message.",
  examples: ["the site is down"]
})
/** Of what writes: `force` ends a rollout that has what is changed; `breakGlass` says why the plan that it asks for is passed by. */
export const Over = {
  force: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Ends a rollout that has what is changed, in the same commit." })
  ),
  breakGlass: Schema.optionalKey(BreakGlass)
}
export interface OverSaid {
  readonly force?: boolean
  readonly breakGlass?: string
}
/** A principal's. PN2 */
export const PrincipalName = Schema.String.check(
  shown({ minLength: 1, maxLength: 128, pattern: NAME.source })
).annotate({ examples: ["ci-deployer"] })
/** Environments of an API key. */
export const Scope = Schema.String.check(
  shown({ minLength: 1, maxLength: ENVIRONMENT_LENGTH, pattern: `^\\*$|${ENVIRONMENT.source}` })
).annotate({ examples: ["production"] })

/** Keys that an API key may touch. KO1 */
export const KeyPattern = Schema.String.check(
  shown({ minLength: 1, maxLength: KEY_LENGTH + 2, pattern: `^\\*$|${KEY.source.slice(0, -1)}(\\.\\*)?$` })
).annotate({ examples: ["payments.*"] })

/** Topics of an API key. KX1 */
export const TopicPattern = Schema.String.check(
  shown({ minLength: 1, maxLength: TOPIC_LENGTH + 2, pattern: `^\\*$|${TOPIC_NAME.source.slice(0, -1)}(/\\*)?$` })
).annotate({ examples: ["orders/*"] })
/** TT1 */
export const TopicName = Schema.String.check(
  shown({ minLength: 1, maxLength: TOPIC_LENGTH, pattern: TOPIC_NAME.source })
).annotate({ examples: ["orders"] })

const TAG = '(W/)?"[!#-~]*"'
const TAGS = `${TAG}( *, *${TAG})*`
/** ET2, ET3 */
export const IfMatch = Schema.String.check(shown({ pattern: `^([0-9]{1,10}|\\*|${TAGS})$` })).annotate({
  description: "A version number, `*`, or ETags of reads: the write happens only while one of them is current."
})
export const IfNoneMatch = Schema.String.check(shown({ pattern: `^(\\*|${TAGS})$` })).annotate({
  description: "ETags of reads, or `*`: whatever there is."
})

/** Counts and numbers of versions and revisions. */
export const Whole = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
/** The id of an entry in a log; exact up to 2^53. */
export const Id = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
/** Milliseconds since 1970, as far as dates go. */
export const Time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000_000 }))
/** A time for people and other programs: RFC 3339, UTC. One stands beside each time in milliseconds. */
export const Stamp = Schema.String.check(shown({ format: "date-time" }))
export const stamp = (millis: number): string => new Date(millis).toISOString()
export const stampOr = (millis: number | null): string | null => (millis === null ? null : stamp(millis))
/** Entries of a page. */
export const Limit = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))
export const Labels = Schema.Record(Schema.String, Schema.String)
export const Details = Schema.Record(Schema.String, Schema.Unknown)

/** RFC 9457, with the members of Herald's error catalogue. */
const problemFields = {
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  code: Schema.String,
  cause: Schema.String,
  fix: Schema.String,
  details: Schema.optionalKey(Details),
  traceId: Schema.optionalKey(Schema.String)
}
export const Problem = Schema.Struct(problemFields).annotate({ identifier: "Problem" })
export type Problem = typeof Problem.Type

const problem = (httpApiStatus: number) =>
  Schema.Struct(problemFields)
    .annotate({ identifier: `Problem${httpApiStatus}`, httpApiStatus })
    .pipe(HttpApiSchema.asJson({ contentType: "application/problem+json" }))

/** The statuses that any request may end with. */
export const problems = [400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503, 504].map(problem)

/** `Idempotency-Key`: a request with the same key and body is done once, and gets the same answer. */
export const IdempotencyKey = Schema.optionalKey(
  Schema.String.check(
    Schema.isMinLength(1),
    Schema.isMaxLength(IDEMPOTENCY_KEY),
    shown({ pattern: "^[!-~]([ -~]*[!-~])?$" })
  )
)

/** A whole number; the document says its bounds, and what holds them is below the door. */
export const within = (minimum: number, maximum: number) =>
  Schema.Int.check(Schema.makeFilter<number>(() => undefined, { toJsonSchema: () => ({ minimum, maximum }) }))
