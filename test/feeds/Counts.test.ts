/** What an operator sees of feeds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Metric, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Feeds } from "../../src/feeds/Feeds.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { change, commit } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"

const bad = new Set<string>()
const access = Layer.mock(Access, { stillValid: ({ keyId }) => Effect.succeed(!bad.has(keyId)) })
const feeds = Feeds.layer({ max: 5 }).pipe(Layer.provide(access), Layer.provideMerge(propagationOn(new Faults())))

/** Of the metrics whose names begin so: "name{reason}" and its number. */
const seen = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all
      .filter(({ id }) => id.startsWith("herald_feeds"))
      .map(({ id, attributes, state }) => [
        `${id.slice("herald_feeds".length)} ${attributes?.["reason"] ?? ""}`.trim(),
        Number((state as { count?: number | bigint; value?: number }).count ?? (state as { value?: number }).value)
      ])
      .filter(([, number]) => number !== 0)
  )
)

const second = Effect.andThen(TestClock.adjust("1 second"), settle)

/** A feed, and what its reader takes only when it is told to; closing the scope is leaving. */
const opened = Effect.fnUntraced(function* (name: string) {
  const scope = yield* Scope.make()
  const taken = yield* Queue.bounded<string>(1)
  yield* Effect.gen(function* () {
    const told = yield* (yield* Feeds)
      .open({ environment: "production", patterns: [], after: undefined })
      .pipe(Effect.provideService(CurrentIdentity, { ...system, name, keyId: name }))
    yield* told.pipe(
      Stream.runForEach((all) => Effect.forEach(all, (one) => Queue.offer(taken, one._tag))),
      Effect.forkIn(scope)
    )
  }).pipe(Scope.provide(scope))
  return { taken, leave: Scope.close(scope, Exit.void) }
})

const publish = Effect.fnUntraced(function* (key: string) {
  const { revision } = yield* commit([change(key, "v")])
  yield* Effect.flatMap(Propagation, ({ hint }) => hint(revision))
  yield* settle
})

describe("Counts", () => {
  it.effect("FO1 who takes nothing for 5 s is slow, also when it ends; who has nothing to take is not", () =>
    Effect.gen(function* () {
      const [slow, quick] = [yield* opened("slow"), yield* opened("quick")]
      for (const key of ["a", "b", "c"]) {
        yield* publish(key)
        while ((yield* Queue.size(quick.taken)) > 0) {
          yield* Queue.take(quick.taken)
          yield* settle
        }
      }
      yield* TestClock.adjust("4 seconds")
      assert.deepInclude(yield* seen, { "": 2 })
      assert.notProperty(yield* seen, "_slow")
      yield* second
      yield* second
      assert.deepInclude(yield* seen, { "": 2, _slow: 1 })

      yield* slow.leave
      yield* quick.leave
      yield* second
      assert.deepInclude(yield* seen, { "_ended_total slow": 1, "_ended_total reader": 1 })
      for (const gone of ["", "_slow"]) assert.notProperty(yield* seen, gone)
      assert.isAbove((yield* seen)["_changes_total"] ?? 0, 3)
    }).pipe(Effect.scoped, Effect.provide(feeds), Effect.provide(PerNode.layer))
  )

  it.effect("FO1 who was refused and why, who had to begin anew, and whose key or node went", () =>
    Effect.gen(function* () {
      const service = yield* Feeds
      const open = (name: string, after?: { readonly epoch: string; readonly revision: bigint }) =>
        service
          .open({ environment: "production", patterns: [], after })
          .pipe(Effect.provideService(CurrentIdentity, { ...system, name, keyId: name }))
      for (let n = 0; n < 3; n++) yield* open("greedy")
      const strange = yield* open("greedy", { epoch: "none", revision: 1n })
      yield* Stream.runHead(strange)
      yield* Effect.flip(open("greedy"))
      const revoked = yield* opened("revoked")
      yield* Effect.flip(open("another"))
      bad.add("revoked")
      yield* TestClock.adjust("4 seconds")
      yield* settle
      yield* revoked.leave
      const left = yield* opened("left")
      yield* service.drain
      yield* Effect.flip(open("late"))
      yield* left.leave
      assert.deepInclude(yield* seen, {
        "_resets_total history": 1,
        "_refused_total principal": 1,
        "_refused_total full": 1,
        "_refused_total draining": 1,
        "_ended_total key": 1,
        "_ended_total draining": 1
      })
    }).pipe(Effect.scoped, Effect.provide(feeds), Effect.provide(PerNode.layer))
  )
})
