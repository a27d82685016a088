/** A subscription that stopped is mended while it is there, on a node over memory twins, by all of its doors. */

import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { credentials } from "@grpc/grpc-js"
import {
  ListRetryingRequest,
  type ListRetryingResponse,
  type Subscription,
  SubscriptionManagerClient,
  UpdateSubscriptionRequest
} from "../../proto/generated/herald/topics/v1/managers.ts"
import { Topics } from "../../src/client/HeraldClient.ts"
import { openBoth } from "../support/BothDoors.ts"
import { waitUntil } from "../support/waitUntil.ts"

let both: Awaited<ReturnType<typeof openBoth>>
let topics: Topics
let manager: SubscriptionManagerClient
const lines: Array<string> = []
const call = async (method: string, path: string, body?: unknown) => {
  const { status, body: its } = await both.call(method, path, body === undefined ? {} : { body })
  return { status, body: its }
}
const one = "/v1/subscriptions/shop%2Forders/billing"

beforeAll(async () => {
  both = await openBoth()
  const token = both.metadataOf("admin").get("authorization")[0]!.toString().replace("Bearer ", "")
  topics = new Topics({ address: `127.0.0.1:${both.port}`, token, logger: (line) => lines.push(line) })
  manager = new SubscriptionManagerClient(`127.0.0.1:${both.port}`, credentials.createInsecure())
  for (const name of ["shop/orders", "shop/dead"])
    assert.strictEqual((await call("POST", "/v1/topics", { name })).status, 201)
})
afterAll(async () => {
  await topics.close()
  manager.close()
  await both.close()
})

