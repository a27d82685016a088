/**
 * The use cases of those who run subscriptions. Each checks `CurrentIdentity` for the topics that it touches.
 *
 *   OB2  A subscription that can't work is refused when it is made: its filter is one for the topic's schema, its dead-letter topic is there and
 *        its maker may publish to it, and the topic is kept where a position in it means something later.
 *   OB3  A creation that comes again with an idempotency key finds what the first one made, as long as it was not moved.
 *   OB4  A subscription of a topic that was deleted is none, whatever has the topic's name now.
 *   OB5  What is in error is not paused over: only whoever resumes it ends that.
 *   OB8  Whatever state it is in, it can be stopped: then it has no consumers until it is resumed, and its position, retries and dead letters stay.
 */
import { Context, Effect, Layer, Result } from "effect"
import { requireTopic } from "../access/RequireTopic.ts"
import { topicScope } from "../access/TopicRights.ts"
import { type CommitOptions, optionsProblem } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { KnownTopics, noSuchTopic } from "../topics/KnownTopics.ts"
import { Logs, noLog } from "../topics/Logs.ts"
import { makePaying } from "../topics/PaidFilter.ts"
import type { Topic } from "../topics/Topic.ts"
import { type Note, TopicStore } from "../topics/TopicStore.ts"
import { permitted } from "../topics/Topics.ts"
import { TopicUsers } from "../topics/TopicUsers.ts"
import { lookingSlices } from "../work/Slices.ts"
import { backlogOf, type PartitionBacklog } from "./Backlog.ts"
import { beginningOf } from "./Beginning.ts"
import { changesOf } from "./Changes.ts"
import { findSubscription } from "./Found.ts"
import { filterProblem, unfitOf } from "./Matching.ts"
import { slicesOf } from "./Share.ts"
import {
  type Definition,
  defaults,
  definitionProblem,
  limits,
  type Subscription,
  type SubscriptionChange
} from "./Subscription.ts"
import { type Retrying, SubscriptionStore } from "./SubscriptionStore.ts"
import { startOf, type Wanted } from "./Wanted.ts"

/** What is left out is as `defaults` has it; `start`: latest. */
export type SubscriptionDraft = Pick<Definition, "topicName" | "subscriptionName" | "type"> &
  Partial<Omit<Definition, "topicName" | "subscriptionName" | "type" | "startPosition">> & { readonly start?: Wanted }

export type Named = Pick<Definition, "topicName" | "subscriptionName">

export interface SubscriptionStats {
  readonly subscription: Subscription
  readonly partitions: ReadonlyArray<PartitionBacklog>
  /** Of all nodes. */
  readonly consumers: number
  readonly deadLetters: number
  /** Why none can go to their topic; "": nothing is in their way. */
  readonly deadLettersWait: string
  /** Events that failed and are not done. */
  readonly failed: number
}

export interface SubscriptionList {
  readonly subscriptions: ReadonlyArray<Subscription>
  /** Behind which to go on; undefined: that was all. */
  readonly next: Named | undefined
}

/** Subscriptions of one page. */
export const MOST_SUBSCRIPTIONS = 1_000
/** Events that are tried again, of one answer. */
export const MOST_RETRYING = 1_000
/** Topics that are looked up at the same time. */
const AT_ONCE = 8

export class Subscriptions extends Context.Service<
  Subscriptions,
  {
    /** Fails `InvalidInput`, `InvalidFilter`, `NoSuchTopic`, `SubscriptionExists`, `SubscriptionsFull`, `Forbidden`, `RateLimited`, and as the stores. OB2, OB3 */
    readonly create: (draft: SubscriptionDraft, options: CommitOptions) => Effect.Effect<Subscription, HeraldError>
    /** Fails `NoSuchTopic`, `NoSuchSubscription`, and as the stores, as do all below. */
    readonly get: (named: Named) => Effect.Effect<Subscription, HeraldError>
    /** Of one topic, or "": of all that may be read; one page, behind `after`. */
    readonly list: (
      topicName: string,
      options: { readonly limit: number; readonly after: Named | undefined }
    ) => Effect.Effect<SubscriptionList, HeraldError>
    /**
     * What is left out stays; of it, `version` says that it must be this one. Fails besides `InvalidInput`, `SubscriptionConflict`, and `NoSuchTopic` for
     * a dead-letter topic. OB2, SI4
     */
    readonly update: (
      named: Named,
      change: SubscriptionChange,
      options: CommitOptions,
      expected?: number
    ) => Effect.Effect<Subscription, HeraldError>
    /** Events that failed and are tried again: those that are due first, at most `MOST_RETRYING`, as it was written last. */
    readonly retrying: (named: Named, limit: number) => Effect.Effect<ReadonlyArray<Retrying>, HeraldError>
    readonly remove: (named: Named, options: CommitOptions) => Effect.Effect<void, HeraldError>
    readonly stats: (named: Named) => Effect.Effect<SubscriptionStats, HeraldError>
    /** Ends what was delivered and not answered. Fails besides `InvalidInput`. */
    readonly seek: (named: Named, to: Wanted, options: CommitOptions) => Effect.Effect<Subscription, HeraldError>
    /** `millis` null: until it is resumed. Fails besides `InvalidInput`, `SubscriptionConflict`. OB5 */
    readonly pause: (
      named: Named,
      millis: number | null,
      options: CommitOptions
    ) => Effect.Effect<Subscription, HeraldError>
    /** Sends its consumers away, and lets none in until it is resumed. Fails besides `SubscriptionConflict`. OB8 */
    readonly stop: (named: Named, options: CommitOptions) => Effect.Effect<Subscription, HeraldError>
    /** Out of a pause, a stop or an error. Fails besides `SubscriptionConflict`. */
    readonly resume: (named: Named, options: CommitOptions) => Effect.Effect<Subscription, HeraldError>
  }
