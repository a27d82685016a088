/** The group `refs`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { FlagName, Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, put } = HttpApiEndpoint
const error = problems
const ofBranch = { ...Wire.InEnvironment, repository: Wire.Repository, branch: Wire.Branch }

export class RefsGroup extends HttpApiGroup.make("refs")
  .add(
    put("replace", "/v1/refs", { query: ofBranch, payload: Wire.RefsBody, success: Wire.Scan, error })
      .annotate(Needs, need("config.write", "named", 20))
      .annotateMerge(
        about(
          "Tell where code names flags",
          "In the place of what the branch of the repository told before; no code itself."
        )
      ),
    HttpApiEndpoint.delete("remove", "/v1/refs", { query: ofBranch, success: HttpApiSchema.NoContent, error })
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Forget a branch of a repository")),
    get("scans", "/v1/refs", { query: Wire.InEnvironment, success: Wire.Scans, error })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("Which repositories and branches told where flags are")),
    get("of", "/v1/flags/:flag/refs", {
      params: { flag: FlagName },
      query: { ...Wire.InEnvironment, limit: Schema.optionalKey(Limit) },
      success: Wire.FlagRefs,
      error
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotateMerge(about("Where code names a flag"))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Flags in code" })) {}
