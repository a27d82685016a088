/**
 * Keeps the filters of subscriptions that are served here to the schemas of their topics. Part of Consuming.
 *
 *   QI6  A subscription's filter is that of the topic's schema as it is now, two seconds late at most (TZ1), on every node that serves it: what was looked at
 *        before stays as it was. One that the schema no longer knows puts the subscription in error, which says why, and no event is looked at by
 *        it any more; whoever resumes it is heard once the filter is one again.
 */
import { Effect } from "effect"
import { HeraldError } from "../errors/HeraldError.ts"
import { saidOf } from "../telemetry/Every.ts"
import type { KnownTopics } from "../topics/KnownTopics.ts"
import type { Topic } from "../topics/Topic.ts"
import type { TopicStore } from "../topics/TopicStore.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Matches } from "./Matching.ts"
import type { Serving } from "./Serving.ts"
import type { Subscription } from "./Subscription.ts"

/** What a subscription's filter is on a node. */
export interface Fitted {
  /** Of the topic's schema as it was last seen; an error: that does not know what the filter names. */
  matches: Matches | HeraldError
  schemaVersion: number
}

export type Matching = (subscription: Subscription, topic: Topic) => Matches | HeraldError

export interface SchemasOptions {
  readonly known: KnownTopics["Service"]
  readonly topics: TopicStore["Service"]
  readonly matching: Matching
  /** Those that are served, by id. */
  readonly sources: ReadonlyMap<string, Fitted>
  readonly servings: ReadonlyMap<string, Serving>
  readonly wake: (id: string) => void
}

/** Topics that are looked up at the same time. */
const AT_ONCE = 8

export const makeSchemas = ({ known, topics, matching, sources, servings, wake }: SchemasOptions) => {
  const refit = (source: Fitted, subscription: Subscription, topic: Topic): void => {
    if (topic.id !== subscription.topicId || topic.schemaVersion <= source.schemaVersion) return
    source.matches = matching(subscription, topic)
    source.schemaVersion = topic.schemaVersion
    wake(subscription.id)
  }

  /** All that are on a topic, a filter a step. */
  const fitAll = (topic: Topic, subscriptions: ReadonlyArray<Subscription>) =>
    lookingSlices.through(function* () {
      for (const subscription of subscriptions) {
        const source = sources.get(subscription.id)
        if (source !== undefined) refit(source, subscription, topic)
        yield
      }
    })

  return {
    /** What topics say by now, of all that are served. One that can't be looked up holds back no other. */
    look: Effect.suspend(() => {
      const filtered = [...servings.values()].flatMap(({ subscription }) =>
        subscription.filter === "" ? [] : [subscription]
      )
      const byTopic = Map.groupBy(filtered, ({ topicName }) => topicName)
      const each = ([name, subscriptions]: readonly [string, ReadonlyArray<Subscription>]) =>
        Effect.flatMap(known.find(name), (topic) => fitAll(topic, subscriptions)).pipe(
          Effect.catch((error) =>
            Effect.logDebug("a topic's schema was not looked at", { topic: name, ...saidOf(error) })
          )
        )
      return Effect.forEach(byTopic, each, { concurrency: AT_ONCE, discard: true })
    }),
    /** Before anything goes out of one whose filter was none: as the topic is now, whatever is remembered. True: it is one. Fails as the store. */
    again: (subscription: Subscription, source: Fitted) =>
      Effect.map(topics.get(subscription.topicName), (topic) => {
        if (topic !== undefined) refit(source, subscription, topic)
        return !(source.matches instanceof HeraldError)
      })
  }
}

export type Schemas = ReturnType<typeof makeSchemas>
