/**
 * Sends the main numbers to a StatsD server once a second, read from the metric registry, so that hot paths are untouched.
 *
 *   SD1  Of counters what was added since the last time is sent, never the total.
 *   SD2  A StatsD server that is gone, or whose name is unknown, costs the data and nothing else.
 *   SD3 in Target.ts
 *
 * The format: https://github.com/statsd/statsd/blob/master/docs/metric_types.md; tags as in DogStatsD.
 */
import { createSocket } from "node:dgram"
import { Effect, Layer, Metric } from "effect"
import { afterEvery } from "../../src/telemetry/Every.ts"
import { type Address, makeTarget } from "./Target.ts"

export interface StatsdOptions {
  /** A name, or an address of IPv4 or IPv6. */
  readonly host: string
  readonly port: number
  readonly tags: "none" | "dogstatsd"
  readonly node: string
  /** Instead of the system's resolver. */
  readonly ask?: (name: string) => Promise<Address>
}

const counters: Record<string, string> = {
  herald_session_endings_total: "distribution.clients.disconnected",
  herald_deliveries_total: "distribution.config.delivered",
  herald_cache_hits_total: "distribution.cache.hit",
  herald_cache_misses_total: "distribution.cache.miss"
}

type Snapshots = ReadonlyArray<Metric.Metric.Snapshot>

/** Turns snapshots of the registry into lines of StatsD. It remembers the totals of the last call. SD1 */
export const makeLines = (suffix: string) => {
  const before = new Map<string, number>()
  const added = (name: string, total: number) => {
    const more = total - (before.get(name) ?? 0)
    before.set(name, total)
    return more
  }
  return (snapshots: Snapshots): ReadonlyArray<string> => {
    const lines: Array<string> = []
    const totals = new Map<string, number>()
    for (const { id, type, state } of snapshots) {
      const name = counters[id]
      if (type === "Counter" && name !== undefined) totals.set(name, (totals.get(name) ?? 0) + Number(state.count))
      if (type === "Gauge" && id === "herald_sessions")
        lines.push(`distribution.clients.connected:${Number(state.value)}|g${suffix}`)
      if (type === "Histogram" && id === "herald_db_query_seconds") {
        const count = added("count", state.count)
        const millis = added("sum", state.sum) * 1_000
        // One line stands for all queries of the second: their mean, with their number as the sample rate.
        if (count > 0) lines.push(`distribution.db.query.time:${(millis / count).toFixed(3)}|ms|@${1 / count}${suffix}`)
      }
    }
    for (const [name, total] of totals) {
      const more = added(name, total)
      if (more > 0) lines.push(`${name}:${more}|c${suffix}`)
    }
    return lines
  }
}

const open = (type: "udp4" | "udp6") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const made = createSocket(type)
      made.on("error", () => undefined) // SD2
      made.unref()
      return made
    }),
    (made) => Effect.sync(() => made.close())
  )

export const layer = ({ host, port, tags, node, ask }: StatsdOptions) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sockets = { 4: yield* open("udp4"), 6: yield* open("udp6") }
      const target = makeTarget(host, ask)
      const lines = makeLines(tags === "dogstatsd" ? `|#node:${node.replace(/[|,#\s]/g, "_")}` : "")
      const send = Effect.gen(function* () {
        const to = yield* target
        if (to === undefined) return // what is counted meanwhile is sent with the first lines
        const text = lines(yield* Metric.snapshot).join("\n")
        // An address, so that no name is looked up here.
        if (text !== "") sockets[to.family === 6 ? 6 : 4].send(text, port, to.address, () => undefined) // SD2
      })
      yield* Effect.forkScoped(afterEvery("metrics were not sent", "1 second", send))
    })
  )
