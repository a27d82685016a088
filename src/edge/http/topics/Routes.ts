/** Answers the routes of topics and of their events. */
import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requireTopic } from "../../../access/RequireTopic.ts"
import { Statistics } from "../../../distribution/Statistics.ts"
import { HeraldError } from "../../../errors/HeraldError.ts"
import { Publishing } from "../../../topics/Publishing.ts"
import { Reading } from "../../../topics/Reading.ts"
import { permitted, Topics } from "../../../topics/Topics.ts"
import { wishOf } from "../../websocket/topics/Asked.ts"
import { makeTopicSockets } from "../../websocket/topics/Stream.ts"
import { json, jsonText } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { TopicsGroup } from "./Api.ts"
import { makeEvents } from "./Events.ts"
import * as EventWire from "./EventWire.ts"
import { millisOf, told } from "./StatisticsWire.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

type Request = HttpServerRequest.HttpServerRequest
interface Keys {
  readonly "idempotency-key"?: string
}

const options = (message: string | undefined, headers: Keys, force?: boolean) => ({
  message: message ?? "",
  idempotencyKey: headers["idempotency-key"],
  force
})

const right = <A>(found: A | HeraldError): Effect.Effect<A, HeraldError> =>
  found instanceof HeraldError ? Effect.fail(found) : Effect.succeed(found)

const routes = HttpApiBuilder.group(
  contract.add(TopicsGroup),
  "topics",
  Effect.fnUntraced(function* (handlers) {
    const topics = yield* Topics
    const statistics = yield* Statistics
    const publishing = yield* Publishing
    const reading = yield* Reading
    const follow = yield* makeEvents
    const bodyReader = yield* makeBodyReader
    const readTopic = bodyReader(Wire.TopicBody, bodyLimits.publish)
    const readChange = bodyReader(Wire.TopicChangeBody, bodyLimits.publish)
    const readProducer = bodyReader(Wire.ProducerBody, bodyLimits.small)
    const readEvents = bodyReader(EventWire.EventsBody, bodyLimits.events, "events")

    return handlers
      .handleRaw("create", ({ request, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireTopic("topics.manage", undefined) // B5
            const body = yield* readTopic(request)
            const draft = yield* right(Wire.draftOf(body))
            const made = yield* topics.create(draft, options(body.message, headers))
            return json(Wire.topic(made), { status: 201 })
          })
        )
      )
      .handle("list", ({ query: { prefix = "", after = "", limit = PAGE } }) =>
        answer(
          Effect.map(topics.list(prefix, after, limit), ({ topics, next }) =>
            json({ topics: topics.map(Wire.topic), next: next ?? null } satisfies Wire.TopicList)
          )
        )
      )
      .handle("get", ({ params }) => answer(Effect.map(topics.get(params.topic), (found) => json(Wire.topic(found)))))
      .handleRaw("update", ({ request, params: { topic }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.manage", topic) // B5
            const body = yield* readChange(request)
            const change = yield* right(Wire.changeOf(body))
            const { message, expectedVersion } = body
            const changed = yield* topics.update(topic, change, options(message, headers), expectedVersion)
            return json({ ...Wire.topic(changed), unfit: changed.unfit ?? [] } satisfies Wire.ChangedTopic)
          })
        )
      )
      .handle("delete", ({ params: { topic }, query: { force, message }, headers }) =>
        answer(
          Effect.as(topics.remove(topic, options(message, headers, force)), HttpServerResponse.empty({ status: 204 }))
        )
      )
      .handle("stats", ({ params: { topic } }) =>
        answer(Effect.map(topics.stats(topic), (found) => json(Wire.stats(found))))
      )
      .handle("statistics", ({ params: { topic }, query: { since = "1h" } }) =>
        answer(Effect.map(statistics.of(topic, millisOf(since)), (found) => json(told(found))))
      )
      .handleRaw("open", ({ request, params: { topic } }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.publish", topic) // B5
            const { producer } = yield* readProducer(request)
            const opened = yield* publishing.open(topic, producer)
            return json(Wire.opened(producer, opened))
          })
        )
      )
      .handleRaw("publish", ({ request, params: { topic }, query: { partition, ...produced } }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.publish", topic) // B5
            const producing = yield* right(EventWire.producingOf(produced))
            const events = yield* right(EventWire.eventsOf(yield* readEvents(request as Request)))
            return json(EventWire.published(yield* publishing.publish({ topic, events, partition, producing })))
          })
        )
      )
      .handle(
        "events",
        ({ params: { topic }, query: { from = "earliest", partition, limit = PAGE, wait = 0, filter, as } }) =>
          answer(
            Effect.map(reading.read({ topic, from, partition, limit, wait, filter }), (page) =>
              jsonText(EventWire.eventsText(page, as))
            )
          )
      )
      .handle("stream", ({ params: { topic }, query, headers }) => {
        const { partition, field, lastEventId, as, ...asked } = query
        const from = headers["last-event-id"] ?? lastEventId ?? query.from
        return answer(
          Effect.flatMap(right(wishOf({ ...asked, topic, from, partitions: partition, fields: field })), (wish) =>
            follow(wish, as ?? "json")
          )
        )
      })
  })
)

export const topics = { groups: [TopicsGroup], routes, sockets: makeTopicSockets } as const satisfies Part
