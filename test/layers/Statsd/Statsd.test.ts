import { createSocket } from "node:dgram"
import { once } from "node:events"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { layer, makeLines } from "#layers/Statsd/Statsd.ts"
import { waitUntil } from "../../support/waitUntil.ts"

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
    })
  )

  it.live("SD2 an unknown host costs nothing but the data; a real socket gets tagged lines", () =>
    Effect.promise(async () => {
      const socket = createSocket("udp4").bind(0, "127.0.0.1")
      await once(socket, "listening")
      let got = ""
      socket.on("message", (data) => (got += `${data}\n`))
      const options = { port: socket.address().port, tags: "dogstatsd", node: "a|b" } as const
      const both = Layer.mergeAll(
        layer({ ...options, host: "127.0.0.1" }),
        layer({ ...options, host: "nowhere.invalid" })
      )
      try {
        await Effect.runPromise(
          Effect.gen(function* () {
            yield* Metric.update(Metric.gauge("herald_sessions"), 7)
            yield* Effect.promise(() =>
              waitUntil("two rounds", () => got.split("clients.connected:7|g|#node:a_b").length > 2)
            )
          }).pipe(Effect.provide(both))
        )
      } finally {
        socket.close()
      }
      assert.include(got, "distribution.clients.connected:7|g|#node:a_b")
    })
  )

  it.live("SD3 IPv6 and IPv4, by address or by name, wherever a name points now", () =>
    Effect.promise(async () => {
      const sockets = [createSocket("udp6").bind(0, "::1"), createSocket("udp4")]
      await once(sockets[0]!, "listening")
      const { port } = sockets[0]!.address()
      sockets[1]!.bind(port, "127.0.0.1")
      await once(sockets[1]!, "listening")
      const got = ["", ""]
      for (const [i, socket] of sockets.entries()) socket.on("message", (data) => (got[i] += `${data}\n`))
      const options = { port, tags: "none", node: "n" } as const
      const name = async () => ({ address: "127.0.0.1", family: 4 })
      const all = Layer.mergeAll(layer({ ...options, host: "[::1]" }), layer({ ...options, host: "moved", ask: name }))
      try {
        await Effect.runPromise(
          Effect.gen(function* () {
            yield* Metric.update(Metric.gauge("herald_sessions"), 9)
            yield* Effect.promise(() =>
              waitUntil("lines at both", () => got.every((text) => text.includes("clients.connected:9|g")))
            )
          }).pipe(Effect.provide(all))
        )
      } finally {
        for (const socket of sockets) socket.close()
      }
    })
  )
})
