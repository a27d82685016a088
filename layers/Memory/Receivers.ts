/** Stands for the receivers of webhooks: a test says what each URL answers, and looks at what it was sent. */
import { Effect } from "effect"
import type { Reply } from "../../src/webhooks/Webhook.ts"
import type { Post } from "../../src/webhooks/WebhookPost.ts"
import * as WebhookPost from "./webhooks/WebhookPost.ts"

export class Receivers {
  readonly posts: Array<Post> = []
  answer: (post: Post) => Effect.Effect<Reply> = () =>
    Effect.succeed({ kind: "answered", status: 204, retryAfterMillis: undefined })

  readonly layer = WebhookPost.layer(this)
}
