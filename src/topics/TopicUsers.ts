/** Says who would miss a topic, and ends them with it, and whom its schema stops. Whoever keeps subscriptions tells it how. */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Topic } from "./Topic.ts"
import type { Note } from "./TopicStore.ts"

/** Something that sends to a topic, and would have to stop or wait without it. */
export interface Sender {
  /** What it is, for people: "dead letters of billing". */
  readonly what: string
  /** Whose events it sends; a pattern is one of those that it covers. */
  readonly of: string
}
/** Something that stops, as what it names is not in the topic's schema. */
export interface Unfit extends Sender {
  readonly why: string
}
type Unfits = (topic: Topic) => Effect.Effect<ReadonlyArray<Unfit>, HeraldError>
type Senders = (topic: Topic) => Effect.Effect<ReadonlyArray<Sender>, HeraldError>
type Counts = (topic: Topic) => Effect.Effect<number, HeraldError>
type Ends = (topic: Topic, note: Note) => Effect.Effect<void, HeraldError>

export class TopicUsers extends Context.Service<
  TopicUsers,
  {
    /** Fails as those who were told of. */
    readonly subscriptionsOf: Counts
    /** Some of them, if there are many. Fails as those who were told of. */
    readonly sendersTo: Senders
    /** By its schema, which was changed. Fails as those who were told of. */
    readonly unfitFor: Unfits
    /** Of a topic that is gone. Fails as those who were told of. */
    readonly end: Ends
    /** What else has to be asked, and told. */
    readonly ask: (count: Counts, end?: Ends) => void
    readonly askSenders: (senders: Senders) => void
    readonly askUnfit: (unfit: Unfits) => void
  }
>()("herald/topics/TopicUsers") {
  static readonly layer = Layer.sync(TopicUsers, () => {
    const all: Array<{ readonly count: Counts; readonly end: Ends | undefined }> = []
    const senders: Array<Senders> = []
    const unfits: Array<Unfits> = []
    return TopicUsers.of({
      sendersTo: (topic) =>
        Effect.map(
          Effect.forEach(senders, (of) => of(topic)),
          (found) => found.flat()
        ),
      askSenders: (of) => void senders.push(of),
      unfitFor: (topic) =>
        Effect.map(
          Effect.forEach(unfits, (of) => of(topic)),
          (found) => found.flat()
        ),
      askUnfit: (of) => void unfits.push(of),
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
