/** The group `flagSettings`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Version } from "../configuration/Wire.ts"
import { CanWait, Needs, need } from "../Needs.ts"
import { IdempotencyKey, Limit, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get, put, post } = HttpApiEndpoint
const error = problems

export class FlagSettingsGroup extends HttpApiGroup.make("flagSettings")
  .add(
    get("current", "/v1/flag-settings", {
      query: Wire.InEnvironment,
      success: Wire.CurrentFlagSettings,
      error
    })
      .annotate(Needs, need("config.read", "named"))
      .annotateMerge(
        about(
          "What an environment says of all its flags",
          "With the programs that evaluate by themselves on this node."
        )
      ),
    put("set", "/v1/flag-settings", {
      query: Wire.InEnvironment,
      headers: { "idempotency-key": IdempotencyKey },
      payload: Wire.FlagSettingsBody,
      success: Wire.PublishedFlagSettings,
      error
    })
      .annotate(CanWait, true)
      .annotate(Needs, need("config.write", "named", 4))
      .annotateMerge(about("Say something of all flags", "A version, in the same log as every other change.")),
    post("try", "/v1/flag-settings/validate", {
      query: Wire.InEnvironment,
      payload: Wire.FlagSettingsTry,
      success: Wire.TriedFlagSettings,
      error
    })
      .annotate(Needs, need("config.write", "named", 50))
      .annotateMerge(about("Count who would get another variant", "Writes nothing.")),
    get("history", "/v1/flag-settings/history", {
      query: { ...Wire.InEnvironment, limit: Schema.optionalKey(Limit), before: Schema.optionalKey(Version) },
      success: Wire.FlagSettingsHistory,
      error
    })
      .annotate(Needs, need("config.read", "named", 20))
      .annotateMerge(about("What was said of all flags, newest first"))
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Settings of flags" })) {}
