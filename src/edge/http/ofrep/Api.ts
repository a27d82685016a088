/** The group `ofrep`: what OpenFeature's remote evaluation protocol asks. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { FLAG_NAME } from "../../../flags/Definition.ts"
import { KEY } from "../../../keys/Key.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

/** `Flagd-Selector: flagSetId=<environment>`. Left out: the one environment of the API key, or else production. */
const selector = {
  "flagd-selector": Schema.optionalKey(
    Schema.String.check(Schema.isMaxLength(200)).annotate({ examples: ["flagSetId=production"] })
  )
}
/** What a provider that was told of a change asks with. */
const refetch = {
  flagConfigEtag: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200))),
  flagConfigLastModified: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200)))
}
const Flag = Schema.String.check(
  Schema.makeFilter<string>(() => undefined, {
    toJsonSchema: () => ({ minLength: 1, maxLength: FLAG_NAME, pattern: KEY.source })
  })
).annotate({ examples: ["new-checkout"] })

export class OfrepGroup extends HttpApiGroup.make("ofrep")
  .add(
    HttpApiEndpoint.post("single", "/ofrep/v1/evaluate/flags/:flag", {
      params: { flag: Flag },
      headers: selector,
      payload: Wire.Body,
      success: Wire.Evaluation,
      error: problems
    })
      .annotate(Needs, need("config.read", "somewhere"))
      .annotateMerge(about("Evaluate a flag", "OFREP 0.3, for OpenFeature's OFREP providers.")),
    HttpApiEndpoint.post("bulk", "/ofrep/v1/evaluate/flags", {
      query: refetch,
      headers: { ...selector, "if-none-match": Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4_096))) },
      payload: Wire.Body,
      success: Wire.Evaluations,
      error: problems
    })
      .annotate(Needs, need("config.read", "somewhere", 4))
      .annotateMerge(
        about(
          "Evaluate all flags",
          "OFREP 0.3. With the ETag of an earlier answer as `If-None-Match`: 304 where it would be the same."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "OpenFeature" })) {}
