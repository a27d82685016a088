/**
 * What a receiver gets, as Standard Webhooks 1.0.0 has it, and what its answer means. Pure.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 *   WH1  Every attempt carries the event's own id, so that a receiver can tell what it already has. The id has no full stop, which separates
 *        the parts of what is signed: those of a key are written as %2E.
 *   WH2  Every attempt is signed anew, with its own time, by each secret.
 *   WH3  What may pass is tried again, at growing intervals, for a day at most; what another attempt can't change is given up at once.
 */
import type { Received } from "../consumers/Received.ts"
import { coveredBy } from "../keys/Pattern.ts"
import { backoff } from "../net/Backoff.ts"
import { partsOf, type UpdateType } from "../outbox/Event.ts"

/** The signing key: after `whsec_` it is base64, otherwise the text itself. */
export const keyOf = (secret: string): Uint8Array<ArrayBuffer> =>
  secret.startsWith("whsec_")
    ? Uint8Array.from(atob(secret.slice("whsec_".length)), (one) => one.charCodeAt(0))
    : new TextEncoder().encode(secret)

/** WH1. `decodeURIComponent` gives the event's id back. */
export const webhookId = (eventId: string): string => eventId.replaceAll("%", "%25").replaceAll(".", "%2E")

/** The JSON that is posted. `record`: the event's JSON, as it is in the topic. */
export const bodyOf = (eventId: string, record: string): string => {
  const data = JSON.parse(record) as { readonly event_type: UpdateType; readonly timestamp: string }
  const [word, happened] = partsOf(data.event_type)
  return JSON.stringify({
    type: `${word}.${happened === "update" ? "updated" : happened}`,
    timestamp: data.timestamp,
    id: eventId,
    data
  })
}

export type SigningKey = Parameters<typeof crypto.subtle.sign>[1]

export const importKey = (secret: string): Promise<SigningKey> =>
  crypto.subtle.importKey("raw", keyOf(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"])

/** The headers of one attempt. `at`: milliseconds since 1970. WH2 */
export const headersOf = async (keys: ReadonlyArray<SigningKey>, id: string, at: number, body: string) => {
  const timestamp = String(Math.floor(at / 1_000))
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`)
  const signatures = await Promise.all(keys.map((key) => crypto.subtle.sign("HMAC", key, content)))
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.map((one) => `v1,${btoa(String.fromCharCode(...new Uint8Array(one)))}`).join(" ")
  }
}

/** How an attempt went. `forbidden`: webhooks may not go to this address. */
export type Reply =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterMillis: number | undefined }
  | { readonly kind: "unreachable"; readonly why: string }
  | { readonly kind: "forbidden"; readonly why: string }

export type Verdict =
  | { readonly state: "delivered" }
  | { readonly state: "waiting"; readonly afterMillis: number; readonly why: string }
  | {
      readonly state: "failed"
      readonly reason: "receiver_refused" | "address_refused" | "retries_used_up"
      readonly why: string
    }

export const MAX_ATTEMPTS = 40
/** Milliseconds: a day. */
export const MAX_AGE = 86_400_000
/** Milliseconds: an hour. */
const MAX_DELAY = 3_600_000

/** Milliseconds: 1 s, doubled each time up to an hour, and shortened by up to half of it by `random` (0 to 1). */
export const delayOf = (attempts: number, random: number): number =>
  backoff({ first: 1_000, longest: MAX_DELAY, spread: 0.5 }, attempts - 1, 1 - random)

const mayPass = (status: number) => status === 408 || status === 429 || status >= 500

/** WH3. `attempts`: including this one. `age`: milliseconds since the webhook was queued. `random`: 0 to 1. */
export const verdictOf = (answer: Reply, attempts: number, age: number, random: number): Verdict => {
  if (answer.kind === "forbidden") return { state: "failed", reason: "address_refused", why: answer.why }
  if (answer.kind === "answered" && answer.status >= 200 && answer.status < 300) return { state: "delivered" }
  const why = answer.kind === "answered" ? `it answered ${answer.status}` : answer.why
  if (answer.kind === "answered" && !mayPass(answer.status)) return { state: "failed", reason: "receiver_refused", why }
  const asked = answer.kind === "answered" ? (answer.retryAfterMillis ?? 0) : 0
  const afterMillis = Math.max(Math.min(asked, MAX_DELAY), delayOf(attempts, random))
  return attempts >= MAX_ATTEMPTS || age + afterMillis > MAX_AGE
    ? { state: "failed", reason: "retries_used_up", why }
    : { state: "waiting", afterMillis, why }
}

export const isCritical = (patterns: ReadonlyArray<string>, key: string): boolean => coveredBy(patterns, key)

interface Packed {
  readonly partition: number
  readonly offset: string
  readonly at: number
  readonly key: string | null
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** The message as the queue keeps it, for its webhook and for a dead letter. Its body is known to be UTF-8. */
export const pack = ({ key, body, headers, partition, offset, at }: Received): string =>
  JSON.stringify({
    partition,
    offset,
    at,
    key: key === null ? null : btoa(String.fromCharCode(...key.subarray(0, 1_024))),
    body: new TextDecoder().decode(body ?? new Uint8Array()),
    headers
  } satisfies Packed)

export const unpack = (text: string): Received => {
  const { key, body, ...rest } = JSON.parse(text) as Packed
  return {
    ...rest,
    key: key === null ? null : Uint8Array.from(atob(key), (one) => one.charCodeAt(0)),
    body: new TextEncoder().encode(body)
  }
}
