/** herald.topics.v1.TopicService, put together from a file for each of its calls: whoever adds one adds it to `partsOf`. */
import { Effect } from "effect"
import { TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import type { Admitted, Served, Service } from "../Service.ts"
import { makeConsume } from "./Consume.ts"
import { TOPIC_MESSAGE_BYTES } from "./Decode.ts"
import { makePublish } from "./Publish.ts"
import { makePublishStream } from "./PublishStream.ts"
import { reading } from "./Reading.ts"

/** Each gives handlers of its own. */
const partsOf = (admitted: Admitted) =>
  [makePublish, makePublishStream, reading.serve(admitted), makeConsume(admitted)] as const

const make = (admitted: Admitted) =>
  Effect.map(
    Effect.all(partsOf(admitted)),
    (all: ReadonlyArray<Served>): Served => ({
      handlers: Object.assign({}, ...all.map(({ handlers }) => handlers)),
      drain: Effect.all(
        all.map(({ drain }) => drain),
        { concurrency: "unbounded", discard: true }
      )
    })
  )

export const topicService = {
  definition: TopicServiceService,
  descriptors: "herald",
  permission: "topics.read",
  largest: TOPIC_MESSAGE_BYTES,
  serve: make
} as const satisfies Service
