/** What stands in for a server in tests says only what the REST contract allows. */
import { assert, describe, it } from "@effect/vitest"
import { unlike } from "./Contract.ts"
import { FakeHerald, problem } from "./FakeHerald.ts"

describe("the fake server", () => {
  it("takes what a server answers, its problems too, and refuses what none does, unless it is meant to be strange", async () => {
    await using herald = await FakeHerald.start()
    const none = { keys: [], next: null }
    herald.on("GET /v1/config", { body: none }, problem("Forbidden", "no"), { body: 1, strange: true })
    for (const [line, reply] of [
      ["GET /v1/config", { body: { keys: [] } }],
      ["GET /v1/config", { body: { ...none, more: 1 } }],
      ["GET /v1/config", { status: 201, body: none }],
      ["GET /v1/nothing", { body: none }],
      ["POST /v1/config", { body: none }]
    ] as const)
      assert.throws(() => herald.on(line, reply), line)
  })

  it("is held to a route's own answer: a key that was made is 201, one that was revoked has no body", () => {
    assert.match(unlike("POST /v1/keys", 200, {}) ?? "", /no answer 200/)
    assert.isUndefined(unlike("DELETE /v1/keys/a", 204, undefined))
    assert.isString(unlike("DELETE /v1/keys/a", 204, {}))
  })
})
