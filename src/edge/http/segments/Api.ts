/** The group `segments`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { FLAG_NAME } from "../../../evaluation/Definition.ts"
import { MODES } from "../../../flags/IdList.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Version } from "../configuration/Wire.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { IdempotencyKey, Limit, Message, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, put, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

export class SegmentsGroup extends HttpApiGroup.make("segments")
  .add(
    put("publish", "/v1/segments/:segment", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      headers,
      payload: Wire.SegmentBody,
      success: Wire.PublishedSegment,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(
        about(
          "Publish a segment",
          "A rule with a name, for all flags of an environment. A new immutable version, in the same log as every other change."
        )
      ),
    get("get", "/v1/segments/:segment", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.StoredSegment,
      error
    })
      .annotate(Needs, need("config.read", "named"))
      .annotateMerge(about("Read a segment")),
    HttpApiEndpoint.delete("archive", "/v1/segments/:segment", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        message: Schema.optionalKey(Message),
        expectedVersion: Schema.optionalKey(Version)
      },
      headers,
      success: Wire.PublishedSegment,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Archive a segment", "Its history stays; refused while another flag needs it.")),
    get("list", "/v1/segments", {
      query: {
        ...Wire.InEnvironment,
        prefix: Schema.optionalKey(Plain(FLAG_NAME)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(FLAG_NAME))
      },
      success: Wire.SegmentList,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("List segments")),
    get("history", "/v1/segments/:segment/history", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, limit: Schema.optionalKey(Limit), before: Schema.optionalKey(Version) },
      success: Wire.SegmentHistory,
      error
    })
      .annotate(Needs, need("config.read", "named", 20))
      .annotateMerge(about("Versions of a segment, newest first")),
    get("version", "/v1/segments/:segment/versions/:version", {
      params: { ...Wire.Target, version: Version },
      query: Wire.InEnvironment,
      success: Wire.StoredSegment,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(about("One version of a segment")),
    get("diff", "/v1/segments/:segment/diff", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, from: Version, to: Version },
      success: Wire.SegmentDiff,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(about("What changed between two versions of a segment")),
    post("rollback", "/v1/segments/:segment/rollback", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      headers,
      payload: Wire.SegmentRollbackBody,
      success: Wire.PublishedSegment,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Take a change of a segment back", "Makes a new version that equals an old one.")),
    post("validate", "/v1/segments/:segment/validate", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      payload: Wire.SegmentBody,
      success: Wire.ValidatedSegment,
      error
    })
      .annotate(Needs, need("config.write", "named", 10))
      .annotateMerge(about("Try a publish of a segment without writing")),
    post("ids", "/v1/segments/:segment/ids", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        mode: Schema.optionalKey(Schema.Literals(MODES)),
        message: Schema.optionalKey(Message),
        expectedVersion: Schema.optionalKey(Version)
      },
      headers,
      payload: Wire.Ids,
      success: Wire.PublishedIds,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 50))
      .annotateMerge(
        about(
          "Change the ids of a segment",
          "A targeting key on each line. `mode`: `add` (unless it says otherwise), `remove` or `replace`; a new version of the segment, which is made where there is none."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Segments" })) {}
