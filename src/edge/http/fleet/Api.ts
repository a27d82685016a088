/** The group `clients`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { CLIENT_NAME_LENGTH } from "../../../keys/ClientName.ts"
import { KEY_LENGTH } from "../../../keys/Key.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

export class ClientsGroup extends HttpApiGroup.make("clients")
  .add(
    HttpApiEndpoint.get("list", "/v1/clients", {
      query: {
        environment: Schema.optionalKey(Schema.String),
        service: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        instance: Schema.optionalKey(Plain(CLIENT_NAME_LENGTH)),
        after: Schema.optionalKey(Plain(2_048)),
        limit: Schema.optionalKey(Limit),
        keys: Schema.optionalKey(Limit),
        afterKey: Schema.optionalKey(Plain(KEY_LENGTH))
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
            "`keys` keys (100 when left out) and those that have trouble."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
