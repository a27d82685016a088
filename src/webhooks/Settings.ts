/** Who is told over HTTP. */
import * as Redacted from "effect/Redacted"
import { duration, either, patterns, receivers, signingSecret } from "../settings/Kind.ts"
import { type Every, optional, setting, unset } from "../settings/Setting.ts"

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

type All = Every<typeof settings> & { readonly kafka: { readonly brokers: ReadonlyArray<string> | undefined } }

export const rule = ({ webhooks: { urls, secret, allowPrivate, timeout }, kafka }: All): string | undefined => {
  if (urls === undefined) return undefined
  if (kafka.brokers === undefined)
    return "webhook.urls needs Kafka: webhooks are made from its topic. Set KAFKA_BROKERS, or unset WEBHOOK_URLS"
  if (secret === undefined)
    return "webhook.urls needs webhook.secret, which signs what is sent: WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)"
  if (!allowPrivate && Redacted.value(urls).some((url) => /^http:/i.test(url)))
    return "webhook.urls has a URL with http; use https, or webhook.private=allowed for receivers in your own network"
  return timeout < 100 || timeout > 60_000 ? "webhook.timeout must be from 100ms to 60s" : undefined
}
