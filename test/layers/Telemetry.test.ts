import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Telemetry from "../../layers/Telemetry.ts"

const options = { format: "json", level: "info", otlpEndpoint: undefined, node: "n1", version: "0" } as const

const capture = () => {
  const lines: Array<string> = []
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0)
  vi.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(`stdout ${text}`) > 0)
  return lines
}
afterEach(() => vi.restoreAllMocks())

const talk = Effect.gen(function* () {
  yield* Effect.logDebug("quiet")
  yield* Effect.logInfo("hello", { client: "a" })
  yield* Effect.logError("bad")
})

describe("Telemetry", () => {
  it.live("writes one JSON object a line to stderr, from its level up, and nothing to stdout", () => {
    const lines = capture()
    return Effect.gen(function* () {
      yield* talk.pipe(Effect.provide(Telemetry.layer(options)))
      vi.restoreAllMocks()

      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line).level),
        ["INFO", "ERROR"]
      )
      assert.isTrue(lines.every((line) => line.endsWith("\n") && line.trimEnd().split("\n").length === 1))
      assert.include(lines[0], "hello")
    })
  })

  it.live("writes for people when told to, with debug where that is the level", () => {
    const lines = capture()
    return Effect.gen(function* () {
      yield* talk.pipe(Effect.provide(Telemetry.layer({ ...options, format: "pretty", level: "debug" })))
      vi.restoreAllMocks()

      assert.strictEqual(lines.length, 3)
      assert.include(lines[1], "hello")
      assert.throws(() => JSON.parse(lines[1]!))
    })
  })

  it.live("sends spans and logs to the OTLP endpoint when one is set, at the latest when it leaves", () =>
    Effect.gen(function* () {
      capture()
      const got = new Map<string, string>()
      const collector = createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => (body += chunk))
        request.on("end", () => {
          got.set(request.url!, (got.get(request.url!) ?? "") + body)
          response.setHeader("content-type", "application/json").end("{}")
        })
      })
      yield* Effect.callback<void>((resume) => void collector.listen(0, "127.0.0.1", () => resume(Effect.void)))
      const otlpEndpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
      yield* talk.pipe(
        Effect.withSpan("Test.talk"),
        Effect.provide(Layer.fresh(Telemetry.layer({ ...options, otlpEndpoint })))
      )
      collector.close()
      vi.restoreAllMocks()

      assert.include(got.get("/v1/traces"), "Test.talk")
      assert.include(got.get("/v1/logs"), "hello")
      assert.include(got.get("/v1/traces"), '"n1"')
    })
  )
})
