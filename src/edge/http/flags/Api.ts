/** The group `flags`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { FLAG_NAME } from "../../../evaluation/Definition.ts"
import { Plain } from "../../../text/Plain.ts"
import { Openly } from "../Authentication.ts"
import { Authentication, about } from "../Contract.ts"
import { Version } from "../configuration/Wire.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { IdempotencyKey, IfNoneMatch, Limit, Message, Over, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, put, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

export class FlagsGroup extends HttpApiGroup.make("flags")
  .add(
    put("publish", "/v1/flags/:flag", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, ...Over },
      headers,
      payload: Wire.FlagBody,
      success: Wire.PublishedFlag,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Publish a flag", "A new immutable version, in the same log as every other change.")),
    get("get", "/v1/flags/:flag", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      success: Wire.StoredFlag,
      error
    })
      .annotate(Needs, need("config.read", "named"))
      .annotateMerge(about("Read a flag")),
    HttpApiEndpoint.delete("archive", "/v1/flags/:flag", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        message: Schema.optionalKey(Message),
        expectedVersion: Schema.optionalKey(Version),
        ...Over
      },
      headers,
      success: Wire.PublishedFlag,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(
        about(
          "Archive a flag",
          "Its history stays. Refused while another flag needs it, and while it is evaluated: with `force`, and a message that says why, all the same."
        )
      ),
    get("list", "/v1/flags", {
      query: {
        ...Wire.InEnvironment,
        prefix: Schema.optionalKey(Plain(FLAG_NAME)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(FLAG_NAME))
      },
      success: Wire.FlagList,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("List flags")),
    get("document", "/v1/flagd", {
      query: Wire.InEnvironment,
      headers: { "if-none-match": Schema.optionalKey(IfNoneMatch) },
      success: Wire.FlagdDocument,
      error
    })
      .annotate(Needs, need("config.read", "named", 20))
      .annotate(Openly, true)
      .annotateMerge(about("All flags as flagd has them", "For flagd's HTTP source, and for files. With an ETag.")),
    get("history", "/v1/flags/:flag/history", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, limit: Schema.optionalKey(Limit), before: Schema.optionalKey(Version) },
      success: Wire.FlagHistory,
      error
    })
      .annotate(Needs, need("config.read", "named", 20))
      .annotateMerge(about("Versions of a flag, newest first")),
    get("version", "/v1/flags/:flag/versions/:version", {
      params: { ...Wire.Target, version: Version },
      query: Wire.InEnvironment,
      success: Wire.StoredFlag,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(about("One version of a flag")),
    get("diff", "/v1/flags/:flag/diff", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, from: Version, to: Version },
      success: Wire.FlagDiff,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(about("What changed between two versions of a flag")),
    post("rollback", "/v1/flags/:flag/rollback", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, ...Over },
      headers,
      payload: Wire.FlagRollbackBody,
      success: Wire.PublishedFlag,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Take a change of a flag back", "Makes a new version that equals an old one.")),
    post("validate", "/v1/flags/:flag/validate", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      payload: Wire.FlagBody,
      success: Wire.ValidatedFlag,
      error
    })
      .annotate(Needs, need("config.write", "named", 10))
      .annotateMerge(about("Try a publish of a flag without writing")),
    post("evaluate", "/v1/flags/:flag/evaluate", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      payload: Wire.EvaluateBody,
      success: Wire.Evaluated,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(
        about(
          "What a flag is for someone, and why",
          "With the steps of the decision. Applications ask OpenFeature's protocols."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Flags" })) {}
