/** The group `usage`: what is known of how flags are used, and what applications tell of it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { FLAG_NAME } from "../../../evaluation/Definition.ts"
import { Plain } from "../../../text/Plain.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Environment, FlagName, Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, post } = HttpApiEndpoint
const error = problems
const environment = { environment: Environment }
/** Days back from now. */
const Days = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_650 }))
const after = Schema.optionalKey(Plain(FLAG_NAME))

export class UsageGroup extends HttpApiGroup.make("usage")
  .add(
    get("uses", "/v1/flag-usage", {
      query: { ...environment, prefix: Schema.optionalKey(Plain(FLAG_NAME)), after, limit: Schema.optionalKey(Limit) },
      success: Wire.FlagUses,
      error
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotateMerge(about("When flags were evaluated last", "Those that ever were, in the order of their names.")),
    get("use", "/v1/flags/:flag/usage", {
      params: { flag: FlagName },
      query: { ...environment, days: Schema.optionalKey(Days) },
      success: Wire.FlagUsage,
      error
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotateMerge(
        about(
          "How a flag is used",
          "Counts by day, variant, outcome, door and SDK: of 30 days, and 1,000 rows at most."
        )
      ),
    get("stale", "/v1/stale-flags", {
      query: { ...environment, days: Schema.optionalKey(Days), after },
      success: Wire.StaleFlags,
      error
    })
      .annotate(Needs, need("config.read", "named", 50))
      .annotateMerge(
        about(
          "Flags that nobody needs any more",
          "Not evaluated for `days` (30), the same for everyone as long, or past their expected end; each with what to do. A page looks at " +
            "1,000 flags, so it may be empty and have a `next`."
        )
      ),
    post("report", "/v1/reports", {
      payload: Wire.ReportBody,
      success: Wire.ReportAnswer,
      error
    })
      .annotate(Needs, need("subscribe", "somewhere", 2))
      .annotateMerge(
        about(
          "Report evaluations, exposures and events",
          "For SDKs that evaluate in their own process and can't speak gRPC (`herald.reporting.v1`). A batch counts once under its `batchId`."
        )
      ),
    post("track", "/v1/track", { payload: Wire.TrackBody, success: Wire.ReportAnswer, error })
      .annotate(Needs, need("subscribe", "somewhere", 2))
      .annotateMerge(about("Tell what users did", "Events by name and targeting key, for experiments."))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Flags" })) {}
