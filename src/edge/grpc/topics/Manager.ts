/** herald.topics.v1.TopicManager: translates, decides nothing. */
import { Effect } from "effect"
import { TopicManagerService } from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { Access } from "../../../access/Access.ts"
import { requireTopic } from "../../../access/RequireTopic.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { Topics } from "../../../topics/Topics.ts"
import { Workers } from "../../../work/Workers.ts"
import type { Service } from "../Service.ts"
import { makeAnswering } from "./Answering.ts"
import * as Decode from "./Decode.ts"
import * as Wire from "./Wire.ts"

const definition = TopicManagerService
/** Topics of a page, unless a request says how many; and at most. */
const [PAGE, MOST] = [100, 1_000]
/** Requests that a write counts as, as over HTTP. */
const WRITE = 4

const right = <A>(found: A | HeraldError): Effect.Effect<A, HeraldError> =>
  found instanceof HeraldError ? Effect.fail(found) : Effect.succeed(found)

const make = Effect.gen(function* () {
  const access = yield* Access
  const topics = yield* Topics
  const workers = yield* Workers
  const answering = yield* makeAnswering(access)

  /** The same text is no schema over HTTP. CV2, CV3 */
  const schemaOf = Effect.fnUntraced(function* (text: string) {
    yield* requireTopic("topics.manage", undefined)
    const read = yield* workers.carry(Buffer.from(text), "nothing")
    return read._tag === "Carried" ? read.json : yield* failure("InvalidInput", `schema: ${read.reason}`)
  })

  const handlers = {
    createTopic: answering({
      definition: definition.createTopic,
      decode: Decode.createTopicRequest,
      cost: WRITE,
      handle: Effect.fnUntraced(function* (request) {
        const schema = request.schema === "" ? undefined : yield* schemaOf(request.schema)
        const draft = yield* right(Wire.draftOf(request, schema))
        const { message, idempotencyKey } = request
        const options = { message, idempotencyKey: idempotencyKey === "" ? undefined : idempotencyKey }
        return Wire.topicOf(yield* topics.create(draft, options))
      })
    }),
    updateTopic: answering({
      definition: definition.updateTopic,
      decode: Decode.updateTopicRequest,
      cost: WRITE,
      handle: Effect.fnUntraced(function* (request) {
        const { name, message, expectedVersion } = request
        const text = request.schema
        const schema = text === undefined ? undefined : text === "" ? null : yield* schemaOf(text)
        const change = yield* right(Wire.changeOf(request, schema))
        const changed = yield* topics.update(name, change, { message }, expectedVersion)
        return Wire.topicOf(changed, changed.unfit)
      })
    }),
    deleteTopic: answering({
      definition: definition.deleteTopic,
      decode: Decode.deleteTopicRequest,
      cost: WRITE,
      handle: ({ name, force, message }) => Effect.as(topics.remove(name, { message, force }), {})
    }),
    getTopic: answering({
      definition: definition.getTopic,
      decode: Decode.getTopicRequest,
      cost: 1,
      handle: ({ name }) => Effect.map(topics.get(name), (topic) => Wire.topicOf(topic))
    }),
    getTopicStats: answering({
      definition: definition.getTopicStats,
      decode: Decode.getTopicStatsRequest,
      cost: 4,
      handle: ({ name }) => Effect.map(topics.stats(name), Wire.statsOf)
    }),
    listTopics: answering({
      definition: definition.listTopics,
      decode: Decode.listTopicsRequest,
      cost: 4,
      handle: ({ prefix, limit, cursor }) =>
        Effect.map(
          topics.list(prefix, cursor, limit === 0 ? PAGE : Math.min(limit, MOST)),
          ({ topics, next = "" }) => ({
            topics: topics.map((topic) => Wire.topicOf(topic)),
            cursor: next
          })
        )
    })
  }
  return { handlers, drain: Effect.void }
})

export const topicManager = {
  definition,
  descriptors: "herald",
  permission: "topics.read",
  serve: () => make
} as const satisfies Service
