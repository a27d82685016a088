/**
 * The REST contract: routes, what they take and what they answer. OpenAPI, the browsable page and the typed client
 * (`HttpApiClient.make(Api, …)`) are made from it.
 *
 *   R1  Every failure is a problem document (RFC 9457) with a code of the catalogue.
 *   R2  Every route of `/v1` but the error catalogue wants a bearer token.
 */
import { Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import { CLIENT_NAME_LENGTH } from "../../keys/ClientName.ts"
import { KEY_LENGTH } from "../../keys/Key.ts"
import { Plain } from "../../text/Plain.ts"
import * as Wire from "./Wire.ts"

const { get, put, post } = HttpApiEndpoint
const error = Wire.problems
const params = Wire.Target
const query = Wire.InEnvironment
const Limit = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 })))
const about = (summary: string, description?: string) =>
  OpenApi.annotations({ summary, ...(description === undefined ? {} : { description }) })

/** R2. Provides `CurrentIdentity`. */
export class Authentication extends HttpApiMiddleware.Service<Authentication>()("herald/edge/Authentication", {
  security: { token: HttpApiSecurity.bearer }
}) {}

/** `Idempotency-Key`: the same key and body have the same result, once. `If-Match`: a version number or an ETag. */
const writeHeaders = {
  "idempotency-key": Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(255))),
  "if-match": Schema.optionalKey(Schema.String)
}
const etag = { etag: Schema.String, "herald-version": Schema.Int, "herald-revision": Schema.Int }

export class ConfigGroup extends HttpApiGroup.make("config")
  .add(
    put("publish", "/v1/config/:key", {
      params,
      query,
      headers: { ...writeHeaders, "if-none-match": Schema.optionalKey(Schema.String) },
      payload: Wire.PublishBody,
      success: HttpApiSchema.WithHeaders(Wire.Published, etag),
      error
    }).annotateMerge(
      about("Publish a value", "A new immutable version, committed with its history, audit and revision.")
    ),
    get("get", "/v1/config/:key", {
      params,
      query: { ...query, consistency: Schema.optionalKey(Schema.Literals(["strong", "cached"])) },
      headers: { "if-none-match": Schema.optionalKey(Schema.String) },
      success: HttpApiSchema.WithHeaders(Wire.Reading, { ...etag, "herald-stale": Schema.Boolean }),
      error
    }).annotateMerge(
      about(
        "Read a value",
        "`cached` (default) answers from this node's memory, `strong` from PostgreSQL. 304 if the ETag fits."
      )
    ),
    HttpApiEndpoint.delete("delete", "/v1/config/:key", {
      params,
      query: { ...query, message: Schema.optionalKey(Schema.String) },
      headers: writeHeaders,
      success: Wire.Published,
      error
    }).annotateMerge(about("Delete a key", "A delete is a version too: it can be rolled back.")),
    get("list", "/v1/config", {
      query: {
        ...query,
        prefix: Schema.optionalKey(Plain(KEY_LENGTH)),
        limit: Limit,
        after: Schema.optionalKey(Plain(KEY_LENGTH))
      },
      success: Wire.Heads,
      error
    }).annotateMerge(about("List keys")),
    get("history", "/v1/config/:key/history", {
      params,
      query: { ...query, limit: Limit, before: Schema.optionalKey(Wire.Version) },
      success: Wire.History,
      error
    }).annotateMerge(about("Versions of a key, newest first")),
    get("version", "/v1/config/:key/versions/:version", {
      params: { ...params, version: Wire.Version },
      query,
      success: Wire.Configuration,
      error
    }).annotateMerge(about("One version of a key")),
    get("diff", "/v1/config/:key/diff", {
      params,
      query: { ...query, from: Wire.Version, to: Wire.Version },
      success: Wire.DiffResult,
      error
    }).annotateMerge(about("What changed between two versions")),
    post("rollback", "/v1/config/:key/rollback", {
      params,
      query,
      headers: { "idempotency-key": writeHeaders["idempotency-key"] },
      payload: Wire.RollbackBody,
      success: Wire.Published,
      error
    }).annotateMerge(about("Take a change back", "Makes a new version that equals an old one.")),
    post("validate", "/v1/config/:key/validate", {
      params,
      query,
      payload: Wire.PublishBody,
      success: Wire.Validated,
      error
    }).annotateMerge(about("Try a publish without writing")),
    get("explain", "/v1/config/:key/explain", {
      params,
      query: Schema.StructWithRest(
        Schema.Struct({ ...query, label: Schema.optionalKey(Schema.Array(Schema.String)) }),
        [Schema.Record(Schema.TemplateLiteral(["label.", Schema.String]), Schema.String)]
      ),
      success: Wire.Explanation,
      error
    }).annotateMerge(
      about(
        "How a client's value comes about",
        "Labels of the client as `label.region=eu` or repeated `label=region=eu`."
      )
    )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Configuration" })) {}

export class OperationsGroup extends HttpApiGroup.make("operations")
  .add(
    post("release", "/v1/releases", {
      query: { dryRun: Schema.optionalKey(Schema.Boolean) },
      headers: { "idempotency-key": writeHeaders["idempotency-key"] },
      payload: Wire.ReleaseBody,
      success: [Wire.Released, Wire.Validated],
      error
    }).annotateMerge(about("Change many keys at once", "All changes are one revision, or none happens.")),
    get("clients", "/v1/clients", {
      query: {
        environment: Schema.optionalKey(Schema.String),
        service: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        instance: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        after: Schema.optionalKey(Plain(2_048)),
        limit: Limit,
        keys: Limit,
        afterKey: Schema.optionalKey(Plain(KEY_LENGTH))
      },
      success: Wire.Clients,
      error
    }).annotateMerge(
      about(
        "Who has what",
        "Every instance: desired, sent, applied, rejected and why. A page ends at `limit` instances or about 4 MiB; each shows its first " +
          "`keys` keys (100 when left out) and those that have trouble."
      )
    ),
    get("audit", "/v1/audit", {
      query: {
        environment: Schema.optionalKey(Schema.String),
        limit: Limit,
        before: Schema.optionalKey(Wire.Id),
        after: Schema.optionalKey(Wire.Id)
      },
      success: Wire.AuditEntries,
      error
    }).annotateMerge(about("The audit log", "Newest first; with `after`, oldest first from there.")),
    get("auditVerify", "/v1/audit/verify", {
      query: {
        from: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(2_000))),
        checkpoint: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(300)))
      },
      success: Wire.AuditVerdict,
      error
    }).annotateMerge(
      about(
        "Check the audit log and what it tells of",
        "One page of about a second: the hash chain, the versions and API keys that its entries tell of, and the checkpoints of this node. Go on with `next` as `from`. `checkpoint` is a line that the server logged."
      )
    )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}

