import { assert, describe, it } from "@effect/vitest"
import { questionOf, readingOf } from "../../src/owners/External.ts"
import type { PrometheusGate, WebhookGate } from "../../src/plans/Plan.ts"
import { counts, rollout } from "../support/Rollouts.ts"

const prometheus = (more: Partial<PrometheusGate> = {}): PrometheusGate => ({
  type: "prometheus",
  url: "https://prometheus:9090/",
  query: 'rate(errors{job="a"}[1m]) & 1',
  is: "<",
  limit: 0.01,
  everyMillis: 10_000,
  timeoutMillis: 5_000,
  text: "errors",
  dryRun: false,
  ...more
})
const webhook: WebhookGate = {
  type: "webhook",
  url: "https://checks/gate",
  everyMillis: 10_000,
  timeoutMillis: 5_000,
  text: "webhook",
  dryRun: false
}

const answered = (body: unknown, status = 200) =>
  ({ kind: "answered", status, body: typeof body === "string" ? body : JSON.stringify(body) }) as const
const vector = (...values: ReadonlyArray<unknown>) =>
  answered({
    status: "success",
    data: {
      resultType: "vector",
      result: values.map((value, at) => ({ metric: { pod: `p${at}` }, value: [1.5, value] }))
    }
  })
const said = (gate: PrometheusGate | WebhookGate, answer: Parameters<typeof readingOf>[1]) =>
  readingOf(gate, answer).verdict

describe("External", () => {
  it("GY1 a value of Prometheus is good while the comparison holds for each", () => {
    assert.strictEqual(said(prometheus(), vector("0.001", "0.0099")), "good")
    const { verdict, text, value } = readingOf(prometheus(), vector("0.001", "0.5"))
    assert.deepStrictEqual([verdict, text, value], ["bad", '0.5 of {pod="p1"}, has to be < 0.01', 0.5])
    assert.strictEqual(said(prometheus(), vector("0.01")), "bad")
    assert.strictEqual(said(prometheus({ is: "<=" }), vector("0.01")), "good")
    assert.strictEqual(said(prometheus({ is: ">" }), vector("0.01")), "bad")
    assert.strictEqual(said(prometheus({ is: ">=" }), vector("0.01")), "good")
    assert.strictEqual(said(prometheus({ is: ">" }), vector("+Inf")), "good")
    assert.isUndefined(readingOf(prometheus(), vector("+Inf")).value)
    const scalar = answered({ status: "success", data: { resultType: "scalar", result: [1, "0"] } })
    assert.strictEqual(said(prometheus(), scalar), "good")
  })

  it("GY1 whatever else comes is unknown, and says what it was", () => {
    for (const [answer, text] of [
      [vector(), "the query has no value"],
      [vector("NaN"), "is no number"],
      [vector("0.001", "NaN"), "is no number"],
      [vector(""), "is no number"],
      [vector(0.001), "is no number"],
      [answered({ status: "success", data: { resultType: "matrix", result: [] } }), "no vector and no scalar"],
      [answered({ status: "success", data: { resultType: "vector", result: [null, 3, {}] } }), "is no number"],
      [answered({ status: "error", error: "parse error" }, 400), "Prometheus answered 400: parse error"],
      [answered("<html>", 502), "Prometheus answered 502"],
      [answered("<html>"), "no vector and no scalar"],
      [answered("null"), "no vector and no scalar"],
      [{ kind: "unreachable", why: "no answer within 5s" }, "no answer within 5s"],
      [{ kind: "forbidden", why: "10.0.0.1 is not public" }, "not public"]
    ] as const) {
      const reading = readingOf(prometheus(), answer)
      assert.strictEqual(reading.verdict, "unknown", text)
      assert.include(reading.text, text)
    }
    assert.strictEqual(said(prometheus(), vector("NaN", "0.5")), "bad", "one that is bad is enough")
  })

  it("GY1 a webhook says good, bad or unknown, and anything else is unknown", () => {
    assert.deepInclude(readingOf(webhook, answered({ verdict: "bad", reason: "3 carts\u0000\u001b[31m" })), {
      verdict: "bad",
      text: "3 carts\ufffd\ufffd[31m"
    })
    assert.strictEqual(said(webhook, answered({ verdict: "good" }, 201)), "good")
    for (const answer of [
      answered({ verdict: "good" }, 500),
      answered({ verdict: "good" }, 302),
      answered({ verdict: "GOOD" }),
      answered(""),
      answered("[]"),
      answered({ verdict: "unknown", reason: "no traffic" })
    ])
      assert.strictEqual(said(webhook, answer), "unknown")
    assert.isAtMost(readingOf(webhook, answered({ verdict: "bad", reason: "x".repeat(60_000) })).text.length, 200)
  })

  it("asks with what a gate says, and tells a webhook what it is about", () => {
    const { url, body, timeoutMillis } = questionOf(prometheus(), rollout(), undefined)
    assert.strictEqual(url, "https://prometheus:9090/api/v1/query")
    assert.strictEqual(new URLSearchParams(body).get("query"), 'rate(errors{job="a"}[1m]) & 1')
    assert.strictEqual(timeoutMillis, 5_000)
    const told = JSON.parse(questionOf(webhook, rollout(), counts({ applied: 3 })).body!)
    assert.deepInclude(told, { rollout: "r17", environment: "production", stage: 1, stages: 2, state: "deploying" })
    assert.strictEqual(told.counts.applied, 3)
  })
})
