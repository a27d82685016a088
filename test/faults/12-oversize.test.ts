/** Fault 12: a value of 5 MiB is refused where it comes in, with a typed error, and no stream breaks. */
import { assert, describe, it } from "@effect/vitest"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 12: oversize", () => {
  it("is refused at publish and at subscribe, and nothing else happens", async () => {
    await using server = await startServer()
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    assert.strictEqual((await server.published("svc", "small")).status, 200)
    await waitUntil("the first value", () => subscriber.content("svc") === "small")
    const five = "x".repeat(5 * 1_048_576)
    const whole = await server.publish("svc", five, { type: "string" })
    const barely = await server.publish("svc", "x".repeat(1_048_577), { type: "string" })
    const largest = await server.publish("svc.large", "x".repeat(1_048_576), { type: "string" })
    const greedy = new Subscriber(server.grpc, { token: server.token, instance: five })
    await waitUntil("the greedy subscriber to be refused", () => greedy.error)

    assert.deepStrictEqual([whole.status, whole.body.code], [413, "HRLD-1007"])
    assert.deepStrictEqual([barely.status, barely.body.code], [413, "HRLD-1007"])
    assert.strictEqual(largest.status, 200)
    assert.strictEqual(greedy.error?.code, 8)
    await waitUntil("the stream to go on", () => subscriber.content("svc.large")?.length === 1_048_576)
    assert.isFalse(subscriber.ended)
    subscriber.close()
    greedy.close()
  })
})
