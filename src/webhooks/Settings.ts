/** Who gets webhooks, and for which keys. */
import * as Redacted from "effect/Redacted"
import { duration, either, type Form, hidden, listOf, patterns } from "../settings/Form.ts"
import { optional, setting, unset, type ValuesOf } from "../settings/Setting.ts"

const isReceiver = (text: string): boolean => {
  const url = URL.parse(text)
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && !text.includes("#")
  )
}

/** Where webhooks go. A secret: such URLs often hold one in their path. */
const receivers: Form<Redacted.Redacted<ReadonlyArray<string>>> = {
  expected: "https://… without user, password and #fragment, up to 20 with commas between",
  read: (raw) => {
    const urls = listOf(raw)
    return urls.length <= 20 && urls.every(isReceiver) ? Redacted.make(urls) : undefined
  },
  show: hidden,
  schema: { type: "string", pattern: "^https?://" },
  secret: true
}

/** A key is 24 to 64 bytes: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme */
const SIGNING = "^(whsec_[A-Za-z0-9+/]{32,86}={0,2}|(?!whsec_)[\\x21-\\x7e]{24,64})$"

const signingSecret: Form<Redacted.Redacted> = {
  expected: "whsec_ and 24 to 64 bytes in base64, or 24 to 64 letters, digits and signs as they are",
  read: (raw) => (new RegExp(SIGNING).test(String(raw)) ? Redacted.make(String(raw)) : undefined),
  show: hidden,
  schema: { type: "string", pattern: SIGNING },
  secret: true
}

export const settings = {
  /** They need Kafka: webhooks are made from its topic. */
  webhooks: optional(["urls", "secret"], {
    urls: unset("webhook.urls", "WEBHOOK_URLS", receivers),
    secret: unset("webhook.secret", "WEBHOOK_SECRET", signingSecret),
    /** Signs as well, while receivers change over to the new secret. */
    previousSecret: unset("webhook.previousSecret", "WEBHOOK_PREVIOUS_SECRET", signingSecret),
    /** The critical keys, whose changes are sent. */
    keys: setting("webhook.keys", "WEBHOOK_KEYS", patterns, ["*"]),
    /** Whether receivers may be on this machine or in its network, and use plain http. */
    allowPrivate: setting("webhook.private", "WEBHOOK_PRIVATE", either("refused", "allowed"), false),
    timeout: setting("webhook.timeout", "WEBHOOK_TIMEOUT", duration, 10_000)
  })
}

type All = ValuesOf<typeof settings> & { readonly kafka: { readonly brokers: ReadonlyArray<string> | undefined } }

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
