/** The group `routes`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { IdempotencyKey, Message, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, patch, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }
const one = "/v1/routes/:route"

export class RoutesGroup extends HttpApiGroup.make("routes")
  .add(
    post("create", "/v1/routes", {
      headers,
      payload: Wire.RouteBody,
      success: Wire.Route.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, need("topics.manage", "somewhere", 10))
      .annotateMerge(
        about("Add a routing rule", "What comes to its source from now on is appended to its target too, once.")
      ),
    get("list", "/v1/routes", { success: Wire.RouteList, error })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("List routing rules", "In the order in which events go through them.")),
    get("get", one, { params: Wire.Target, success: Wire.Route, error })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("Read what a routing rule is")),
    patch("update", one, { params: Wire.Target, headers, payload: Wire.RouteChangeBody, success: Wire.Route, error })
      .annotate(Needs, need("topics.manage", "somewhere", 10))
      .annotateMerge(
        about(
          "Change a routing rule, turn it on or off",
          "What is left out stays. Any change ends its error; it goes on where it was."
        )
      ),
    HttpApiEndpoint.delete("delete", one, {
      params: Wire.Target,
      query: { message: Schema.optionalKey(Message) },
      headers,
      success: HttpApiSchema.NoContent,
      error
    })
      .annotate(Needs, need("topics.manage", "somewhere", 4))
      .annotateMerge(about("Delete a routing rule", "With its positions. What it routed stays.")),
    get("stats", `${one}/stats`, { params: Wire.Target, success: Wire.RouteStats, error })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(about("How far a routing rule is, and what it refused")),
    post("test", "/v1/topics/:topic/route-test", {
      params: Wire.TestTarget,
      payload: Wire.RouteTestBody,
      success: Wire.RouteTest,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(
        about("What routing rules would make of an event", "For each rule of the topic, and why. Nothing is published.")
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Routing rules" })) {}
