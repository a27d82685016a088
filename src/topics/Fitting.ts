/** Whether what Herald itself appends to a topic, as what was routed and dead letters, is what may be there. */
import { Effect } from "effect"
import { makeFitSchema } from "./Checked.ts"
import type { Message } from "./Message.ts"
import type { Topic } from "./Topic.ts"

/** Those that the topic's schema refuses, by their place, and why. Fails `Busy`, `Timeout`. */
export const makeFitting = Effect.map(makeFitSchema, (fitSchema) =>
  Effect.fnUntraced(function* (topic: Topic, all: ReadonlyArray<Message>) {
    const wrong = new Map<number, string>()
    for (let from = 0; topic.schema !== null && from < all.length; ) {
      const found = yield* Effect.result(fitSchema(topic, all.slice(from)))
      if (found._tag === "Success") break
      const index = found.failure.details?.["index"]
      if (typeof index !== "number") return yield* found.failure
      wrong.set(from + index, found.failure.message.replace(/^event \d+ /, "it "))
      from += index + 1
    }
    return wrong
  })
)
