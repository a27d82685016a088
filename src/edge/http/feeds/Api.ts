/** The group `feeds`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { KEY_LENGTH } from "../../../keys/Key.ts"
import { Plain } from "../../../text/Plain.ts"
import { ByCookie } from "../Authentication.ts"
import { Authentication, about } from "../Contract.ts"
import { InForm } from "../configuration/Wire.ts"
import { Needs, need } from "../Needs.ts"
import { Environment, problems } from "../Wire.ts"

/** `<epoch>.<revision>` */
const EventId = Plain(90)

export class FeedsGroup extends HttpApiGroup.make("feeds")
  .add(
    HttpApiEndpoint.get("events", "/v1/events", {
      query: {
        environment: Environment,
        pattern: Schema.optionalKey(Schema.Array(Plain(KEY_LENGTH + 2))),
        lastEventId: Schema.optionalKey(EventId),
        ...InForm
      },
      headers: { "last-event-id": Schema.optionalKey(EventId) },
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      error: problems
    })
      .annotate(Needs, need("config.read", "named", 10))
      .annotate(ByCookie, true)
      .annotateMerge(
        about(
          "Follow changes",
          "Server-sent events: `change` with a configuration, `reset` when everything must be read again, `end` before the server ends it. " +
            "`pattern` may be repeated: a key, `prefix.*` or `*`. Go on with the last `id` as `Last-Event-ID`, or as `lastEventId`."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
