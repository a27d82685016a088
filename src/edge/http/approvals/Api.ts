/** The groups `protections` and `changes`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { states } from "../../../approvals/ChangeRequest.ts"
import { sides } from "../../../approvals/ListedIds.ts"
import { Authentication, about } from "../Contract.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { Target } from "../segments/Wire.ts"
import { IdempotencyKey, Limit, Message, Over, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, post, put } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }
const query = Wire.InEnvironment

export class ProtectionsGroup extends HttpApiGroup.make("protections")
  .add(
    put("protect", "/v1/protections/:id", {
      params: { id: Wire.ProtectionName },
      query: { ...query, breakGlass: Over.breakGlass },
      headers,
      payload: Wire.ProtectionBody,
      success: Wire.Protection,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("keys.manage", "named", 4))
      .annotateMerge(
        about(
          "Protect keys",
          "What they become needs so many persons from then on. A protection that is there is changed as what it protects."
        )
      ),
    get("list", "/v1/protections", {
      query: { ...query, limit: Schema.optionalKey(Limit), after: Schema.optionalKey(Wire.ProtectionName) },
      success: Wire.ProtectionList,
      error
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(
        about(
          "List protections",
          "In the order of their names; of each as much as is about keys and kinds that the caller may read."
        )
      ),
    HttpApiEndpoint.delete("unprotect", "/v1/protections/:id", {
      params: { id: Wire.ProtectionName },
      query: { ...query, message: Schema.optionalKey(Message), breakGlass: Over.breakGlass },
      headers,
      success: HttpApiSchema.NoContent,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("keys.manage", "named", 4))
      .annotateMerge(about("Take a protection away", "Which needs those persons, too."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Protections" })) {}

const params = { id: Wire.ChangeId }

export class ChangesGroup extends HttpApiGroup.make("changes")
  .add(
    get("list", "/v1/changes", {
      query: {
        ...query,
        state: Schema.optionalKey(Schema.Literals(states)),
        limit: Schema.optionalKey(Limit),
        before: Schema.optionalKey(Wire.ChangeId)
      },
      success: Wire.ChangeList,
      error
    })
      .annotate(Needs, need("config.read", "named", 8))
      .annotateMerge(
        about("List change requests", "The newest first; those of keys that the caller may not read are left out.")
      ),
    get("get", "/v1/changes/:id", { params, query, success: Wire.WholeChange, error })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("Read a change request", "With what it is to do, beside what was there.")),
    get("ids", "/v1/changes/:id/ids", {
      params,
      query: {
        ...query,
        segment: Target.segment,
        side: Schema.optionalKey(Schema.Literals(sides)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Wire.IdsPlace)
      },
      success: Wire.ChangeIds,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(
        about(
          "Read who is in a segment of a change request",
          "Of one whose ids are kept beside it (`lists`): who comes with the request (`added`, unless it says otherwise), who goes (`removed`), or who is in it then (`all`)."
        )
      ),
    post("approve", "/v1/changes/:id/approve", {
      params,
      query,
      headers,
      payload: Wire.ApproveBody,
      success: Wire.Change,
      error
    })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(
        about("Approve a change request", "By somebody else than its author, with the digest that was seen.")
      ),
    post("reject", "/v1/changes/:id/reject", {
      params,
      query,
      headers,
      payload: Wire.ReasonBody,
      success: Wire.Change,
      error
    })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Reject a change request")),
    post("apply", "/v1/changes/:id/apply", { params, query, headers, success: Wire.Applied, error })
      .annotate(Needs, need("config.write", "named", 8))
      .annotateMerge(
        about("Do what was approved", "Once, with the rights that its author and its approvers have by now.")
      ),
    post("review", "/v1/changes/:id/review", {
      params,
      query,
      headers,
      payload: Wire.ReasonBody,
      success: Wire.Change,
      error
    })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(
        about("Close a review", "Of what was done without a second person, by somebody else than who did it.")
      ),
    HttpApiEndpoint.delete("withdraw", "/v1/changes/:id", {
      params,
      query: { ...query, message: Schema.optionalKey(Message) },
      headers,
      success: Wire.Change,
      error
    })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Withdraw a change request", "By its author, or an admin."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Change requests" })) {}
