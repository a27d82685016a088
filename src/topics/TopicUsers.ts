/** Says who would miss a topic, and ends them with it. Whoever keeps subscriptions tells it how. */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Topic } from "./Topic.ts"
import type { Note } from "./TopicStore.ts"

type Counts = (topic: Topic) => Effect.Effect<number, HeraldError>
type Ends = (topic: Topic, note: Note) => Effect.Effect<void, HeraldError>

export class TopicUsers extends Context.Service<
  TopicUsers,
  {
    /** Fails as those who were told of. */
    readonly subscriptionsOf: Counts
    /** Of a topic that is gone. Fails as those who were told of. */
    readonly end: Ends
    /** What else has to be asked, and told. */
    readonly ask: (count: Counts, end?: Ends) => void
  }
>()("herald/topics/TopicUsers") {
  static readonly layer = Layer.sync(TopicUsers, () => {
    const all: Array<{ readonly count: Counts; readonly end: Ends | undefined }> = []
    return TopicUsers.of({
      subscriptionsOf: (topic) =>
        Effect.map(
          Effect.forEach(all, ({ count }) => count(topic)),
          (counts) => counts.reduce((sum, one) => sum + one, 0)
        ),
      end: (topic, note) => Effect.forEach(all, ({ end }) => end?.(topic, note) ?? Effect.void, { discard: true }),
      ask: (count, end) => void all.push({ count, end })
    })
  })
}
