/** Who is told over HTTP. */
import { duration, either, patterns, receivers, signingSecret } from "../settings/Kind.ts"
import { optional, setting, unset } from "../settings/Setting.ts"

export const settings = {
  /** Need Kafka, which is what they are made from. */
  webhooks: optional(["urls", "secret"], {
    urls: unset("webhook.urls", "WEBHOOK_URLS", receivers),
    secret: unset("webhook.secret", "WEBHOOK_SECRET", signingSecret),
    /** Signs beside the other, while receivers change over. */
    previousSecret: unset("webhook.previousSecret", "WEBHOOK_PREVIOUS_SECRET", signingSecret),
    /** The critical keys: their changes are told. */
    keys: setting("webhook.keys", "WEBHOOK_KEYS", patterns, ["*"]),
    /** Receivers may be on this machine or in its network, and over http. */
    allowPrivate: setting("webhook.private", "WEBHOOK_PRIVATE", either("refused", "allowed"), false),
    timeout: setting("webhook.timeout", "WEBHOOK_TIMEOUT", duration, 10_000)
  })
}