export class KeysGroup extends HttpApiGroup.make("keys")
  .add(
    post("create", "/v1/keys", {
      payload: Wire.ApiKeyBody,
      success: Wire.NewApiKey.pipe(HttpApiSchema.status(201)),
      error
    }).annotateMerge(about("Make an API key", "The token is shown this once.")),
    get("list", "/v1/keys", { success: Wire.ApiKeys, error }).annotateMerge(about("List API keys")),
    post("rotate", "/v1/keys/:id/rotate", {
      params: { id: Plain(64) },
      payload: Wire.RotateBody,
      success: Wire.NewApiKey.pipe(HttpApiSchema.status(201)),
      error
    }).annotateMerge(
      about(
        "Rotate an API key",
        "A new key of the same principal; the old one works until its grace ends. The token is shown this once."
      )
    ),
    HttpApiEndpoint.delete("revoke", "/v1/keys/:id", {
      params: { id: Plain(64) },
      success: HttpApiSchema.NoContent,
      error
    }).annotateMerge(about("Revoke an API key", "Its streams end within 5 s."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "API keys" })) {}

export class ErrorsGroup extends HttpApiGroup.make("errors")
  .add(
    get("explain", "/v1/errors/:code", {
      params: { code: Plain(32) },
      success: Wire.ErrorRow,
      error
    }).annotateMerge(about("Cause and fix of an error code"))
  )
  .annotateMerge(OpenApi.annotations({ title: "Errors" })) {}

export class Api extends HttpApi.make("herald")
  .add(ConfigGroup, OperationsGroup, KeysGroup, ErrorsGroup)
  // A misspelt `dryRun` must not publish.
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Herald",
      version: "1",
      description: "Pushes versioned configuration to every connected client in milliseconds, and takes it back."
    })
  ) {}
