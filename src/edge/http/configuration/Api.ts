/** The groups `config` (one key) and `releases` (many at once). */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { traits } from "../../../configuration/Heads.ts"
import { KEY_LENGTH } from "../../../keys/Key.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { IdempotencyKey, IfMatch, IfNoneMatch, Limit, Message, Over, problems } from "../Wire.ts"
import * as Release from "./ReleaseWire.ts"
import { PAGE_COST } from "./ValuePages.ts"
import * as Wire from "./Wire.ts"

const { get, put, post } = HttpApiEndpoint
const error = problems

/** `if-match`: a version number, `*`, or ETags of reads. `if-none-match`: `*`, the key must not exist, or ETags. */
const conditions = { "if-match": Schema.optionalKey(IfMatch), "if-none-match": Schema.optionalKey(IfNoneMatch) }
const writeHeaders = { "idempotency-key": IdempotencyKey, ...conditions }
const unmodified = OpenApi.annotations({
  transform: (operation) => ({
    ...operation,
    responses: { ...operation["responses"], "304": { description: "What the caller has is current: no body" } }
  })
})
const etag = { etag: Schema.String, "herald-version": Schema.Int, "herald-revision": Schema.Int }

export class ConfigGroup extends HttpApiGroup.make("config")
  .add(
    put("publish", "/v1/config/:key", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, ...Over },
      headers: writeHeaders,
      payload: Wire.PublishBody,
      success: HttpApiSchema.WithHeaders(Wire.Published, etag),
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(
        about("Publish a value", "A new immutable version, committed with its history, audit and revision.")
      ),
    get("get", "/v1/config/:key", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        ...Wire.InForm,
        consistency: Schema.optionalKey(Schema.Literals(["strong", "cached"]))
      },
      headers: { "if-none-match": Schema.optionalKey(IfNoneMatch) },
      success: HttpApiSchema.WithHeaders(Wire.Reading, { ...etag, "herald-stale": Schema.Boolean }),
      error
    })
      .annotateMerge(unmodified)
      .annotate(Needs, need("config.read", "named"))
      .annotateMerge(
        about(
          "Read a value",
          "`cached` (default) answers from this node's memory, `strong` from PostgreSQL. 304 if the ETag fits."
        )
      ),
    HttpApiEndpoint.delete("delete", "/v1/config/:key", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, ...Over, message: Schema.optionalKey(Message) },
      headers: writeHeaders,
      success: Wire.Published,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Delete a key", "A delete is a version too: it can be rolled back.")),
    get("list", "/v1/config", {
      query: {
        ...Wire.InEnvironment,
        prefix: Schema.optionalKey(Plain(KEY_LENGTH)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(KEY_LENGTH)),
        only: Schema.optionalKey(Schema.Literals(traits))
      },
      success: Wire.Heads,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("List keys", "`only`: templates, or strict keys.")),
    get("values", "/v1/values", {
      query: {
        ...Wire.InEnvironment,
        prefix: Schema.optionalKey(Plain(KEY_LENGTH)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(KEY_LENGTH)),
        shape: Schema.optionalKey(Schema.Boolean)
      },
      success: Wire.Values,
      error
    })
      .annotate(Needs, need("config.read", "named", PAGE_COST))
      .annotateMerge(
        about(
          "Read many values",
          "What keys have now, as texts, read together from PostgreSQL: a page ends before it has more than 2 MiB, or 4 MiB of JSON, and a value. `shape`: types and digests without values and schemas."
        )
      ),
    get("environments", "/v1/environments", { success: Wire.Environments, error })
      .annotate(Needs, need("config.read", "somewhere", 4))
      .annotateMerge(about("List environments", "Those that you may read and that have a key.")),
    get("history", "/v1/config/:key/history", {
      params: Wire.Target,
      query: {
        ...Wire.InEnvironment,
        ...Wire.InForm,
        limit: Schema.optionalKey(Limit),
        before: Schema.optionalKey(Wire.Version)
      },
      success: Wire.History,
      error
    })
      .annotate(Needs, need("config.read", "named", 20))
      .annotateMerge(about("Versions of a key, newest first")),
    get("version", "/v1/config/:key/versions/:version", {
      params: { ...Wire.Target, version: Wire.Version },
      query: { ...Wire.InEnvironment, ...Wire.InForm },
      success: Wire.Configuration,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(about("One version of a key")),
    get("diff", "/v1/config/:key/diff", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, from: Wire.Version, to: Wire.Version },
      success: Wire.DiffResult,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(about("What changed between two versions")),
    post("rollback", "/v1/config/:key/rollback", {
      params: Wire.Target,
      query: { ...Wire.InEnvironment, ...Over },
      headers: writeHeaders,
      payload: Wire.RollbackBody,
      success: Wire.Published,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Take a change back", "Makes a new version that equals an old one.")),
    post("validate", "/v1/config/:key/validate", {
      params: Wire.Target,
      query: Wire.InEnvironment,
      headers: conditions,
      payload: Wire.PublishBody,
      success: Wire.Validated,
      error
    })
      .annotate(Needs, need("config.write", "named", 10))
      .annotateMerge(about("Try a publish without writing")),
    get("explain", "/v1/config/:key/explain", {
      params: Wire.Target,
      query: Schema.StructWithRest(
        Schema.Struct({ ...Wire.InEnvironment, ...Wire.InForm, label: Schema.optionalKey(Schema.Array(Wire.LabelOf)) }),
        [Schema.Record(Schema.TemplateLiteral(["label.", Schema.String]), Schema.String)]
      ),
      success: Wire.Explanation,
      error
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotateMerge(
        about(
          "How a client's value comes about",
          "Labels of the client as `label.region=eu` or repeated `label=region=eu`."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Configuration" })) {}

export class ReleasesGroup extends HttpApiGroup.make("releases")
  .add(
    post("release", "/v1/releases", {
      query: { dryRun: Schema.optionalKey(Schema.Boolean), ...Over },
      headers: { "idempotency-key": IdempotencyKey },
      payload: Release.ReleaseBody,
      success: [Release.Released, Wire.Validated],
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "somewhere", 10))
      .annotate(OpenApi.Identifier, "operations.release")
      .annotateMerge(about("Change many keys at once", "All changes are one revision, or none happens."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
