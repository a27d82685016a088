/** Nodes with many subscriptions, on two logs and memory twins that count what they are asked. Time is the test's. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import * as CursorStores from "../../layers/Memory/subscriptions/CursorStore.ts"
import * as SubscriptionStores from "../../layers/Memory/subscriptions/SubscriptionStore.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import type { Answer } from "../../src/subscriptions/Answer.ts"
import { Consuming, type ConsumingOptions } from "../../src/subscriptions/Consuming.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { slicesOf } from "../../src/subscriptions/Share.ts"
import { defaults, type SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { type NewSubscription, SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { Logs } from "../../src/topics/Logs.ts"
import type { LogKind, Topic } from "../../src/topics/Topic.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { FakeLog } from "./FakeLog.ts"
import { Guest, knownOf } from "./Town.ts"

type Asked = "attend" | "enter" | "claim" | "flush" | "give"

export class City {
  readonly postgres = new FakeLog(1)
  readonly kafka = new FakeLog(1)
  readonly asked: Record<Asked, number> = { attend: 0, enter: 0, claim: 0, flush: 0, give: 0 }
  /** What fails before it is done, and what is done and not answered. */
  readonly away = new Set<Asked>()
  readonly mute = new Set<Asked>()
  /** Milliseconds until what is done is answered. */
  readonly late = new Map<Asked, number>()
  /** Subscriptions of which it was told so far who has their shares. */
  told = 0
  /** By name. */
  readonly topics = new Map<string, Topic>()
  /** What nodes remember of them. */
  remembered = (name: string): Topic | undefined => this.topics.get(name)
  /** What filters are: by the schema, unless a test has another. */
  matching: NonNullable<ConsumingOptions["matching"]> = () => () => true
  readonly stores = Layer.fresh(
    Layer.mergeAll(SubscriptionStores.layer, CursorStores.layer).pipe(
      Layer.provide(Layer.succeed(State.service, new State()))
    )
  )

  readonly topic = (name: string, log: LogKind): Topic => ({
    ...{ id: this.topics.size + 1, name, log, partitions: 1, compression: "zstd", schema: null, schemaVersion: 0 },
    ...{ retention: { millis: 86_400_000, bytes: null }, enabled: true, description: "", version: 1 },
    ...{ createdAt: 0, createdBy: "someone", updatedAt: 0 }
  })

  /** A topic with a subscription "s". */
  readonly make = (
    name: string,
    type: SubscriptionType,
    log: LogKind = "postgres",
    change: Partial<NewSubscription> = {}
  ) =>
    Effect.suspend(() => {
      const topic = this.topic(name, log)
      this.topics.set(name, topic)
      return Effect.flatMap(SubscriptionStore, (store) =>
        store.create(
          {
            ...{ ...defaults, topicId: topic.id, topicName: name, subscriptionName: "s", type },
            ...{ slices: slicesOf(type, 1), startPosition: { at: "earliest" }, backoffMillis: [5], ...change }
          },
          [{ partition: 0, logEpoch: 1, offset: 0 }],
          "someone"
        )
      ).pipe(Effect.provide(this.stores))
    })

  readonly #counted = <A, E>(what: Asked, work: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      this.asked[what]++
      const gone = failure("DatabaseUnavailable", "away")
      if (this.away.has(what)) return gone
      if (this.mute.has(what)) return Effect.andThen(work, gone)
      return Effect.tap(work, () => Effect.sleep(this.late.get(what) ?? 0))
    })

  readonly node = Effect.fnUntraced({ self: this }, function* (this: City, run: string) {
    const scope = yield* Scope.make()
    const cursors = Layer.effect(
      CursorStore,
      Effect.map(CursorStore, (store) =>
        CursorStore.of({
          attend: (...of) =>
            Effect.map(this.#counted("attend", store.attend(...of)), (all) => {
              this.told += all.filter(({ shares }) => shares !== undefined).length
              return all
            }),
          enter: (...of) => this.#counted("enter", store.enter(...of)),
          claim: (...of) => this.#counted("claim", store.claim(...of)),
          flush: (...of) => this.#counted("flush", store.flush(...of)),
          give: (...of) => this.#counted("give", store.give(...of))
        })
      )
    ).pipe(Layer.provide(this.stores))
    const logs = Layer.effect(
      Logs,
      Effect.gen({ self: this }, function* () {
        const [one, two] = [yield* Layer.build(this.postgres.layer), yield* Layer.build(this.kafka.layer)]
        const all = [
          ["postgres", Context.get(one, TopicLog)],
          ["kafka", Context.get(two, TopicLog)]
        ] as const
        return Logs.of({ all, of: (kind) => all.find(([its]) => its === kind)?.[1] })
      })
    )
    const topics = knownOf(
      (name) => this.topics.get(name),
      (name) => this.remembered(name)
    )
    const layer = Layer.provide(
      Consuming.layer({ run, matching: this.matching }),
      Layer.mergeAll(this.stores, cursors, logs, topics)
    )
    const consuming = Context.get(yield* Layer.buildWithScope(layer, scope), Consuming)
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const join = Effect.fnUntraced(function* (
      topicName: string,
      consumer = "c",
      kind: Answer["kind"] | "nothing" = "accept",
      who = "ann"
    ) {
      const its = yield* Scope.make()
      const wish = { topicName, subscriptionName: "s", consumer, life: 0 }
      const guest = new Guest(yield* Scope.provide(consuming.join(wish, who), its))
      guest.joined.grant(1_000)
      yield* Effect.forkIn(guest.run(kind), its)
      return { guest, leave: Scope.close(its, Exit.void) }
    })
    return { join, end: Scope.close(scope, Exit.void) }
  })

  /** Shares of a subscription by the run that has them, as another run sees it. */
  readonly holders = (id: string) =>
    Effect.flatMap(CursorStore, (store) => store.attend("onlooker", [{ id, consumers: 0, lives: [] }], 1)).pipe(
      Effect.map(([standing]) => [...new Set(standing!.shares!.map(({ run }) => run))]),
      Effect.provide(this.stores)
    )
}

/** So many seconds, in steps that let everything go on that waits for less. */
export const seconds = (count: number) => Effect.repeat(TestClock.adjust("250 millis"), { times: count * 4 - 1 })
