/**
 * The use cases of those who run routing rules. Each checks `CurrentIdentity` for the topics that it touches.
 *
 *   ZF1  Whoever adds, changes or deletes a rule may manage all topics that it routes from, and the one that it routes to; a list has the rules whose topics
 *        its reader may read.
 *   ZF2  A rule that can't work is refused when it is written: its condition and its key fit the schemas of the topics that there are, its target
 *        is there, and positions in its topics mean something later.
 *   ZF3  Loops are looked for among the rules of the revision that the write is for: two writers can't close one together.
 *   ZF4  An addition that comes again with an idempotency key finds what the first one made, as long as nobody changed that.
 *   ZF6  A rule that a topic's schema stops is in error as soon as the schema is changed, wherever that is told: nobody has to wait for an event to see it.
 *   ZF5  What a test says of an event is decided as it is when events are routed.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { Identity } from "../access/Identity.ts"
import { requireTopic } from "../access/RequireTopic.ts"
import { mayTopic } from "../access/TopicRights.ts"
import { type CommitOptions, optionsProblem } from "../commits/Request.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import type { Topic } from "../topics/Topic.ts"
import { type Note, TopicStore } from "../topics/TopicStore.ts"
import { permitted } from "../topics/Topics.ts"
import { TopicUsers, type Unfit } from "../topics/TopicUsers.ts"
import { lookingSlices } from "../work/Slices.ts"
import { loopProblem, makeChecking, unfitFor } from "./Checking.ts"
import { type Explained, explain, type TestEvent } from "./Explaining.ts"
import {
  inOrder,
  isRouteName,
  type Route,
  type RouteChangeable,
  type RouteDefinition,
  routeDefaults,
  statusOf,
  wrongRoute
} from "./Route.ts"
import { type KeptRefusal, type Progress, RouteStore } from "./RouteStore.ts"
import { covers, isSource } from "./Source.ts"

/** What is left out is as `routeDefaults` has it. `start`: latest, unless it says earliest. */
export type RouteDraft = Pick<RouteDefinition, "name" | "source" | "target"> &
  Partial<RouteChangeable> & { readonly start?: "latest" | "earliest" }

export interface RouteStats {
  readonly route: Route
  readonly partitions: ReadonlyArray<Progress & { readonly topicName: string; readonly lag: number }>
  /** Why nothing is routed at the moment although it is on; "": it is. */
  readonly waits: string
  /** Topics of its source that are not routed, as their positions mean nothing later. */
  readonly left: ReadonlyArray<string>
  /** The newest first. */
  readonly refusals: ReadonlyArray<KeptRefusal>
}

/** Refusals that are shown. */
const SHOWN = 20
const TRIES = 5

export class RoutingRules extends Context.Service<
  RoutingRules,
  {
    /**
     * Fails `InvalidInput`, `InvalidFilter`, `InvalidKeyTemplate`, `NoSuchTopic`, `RoutingLoop`, `RoutingRuleExists`, `RoutingRulesFull`,
     * `RoutingRuleConflict`, `Forbidden`, `RateLimited`, and as the stores. ZF2, ZF3, ZF4
     */
    readonly create: (draft: RouteDraft, options: CommitOptions) => Effect.Effect<Route, HeraldError>
    /** Those that may be seen, in the order in which events go through them. ZF1 */
    readonly list: Effect.Effect<ReadonlyArray<Route>, HeraldError>
    /** Fails `NoSuchRoutingRule`, as do all below. */
    readonly get: (name: string) => Effect.Effect<Route, HeraldError>
    readonly stats: (name: string) => Effect.Effect<RouteStats, HeraldError>
    /** Ends its error. `expected`: a version. `skip`: it goes on with what comes now. Fails besides as `create`. */
    readonly update: (
      name: string,
      change: Partial<RouteChangeable>,
      options: CommitOptions & { readonly expected?: number | undefined; readonly skip?: boolean | undefined }
    ) => Effect.Effect<Route, HeraldError>
    readonly remove: (name: string, options: CommitOptions) => Effect.Effect<void, HeraldError>
    /** What the rules would make of an event of a topic; nothing is published. ZF5 */
    readonly test: (topic: string, event: TestEvent) => Effect.Effect<ReadonlyArray<Explained>, HeraldError>
  }
