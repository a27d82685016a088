/** The groups `keys` and `audit`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need, signedIn } from "../Needs.ts"
import { Environment, Id, KeyPattern, Limit, problems, TopicName } from "../Wire.ts"
import * as Tokens from "./TokenWire.ts"
import * as Wire from "./Wire.ts"

const { get, post } = HttpApiEndpoint
const error = problems

export class KeysGroup extends HttpApiGroup.make("keys")
  .add(
    post("create", "/v1/keys", {
      payload: Wire.ApiKeyBody,
      success: Wire.NewApiKey.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, need("keys.manage", "everywhere", 4))
      .annotateMerge(about("Make an API key", "The token is shown this once.")),
    get("list", "/v1/keys", { success: Wire.ApiKeys, error })
      .annotate(Needs, need("keys.manage", "everywhere", 4))
      .annotateMerge(about("List API keys")),
    post("rotate", "/v1/keys/:id/rotate", {
      params: { id: Plain(64) },
      payload: Wire.RotateBody,
      success: Wire.NewApiKey.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, need("keys.manage", "everywhere", 4))
      .annotateMerge(
        about(
          "Rotate an API key",
          "A new key of the same principal; the old one works until its grace ends. The token is shown this once."
        )
      ),
    HttpApiEndpoint.delete("revoke", "/v1/keys/:id", {
      params: { id: Plain(64) },
      success: HttpApiSchema.NoContent,
      error
    })
      .annotate(Needs, need("keys.manage", "everywhere", 4))
      .annotateMerge(about("Revoke an API key", "Its streams end within 5 s."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "API keys" })) {}

const ofAct = {
  environment: Schema.optionalKey(Environment),
  kind: Schema.optionalKey(Wire.Kind),
  key: Schema.optionalKey(KeyPattern),
  topic: Schema.optionalKey(TopicName)
}

export class AccessGroup extends HttpApiGroup.make("access")
  .add(
    get("whoami", "/v1/access/whoami", { success: Wire.Self, error })
      .annotate(Needs, signedIn(1))
      .annotateMerge(about("Who one is", "Whose token came with the request, and what it may.")),
    post("exchange", "/v1/token", {
      payload: Tokens.TokenBody,
      success: Tokens.ServiceToken.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, signedIn(4))
      .annotateMerge(
        about(
          "Exchange what one has for a token of a short life",
          "Of at most an hour, with the rights of the API key, token of an issuer, certificate or service token that came with the request, or fewer. It is kept nowhere, and ends with what it came from. The audit log tells of it, before it is answered."
        )
      ),
    get("canI", "/v1/access/can-i", {
      query: { permission: Wire.Permission, ...ofAct },
      success: Wire.Answered,
      error
    })
      .annotate(Needs, signedIn(1))
      .annotateMerge(
        about(
          "Whether one may",
          "Asked, not done. Without `environment`: in every one. `key`, or all of a pattern, is of the kind `config` unless `kind` says otherwise; without both, every key of every kind."
        )
      ),
    get("grants", "/v1/access/grants", {
      query: { permission: Schema.optionalKey(Wire.Permission), ...ofAct },
      success: Wire.Grants,
      error
    })
      .annotate(Needs, need("keys.manage", "everywhere", 4))
      .annotateMerge(
        about(
          "Who may what",
          "The API keys that are good, with what they may; with `permission`, whether each may do that."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Access" })) {}

export class AuditGroup extends HttpApiGroup.make("audit")
  .add(
    get("list", "/v1/audit", {
      query: {
        environment: Schema.optionalKey(Environment),
        limit: Schema.optionalKey(Limit),
        before: Schema.optionalKey(Id),
        after: Schema.optionalKey(Id)
      },
      success: Wire.AuditEntries,
      error
    })
      .annotate(Needs, need("audit.read", "named or everywhere", 10))
      .annotate(OpenApi.Identifier, "operations.audit")
      .annotateMerge(about("The audit log", "Newest first; with `after`, oldest first from there.")),
    get("verify", "/v1/audit/verify", {
      query: {
        from: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(2_000), Schema.isPattern(/^[!-~]*$/u))),
        checkpoint: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(300), Schema.isPattern(/^[ -~]*$/u)))
      },
      success: Wire.AuditVerdict,
      error
    })
      .annotate(Needs, need("audit.read", "everywhere", 500))
      .annotate(OpenApi.Identifier, "operations.auditVerify")
      .annotateMerge(
        about(
          "Check the audit log and what it tells of",
          "One page of about a second: the hash chain, the versions and API keys that its entries tell of, and the checkpoints of this node. Go on with `next` as `from`. `checkpoint` is a line that the server logged."
        )
      ),
    get("export", "/v1/audit/export", {
      query: { after: Schema.optionalKey(Id), limit: Schema.optionalKey(Limit) },
      success: Wire.AuditExport,
      error
    })
      .annotate(Needs, need("audit.read", "everywhere", 50))
      .annotate(OpenApi.Identifier, "operations.auditExport")
      .annotateMerge(
        about(
          "Export the audit log",
          "Oldest first, from the first or behind `after`: a page of the lines of a file that `herald audit verify --file` checks, with signed checkpoints between. Go on with `next` as `after`; at the end the newest entry is signed."
        )
      ),
    get("key", "/v1/audit/key", { success: Wire.AuditKeys, error })
      .annotate(Needs, need("audit.read", "everywhere", 20))
      .annotate(OpenApi.Identifier, "operations.auditKey")
      .annotateMerge(
        about("The public keys that sign the audit log", "Ed25519, of this node and of all that are known.")
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
