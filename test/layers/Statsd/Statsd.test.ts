import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { layer, makeLines } from "#layers/Statsd/Statsd.ts"
import * as PerNode from "../../../src/telemetry/PerNode.ts"
import { passUntil } from "../../support/Clock.ts"

/** Closed with the test. */
const listening = (socket: Socket) =>
  Effect.acquireRelease(
    Effect.as(
      Effect.promise(() => once(socket, "listening")),
      socket
    ),
    () => Effect.sync(() => socket.close())
  )
const hits = Metric.counter("herald_cache_hits_total", { incremental: true })

describe("StatsD", () => {
  it.effect("SD1 counters are sent as what was added since the last time", () =>
    Effect.gen(function* () {
      const lines = makeLines("")
      const sent = () =>
        Effect.map(Metric.snapshot, (all) => lines(all).filter((line) => line.startsWith("distribution.cache.hit")))
      yield* sent()
      yield* Metric.update(hits, 3)
      assert.deepStrictEqual(yield* sent(), ["distribution.cache.hit:3|c"])
      yield* Metric.update(hits, 2)
      assert.deepStrictEqual(yield* sent(), ["distribution.cache.hit:2|c"])
      assert.deepStrictEqual(yield* sent(), [])
    }).pipe(Effect.provide(PerNode.layer))
  )

  it.effect("SD2 an unknown host costs nothing but the data; a real socket gets tagged lines", () =>
    Effect.gen(function* () {
      const socket = yield* listening(createSocket("udp4").bind(0, "127.0.0.1"))
      let got = ""
      socket.on("message", (data) => (got += `${data}\n`))
      const options = { port: socket.address().port, tags: "dogstatsd", node: "a|b" } as const
      const both = Layer.mergeAll(
        layer({ ...options, host: "127.0.0.1" }),
        layer({ ...options, host: "nowhere.invalid" })
      )
      yield* Layer.build(both)
      yield* Metric.update(Metric.gauge("herald_sessions"), 7)
      yield* passUntil(() => got.split("distribution.clients.connected:7|g|#node:a_b").length > 2)
    }).pipe(Effect.provide(PerNode.layer))
  )

  it.effect("SD3 IPv6 and IPv4, by address or by name, wherever a name points now", () =>
    Effect.gen(function* () {
      const six = yield* listening(createSocket("udp6").bind(0, "::1"))
      const { port } = six.address()
      const four = yield* listening(createSocket("udp4").bind(port, "127.0.0.1"))
      const got = ["", ""]
      for (const [i, socket] of [six, four].entries()) socket.on("message", (data) => (got[i] += `${data}\n`))
      const options = { port, tags: "none", node: "n" } as const
      const name = async () => ({ address: "127.0.0.1", family: 4 })
      const all = Layer.mergeAll(layer({ ...options, host: "[::1]" }), layer({ ...options, host: "moved", ask: name }))
      yield* Layer.build(all)
      yield* Metric.update(Metric.gauge("herald_sessions"), 9)
      yield* passUntil(() => got.every((text) => text.includes("clients.connected:9|g")))
    }).pipe(Effect.provide(PerNode.layer))
  )
})
