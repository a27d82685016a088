/** Serves `Publish` and `OpenProducer`. TV1–TV5 in src/topics/Publishing.ts */
import { Clock, Effect } from "effect"
import { TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { Access } from "../../../access/Access.ts"
import { Places } from "../../../access/Places.ts"
import { refusalAnywhere } from "../../../access/Refusal.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { Publishing } from "../../../topics/Publishing.ts"
import { untilOf } from "../publishing/Publish.ts"
import { makeAnswering } from "./Answering.ts"
import { openProducerRequest, publishEventsRequest } from "./Decode.ts"
import { openedOf, publishedOf, wishOf } from "./Wire.ts"

/** Calls of `Publish` whose message may be on its way, in all and of one principal: each may hold a batch. */
const CALLS: readonly [inAll: number, ofPrincipal: number] = [256, 128]
/** Milliseconds. */
const AGAIN = 100

/** Requests that a batch counts as, besides its bytes. */
export const PUBLISH_COST = 4

export const makePublish = Effect.gen(function* () {
  const access = yield* Access
  const publishing = yield* Publishing
  const clock = yield* Clock.Clock
  const answering = yield* makeAnswering(access)
  const places = new Places(CALLS)

  const publish = answering({
    definition: TopicServiceService.publish,
    decode: publishEventsRequest,
    cost: PUBLISH_COST,
    admit: (identity) => {
      const refused = refusalAnywhere(identity, "topics.publish", clock.currentTimeMillisUnsafe())
      if (refused !== undefined) return refused
      const place = places.take("", identity.name)
      return typeof place === "number"
        ? failure("PublishingBusy", "too many calls publish at once: put more events into each, or use a stream", {
            details: { retryAfterMillis: AGAIN }
          })
        : place
    },
    handle: (batch, call) => Effect.map(publishing.publish(wishOf(batch, untilOf(clock, call))), publishedOf)
  })
  const openProducer = answering({
    definition: TopicServiceService.openProducer,
    decode: openProducerRequest,
    cost: PUBLISH_COST,
    handle: ({ topic, producerId }) =>
      Effect.map(publishing.open(topic, producerId), ({ partitions, ...opened }) => openedOf(opened, partitions))
  })

  return { handlers: { publish, openProducer }, drain: Effect.void }
})