describe("a subscription that stopped", () => {
  it("SI4 DP3 says which event and why, is given a dead-letter topic, is resumed, and goes on behind the event", async () => {
    const made = {
      topic: "shop/orders",
      name: "billing",
      type: "failover",
      maxAttempts: 2,
      backoffMillis: [0],
      from: "earliest"
    }
    assert.strictEqual((await call("POST", "/v1/subscriptions", made)).status, 201)
    const topic = topics.topic("shop/orders")
    const [placed] = await topic.publish([{ payload: "no JSON" }])
    await topic.publish([{ json: { n: 2 } }])
    const done: Array<unknown> = []
    const work = topic.consume("billing", (event) => {
      const order = event.json<{ n: number }>()
      done.push(order.n)
    })
    const id = `shop/orders:${placed!.partition}:${placed!.epoch}:${placed!.offset}`
    const stopped = await waitUntil("it to stop", async () => {
      const { body } = await call("GET", one)
      return body.status === "error" ? body : undefined
    })
    assert.include(stopped.reason, `${id} was tried 2 times, and there is no dead-letter topic: Unexpected token`)
    await waitUntil("the program to say so", () => lines.length > 0)
    assert.match(
      lines[0]!,
      /billing of shop\/orders is in error, .*Unexpected token.*herald subscription resume shop\/orders billing/
    )
    assert.lengthOf(lines, 1)
    const { body } = await waitUntil("what is tried again", async () => {
      const told = await call("GET", `${one}/retrying`)
      return told.body.retrying[0]?.attempts === 2 ? told : undefined
    })
    assert.deepInclude(body.retrying[0], { eventId: id, lastAttempt: false })
    assert.include(body.retrying[0].cause, "Unexpected token")
    const listed = await new Promise<ListRetryingResponse>((resolve, reject) =>
      manager.listRetrying(
        ListRetryingRequest.fromPartial({ topic: "shop/orders", name: "billing" }),
        both.metadataOf("admin"),
        (error, answer) => (error === null ? resolve(answer) : reject(error))
      )
    )
    assert.deepInclude(listed.events[0], { offset: BigInt(placed!.offset!), attempts: 2 })

    const patched = await call("PATCH", one, { deadLetterTopic: "shop/dead", expectedVersion: stopped.version })
    assert.deepInclude(patched.body, {
      deadLetterTopic: "shop/dead",
      version: stopped.version + 1,
      status: "error",
      maxAttempts: 2
    })
    assert.strictEqual((await call("POST", `${one}/resume`, {})).status, 200)
    await waitUntil("what is behind it", () => done.length > 0)
    assert.deepStrictEqual(done, [2])
    const letters = await waitUntil("its dead letter", async () => {
      const { body } = await call("GET", `${one}/dead-letters`)
      return body.deadLetters.length > 0 ? body.deadLetters : undefined
    })
    assert.deepInclude(letters[0], { eventId: id, deadLetterTopic: "shop/dead" })
    await work.close()
  })

  it("SI4 OB2 what can't be changed so is refused, and nothing of it is kept", async () => {
    const before = (await call("GET", one)).body
    const refused: ReadonlyArray<readonly [unknown, string]> = [
      [{}, "HRLD-1001"],
      [{ filter: "a == 1" }, "HRLD-1001"],
      [{ type: "shared" }, "HRLD-1001"],
      [{ maxAttempts: 0 }, "HRLD-1001"],
      [{ backoffMillis: [] }, "HRLD-1001"],
      [{ deadLetterTopic: "" }, "HRLD-1001"],
      [{ deadLetterTopic: "shop/orders" }, "HRLD-1001"],
      [{ deadLetterTopic: "shop/nothing" }, "HRLD-2077"],
      [{ maxAttempts: 3, expectedVersion: 99 }, "HRLD-2085"]
    ]
    for (const [change, code] of refused)
      assert.strictEqual((await call("PATCH", one, change)).body.code, code, JSON.stringify(change))
    assert.strictEqual(
      (await call("PATCH", "/v1/subscriptions/shop%2Forders/none", { maxAttempts: 3 })).body.code,
      "HRLD-2084"
    )
    assert.deepStrictEqual(
      { ...(await call("GET", one)).body, lastActivityAt: 0, lastActivityTime: "" },
      { ...before, lastActivityAt: 0, lastActivityTime: "" }
    )
    const changed = await new Promise<Subscription>((resolve, reject) =>
      manager.updateSubscription(
        UpdateSubscriptionRequest.fromPartial({
          topic: "shop/orders",
          name: "billing",
          maxInFlight: 7,
          backoffMs: [5n]
        }),
        both.metadataOf("admin"),
        (error, answer) => (error === null ? resolve(answer) : reject(error))
      )
    )
    assert.deepInclude(changed, { maxInFlight: 7, maxAttempts: 2, version: BigInt(before.version + 1) })
  })

  it("YT5 the topic of its dead letters, and the target of a rule, are not deleted without a word; without it they wait, and it says why", async () => {
    const rule = { name: "big", source: "shop/orders", target: "shop/big" }
    assert.strictEqual((await call("POST", "/v1/topics", { name: "shop/big" })).status, 201)
    assert.strictEqual((await call("POST", "/v1/routes", rule)).status, 201)
    const kept = await call("DELETE", "/v1/topics/shop%2Fdead")
    assert.deepInclude(kept.body, { status: 409, code: "HRLD-2087" })
    assert.include(kept.body.detail, "shop/dead gets dead letters of billing of shop/orders")
    const target = await call("DELETE", "/v1/topics/shop%2Fbig")
    assert.include(target.body.detail, "shop/big gets what the routing rule big sends of shop/orders")
    assert.include((await call("DELETE", "/v1/topics/shop%2Forders")).body.detail, "shop/orders has 1 subscription")
    assert.strictEqual((await call("GET", `${one}/stats`)).body.deadLettersWait, "")
    const gone = await both.call("DELETE", "/v1/topics/shop%2Fdead?force=true").catch(() => undefined)
    assert.isUndefined(gone) // 204 has no body
    assert.strictEqual((await call("GET", `${one}/stats`)).body.deadLettersWait, "there is no topic shop/dead")
  })
})
