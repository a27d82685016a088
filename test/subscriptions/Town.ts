/** Nodes that serve one subscription on memory twins, and consumers of it. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { State } from "../../layers/Memory/State.ts"
import * as CursorStores from "../../layers/Memory/subscriptions/CursorStore.ts"
import * as SubscriptionStores from "../../layers/Memory/subscriptions/SubscriptionStore.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import type { Answer } from "../../src/subscriptions/Answer.ts"
import { Consuming, type Joined } from "../../src/subscriptions/Consuming.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import type { Output } from "../../src/subscriptions/Seat.ts"
import { slicesOf } from "../../src/subscriptions/Share.ts"
import { defaults, type SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { type NewSubscription, SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { messageOf } from "../../src/topics/Message.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { FakeLog } from "./FakeLog.ts"

export const until = (what: string, holds: () => boolean) => Effect.promise(() => waitUntil(what, holds, 20_000))

/** A consumer that notes what it gets, and answers as it is told. */
export class Guest {
  readonly outputs: Array<Output> = []
  readonly texts: Array<string> = []
  readonly joined: Joined
  constructor(joined: Joined) {
    this.joined = joined
  }

  readonly run = (kind: Answer["kind"] | "nothing") =>
    Effect.gen({ self: this }, function* () {
      for (;;) {
        for (const output of yield* this.joined.take) {
          this.outputs.push(output)
          if (output.is !== "delivery") continue
          for (const { event } of output.events) this.texts.push(new TextDecoder().decode(messageOf(event).payload))
          const [first, last] = [output.events[0]!.offset, output.events.at(-1)!.offset]
          if (kind !== "nothing") this.joined.answer([{ kind, token: output.token, first, last }], output.token)
        }
      }
    })

  is(what: Output["is"]): boolean {
    return this.outputs.some(({ is }) => is === what)
  }
}

/** A store of topics, and what is remembered of it. */
export const knownOf = (get: (name: string) => Topic | undefined, remembered = get) => {
  const [store, known] = [get, remembered].map((of) =>
    Layer.mock(TopicStore)({ get: (name) => Effect.sync(() => of(name)) })
  )
  return Layer.fresh(Layer.merge(store!, Layer.provide(KnownTopics.layer, known!)))
}

const topic: Topic = {
  ...{ id: 7, name: "t", log: "postgres", partitions: 1, compression: "zstd", schema: null, schemaVersion: 0 },
  ...{ retention: { millis: 86_400_000, bytes: null }, enabled: true, description: "", version: 1 },
  ...{ createdAt: 0, createdBy: "someone", updatedAt: 0 }
}

export class Town {
  readonly log: FakeLog
  readonly state = new State()
  readonly stores = Layer.fresh(
    Layer.mergeAll(SubscriptionStores.layer, CursorStores.layer).pipe(
      Layer.provide(Layer.succeed(State.service, this.state))
    )
  )
  away = false

  constructor(partitions = 1) {
    this.log = new FakeLog(partitions)
  }

  readonly make = (type: SubscriptionType, change: Partial<NewSubscription> = {}) =>
    Effect.flatMap(SubscriptionStore, (store) =>
      store.create(
        {
          ...{ ...defaults, topicId: 7, topicName: "t", subscriptionName: "s", type, slices: slicesOf(type, 1) },
          ...{ startPosition: { at: "earliest" }, backoffMillis: [5], ...change }
        },
        this.log.segments.map((_, partition) => ({ partition, logEpoch: 1, offset: 0 })),
        "someone"
      )
    ).pipe(Effect.provide(this.stores))

  /** A node, and what ends it. */
  readonly node = Effect.fnUntraced({ self: this }, function* (this: Town, run: string) {
    const scope = yield* Scope.make()
    const cursors = Layer.effect(
      CursorStore,
      Effect.map(CursorStore, (store) =>
        CursorStore.of({
          ...store,
          flush: (all) => Effect.suspend(() => (this.away ? failure("DatabaseUnavailable", "away") : store.flush(all)))
        })
      )
    ).pipe(Layer.provide(this.stores))
    const layer = Consuming.layer({
      run,
      matching:
        ({ filter }) =>
        (event) =>
          filter === "" || event.length > 9
    })
    const topics = knownOf(() => topic)
    const logs = Layer.effect(
      Logs,
      Effect.map(TopicLog, (log) =>
        Logs.of({ all: [["postgres", log]], of: (kind) => (kind === "postgres" ? log : undefined) })
      )
    ).pipe(Layer.provide(this.log.layer))
    const stores = Layer.mergeAll(this.stores, cursors, logs, topics)
    const context = yield* Layer.buildWithScope(Layer.provide(layer, stores), scope)
    const consuming = Context.get(context, Consuming)
    const join = Effect.fnUntraced(function* (
      name: string,
      kind: Answer["kind"] | "nothing" = "accept",
      life = 0,
      who = "ann"
    ) {
      const its = yield* Scope.make()
      const guest = new Guest(
        yield* consuming
          .join({ topicName: "t", subscriptionName: "s", consumer: name, life }, who)
          .pipe(Scope.provide(its))
      )
      guest.joined.grant(1_000)
      yield* Effect.forkIn(guest.run(kind), its)
      return { guest, leave: Scope.close(its, Exit.void) }
    })
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    return { join, consuming, end: Scope.close(scope, Exit.void) }
  })
}

export const many = (count: number, from = 0): ReadonlyArray<readonly [string | null, string]> =>
  Array.from({ length: count }, (_, n) => [`k${(n + from) % 7}`, `e${n + from}`] as const)
export const named = (count: number) => Array.from({ length: count }, (_, n) => `e${n}`)
