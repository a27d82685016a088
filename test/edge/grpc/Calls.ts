/** What each method of the protocols is about, as its use case asks for it: what the matrix of calls is made from. */
import {
  Health,
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { PublishRequest } from "../../../proto/generated/herald/publishing/v1/publishing.ts"
import { ReportRequest } from "../../../proto/generated/herald/reporting/v1/reporting.ts"
import type { Kind, Permission } from "../../../src/access/Identity.ts"

export interface Place {
  readonly environment: string
  readonly key: string
}

export interface Call {
  /** Besides what its service needs; left out: the same. */
  readonly permission?: Permission
  /** A key of a kind; "keys of": some keys of a kind; "some": some key of some kind; "topic": a topic; "head": what its service needs says it all. */
  readonly about: Kind | "keys of flag" | "some" | "topic" | "head"
  readonly body: (place: Place) => Uint8Array
  readonly headers?: (place: Place) => Readonly<Record<string, string>>
}

/** The numbers of fields, with their bytes. */
const fields = (...all: ReadonlyArray<readonly [number: number, bytes: Uint8Array]>): Uint8Array =>
  Buffer.concat(all.map(([number, bytes]) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])))
const text = (value: string) => Buffer.from(value)
/** `{ earliest: true }`, as the message Start has it. */
const EARLIEST = Buffer.from([8, 1])
/** Fields of a message that are texts, the first of the number 1. */
const texts = (...values: ReadonlyArray<string>): Uint8Array =>
  fields(...values.map((value, at) => [at + 1, text(value)] as const))
const nothing = () => new Uint8Array(0)
const topic = (permission?: Permission): Call => ({
  about: "topic",
  ...(permission === undefined ? {} : { permission }),
  body: ({ key }) => texts(key, "s")
})
const head: Call = { about: "head", body: nothing }
const evaluates = (about: Call["about"]): Call => ({
  about,
  body: ({ key }) => (about === "flag" ? texts(key) : nothing()),
  headers: ({ environment }) => ({ "flagd-selector": `flagSetId=${environment}` })
})
const resolves = Object.fromEntries(
  ["Boolean", "String", "Float", "Int", "Object"].map((type) => [`Resolve${type}`, evaluates("flag")])
)
const instance = ({ environment }: Place) => ({ serviceName: "svc", instanceId: "i", environment })

/** By services and their methods. */
export const calls: Readonly<Record<string, Readonly<Record<string, Call>>>> = {
  "herald.distribution.v1.DistributionService": {
    Subscribe: {
      about: "config",
      body: (place) =>
        SubscribeRequest.encode(
          SubscribeRequest.fromPartial({ ...instance(place), control: true, keys: [place.key] })
        ).finish()
    },
    ReportHealth: {
      about: "some",
      body: (place) =>
        ReportHealthRequest.encode(
          ReportHealthRequest.fromPartial({ ...instance(place), health: Health.HEALTH_HEALTHY })
        ).finish()
    },
    Heartbeat: {
      about: "some",
      body: (place) => HeartbeatRequest.encode(HeartbeatRequest.fromPartial(instance(place))).finish()
    }
  },
  "herald.publishing.v1.PublishingService": {
    Publish: {
      about: "config",
      body: ({ environment, key }) =>
        PublishRequest.encode(PublishRequest.fromPartial({ environment, key, value: "1", validateOnly: true })).finish()
    },
    PublishMany: head
  },
  "herald.reporting.v1.ReportingService": {
    Report: {
      about: "keys of flag",
      body: ({ environment }) =>
        ReportRequest.encode(ReportRequest.fromPartial({ environment, batchId: "0123456789", sdk: "x" })).finish()
    }
  },
  "flagd.evaluation.v2.Service": { ...resolves, EventStream: evaluates("keys of flag") },
  "flagd.evaluation.v1.Service": {
    ...resolves,
    ResolveAll: evaluates("keys of flag"),
    EventStream: evaluates("keys of flag")
  },
  "flagd.sync.v1.FlagSyncService": {
    SyncFlags: evaluates("keys of flag"),
    FetchAllFlags: evaluates("keys of flag"),
    GetMetadata: head
  },
  "herald.marketdata.v1.MarketDataStream": {
    StreamMarketData: head,
    StreamHistoricalData: head,
    ManageSubscription: {
      about: "topic",
      body: ({ key }) => Buffer.concat([Buffer.from([8, 2]), fields([2, text(key)], [3, text("s")])])
    }
  },
  "herald.topics.v1.TopicManager": {
    CreateTopic: topic("topics.manage"),
    UpdateTopic: topic("topics.manage"),
    DeleteTopic: topic("topics.manage"),
    GetTopic: topic(),
    GetTopicStats: topic(),
    ListTopics: head
  },
  "herald.topics.v1.SubscriptionManager": {
    CreateSubscription: topic("topics.consume"),
    UpdateSubscription: topic("topics.consume"),
    DeleteSubscription: topic("topics.consume"),
    GetSubscription: topic(),
    GetSubscriptionStats: topic(),
    ListRetrying: topic(),
    ListSubscriptions: topic(),
    Seek: {
      about: "topic",
      permission: "topics.consume",
      body: ({ key }) => fields([1, text(key)], [2, text("s")], [3, EARLIEST])
    },
    Pause: topic("topics.consume"),
    ...{ StopSubscription: topic("topics.consume"), Resume: topic("topics.consume") }
  },
  "herald.topics.v1.TopicService": {
    Publish: {
      about: "topic",
      permission: "topics.publish",
      body: ({ key }) => fields([1, text(key)], [2, fields([2, text("x")])])
    },
    PublishStream: { ...head, permission: "topics.publish" },
    Read: { about: "topic", body: ({ key }) => texts(key) },
    Consume: topic("topics.consume"),
    OpenProducer: topic("topics.publish")
  }
}