>()("herald/subscriptions/Subscriptions") {
  static readonly layer = Layer.effect(
    Subscriptions,
    Effect.suspend(() => make)
  )
}

const invalid = (message: string) => failure("InvalidInput", message)

const isMadeSo = (made: Subscription, wanted: Definition, by: string): boolean =>
  made.epoch === 1 &&
  made.createdBy === by &&
  (Object.keys(wanted) as ReadonlyArray<keyof Definition>).every(
    (field) => JSON.stringify(made[field]) === JSON.stringify(wanted[field])
  )

const make = Effect.gen(function* () {
  const store = yield* SubscriptionStore
  const topics = yield* TopicStore
  const known = yield* KnownTopics
  const logs = yield* Logs
  const users = yield* TopicUsers
  const paying = yield* makePaying
  const found = findSubscription(store, topics)

  /** OB4 */
  const subscriptionsOf = (topic: Topic) =>
    Effect.map(store.list(topic.name, { limit: limits.perTopic, after: undefined }), (all) =>
      all.filter(({ topicId }) => topicId === topic.id)
    )

  users.ask(
    (topic) => Effect.map(subscriptionsOf(topic), ({ length }) => length),
    (topic, note) =>
      Effect.flatMap(subscriptionsOf(topic), (all) =>
        Effect.forEach(all, ({ topicName, subscriptionName }) => store.remove(topicName, subscriptionName, note), {
          discard: true
        })
      )
  )

  users.askSenders(({ name }) =>
    Effect.map(store.deadLettersTo(name, AT_ONCE), (all) =>
      all.map(({ subscriptionName, topicName }) => ({ what: `dead letters of ${subscriptionName}`, of: topicName }))
    )
  )

  users.askUnfit((topic) =>
    Effect.flatMap(subscriptionsOf(topic), (all) =>
      Effect.map(
        Effect.forEach(all, (one) => Effect.map(lookingSlices.soonest, () => unfitOf(one, topic))),
        (found) => found.flat()
      )
    )
  )

  /** Why dead letters can't go there; "": they can, or are to go nowhere. */
  const waitText = Effect.fnUntraced(function* (name: string) {
    if (name === "") return ""
    const topic = yield* topics.get(name)
    if (topic === undefined) return `there is no topic ${name}`
    return topic.enabled ? "" : `${name} is disabled`
  })

  /** Whoever may, and how it is noted. */
  const changing = Effect.fnUntraced(function* ({ topicName }: Pick<Named, "topicName">, options: CommitOptions) {
    const identity = yield* permitted("topics.consume", topicName)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    return { by: identity.name, keyId: identity.keyId, message: options.message } satisfies Note
  })

  /** OB2 */
  const deadLetterProblem = Effect.fnUntraced(function* (name: string) {
    if (name === "") return undefined
    yield* permitted("topics.publish", name)
    const topic = yield* topics.get(name)
    if (topic === undefined) return failure("NoSuchTopic", `deadLetterTopic: there is no topic ${name}`)
    return topic.log === "ephemeral" ? invalid(`deadLetterTopic: ${name} is in memory only`) : undefined
  })

  const create = Effect.fn("Subscriptions.create")(function* (draft: SubscriptionDraft, options: CommitOptions) {
    const note = yield* changing(draft, options)
    const { start = { at: "latest" }, ...said } = draft
    const wanted: Definition = { ...defaults, ...said, startPosition: startOf(start) }
    const wrong = definitionProblem(wanted)
    if (wrong !== undefined) return yield* invalid(wrong)
    const topic = yield* topics.get(wanted.topicName)
    if (topic === undefined) return yield* noSuchTopic(wanted.topicName)
    if (topic.log === "ephemeral")
      return yield* invalid(
        `${topic.name} is in memory only: it has readers, and a position in it would mean nothing later`
      )
    const log = logs.of(topic.log)
    if (log === undefined) return yield* noLog(topic.log)
    yield* paying(wanted.filter, topic.schema) // FZ14
    const problem = filterProblem(wanted.filter, topic) ?? (yield* deadLetterProblem(wanted.deadLetterTopic))
    if (problem !== undefined) return yield* problem
    const begins = yield* beginningOf(topic, log, start, "latest")
    const made = { ...wanted, topicId: topic.id, slices: slicesOf(wanted.type, topic.partitions) }
    const done = yield* Effect.result(store.create(made, begins, note.by, note))
    if (Result.isSuccess(done)) return done.success
    const there = yield* store.get(wanted.topicName, wanted.subscriptionName)
    if (there !== undefined && there.topicId !== topic.id) {
      yield* store.remove(wanted.topicName, wanted.subscriptionName, note) // OB4
      return yield* store.create(made, begins, note.by, note)
    }
    const again = options.idempotencyKey !== undefined && there !== undefined
    return again && isMadeSo(there, wanted, note.by) ? there : yield* done.failure // OB3
  })

  const get = Effect.fn("Subscriptions.get")(function* (named: Named) {
    yield* permitted("topics.read", named.topicName)
    return (yield* found(named)).subscription
  })

  const list = Effect.fn("Subscriptions.list")(function* (
    topicName: string,
    { limit, after }: { readonly limit: number; readonly after: Named | undefined }
  ) {
    const identity = yield* topicName === ""
      ? requireTopic("topics.read", undefined)
      : permitted("topics.read", topicName)
    if (topicName !== "") yield* known.find(topicName)
    const most = Math.min(limit, MOST_SUBSCRIPTIONS)
    const page = yield* store.list(topicName, { limit: most + 1, after, scope: topicScope(identity) }) // YT1
    const may = page.slice(0, most)
    const names = [...new Set(may.map((one) => one.topicName))]
    const topicOf = (name: string) =>
      Effect.catchIf(
        known.find(name),
        ({ row }) => row.http === 404,
        () => Effect.undefined
      )
    const found = yield* Effect.forEach(names, topicOf, { concurrency: AT_ONCE })
    const there = new Map(names.map((name, at) => [name, found[at]?.id]))
    return {
      subscriptions: may.filter(({ topicName, topicId }) => there.get(topicName) === topicId), // OB4
      next: page.length > most ? page[most - 1] : undefined
    }
  })

  const retrying = Effect.fn("Subscriptions.retrying")(function* (named: Named, limit: number) {
    yield* permitted("topics.read", named.topicName)
    const { subscription } = yield* found(named)
    return yield* store.retrying(subscription.id, Math.min(limit, MOST_RETRYING))
  })

  const remove = Effect.fn("Subscriptions.remove")(function* (named: Named, options: CommitOptions) {
    const note = yield* changing(named, options)
    const { subscription } = yield* found(named)
    if (!(yield* store.remove(named.topicName, named.subscriptionName, note)))
      return yield* failure("NoSuchSubscription", `${subscription.subscriptionName} was deleted by somebody else`)
  })

  const stats = Effect.fn("Subscriptions.stats")(function* (named: Named) {
    yield* permitted("topics.read", named.topicName)
    const { subscription, topic } = yield* found(named)
    const log = logs.of(topic.log)
    const progress = yield* store.progress(subscription.id)
    const partitions = backlogOf(progress, log === undefined ? [] : yield* log.bounds([topic.id]))
    const failed = progress.reduce((sum, one) => sum + one.failed, 0)
    const deadLettersWait = yield* waitText(subscription.deadLetterTopic)
    return { subscription, partitions, failed, deadLettersWait, ...(yield* store.counts(subscription.id)) }
  })

  const seek = Effect.fn("Subscriptions.seek")(function* (named: Named, to: Wanted, options: CommitOptions) {
    const note = yield* changing(named, options)
    const { topic } = yield* found(named)
    const log = logs.of(topic.log)
    if (log === undefined) return yield* noLog(topic.log)
    const begins = yield* beginningOf(topic, log, to, "stay")
    const moved = yield* store.seek(named.topicName, named.subscriptionName, begins, note)
    if (moved === undefined)
      return yield* failure("NoSuchSubscription", `${excerpt(named.subscriptionName)} was deleted`)
    return moved
  })

  const { update, pause, stop, resume } = changesOf({ store, found, changing, deadLetterProblem })
  return Subscriptions.of({ create, get, list, update, retrying, remove, stats, seek, pause, stop, resume })
})