>()("herald/routes/RoutingRules") {
  static readonly layer = Layer.effect(
    RoutingRules,
    Effect.suspend(() => make)
  )
}

const invalid = (message: string) => failure("InvalidInput", message)
const noSuch = (name: string) => failure("NoSuchRoutingRule", `there is no rule ${excerpt(name)}`)

/** ZF1: a pattern is one of the names that it covers. */
const managing = (source: string): Effect.Effect<Identity, HeraldError> => requireTopic("topics.manage", source)

const isMadeSo = (made: Route, wanted: RouteDefinition, by: string): boolean =>
  made.version === 1 &&
  made.createdBy === by &&
  (Object.keys(wanted) as ReadonlyArray<keyof RouteDefinition>).every((field) => made[field] === wanted[field])

const make = Effect.gen(function* () {
  const store = yield* RouteStore
  const topics = yield* TopicStore
  const known = yield* KnownTopics

  const users = yield* TopicUsers
  users.askSenders((topic) =>
    Effect.map(store.all, ({ routes }) =>
      routes
        .filter(({ target }) => target === topic.name)
        .map(({ name, source }) => ({ what: `what the routing rule ${name} sends`, of: source }))
    )
  )

  users.askUnfit(
    Effect.fnUntraced(function* (topic: Topic) {
      const found: Array<Unfit> = []
      for (const route of (yield* store.all).routes) {
        if (statusOf(route) !== "active" || topic.log === "ephemeral" || !covers(route.source, topic.name)) continue
        yield* lookingSlices.soonest
        const problem = unfitFor(route, topic, false)
        if (problem === undefined) continue
        const why = problem.message
        yield* store.fail(route.id, route.version, `it doesn't fit ${topic.name}: ${why}`.slice(0, 1_000)) // ZF6
        found.push({ what: `the routing rule ${route.name}`, of: route.source, why })
      }
      return found
    })
  )

  const noted = Effect.fnUntraced(function* (identity: Identity, options: CommitOptions) {
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    return { by: identity.name, keyId: identity.keyId, message: options.message } satisfies Note
  })

  const { boundsOf, beginsOf, checked } = yield* makeChecking

  const lost = failure("RoutingRuleConflict", "the rules are being changed by others at the same time")

  const create = Effect.fn("RoutingRules.create")(function* (draft: RouteDraft, options: CommitOptions) {
    const { start = "latest", ...said } = draft
    const wanted: RouteDefinition = { ...routeDefaults, ...said }
    const wrong = wrongRoute(wanted)
    const identity = yield* managing(isSource(wanted.source) ? wanted.source : "")
    if (wrong !== undefined) return yield* invalid(wrong)
    yield* permitted("topics.manage", wanted.target)
    const note = yield* noted(identity, options)
    for (let tries = 0; tries < TRIES; tries++) {
      const { revision, routes } = yield* store.all
      const loop = loopProblem(routes, wanted)
      if (loop !== undefined) return yield* loop
      const covered = yield* checked(wanted)
      const begins = yield* beginsOf(covered, start)
      const made = yield* Effect.result(store.create(wanted, { revision, begins, by: note.by, note }))
      if (Result.isFailure(made)) {
        const there = routes.find(({ name }) => name === wanted.name)
        const again = options.idempotencyKey !== undefined && there !== undefined && isMadeSo(there, wanted, note.by) // ZF4
        return again ? there : yield* made.failure
      }
      if (made.success !== "stale") return made.success
    }
    return yield* lost
  })

  /** Those that may be seen. ZF1 */
  const seen = Effect.fnUntraced(function* () {
    const identity = yield* requireTopic("topics.read", undefined)
    const { routes } = yield* store.all
    return routes.filter(
      ({ source, target }) => mayTopic(identity, "topics.read", source) && mayTopic(identity, "topics.read", target)
    )
  })

  const found = Effect.fnUntraced(function* (name: string) {
    const its = (yield* seen()).find((one) => one.name === name)
    return isRouteName(name) && its !== undefined ? its : yield* noSuch(name)
  })

  const update = Effect.fn("RoutingRules.update")(function* (
    name: string,
    change: Partial<RouteChangeable>,
    options: CommitOptions & { readonly expected?: number | undefined; readonly skip?: boolean | undefined }
  ) {
    for (let tries = 0; tries < TRIES; tries++) {
      const { revision } = yield* store.all
      const held = yield* found(name)
      const wanted: Route = { ...held, ...change }
      const identity = yield* managing(held.source)
      yield* permitted("topics.manage", held.target)
      const wrong = wrongRoute(wanted)
      if (wrong !== undefined) return yield* invalid(wrong)
      yield* permitted("topics.manage", wanted.target)
      const note = yield* noted(identity, options)
      if (options.expected !== undefined && options.expected !== held.version)
        return yield* failure("RoutingRuleConflict", `${name} is at version ${held.version} by now`, {
          details: { version: held.version }
        })
      const others = (yield* store.all).routes.filter(({ id }) => id !== held.id)
      const loop = loopProblem(others, wanted)
      if (loop !== undefined) return yield* loop
      // Whoever turns a rule off needs no target that is there.
      const covered = wanted.enabled ? yield* checked(wanted) : []
      const skip = options.skip === true ? yield* beginsOf(covered, "latest") : undefined
      const made = yield* store.update(held.id, change, { revision, note, ...(skip === undefined ? {} : { skip }) })
      if (made === undefined) return yield* noSuch(name)
      if (made !== "stale") return made
    }
    return yield* lost
  })

  const remove = Effect.fn("RoutingRules.remove")(function* (name: string, options: CommitOptions) {
    const held = yield* found(name)
    const identity = yield* managing(held.source)
    yield* permitted("topics.manage", held.target)
    if (!(yield* store.remove(held.id, yield* noted(identity, options)))) return yield* noSuch(name)
  })

  const stats = Effect.fn("RoutingRules.stats")(function* (name: string) {
    const route = yield* found(name)
    const covered = yield* store.covered([route.source])
    const names = new Map(covered.map((one) => [one.id, one.name]))
    const ends = new Map((yield* boundsOf(covered)).map((one) => [`${one.topic}/${one.partition}`, one]))
    const progress = (yield* store.progress(route.id)).filter(({ topic }) => names.has(topic))
    const target = yield* topics.get(route.target)
    return {
      route,
      partitions: progress.map((one) => {
        const end = ends.get(`${one.topic}/${one.partition}`)
        const lag =
          end === undefined ? 0 : Math.max(0, end.next - (end.epoch === one.at.epoch ? one.at.offset : end.first))
        return { ...one, topicName: names.get(one.topic)!, lag }
      }),
      waits:
        target === undefined
          ? `there is no topic ${route.target}`
          : target.enabled
            ? ""
            : `the topic ${route.target} is disabled`,
      left: covered.filter(({ log }) => log === "ephemeral").map((one) => one.name),
      refusals: yield* store.refusals(route.id, SHOWN)
    }
  })

  const test = Effect.fn("RoutingRules.test")(function* (name: string, event: TestEvent) {
    yield* permitted("topics.read", name)
    const topic = yield* known.find(name)
    const all = (yield* seen()).filter(({ source }) => covers(source, name))
    const targets = new Map<string, Topic | undefined>()
    for (const { target } of all) if (!targets.has(target)) targets.set(target, yield* topics.get(target))
    return explain(topic, all, targets, event)
  })

  return RoutingRules.of({
    create,
    list: Effect.map(Effect.suspend(seen), (all) => all.toSorted(inOrder)),
    get: found,
    stats,
    update,
    remove,
    test
  })
})
