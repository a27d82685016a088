/** What whoever manages topics over gRPC is told. */
import { assert, describe, it } from "@effect/vitest"
import { credentials, type ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Manager from "#proto/herald/topics/v1/managers.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Subscriptions } from "../../../../src/subscriptions/Subscriptions.ts"
import { Topics } from "../../../../src/topics/Topics.ts"
import { Door, metadataOf } from "../../../support/Door.ts"

const schemaOf = (name: string) => ({ type: "object", properties: { [name]: { type: "number" } } })
const options = { message: "", idempotencyKey: undefined }
let door: Door
let client: Manager.TopicManagerClient

beforeAll(async () => {
  door = await Door.open()
  client = new Manager.TopicManagerClient(door.address, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await door.close()
})

const update = (of: Partial<Manager.UpdateTopicRequest>) =>
  new Promise<Manager.Topic>((resolve, reject) =>
    client.updateTopic(
      Manager.UpdateTopicRequest.fromPartial({ name: "orders", ...of }),
      metadataOf(`Bearer ${door.token}`),
      (error: ServiceError | null, topic: Manager.Topic) => (error === null ? resolve(topic) : reject(error))
    )
  )

describe("TopicManager", () => {
  it("YT6 whoever changes a schema is told whose filter it stops, as over REST", async () => {
    const make = Effect.gen(function* () {
      yield* (yield* Topics).create({ name: "orders", schema: schemaOf("total") }, options)
      const draft = { topicName: "orders", type: "shared", start: { at: "earliest" }, deadLetterTopic: "" } as const
      yield* (yield* Subscriptions).create({ ...draft, subscriptionName: "billing", filter: "total > 1" }, options)
      yield* (yield* Subscriptions).create({ ...draft, subscriptionName: "all" }, options)
    })
    await door.run(Effect.provideService(make, CurrentIdentity, system))
    assert.deepStrictEqual((await update({ description: "d" })).unfit, [])
    const { unfit, schemaVersion } = await update({ schema: JSON.stringify(schemaOf("amount")) })
    assert.strictEqual(schemaVersion, 2)
    assert.lengthOf(unfit, 1)
    assert.match(unfit[0]!, /^the subscription billing: filter: .*total/)
    assert.deepStrictEqual((await update({ schema: JSON.stringify(schemaOf("total")) })).unfit, [])
  })
})
