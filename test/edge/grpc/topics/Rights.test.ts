/** Each method of the gRPC door that has to do with topics × API keys that may use one topic and not another. */
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials, type ServiceDefinition, status } from "@grpc/grpc-js"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Market from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import * as Manager from "../../../../proto/generated/herald/topics/v1/managers.ts"
import * as Topic from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { Subscriptions } from "../../../../src/subscriptions/Subscriptions.ts"
import { Publishing } from "../../../../src/topics/Publishing.ts"
import { Topics } from "../../../../src/topics/Topics.ts"
import { Door, metadataOf } from "../../../support/Door.ts"

const services: ReadonlyArray<ServiceDefinition> = [
  Topic.TopicServiceService,
  Manager.TopicManagerService,
  Manager.SubscriptionManagerService,
  Market.MarketDataStreamService
]

/** Below it market data is made of topics, and the key's own are. */
const [OWN, FOREIGN] = ["market-data/normalized/own", "market-data/normalized/foreign"]
const options = { message: "", idempotencyKey: undefined }
const events = [{ key: "k", payload: Buffer.from("{}") }]
const its = (topic: string) => ({ topic, name: "s" })

/** What is asked, of a topic. `manages`: by admins only. */
const asked: Readonly<Record<string, { readonly manages?: true; readonly request: (topic: string) => object }>> = {
  publish: { request: (topic) => Topic.PublishEventsRequest.fromPartial({ topic, events }) },
  publishStream: { request: (topic) => Topic.PublishStreamRequest.fromPartial({ id: 1n, publish: { topic, events } }) },
  read: { request: (topic) => Topic.ReadRequest.fromPartial({ topic }) },
  consume: { request: (topic) => Topic.ConsumeRequest.fromPartial({ topic, subscription: "s" }) },
  openProducer: { request: (topic) => Topic.OpenProducerRequest.fromPartial({ topic, producerId: "p" }) },
  createTopic: { manages: true, request: (name) => Manager.CreateTopicRequest.fromPartial({ name: `${name}/new` }) },
  updateTopic: {
    manages: true,
    request: (name) => Manager.UpdateTopicRequest.fromPartial({ name, description: "told" })
  },
  deleteTopic: { manages: true, request: (name) => Manager.DeleteTopicRequest.fromPartial({ name: `${name}/new` }) },
  getTopic: { request: (name) => Manager.GetTopicRequest.fromPartial({ name }) },
  getTopicStats: { request: (name) => Manager.GetTopicStatsRequest.fromPartial({ name }) },
  listTopics: { request: () => Manager.ListTopicsRequest.fromPartial({}) },
  createSubscription: { request: (topic) => Manager.CreateSubscriptionRequest.fromPartial({ topic, name: "new" }) },
  deleteSubscription: { request: (topic) => Manager.DeleteSubscriptionRequest.fromPartial({ topic, name: "new" }) },
  getSubscription: { request: (topic) => Manager.GetSubscriptionRequest.fromPartial(its(topic)) },
  getSubscriptionStats: { request: (topic) => Manager.GetSubscriptionRequest.fromPartial(its(topic)) },
  listSubscriptions: { request: (topic) => Manager.ListSubscriptionsRequest.fromPartial({ topic }) },
  seek: {
    request: (topic) =>
      Manager.SeekRequest.fromPartial({ ...its(topic), to: { at: { $case: "earliest", value: true } } })
  },
  pause: { request: (topic) => Manager.PauseRequest.fromPartial(its(topic)) },
  resume: { request: (topic) => Manager.ResumeRequest.fromPartial(its(topic)) },
  streamMarketData: { request: (topic) => Market.StreamMarketDataRequest.fromPartial({ topics: [topic] }) },
  streamHistoricalData: { request: () => Market.StreamHistoricalDataRequest.fromPartial({ symbol: "NONE" }) },
  manageSubscription: {
    request: (topic) =>
      Market.ManageSubscriptionRequest.fromPartial({
        action: Market.SubscriptionAction.SUBSCRIPTION_ACTION_GET,
        ...{ topic, subscriptionName: "s" }
      })
  }
}

