/** Receivers of webhooks in memory: a test looks into what each URL was sent, and says what it answers. */
import { Effect, Layer } from "effect"
import type { Answer } from "../../../src/webhooks/Webhook.ts"
import { type Post, WebhookPost } from "../../../src/webhooks/WebhookPost.ts"

export class ReceiversMemory {
  readonly posts: Array<Post> = []
  answer: (post: Post) => Effect.Effect<Answer> = () =>
    Effect.succeed({ kind: "answered", status: 204, retryAfterMillis: undefined })

  readonly layer = Layer.succeed(WebhookPost, {
    timeout: 10_000,
    post: (post) =>
      Effect.suspend(() => {
        this.posts.push(post)
        return this.answer(post)
      })
  })
}
