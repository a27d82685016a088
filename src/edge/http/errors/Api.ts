/** The group `errors`: the only one of `/v1` that wants no token. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Plain } from "../../../text/Plain.ts"
import { about } from "../Contract.ts"
import { problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

export class ErrorsGroup extends HttpApiGroup.make("errors")
  .add(
    HttpApiEndpoint.get("explain", "/v1/errors/:code", {
      params: { code: Plain(32) },
      success: Wire.ErrorRow,
      error: problems
    }).annotateMerge(about("Cause and fix of an error code"))
  )
  .annotateMerge(OpenApi.annotations({ title: "Errors" })) {}
