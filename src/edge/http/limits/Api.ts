/** The group `limits`. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Environment, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

export class LimitsGroup extends HttpApiGroup.make("limits")
  .add(
    HttpApiEndpoint.get("show", "/v1/limits", {
      query: { environment: Environment },
      success: Wire.Limits,
      error: problems
    })
      .annotate(Needs, need("config.read", "named", 2))
      .annotateMerge(
        about(
          "What limits the caller, and what is used of it",
          "How often they may ask, how many streams they and the environment may have at this node, and how many keys and bytes the environment may hold. What it holds is told to those who may read all of it."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Access" })) {}
