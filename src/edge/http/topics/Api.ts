/** The group `topics`. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { TOPIC_LENGTH } from "../../../keys/TopicName.ts"
import { Plain } from "../../../text/Plain.ts"
import { ByCookie } from "../Authentication.ts"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { IdempotencyKey, Limit, Message, problems, Whole } from "../Wire.ts"
import * as EventWire from "./EventWire.ts"
import * as Statistics from "./StatisticsWire.ts"
import * as Wire from "./Wire.ts"

const { get, patch, post } = HttpApiEndpoint
const error = problems
const headers = { "idempotency-key": IdempotencyKey }

export class TopicsGroup extends HttpApiGroup.make("topics")
  .add(
    post("create", "/v1/topics", {
      headers,
      payload: Wire.TopicBody,
      success: Wire.Topic.pipe(HttpApiSchema.status(201)),
      error
    })
      .annotate(Needs, need("topics.manage", "somewhere", 4))
      .annotateMerge(about("Create a topic", "A named log of events, in partitions.")),
    get("list", "/v1/topics", {
      query: {
        prefix: Schema.optionalKey(Plain(TOPIC_LENGTH)),
        limit: Schema.optionalKey(Limit),
        after: Schema.optionalKey(Plain(TOPIC_LENGTH))
      },
      success: Wire.TopicList,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("List topics", "Those that you may read.")),
    get("get", "/v1/topics/:topic", { params: Wire.Target, success: Wire.Topic, error })
      .annotate(Needs, need("topics.read", "somewhere"))
      .annotateMerge(about("Read what a topic is")),
    patch("update", "/v1/topics/:topic", {
      params: Wire.Target,
      headers,
      payload: Wire.TopicChangeBody,
      success: Wire.ChangedTopic,
      error
    })
      .annotate(Needs, need("topics.manage", "somewhere", 4))
      .annotateMerge(
        about("Change a topic", "What is left out stays. Partitions are added and never taken away: keys then move.")
      ),
    HttpApiEndpoint.delete("delete", "/v1/topics/:topic", {
      params: Wire.Target,
      query: { force: Schema.optionalKey(Schema.Boolean), message: Schema.optionalKey(Message) },
      headers,
      success: HttpApiSchema.NoContent,
      error
    })
      .annotate(Needs, need("topics.manage", "somewhere", 4))
      .annotateMerge(about("Delete a topic", "With all of its events; `force`: with its subscriptions, too.")),
    get("stats", "/v1/topics/:topic/stats", { params: Wire.Target, success: Wire.TopicStats, error })
      .annotate(Needs, need("topics.read", "somewhere", 4))
      .annotateMerge(about("How far a topic's partitions go, and what this node does with it")),
    get("statistics", "/v1/topics/:topic/statistics", {
      params: Wire.Target,
      query: { since: Schema.optionalKey(Statistics.Since) },
      success: Statistics.TopicStatistics,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(
        about(
          "How a topic was used",
          "By time, of all nodes together; the newest deliveries that failed, and of the others a sample (STATISTICS_DELIVERIES)."
        )
      ),
    post("open", "/v1/topics/:topic/producers", {
      params: Wire.Target,
      payload: Wire.ProducerBody,
      success: Wire.OpenedProducer,
      error
    })
      .annotate(Needs, need("topics.publish", "somewhere", 4))
      .annotateMerge(
        about(
          "Open a producer",
          "What it sends again is in the topic once. Its epoch fences whoever had the producer before; `sequences` say how far it came."
        )
      ),
    post("publish", "/v1/topics/:topic/events", {
      params: Wire.Target,
      query: {
        partition: Schema.optionalKey(Wire.Partition),
        producer: Schema.optionalKey(Wire.Producer),
        epoch: Schema.optionalKey(Whole),
        sequence: Schema.optionalKey(Whole)
      },
      payload: EventWire.EventsBody,
      success: EventWire.Published,
      error
    })
      .annotate(Needs, need("topics.publish", "somewhere", 4))
      .annotateMerge(
        about(
          "Publish events",
          "Answered when they are as durable as the topic's log. All events are checked before any is appended. Without a producer, what is sent again is there twice."
        )
      ),
    get("events", "/v1/topics/:topic/events", {
      params: Wire.Target,
      query: {
        from: Schema.optionalKey(EventWire.From),
        partition: Schema.optionalKey(Wire.Partition),
        limit: Schema.optionalKey(Limit),
        wait: Schema.optionalKey(EventWire.Wait),
        filter: Schema.optionalKey(EventWire.Filter),
        as: Schema.optionalKey(Schema.Literals(["text"]))
      },
      success: EventWire.Events,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(
        about(
          "Read events",
          "`from`: `earliest` (unless it says otherwise), `latest`, a message id, a time, or the `next` of a page. `wait`: milliseconds to wait for the first event. `filter`: in CEL; a page may have none of its events and `next` all the same, until it is `live`. `as=text`: every value as its exact text."
        )
      ),
    get("stream", "/v1/topics/:topic/stream", {
      params: Wire.Target,
      query: {
        from: Schema.optionalKey(EventWire.From),
        partition: Schema.optionalKey(Schema.Array(Wire.Partition)),
        filter: Schema.optionalKey(EventWire.Filter),
        field: Schema.optionalKey(Schema.Array(EventWire.Filter)),
        overflow: Schema.optionalKey(Schema.Literals(["block", "conflate", "drop-oldest", "disconnect"])),
        as: Schema.optionalKey(Schema.Literals(["text"])),
        lastEventId: Schema.optionalKey(EventWire.From)
      },
      headers: { "last-event-id": Schema.optionalKey(EventWire.From) },
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotate(ByCookie, true)
      .annotateMerge(
        about(
          "Follow a topic",
          "Server-sent events: `started`, `events`, `gap`, `live`, and `end` before the server ends it. `from`: `latest` unless it says otherwise. Go on with the last `id` as `Last-Event-ID`, or as `lastEventId`. `partition` and `field` may be repeated."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Topics" })) {}
