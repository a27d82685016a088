/** What a client does when its machine loses its network, and has it again. */
import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { ConfigUpdate } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Connection, type State } from "../../src/client/Connection.ts"
import { onNetwork } from "../../src/client/PlatformWeb.ts"
import { SubscribeRequest } from "../../src/client/ProtoWeb.ts"
import type { StreamEvents } from "../../src/client/Transport.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { synced } from "../support/Said.ts"

const ignore = () => {}

describe("a client's network", () => {
  it("CO7 gives the stream up when it is gone, opens one at once when it is back, and hears of nothing once closed", async () => {
    const heard = new EventTarget()
    vi.stubGlobal("addEventListener", heard.addEventListener.bind(heard))
    vi.stubGlobal("removeEventListener", heard.removeEventListener.bind(heard))
    try {
      const streams: Array<StreamEvents> = []
      const states: Array<State> = []
      const transport = {
        open: (_: unknown, events: StreamEvents) => {
          streams.push(events)
          return { send: () => true, hold: ignore, drop: ignore, finish: async () => {} }
        },
        reportHealth: async () => true,
        close: ignore
      }
      const millis = { baseMillis: 1_000, capMillis: 20_000, stableMillis: 10_000, heartbeatMillis: 30_000 }
      const connection = new Connection(
        transport,
        new FakeClock(),
        { ...millis, silenceMillis: 90_000 },
        {
          hello: () => [SubscribeRequest.fromPartial({})].values(),
          state: (state) => states.push(state),
          ...{ update: ignore, problem: ignore, heartbeat: ignore, synced: ignore },
          ...{ ended: ignore, drain: ignore, writable: ignore }
        },
        onNetwork
      )
      connection.open()
      streams[0]!.message(ConfigUpdate.fromPartial(synced(1)))
      heard.dispatchEvent(new Event("offline"))
      assert.deepStrictEqual(states, ["live", "stale"])
      heard.dispatchEvent(new Event("online"))
      assert.strictEqual(streams.length, 2)
      streams[1]!.message(ConfigUpdate.fromPartial(synced(1)))
      heard.dispatchEvent(new Event("online"))
      assert.strictEqual(streams.length, 2) // it is live
      await connection.close()
      heard.dispatchEvent(new Event("online"))
      assert.strictEqual(streams.length, 2)
    } finally {
      vi.unstubAllGlobals()
    }
  })
})
