/** A subscription is stopped under a consumer of the SDK, and resumed, on a node over memory twins. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { credentials } from "@grpc/grpc-js"
import {
  StopSubscriptionRequest,
  type Subscription,
  SubscriptionManagerClient
} from "../../proto/generated/herald/topics/v1/managers.ts"
import { Topics } from "../../src/client/HeraldClient.ts"
import { openBoth } from "../support/BothDoors.ts"

let both: Awaited<ReturnType<typeof openBoth>>
let topics: Topics
let manager: SubscriptionManagerClient
const one = "/v1/subscriptions/shop%2Forders/billing"
const call = async (method: string, path: string, body?: unknown) => {
  const { status, body: its } = await both.call(method, path, body === undefined ? {} : { body })
  return { status, body: its }
}
const stopped = () =>
  new Promise<Subscription>((resolve, reject) =>
    manager.stopSubscription(
      StopSubscriptionRequest.fromPartial({ topic: "shop/orders", name: "billing", message: "the bank moves" }),
      both.metadataOf("admin"),
      (error, answer) => (error === null ? resolve(answer) : reject(error))
    )
  )

beforeAll(async () => {
  both = await openBoth()
  const token = both.metadataOf("admin").get("authorization")[0]!.toString().replace("Bearer ", "")
  topics = new Topics({ address: `127.0.0.1:${both.port}`, token, logger: () => {} })
  manager = new SubscriptionManagerClient(`127.0.0.1:${both.port}`, credentials.createInsecure())
  assert.strictEqual((await call("POST", "/v1/topics", { name: "shop/orders" })).status, 201)
  const made = { topic: "shop/orders", name: "billing", type: "failover", from: "earliest" }
  assert.strictEqual((await call("POST", "/v1/subscriptions", made)).status, 201)
})
afterAll(async () => {
  await topics.close()
  manager.close()
  await both.close()
})

describe("a subscription that is stopped", () => {
  for (const [by, stop] of [
    ["REST", async () => (await call("POST", `${one}/stop`, { message: "the bank moves" })).body.status],
    ["gRPC", async () => (await stopped()).status]
  ] as const)
    it(`OB8 SO6 QL2 by ${by}: its consumer ends, and does not come again by itself; another one is refused until it is resumed`, async () => {
      const topic = topics.topic("shop/orders")
      await topic.publish([{ payload: `by ${by}` }])
      const told: Array<string> = []
      const consumer = topic.consume("billing", { onState: (status) => void told.push(status) })
      const { value } = await consumer.next()
      assert.deepInclude({ text: value!.text(), attempt: value!.attempt }, { text: `by ${by}`, attempt: 1 })
      assert.strictEqual(await stop(), "stopped")
      const ended = await consumer.next().then(
        () => undefined,
        (error) => error
      )
      assert.deepInclude(ended, { name: "TopicError", code: "HRLD-2096", status: 9 })
      assert.strictEqual(told.at(-1), "stopped")
      const refused = await topic
        .consume("billing")
        .next()
        .then(
          () => undefined,
          (error) => error
        )
      assert.deepInclude(refused, { name: "TopicError", code: "HRLD-2096", status: 9 })
      assert.deepInclude((await call("POST", `${one}/pause`, {})).body, { status: 409, code: "HRLD-2085" })
      assert.strictEqual((await call("POST", `${one}/resume`, {})).body.status, "active")
      const next = topic.consume("billing")
      const again = (await next.next()).value!
      assert.deepInclude({ text: again.text(), attempt: again.attempt }, { text: `by ${by}`, attempt: 1 })
      again.accept()
      await next.close()
    })
})
