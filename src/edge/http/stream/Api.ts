/** The group `stream`: what opens a page's stream of configuration. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { problems, Stamp } from "../Wire.ts"

const Ticket = Schema.Struct({
  ticket: Schema.String.annotate({ examples: ["hrtk_eyJpZCI6Ij….5f0c…"] }),
  expiresAt: Schema.Int,
  expiresTime: Stamp
})

export class StreamGroup extends HttpApiGroup.make("stream")
  .add(
    HttpApiEndpoint.post("ticket", "/v1/stream/ticket", { success: Ticket, error: problems })
      .annotate(Needs, need("subscribe", "somewhere", 2))
      .annotateMerge(
        about(
          "A ticket for one stream",
          "For a server that has a token and gives its page none: the ticket is said in the first message of the WebSocket `/v1/stream`, in the " +
            "token's place. It opens one stream, once, within 30 s, with the caller's rights, and the stream ends with the caller's credential."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Operations" })) {}
