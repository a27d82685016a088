/** The group `ofrep`: what OpenFeature's remote evaluation protocol asks. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Plain } from "../../../text/Plain.ts"
import { ByTicket, Openly } from "../Authentication.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { Environment, FlagName, FlagSelector, IfNoneMatch, problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

/** `<epoch>.<revision>` */
const EventId = Plain(90)

/** `Flagd-Selector: flagSetId=<environment>`. Left out: the one environment of the API key, or else production. */
const selector = {
  "flagd-selector": Schema.optionalKey(FlagSelector)
}
/** What a provider that was told of a change asks with. */
const refetch = {
  flagConfigEtag: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200))),
  flagConfigLastModified: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200)))
}
/** What is wrong with what was asked is said as the protocol says it; all else is a problem, as everywhere. */
const errors = [...problems, ...[400, 404].map(Wire.refused)]

export class OfrepGroup extends HttpApiGroup.make("ofrep")
  .add(
    HttpApiEndpoint.post("single", "/ofrep/v1/evaluate/flags/:flag", {
      params: { flag: FlagName },
      headers: selector,
      payload: Wire.Body,
      success: Wire.Evaluation,
      error: errors
    })
      .annotate(Needs, need("config.read", "somewhere"))
      .annotate(Openly, true)
      .annotateMerge(about("Evaluate a flag", "OFREP 0.3, for OpenFeature's OFREP providers.")),
    HttpApiEndpoint.post("bulk", "/ofrep/v1/evaluate/flags", {
      query: refetch,
      headers: { ...selector, "if-none-match": Schema.optionalKey(IfNoneMatch) },
      payload: Wire.Body,
      success: Wire.Evaluations,
      error: errors
    })
      .annotate(Needs, need("config.read", "somewhere", 4))
      .annotate(Openly, true)
      .annotateMerge(
        about(
          "Evaluate all flags",
          "OFREP 0.3. With the ETag of an earlier answer as `If-None-Match`: 304 where it would be the same."
        )
      ),
    HttpApiEndpoint.get("changes", Wire.EVENTS, {
      query: {
        environment: Environment,
        lastEventId: Schema.optionalKey(EventId)
      },
      headers: { "last-event-id": Schema.optionalKey(EventId) },
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      error: problems
    })
      .annotate(Needs, need("config.read", "named", 4))
      .annotate(Openly, true)
      .annotate(ByTicket, true)
      .annotateMerge(
        about(
          "Hear when to evaluate again",
          "Server-sent events of OFREP 0.3 (`refetchEvaluation`). Its address with a ticket (`ticket=…`), in place of a token, comes with the evaluation of all flags."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "OpenFeature" })) {}
