/**
 * The use cases of those who run topics. Each checks `CurrentIdentity` for the topics that it touches.
 *
 *   YT1  Whoever may not use a topic is not told whether it is there; a list, and where it goes on, has what its reader may read.
 *   YT2  A schema is one that can be used, before any event is checked by it.
 *   YT3  A creation that comes again with an idempotency key finds what the first one made, as long as nobody changed that.
 *   YT5  What is used, by subscriptions, or by who sends to it, is deleted only by who says that it may be: who uses it is named, as far as one may know.
 *   YT6  Whoever changes a schema is told what it stops, whatever became of asking that: the change is made.
 *   YT4  Where another system holds the log, a topic is there and here, or nobody sees it; only what was made there for a topic is changed or removed with it. A change that failed half-way is
 *        ended by doing it again.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { Identity } from "../access/Identity.ts"
import { requireTopic } from "../access/RequireTopic.ts"
import { mayTopic, type TopicPermission, topicScope } from "../access/TopicRights.ts"
import { type CommitOptions, optionsProblem } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isTopicName, TOPIC_LENGTH, wrongTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { schemaText } from "../values/JsonSchema.ts"
import { textProblem } from "../values/Value.ts"
import { mistakeOf } from "../work/Mistake.ts"
import { Workers } from "../work/Workers.ts"
import { Activity, type Rates } from "./Activity.ts"
import { KnownTopics, noSuchTopic } from "./KnownTopics.ts"
import { Logs, noLog } from "./Logs.ts"
import type { Bounds } from "./Piece.ts"
import type { Waits } from "./Pressure.ts"
import { type Changeable, type Definition, type Topic, wrongChangeable, wrongDefinition } from "./Topic.ts"
import type { LogTopics } from "./TopicLog.ts"
import { MOST_TOPICS, type Note, TopicStore } from "./TopicStore.ts"
import { type Sender, TopicUsers, type Unfit } from "./TopicUsers.ts"

/** What is left out is: one partition, 7 days, PostgreSQL, zstd, no schema, enabled. `schema`: as JSON; null: none. */
export type TopicDraft = Pick<Definition, "name"> &
  Partial<Omit<Definition, "name" | "schema">> & { readonly schema?: unknown }
export type TopicChange = Partial<Omit<Changeable, "schema">> & { readonly schema?: unknown }

export interface TopicStats {
  readonly topic: Topic
  /** With what publishers of this node wait for. */
  readonly partitions: ReadonlyArray<Bounds & { readonly waiting: Waits }>
  /** That the topic remembers. */
  readonly producers: number
  /** Of this node. */
  readonly rates: Rates
  readonly subscriptions: number
}

export interface TopicList {
  readonly topics: ReadonlyArray<Topic>
  /** Where to go on; undefined: that was all. */
  readonly next: string | undefined
}

const DAY = 86_400_000
const usual = {
  partitions: 1,
  retention: { millis: 7 * DAY, bytes: null },
  log: "postgres",
  compression: "zstd",
  enabled: true,
  description: ""
} as const satisfies Partial<Definition>

export class Topics extends Context.Service<
  Topics,
  {
    /** Fails `InvalidInput`, `InvalidSchema`, `TopicExists`, `TopicsFull`, and as the store. */
    readonly create: (draft: TopicDraft, options: CommitOptions) => Effect.Effect<Topic, HeraldError>
    /**
     * Fails `InvalidInput`, `InvalidSchema`, `NoSuchTopic`, `TopicConflict`, `TopicsFull`, and as the store. `expected`: a version. `unfit`: what its new
     * schema stops, and why. YT6
     */
    readonly update: (
      name: string,
      change: TopicChange,
      options: CommitOptions,
      expected?: number
    ) => Effect.Effect<Topic & { readonly unfit?: ReadonlyArray<string> }, HeraldError>
    /** Fails `NoSuchTopic`, `TopicInUse` unless forced, and as the store. */
    readonly remove: (name: string, options: CommitOptions) => Effect.Effect<void, HeraldError>
    /** As the store has it. Fails `NoSuchTopic`, and as the store. */
    readonly get: (name: string) => Effect.Effect<Topic, HeraldError>
    /** Those that begin with `prefix`, behind `after`. YT1 */
    readonly list: (prefix: string, after: string, limit: number) => Effect.Effect<TopicList, HeraldError>
    readonly stats: (name: string) => Effect.Effect<TopicStats, HeraldError>
  }
>()("herald/topics/Topics") {
  static readonly layer = Layer.effect(
    Topics,
    Effect.suspend(() => make)
  )
}

const invalid = (message: string) => failure("InvalidInput", message)

