/** What a scraper gets from a real server, judged by promtool. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { installed } from "../support/installed.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** https://prometheus.io/docs/prometheus/latest/command-line/promtool/#promtool-check-metrics */
const lint = (text: string) => {
  installed("prometheus", ["promtool"])
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
  return { status, said: stdout + stderr }
}

const scraped = async (http: string, accept = "text/plain"): Promise<string> =>
  (await fetch(`${http}/metrics`, { headers: { accept } })).text()

describe("the metrics of a real server", () => {
  it("MT1 RM1 promtool finds nothing, before the first event and after some; counters are there from the start", async () => {
    await using server = await startServer()
    const first = await scraped(server.http)
    assert.deepStrictEqual(lint(first), { status: 0, said: "" })
    for (const zero of [
      'herald_session_endings_total{reason="SessionCrashed"} 0',
      'herald_refused_total{door="grpc",reason="quota"} 0',
      'herald_turns_failed_total{work="retention"} 0',
      'herald_answers_total{outcome="rejected"} 0',
      "herald_cache_misses_total 0"
    ])
      assert.include(first.replaceAll(/\{[^}]*\}/g, sortedLabels), zero)
    for (const name of [
      "herald_build_info{",
      "process_cpu_seconds_total ",
      "process_resident_memory_bytes ",
      "process_open_fds ",
      "nodejs_eventloop_lag_p99_seconds ",
      "nodejs_heap_size_used_bytes ",
      "nodejs_gc_duration_seconds_bucket{",
      "nodejs_active_handles"
    ])
      assert.match(first, new RegExp(`^${name.replace("{", "\\{")}`, "m"), name)

    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", 1)
    await server.call("GET", "/v1/config/no-such-key?environment=production")
    await server.call("GET", "/nowhere/hrld_secret")
    await waitUntil("the value", () => subscriber.content("svc") === "1")
    subscriber.close()
    const later = await waitUntil("the first call to be counted", async () => {
      const text = await scraped(server.http)
      return /herald_grpc_request_seconds_count\{[^}]*Subscribe/.test(text) && text
    })
    assert.deepStrictEqual(lint(later), { status: 0, said: "" })
    const routes = new Set(
      [...later.matchAll(/herald_http_request_seconds_count\{[^}]*route="([^"]*)"/g)].map(([, r]) => r)
    )
    for (const route of ["/v1/config/:key", "/metrics", "none"]) assert.include([...routes], route)
    assert.notInclude(later, "no-such-key")
    assert.notInclude(later, "hrld_secret")
    const open = await scraped(server.http, "application/openmetrics-text")
    assert.match(open, /# TYPE process_cpu_seconds counter\n/)
    assert.isTrue(open.endsWith("# EOF\n"))
  })
})

const sortedLabels = (labels: string) => `{${labels.slice(1, -1).split(",").sort().join(",")}}`
