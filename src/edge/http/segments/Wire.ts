/** Segments, and what became of them, as JSON. */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Version } from "../configuration/Wire.ts"
import { diffFields, publishedFields, storedFields, validatedFields } from "../flags/Wire.ts"
import { Environment, FlagName, Message, Whole } from "../Wire.ts"

export const Target = { segment: FlagName }
export const InEnvironment = { environment: Environment }

/**
 * `value`: who is in it, by a `rule` (JSONLogic), by `targetUsers`, or by both, as it stands in the body. `expectedVersion` 0: the segment must
 * not exist.
 */
export const SegmentBody = Schema.Struct({
  value: Schema.Unknown,
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({
  identifier: "SegmentBody",
  examples: [{ value: { rule: { ends_with: [{ var: "email" }, "@example.com"] }, targetUsers: ["ann"] } }]
})

export const SegmentRollbackBody = Schema.Struct({
  version: Version,
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "SegmentRollbackBody", examples: [{ version: 1, message: "too many of them" }] })

export const StoredSegment = Schema.Struct({ segment: Schema.String, ...storedFields }).annotate({
  identifier: "StoredSegment"
})
export type StoredSegment = typeof StoredSegment.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const SegmentList = Schema.Struct({ segments: Schema.Array(StoredSegment), next: Schema.NullOr(Schema.String) })
export type SegmentList = typeof SegmentList.Type

/** `next`: give it as `before` for the next page, which may be due before `limit` is reached; null at the end. */
export const SegmentHistory = Schema.Struct({ versions: Schema.Array(StoredSegment), next: Schema.NullOr(Whole) })
export type SegmentHistory = typeof SegmentHistory.Type

export const PublishedSegment = Schema.Struct({ segment: Schema.String, ...publishedFields }).annotate({
  identifier: "PublishedSegment"
})
export type PublishedSegment = typeof PublishedSegment.Type

/** Nothing was written. */
export const ValidatedSegment = Schema.Struct(validatedFields).annotate({ identifier: "ValidatedSegment" })
export type ValidatedSegment = typeof ValidatedSegment.Type

export const SegmentDiff = Schema.Struct({ segment: Schema.String, ...diffFields })
export type SegmentDiff = typeof SegmentDiff.Type

/** A targeting key on each line, in UTF-8. */
export const Ids = Schema.String.annotate({ identifier: "Ids", examples: ["ann\nbob\n"] }).pipe(HttpApiSchema.asText())

/** `count`: how many ids the segment has now. */
export const PublishedIds = Schema.Struct({ segment: Schema.String, ...publishedFields, count: Whole }).annotate({
  identifier: "PublishedIds"
})
export type PublishedIds = typeof PublishedIds.Type
