/** Pages of history whose caller's key ends between two of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { StreamHistoricalDataRequest } from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { Access } from "../../../../src/access/Access.ts"
import { system } from "../../../../src/access/Identity.ts"
import { makeHistory } from "../../../../src/edge/grpc/marketdata/History.ts"
import type { CallListener, CallStatus, ServerCall } from "../../../../src/edge/grpc/ServerCall.ts"
import { MarketData } from "../../../../src/marketdata/MarketData.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

describe("StreamHistoricalData", () => {
  it.effect("A3 MG4 a page goes out only while the caller's key is good, however slowly the others were taken", () => {
    let good = true
    let pages = 0
    const endless = Layer.mock(MarketData, {
      history: () =>
        Effect.sync(
          () => ({ symbol: "A", exchange: "X", candles: [], next: ++pages, topics: [], leftOut: [] }) as never
        )
    })
    const access = Layer.mock(Access, {
      spend: () => Effect.sync(() => void (good = pages < 3)),
      stillValid: () => Effect.sync(() => good)
    })
    return Effect.gen(function* () {
      const history = yield* makeHistory
      let listener: CallListener | undefined
      let ended: CallStatus | undefined
      const asked = Buffer.from(
        StreamHistoricalDataRequest.encode(StreamHistoricalDataRequest.fromPartial({ symbol: "A" })).finish()
      )
      const call = {
        path: "/a/b",
        host: "a",
        peer: { address: "127.0.0.1", port: 1 },
        metadata: { get: () => [], getMap: () => ({}) },
        deadline: Number.POSITIVE_INFINITY,
        hear: (one: CallListener) => {
          listener = one
        },
        read: () => {},
        begin: () => {},
        send: () => true,
        end: (status: CallStatus) => {
          ended = status
        }
      }
      history(call as unknown as ServerCall, system)
      listener!.message(asked)
      listener!.end()
      yield* Effect.promise(() => waitUntil("the end", () => ended))
      assert.include(JSON.stringify(ended), "no longer good")
      assert.strictEqual(pages, 4)
    }).pipe(Effect.provide([endless, access]))
  })
})
