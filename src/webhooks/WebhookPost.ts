/** Port: one attempt to post to a receiver. */
import { Context, type Effect } from "effect"
import type { Reply } from "./Webhook.ts"

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export class WebhookPost extends Context.Service<
  WebhookPost,
  {
    /** Answers within `timeout`, whatever the receiver does. Follows no redirect and keeps nothing of what the receiver says. */
    readonly post: (post: Post) => Effect.Effect<Reply>
    /** Milliseconds. */
    readonly timeout: number
  }
>()("herald/webhooks/WebhookPost") {}
