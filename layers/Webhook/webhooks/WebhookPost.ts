/** Posts a webhook, to an address that was checked: WP1, WP2 and WP3 of Pinned.ts. Of the answer's body nothing is kept. */

import type { IncomingMessage } from "node:http"
import { Layer } from "effect"
import type { Reply } from "../../../src/webhooks/Webhook.ts"
import { WebhookPost } from "../../../src/webhooks/WebhookPost.ts"
import { ask, type Limits, READ } from "../../Sockets/Pinned.ts"
import { retryAfterOf } from "./RetryAfter.ts"

/** Drops the answer's body, and the connection when it is long. WP2 */
const discard = (response: IncomingMessage) => {
  let seen = 0
  response.on("data", (chunk: Buffer) => {
    seen += chunk.length
    if (seen > READ) response.destroy()
  })
}

const replied = (response: IncomingMessage, resume: (reply: Reply) => void) => {
  const retryAfterMillis = retryAfterOf(response.headers["retry-after"], Date.now())
  discard(response)
  resume({ kind: "answered", status: response.statusCode ?? 0, retryAfterMillis })
}

export const layer = (limits: Limits) =>
  Layer.succeed(WebhookPost, {
    timeout: limits.timeout,
    post: (post) => ask({ method: "POST", ...post }, limits, replied)
  })
