import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import * as ClientEvents from "../../src/outbox/ClientEvents.ts"
import type { LogEvent } from "../../src/outbox/Event.ts"
import { EventLog } from "../../src/outbox/EventLog.ts"
import { WAITING } from "../../src/outbox/Noting.ts"
import { layerTestSeal } from "../support/Seal.ts"

const log = { events: [] as Array<LogEvent>, down: false }
const layer = ClientEvents.layer({ node: "n1" }).pipe(
  Layer.provide(layerTestSeal),
  Layer.provide(
    Layer.succeed(EventLog, {
      publish: (events) =>
        Effect.suspend(() => {
          if (log.down) return Effect.fail(failure("EventLogUnavailable", "it is away"))
          log.events.push(...events)
          return Effect.void
        })
    })
  )
)

const note = (n: number) =>
  Effect.map(ClientEvents.ClientEvents, (events) =>
    events.note({
      type: "client_connect",
      environment: "production",
      service: "svc",
      instance: String(n),
      reason: "",
      at: n
    })
  )
const instances = () => log.events.map(({ body }) => Number(JSON.parse(body).instance_id))

describe("ClientEvents", () => {
  it.effect("EV6 an outage keeps the newest, in order, each with an id of its own; the rest is dropped", () =>
    Effect.gen(function* () {
      log.down = true
      for (let n = 0; n < 15_000; n++) yield* note(n)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log.events, [])
      log.down = false
      yield* TestClock.adjust("1 minute")

      const kept = instances()
      assert.isAtMost(kept.length, WAITING * 1.1)
      assert.isAtLeast(kept.length, WAITING)
      assert.deepStrictEqual(
        kept,
        Array.from({ length: kept.length }, (_, i) => 15_000 - kept.length + i)
      )
      assert.strictEqual(new Set(log.events.map(({ id }) => id)).size, kept.length)

      yield* note(15_000)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(instances().at(-1), 15_000)
    }).pipe(Effect.provide(layer))
  )
})