/** Fails `InvalidInput`, `Unauthenticated`, `Forbidden`. */
export const permitted = (permission: TopicPermission, name: string): Effect.Effect<Identity, HeraldError> => {
  const wrong = wrongTopicName(name)
  return Effect.flatMap(requireTopic(permission, wrong === undefined ? name : undefined), (identity) =>
    wrong === undefined ? Effect.succeed(identity) : Effect.fail(invalid(`topic: ${excerpt(name)} ${wrong}`))
  )
}

const noteOf = ({ name, keyId }: Identity, { message }: CommitOptions): Note => ({ by: name, keyId, message })

const sameRetention = (a: Definition["retention"], b: Definition["retention"]) =>
  a.millis === b.millis && a.bytes === b.bytes

const isMadeSo = (topic: Topic, wanted: Definition, by: string): boolean =>
  topic.version === 1 &&
  topic.createdBy === by &&
  sameRetention(topic.retention, wanted.retention) &&
  (["name", "partitions", "log", "compression", "schema", "enabled", "description"] as const).every(
    (field) => topic[field] === wanted[field]
  )

/** Senders that are named. */
const NAMED = 5

/** By what a topic is used: "" for nothing. Of topics that one may not read no name is told. */
const usedText = (identity: Identity, subscriptions: number, senders: ReadonlyArray<Sender>): string => {
  const has = subscriptions === 0 ? [] : [`has ${subscriptions} subscription${subscriptions === 1 ? "" : "s"}`]
  const named = senders.slice(0, NAMED).map(({ what, of }) => {
    const may = mayTopic(identity, "topics.read", of)
    return may ? `${what} of ${of}` : "something of another topic"
  })
  const more = senders.length > NAMED ? ["others"] : []
  const gets = named.length === 0 ? [] : [`gets ${[...new Set(named), ...more].join(", ")}`]
  return [...has, ...gets].join(" and ")
}

/** Of others' topics no name is told. */
const unfitText = (identity: Identity, { what, of, why }: Unfit): string =>
  mayTopic(identity, "topics.read", of) ? `${what}: ${why}` : "something of another topic"

