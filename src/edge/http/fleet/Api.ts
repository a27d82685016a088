/** The group `clients`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { CLIENT_NAME_LENGTH } from "../../../keys/ClientName.ts"
import { KEY_LENGTH } from "../../../keys/Key.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Environment, Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

export class ClientsGroup extends HttpApiGroup.make("clients")
  .add(
    HttpApiEndpoint.get("list", "/v1/clients", {
      query: {
        environment: Schema.optionalKey(Environment),
        service: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        instance: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        after: Schema.optionalKey(Plain(2_048)),
        limit: Schema.optionalKey(Limit),
        keys: Schema.optionalKey(Limit),
        afterKey: Schema.optionalKey(Plain(KEY_LENGTH)),
        connected: Schema.optionalKey(Schema.Boolean),
        rejected: Schema.optionalKey(Schema.Boolean),
        lagging: Schema.optionalKey(Schema.Boolean),
        key: Schema.optionalKey(Plain(KEY_LENGTH))
      },
      success: Wire.Clients,
      error: problems
    })
      .annotate(Needs, need("clients.read", "named or everywhere", 50))
      .annotate(OpenApi.Identifier, "operations.clients")
      .annotateMerge(
        about(
          "Who has what",
          "Every instance: desired, sent, applied, rejected and why. A page ends at `limit` instances or about 4 MiB; each shows its first " +
            "`keys` keys (100 when left out) and those that have trouble. `rejected=true`: only those of which a key was rejected or can't be " +
            "sent; `lagging=true`: only connected ones that have not applied the newest of one of these keys; `key`: only those that " +
            "subscribe to it, with nothing but it. A page looks at 2,000 instances, so it may be short or empty and have a `next`."
        )
      ),
    HttpApiEndpoint.get("summary", "/v1/clients/summary", {
      query: {
        environment: Schema.optionalKey(Environment),
        service: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        key: Schema.optionalKey(Plain(KEY_LENGTH)),
        revision: Schema.optionalKey(
          Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
        ),
        epoch: Schema.optionalKey(Plain(64)),
        after: Schema.optionalKey(Plain(2_048))
      },
      success: Wire.Summary,
      error: problems
    })
      .annotate(Needs, need("clients.read", "named or everywhere", 50))
      .annotate(OpenApi.Identifier, "operations.clients.summary")
      .annotateMerge(
        about(
          "How many have what",
          "Connected clients by service and key: how many applied the newest, refused it, can't be sent it, or are yet to answer; with `key`, " +
            "`revision` and `epoch` that revision is meant instead. A page counts 1,000 instances, 10,000 with `key`: add up the pages."
        )
      ),
    HttpApiEndpoint.get("nodes", "/v1/nodes", { success: Wire.Nodes, error: problems })
      .annotate(Needs, need("clients.read", "everywhere", 20))
      .annotate(OpenApi.Identifier, "operations.nodes")
      .annotateMerge(
        about("Which nodes there are", "Those that gave a sign of life in the last day, the newest first.")
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
