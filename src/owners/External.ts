/**
 * What a gate asks others, and what it makes of their answer. Pure.
 *
 *   GY1  Only an answer that says so is good or bad: no answer, an error, too much, no value, a value that is none, or one that can't be read are
 *        unknown, and missing evidence (MV2).
 */

import type { PrometheusGate, WebhookGate } from "../plans/Plan.ts"
import type { Reading } from "../rollouts/Evidence.ts"
import { unknown } from "../rollouts/Gates.ts"
import type { Rollout } from "../rollouts/Rollout.ts"

export interface Question {
  readonly method: "GET" | "POST"
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly timeoutMillis: number
}

export type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly body: string }
  /** Nobody answered, too late, or with too much. */
  | { readonly kind: "unreachable"; readonly why: string }
  /** It may not be asked. */
  | { readonly kind: "forbidden"; readonly why: string }

export type ExternalGate = PrometheusGate | WebhookGate

/** Characters that are kept of what others say. */
const SAID = 200

const quoted = (said: string): string =>
  (said.length > SAID ? `${said.slice(0, SAID - 1)}…` : said)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd")

/** What is asked of a Prometheus, or posted to a receiver: `about` is what it is about, as it is now. */
export const questionOf = (gate: ExternalGate, about: Rollout, counts: unknown): Question => {
  const { url, timeoutMillis } = gate
  if (gate.type === "prometheus") {
    return {
      method: "POST",
      url: `${url.replace(/\/+$/, "")}/api/v1/query`,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: new URLSearchParams({ query: gate.query, timeout: `${timeoutMillis}ms` }).toString(),
      timeoutMillis
    }
  }
  const { environment, key, state, stage, plan, targets, startedBy, startedAt } = about
  const body = JSON.stringify({
    type: "rollout.gate",
    environment,
    rollout: key,
    state,
    stage: stage + 1,
    stages: plan.stages.length,
    targets: targets.map(({ kind, key, base, version }) => ({ kind, key, base, version })),
    counts: counts ?? null,
    startedBy,
    startedTime: new Date(startedAt).toISOString()
  })
  const headers = { "content-type": "application/json", accept: "application/json", "user-agent": "herald" }
  return { method: "POST", url, headers, body, timeoutMillis }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const holds = (value: number, { is, limit }: PrometheusGate): boolean => {
  switch (is) {
    case "<":
      return value < limit
    case "<=":
      return value <= limit
    case ">":
      return value > limit
    case ">=":
      return value >= limit
  }
}

interface Sample {
  readonly name: string
  readonly value: number
}

/** Prometheus writes numbers as text: https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats */
const numberOf = (said: unknown): number => {
  if (typeof said !== "string") return Number.NaN
  if (/^[+-]?Inf$/.test(said)) return said.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return said === "" ? Number.NaN : Number(said)
}

const samplesOf = (said: unknown): ReadonlyArray<Sample> | undefined => {
  const { status, data } = Object(said) as { status?: unknown; data?: unknown }
  const { resultType, result } = Object(data) as { resultType?: unknown; result?: unknown }
  if (status !== "success" || !Array.isArray(result)) return undefined
  if (resultType === "scalar") return [{ name: "", value: numberOf(result[1]) }]
  if (resultType !== "vector") return undefined
  return result.map((one) => {
    const { metric, value } = Object(one) as { metric?: unknown; value?: unknown }
    const labels = Object.entries(Object(metric)).map(([label, value]) => `${label}="${value}"`)
    return { name: labels.length === 0 ? "" : ` of {${labels.join(", ")}}`, value: numberOf(Object(value)[1]) }
  })
}

const ofPrometheus = (gate: PrometheusGate, status: number, body: string): Omit<Reading, "gate" | "dryRun"> => {
  const said = parsed(body)
  const { error } = Object(said) as { error?: unknown }
  if (status !== 200) {
    const why = typeof error === "string" ? `: ${quoted(error)}` : ""
    return { verdict: "unknown", text: `Prometheus answered ${status}${why}` }
  }
  const samples = samplesOf(said)
  if (samples === undefined) return { verdict: "unknown", text: "what Prometheus answered is no vector and no scalar" }
  if (samples.length === 0) return { verdict: "unknown", text: "the query has no value" }
  const bound = `has to be ${gate.is} ${gate.limit}`
  const bad = samples.find(({ value }) => !Number.isNaN(value) && !holds(value, gate))
  if (bad !== undefined) {
    return { verdict: "bad", text: `${bad.value}${quoted(bad.name)}, ${bound}`, value: bad.value }
  }
  const none = samples.find(({ value }) => Number.isNaN(value))
  if (none !== undefined) return { verdict: "unknown", text: `the value${quoted(none.name)} is no number` }
  const [first] = samples
  const text = samples.length === 1 ? `${first!.value}, ${bound}` : `each of ${samples.length} values ${bound}, and is`
  return { verdict: "good", text, value: first!.value }
}

const ofWebhook = (status: number, body: string): Omit<Reading, "gate" | "dryRun"> => {
  if (status < 200 || status > 299) return { verdict: "unknown", text: `it answered ${status}` }
  const { verdict, reason } = Object(parsed(body)) as { verdict?: unknown; reason?: unknown }
  if (verdict !== "good" && verdict !== "bad" && verdict !== "unknown")
    return { verdict: "unknown", text: "its answer has no verdict: good, bad or unknown" }
  return { verdict, text: typeof reason === "string" && reason !== "" ? quoted(reason) : `it says ${verdict}` }
}

/** GY1 */
export const readingOf = (gate: ExternalGate, answer: Answer): Reading => {
  if (answer.kind !== "answered") return unknown(gate, quoted(answer.why))
  const { status, body } = answer
  const said = gate.type === "prometheus" ? ofPrometheus(gate, status, body) : ofWebhook(status, body)
  const { value } = said
  // JSON has no infinity.
  const finite = value === undefined || Number.isFinite(value) ? said : { verdict: said.verdict, text: said.text }
  return { gate: gate.text, dryRun: gate.dryRun, ...finite }
}