const make = Effect.gen(function* () {
  const store = yield* TopicStore
  const known = yield* KnownTopics
  const workers = yield* Workers
  const logs = yield* Logs
  const activity = yield* Activity
  const users = yield* TopicUsers

  /** YT2 */
  const schemaOf = Effect.fnUntraced(function* (schema: unknown) {
    if (schema === undefined || schema === null) return null
    const text = schemaText(schema)
    if (Result.isFailure(text)) return yield* failure("InvalidSchema", `the schema can't be used: ${text.failure}`)
    const wrong = yield* workers.check(text.success, ["null"])
    if (wrong?.mistake._tag === "InvalidSchema") return yield* mistakeOf(wrong.mistake)
    return text.success
  })

  /** To what it is now, where another system holds its log. */
  const follows = Effect.fnUntraced(function* (topic: Topic) {
    const elsewhere = logs.of(topic.log)?.elsewhere
    if (elsewhere === undefined) return topic
    const as = yield* elsewhere.change(topic)
    return as === topic.madeAs ? topic : ((yield* store.made(topic.id, as)) ?? topic)
  })

  /** Where another system holds the log; a topic that it does not make is none, and nobody saw it. YT4 */
  const making = (log: LogTopics, topic: Topic, note: Note): Effect.Effect<Topic, HeraldError> =>
    Effect.gen(function* () {
      const left = (what: string) => (error: HeraldError) =>
        Effect.logWarning(`${topic.name}: ${what}: ${error.message}`)
      const unmade = Effect.catch(store.unmade(topic.id, note), left("what was begun is left for a minute"))
      const as = yield* Effect.onError(log.create(topic), () => unmade)
      const removed = Effect.catch(log.remove({ ...topic, madeAs: as }), left("its topic is left in Kafka"))
      const noted = store.made(topic.id, as).pipe(Effect.retry({ times: 2 }))
      const made = yield* Effect.onError(noted, () => Effect.andThen(unmade, removed))
      if (made !== undefined) return made
      yield* removed // it took more than a minute, and its name may be another one's
      return yield* failure("TopicExists", `${topic.name} was given up meanwhile`)
    }).pipe(Effect.uninterruptible)

  const create = Effect.fn("Topics.create")(function* (draft: TopicDraft, options: CommitOptions) {
    const identity = yield* permitted("topics.manage", draft.name)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const wanted: Definition = { ...usual, ...draft, schema: null }
    const wrong = wrongDefinition(wanted)
    if (wrong !== undefined) return yield* invalid(wrong)
    const log = logs.of(wanted.log)
    if (log === undefined) return yield* noLog(wanted.log)
    const unnamable = log.elsewhere?.wrongName(draft.name)
    if (unnamable !== undefined) return yield* invalid(`name: ${unnamable}`)
    const definition = { ...wanted, schema: yield* schemaOf(draft.schema) }
    const note = noteOf(identity, options)
    const creating: Effect.Effect<Topic, HeraldError> = Effect.gen(function* () {
      const topic = yield* store.create(definition, identity.name, note)
      return log.elsewhere === undefined ? topic : yield* making(log.elsewhere, topic, note)
    })
    const made = yield* Effect.catchIf(
      creating,
      (error) => error.refused && options.idempotencyKey !== undefined,
      (error) =>
        Effect.flatMap(store.get(definition.name), (topic) =>
          topic !== undefined && isMadeSo(topic, definition, identity.name) ? Effect.succeed(topic) : Effect.fail(error)
        ) // YT3
    )
    known.changed(made.name, made)
    return made
  })

  const update = Effect.fn("Topics.update")(function* (
    name: string,
    change: TopicChange,
    options: CommitOptions,
    expected?: number
  ) {
    const identity = yield* permitted("topics.manage", name)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const now = yield* store.get(name)
    if (now === undefined) return yield* noSuchTopic(name)
    if (expected !== undefined && expected !== now.version)
      return yield* failure("TopicConflict", `${name} is at version ${now.version} by now`, {
        details: { version: now.version }
      })
    const { schema, ...rest } = change
    const wrong = wrongChangeable({ ...now, ...rest })
    if (wrong !== undefined) return yield* invalid(wrong)
    if (rest.partitions !== undefined && rest.partitions < now.partitions)
      return yield* invalid(`partitions: ${name} has ${now.partitions}, and none can be taken away`)
    const its = schema === undefined ? rest : { ...rest, schema: yield* schemaOf(schema) }
    const changed = yield* store.update(name, its, expected, noteOf(identity, options))
    if (changed === undefined) return yield* noSuchTopic(name)
    known.changed(name, changed)
    const followed = yield* follows(changed)
    known.changed(name, followed)
    if (schema === undefined) return followed
    const unfit = yield* Effect.catch(users.unfitFor(followed), (error) =>
      Effect.as(Effect.logWarning(`what the schema of ${name} stops is not known: ${error.message}`), [])
    )
    return unfit.length === 0 ? followed : { ...followed, unfit: unfit.map((one) => unfitText(identity, one)) } // YT6
  })

  const remove = Effect.fn("Topics.remove")(function* (name: string, options: CommitOptions) {
    const identity = yield* permitted("topics.manage", name)
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const topic = yield* store.get(name)
    if (topic === undefined) return yield* noSuchTopic(name)
    const count = yield* users.subscriptionsOf(topic)
    if (options.force !== true) {
      const used = usedText(identity, count, yield* users.sendersTo(topic))
      if (used !== "") return yield* failure("TopicInUse", `${name} ${used}`)
    }
    const note = noteOf(identity, options)
    yield* logs.of(topic.log)?.elsewhere?.remove(topic) ?? Effect.void // YT4
    const gone = yield* store.remove(name, note)
    known.changed(name, undefined)
    // Those that are left are of a topic that is gone, and nobody's.
    if (gone && count > 0)
      yield* Effect.catch(users.end(topic, note), (error) =>
        Effect.logWarning(`subscriptions of ${name}, which was deleted, are left: ${error.message}`)
      )
    if (!gone) return yield* noSuchTopic(name)
  })

  const get = Effect.fn("Topics.get")(function* (name: string) {
    yield* permitted("topics.read", name)
    const topic = yield* store.get(name)
    return topic ?? (yield* noSuchTopic(name))
  })

  const list = Effect.fn("Topics.list")(function* (prefix: string, after: string, limit: number) {
    const identity = yield* requireTopic("topics.read", undefined)
    if (prefix.length > TOPIC_LENGTH || after.length > TOPIC_LENGTH)
      return yield* invalid(`prefix and cursor have at most ${TOPIC_LENGTH} characters`)
    const problem = textProblem(prefix)
    if (problem !== undefined) return yield* invalid(`prefix: ${problem}`)
    if (after !== "" && !isTopicName(after)) return yield* invalid("cursor: it is the name of a topic")
    const page = yield* store.list(prefix, after, Math.min(limit, MOST_TOPICS), topicScope(identity)) // YT1
    return { topics: page.topics, next: page.more ? page.topics.at(-1)?.name : undefined }
  })

  const stats = Effect.fn("Topics.stats")(function* (name: string) {
    const topic = yield* get(name)
    const log = logs.of(topic.log)
    const bounds = log === undefined ? [] : yield* log.bounds([topic.id])
    return {
      topic,
      partitions: bounds
        .toSorted((a, b) => a.partition - b.partition)
        .map((one) => ({ ...one, waiting: activity.pressure.of(one) })),
      producers: yield* store.producers(topic.id),
      rates: activity.of(topic.id),
      subscriptions: yield* users.subscriptionsOf(topic)
    }
  })

  return Topics.of({ create, update, remove, get, list, stats })
})
