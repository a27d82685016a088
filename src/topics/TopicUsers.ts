/** Says who would miss a topic. Whoever keeps subscriptions tells it how many there are. */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Topic } from "./Topic.ts"

type Counts = (topic: Topic) => Effect.Effect<number, HeraldError>

export class TopicUsers extends Context.Service<
  TopicUsers,
  {
    /** Fails as those who were told of. */
    readonly subscriptionsOf: Counts
    /** What else has to be asked. */
    readonly ask: (count: Counts) => void
  }
>()("herald/topics/TopicUsers") {
  static readonly layer = Layer.sync(TopicUsers, () => {
    const all: Array<Counts> = []
    return TopicUsers.of({
      subscriptionsOf: (topic) =>
        Effect.map(
          Effect.forEach(all, (count) => count(topic)),
          (counts) => counts.reduce((sum, one) => sum + one, 0)
        ),
      ask: (count) => void all.push(count)
    })
  })
}
