/** herald.topics.v1.TopicService, its readers: translates, decides nothing. */
import { Effect } from "effect"
import { TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { Fanout } from "../../../fanout/Fanout.ts"
import { type Admitted, nameOf, type Service } from "../Service.ts"
import { makeRead } from "./Read.ts"

const definition = { read: TopicServiceService.read }

export const reading = {
  definition,
  descriptors: "herald",
  permission: "topics.read",
  serve: Effect.fnUntraced(function* (admitted: Admitted) {
    const { drain } = yield* Fanout
    const read = yield* makeRead({ ...admitted, method: `${nameOf({ definition })}/Read` })
    return { handlers: { read }, drain }
  })
} as const satisfies Service
