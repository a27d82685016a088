/** A real Prometheus, as docker-compose.yml runs it, asks a real node. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as ProbeLayer from "../../layers/Webhook/owners/Probe.ts"
import { questionOf, readingOf } from "../../src/owners/External.ts"
import { Probe } from "../../src/owners/Probe.ts"
import type { PrometheusGate } from "../../src/plans/Plan.ts"
import { Nodes } from "../support/Nodes.ts"
import { Prometheus } from "../support/Prometheus.ts"
import { rollout } from "../support/Rollouts.ts"
import { waitUntil } from "../support/waitUntil.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"

interface Target {
  readonly labels: { readonly instance: string }
  readonly health: string
  readonly lastError: string
}
interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}
interface Series {
  readonly seriesLabels: { readonly instance: string; readonly le: string }
  readonly exemplars: ReadonlyArray<{ readonly labels: { readonly trace_id: string }; readonly value: string }>
}

describe("Prometheus", () => {
  it("OM1 TE10 reads what a node measures, and finds the trace of a change at its latency", async () => {
    await using nodes = await Nodes.start({ count: 1 })
    const [node] = nodes.servers
    await using client = await nodes.client("a")
    await using prometheus = await Prometheus.start({ "herald-1": node!.http.replace("http://", "") })
    assert.isTrue(prometheus.healthy)
    await node!.publish("svc", "traced", {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
    await waitUntil("the value", () => client.getEntry("svc")?.value === "traced")

    const end = () => String(Math.ceil(Date.now() / 1_000) + 1)
    for (const of of ["delivered", "applied"]) {
      const found = await waitUntil(`an exemplar of ${of}`, async () => {
        const query = `histogram_quantile(0.99, sum by (le) (rate(herald_commit_to_${of}_seconds_bucket[1m])))`
        const series = (await prometheus.ask("query_exemplars", { query, start: "0", end: end() })) as Array<Series>
        return series.find(({ exemplars }) => exemplars.some(({ labels }) => labels.trace_id === traceId))
      })
      assert.strictEqual(found.seriesLabels.instance, "herald-1")
      const [exemplar] = found.exemplars.filter(({ labels }) => labels.trace_id === traceId)
      assert.isAtMost(Number(exemplar!.value), Number(found.seriesLabels.le.replace("+Inf", "Infinity")))
    }

    const { activeTargets } = (await prometheus.ask("targets")) as { activeTargets: ReadonlyArray<Target> }
    const mine = activeTargets.find(({ labels }) => labels.instance === "herald-1")
    assert.strictEqual(mine?.health, "up", mine?.lastError)
    assert.strictEqual(mine?.lastError, "")
    const rules = await waitUntil("the alerts to be looked at", async () => {
      const { groups } = (await prometheus.ask("rules")) as { groups: ReadonlyArray<{ rules: ReadonlyArray<Rule> }> }
      const all = groups.flatMap((group) => group.rules)
      return all.every(({ health }) => health !== "unknown") && all
    })
    assert.isAtLeast(rules.length, 10)
    await prometheus[Symbol.asyncDispose]()
    assert.isFalse(prometheus.healthy)
    for (const { name, health, lastError } of rules) assert.strictEqual(health, "ok", `${name}: ${lastError}`)
  })
  it("GY1 answers what a gate asks", async () => {
    await using nodes = await Nodes.start({ count: 1 })
    const [node] = nodes.servers
    await using prometheus = await Prometheus.start({ "herald-1": node!.http.replace("http://", "") })
    const near = [new URL(prometheus.url).host]
    const read = (query: string, more: Partial<PrometheusGate> = {}) => {
      const gate: PrometheusGate = {
        type: "prometheus",
        url: prometheus.url,
        query,
        is: "<",
        limit: 0.5,
        everyMillis: 1_000,
        timeoutMillis: 5_000,
        text: query,
        dryRun: false,
        ...more
      }
      return Effect.runPromise(
        Effect.flatMap(Probe, (probe) => probe.ask(questionOf(gate, rollout(), undefined))).pipe(
          Effect.map((answer) => readingOf(gate, answer)),
          Effect.provide(ProbeLayer.layer({ near }))
        )
      )
    }
    await waitUntil("the node to be read", async () => (await read('up{instance="herald-1"}')).verdict !== "unknown")
    const up = await read('up{instance="herald-1"}')
    assert.strictEqual(up.verdict, "bad")
    assert.include(up.text, 'instance="herald-1"')
    assert.strictEqual((await read('up{instance="herald-1"}', { is: ">=", limit: 1 })).verdict, "good")
    assert.strictEqual((await read("vector(0.1)")).verdict, "good")
    assert.strictEqual((await read("scalar(vector(0.1))")).verdict, "good")
    assert.include(await read("vector(0) / vector(0)"), { verdict: "unknown", text: "the value is no number" })
    assert.include(await read("nobody_counts_that"), { verdict: "unknown", text: "the query has no value" })
    const wrong = await read("sum(")
    assert.strictEqual(wrong.verdict, "unknown")
    assert.include(wrong.text, "Prometheus answered 400: ")
    await prometheus[Symbol.asyncDispose]()
    assert.strictEqual((await read("vector(0.1)")).verdict, "unknown")
  })
})
