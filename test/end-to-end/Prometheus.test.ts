/** A real Prometheus, as docker-compose.yml runs it, asks a real node. */
import { assert, describe, it } from "vitest"
import { Nodes } from "../support/Nodes.ts"
import { Prometheus } from "../support/Prometheus.ts"
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
})
