/** Posts to `Receivers` in this process. */
import { Effect, Layer } from "effect"
import { WebhookPost } from "../../../src/webhooks/WebhookPost.ts"
import type { Receivers } from "../Receivers.ts"

export const layer = (receivers: Receivers) =>
  Layer.succeed(WebhookPost, {
    timeout: 10_000,
    post: (post) =>
      Effect.suspend(() => {
        receivers.posts.push(post)
        return receivers.answer(post)
      })
  })
