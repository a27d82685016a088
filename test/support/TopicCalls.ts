/** What the gRPC door is asked about topics: a right request of each of its methods, of a topic that a test names. */
import type { ServiceDefinition } from "@grpc/grpc-js"
import * as Market from "../../proto/generated/herald/marketdata/v1/marketdata.ts"
import * as Manager from "../../proto/generated/herald/topics/v1/managers.ts"
import * as Topic from "../../proto/generated/herald/topics/v1/topics.ts"

const services: ReadonlyArray<ServiceDefinition> = [
  Topic.TopicServiceService,
  Manager.TopicManagerService,
  Manager.SubscriptionManagerService,
  Market.MarketDataStreamService
]

export const methods = new Map(services.flatMap((service) => Object.entries(service)))

const events = [{ key: "k", payload: Buffer.from("{}") }]
const its = (topic: string) => ({ topic, name: "s" })

/** What is asked, of a topic. `manages`: by admins only. */
export const asked: Readonly<Record<string, { readonly manages?: true; readonly request: (topic: string) => object }>> =
  {
    publish: { request: (topic) => Topic.PublishEventsRequest.fromPartial({ topic, events }) },
    publishStream: {
      request: (topic) => Topic.PublishStreamRequest.fromPartial({ id: 1n, publish: { topic, events } })
    },
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
    updateSubscription: {
      request: (topic) => Manager.UpdateSubscriptionRequest.fromPartial({ ...its(topic), maxAttempts: 3 })
    },
    listRetrying: { request: (topic) => Manager.ListRetryingRequest.fromPartial(its(topic)) },
    deleteSubscription: { request: (topic) => Manager.DeleteSubscriptionRequest.fromPartial({ topic, name: "new" }) },
    getSubscription: { request: (topic) => Manager.GetSubscriptionRequest.fromPartial(its(topic)) },
    getSubscriptionStats: { request: (topic) => Manager.GetSubscriptionRequest.fromPartial(its(topic)) },
    listSubscriptions: { request: (topic) => Manager.ListSubscriptionsRequest.fromPartial({ topic }) },
    seek: {
      request: (topic) =>
        Manager.SeekRequest.fromPartial({ ...its(topic), to: { at: { $case: "earliest", value: true } } })
    },
    pause: { request: (topic) => Manager.PauseRequest.fromPartial(its(topic)) },
    stopSubscription: { request: (topic) => Manager.StopSubscriptionRequest.fromPartial(its(topic)) },
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
