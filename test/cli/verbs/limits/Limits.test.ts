/** `herald limits show`: what it asks, and what it says of the answer. */
import { assert, describe, it } from "vitest"
import { ask } from "../../Ask.ts"

const rate = { limit: "principal", door: null, environment: null, requestsPerSecond: 10, burst: 20, left: 15 }
const body = {
  principal: "ann",
  environment: "staging",
  rates: [{ ...rate, limit: "principal/http", door: "http" }, rate],
  streams: { ofPrincipal: { used: 1, limit: 800 }, ofEnvironment: { used: 7, limit: 900 } },
  keys: { used: 12, limit: 250_000 },
  bytes: { used: 3_456, limit: 4_294_967_296 }
}

describe("herald limits", () => {
  it("show asks about an environment and tells of each limit what is used of it", async () => {
    const shown = await ask(["limits", "show", "--env", "staging"], "GET /v1/limits", { body })
    assert.strictEqual(shown.exit, 0)
    assert.deepStrictEqual(shown.request.query, { environment: "staging" })
    for (const row of [
      /requests\/http +ann +5 of 20 at once +10 a second/,
      /streams +ann +1 +800 a node/,
      /streams +staging +7 +900 a node/,
      /keys +staging +12 +250000/,
      /bytes +staging +3456 +4294967296/
    ])
      assert.match(shown.printed, row)
    const json = await ask(["limits", "show", "--output", "json"], "GET /v1/limits", { body })
    assert.deepStrictEqual(JSON.parse(json.printed), body)
  })

  it("what is not told is said not to be", async () => {
    const less = {
      ...body,
      streams: { ...body.streams, ofEnvironment: null },
      keys: { used: null, limit: 5 },
      bytes: { used: null, limit: 6 }
    }
    const { printed } = await ask(["limits", "show"], "GET /v1/limits", { body: less })
    assert.match(printed, /keys +staging +not told +5/)
    assert.notMatch(printed, /900 a node/)
  })
})