let door: Door
let client: Client
beforeAll(async () => {
  door = await Door.open()
  client = new Client(door.address, credentials.createInsecure())
  const make = Effect.gen(function* () {
    for (const topic of [OWN, FOREIGN]) {
      yield* (yield* Topics).create({ name: topic }, options)
      const draft = { topicName: topic, subscriptionName: "s", type: "shared", start: { at: "earliest" } } as const
      yield* (yield* Subscriptions).create({ ...draft, deadLetterTopic: "" }, options)
      yield* (yield* Publishing).publish({
        topic,
        events: [{ key: null, payload: Buffer.from("{}"), eventTime: null, headers: new Map() }]
      })
    }
  })
  await door.run(Effect.provideService(make, CurrentIdentity, system))
})
afterAll(async () => {
  client.close()
  await door.close()
})

interface Answer {
  /** The code of an error of Herald, in an answer or as the call's end. */
  readonly code: string | undefined
  readonly data: object | undefined
}

/** The first that is answered, or how it ended. */
const call = (name: string, topic: string, token: string): Promise<Answer> =>
  new Promise((resolve) => {
    const method = services.map((service) => service[name]).find((one) => one !== undefined)!
    const stream = client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadataOf(`Bearer ${token}`)
    )
    const answered = (answer: Answer) => {
      resolve(answer)
      stream.cancel()
    }
    stream.on("data", (data: { readonly outcome?: { readonly value: { readonly code?: string } } }) =>
      answered({ code: data.outcome?.value.code, data })
    )
    stream.on("error", () => {})
    stream.on("status", ({ code, metadata }) => {
      const said = metadata.get("herald-code")[0]
      answered({ code: code === status.OK ? undefined : String(said ?? code), data: undefined })
    })
    stream.write(asked[name]!.request(topic))
    if (!method.requestStream) stream.end()
  })

const FORBIDDEN = failure("Forbidden", "").code

describe("API keys with topics of their own, at the gRPC door", () => {
  it("KX1 every method is asked", () => {
    const all = services.flatMap((service) => Object.keys(service))
    assert.sameMembers(Object.keys(asked), all)
  })

  for (const environments of [["*"], ["production"]])
    it(`KX1 with what one has everything goes, and with another's nothing (environments ${environments})`, async () => {
      const its = { topics: [`${OWN}/*`, OWN] }
      const token = await door.key("publisher", environments, `publisher-${environments[0]}`.replace("*", "all"), its)
      const manager = await door.key("admin", environments, `manager-${environments[0]}`.replace("*", "all"), its)
      const wrong: Array<string> = []
      for (const [name, { manages }] of Object.entries(asked)) {
        const as = manages === true ? manager : token
        const own = await call(name, OWN, as)
        if (own.code !== undefined && name !== "streamHistoricalData") wrong.push(`${name} own: ${own.code}`)
        const foreign = await call(name, FOREIGN, as)
        if (name === "listTopics" || name === "streamHistoricalData") continue
        if (foreign.code !== FORBIDDEN) wrong.push(`${name} foreign: ${foreign.code}`)
      }
      assert.deepStrictEqual(wrong, [])
    })

  it("KX1 YT1 lists and market data have what the key may use, and nothing else", async () => {
    const token = await door.key("viewer", ["staging"], "viewer", { topics: [OWN] })
    const { data } = await call("listTopics", "", token)
    const topics = (data as { readonly topics: ReadonlyArray<{ readonly name: string }> }).topics
    assert.deepStrictEqual(
      topics.map(({ name }) => name),
      [OWN]
    )
    const none = await door.key("viewer", ["staging"], "nobody", { topics: [] })
    for (const name of Object.keys(asked)) assert.strictEqual((await call(name, OWN, none)).code, FORBIDDEN, name)
  })
})
