/** The group `toys`. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { IdempotencyKey, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

export class ToysGroup extends HttpApiGroup.make("toys")
  .add(
    HttpApiEndpoint.put("count", "/v1/toys/:key", {
      params: Wire.OfKey,
      query: Wire.InEnvironment,
      headers: { "idempotency-key": IdempotencyKey },
      payload: Wire.ToyBody,
      success: Wire.Toy,
      error: problems
    })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Count", "A count only grows.")),
    HttpApiEndpoint.get("get", "/v1/toys/:key", {
      params: Wire.OfKey,
      query: Wire.InEnvironment,
      success: Wire.Toy,
      error: problems
    })
      .annotate(Needs, need("config.read", "named"))
      .annotateMerge(about("Read a count"))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Toys" })) {}
