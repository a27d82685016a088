import { assert, describe, it } from "@effect/vitest"
import { requestsOf } from "../../../../layers/Kafka/connection/Publisher.ts"
import { clientEvent } from "../../../../src/outbox/Event.ts"

const event = (id: number, length: number) => ({
  ...clientEvent(String(id), "n1", {
    type: "client_connect",
    environment: "production",
    service: "svc",
    instance: "i",
    reason: "",
    at: 0
  }),
  body: "x".repeat(length)
})

describe("requests", () => {
  it("KF1 keep the order, and none is larger than a broker takes unless one event alone is", () => {
    const events = [10, 399_000, 1_000, 500_000, 5, 5, 200_000, 199_000].map((length, id) => event(id, length))
    const requests = requestsOf(events)

    assert.deepStrictEqual(requests.flat(), events)
    for (const request of requests)
      assert.isTrue(request.length === 1 || request.reduce((sum, { body }) => sum + body.length, 0) < 400_000)
    assert.isAtMost(requests.length, 5)
    assert.deepStrictEqual(requestsOf([]), [])
  })
})
