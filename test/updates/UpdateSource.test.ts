import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import { kindIn, nameOf } from "../../src/keys/Name.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { anybody } from "../../src/updates/Client.ts"
import * as Sources from "../../src/updates/Sources.ts"
import { type KindSource, UpdateSource } from "../../src/updates/UpdateSource.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { change, release } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { memoryToys, propagation, type ToyWish, toy, toyUpdates } from "../support/Toy.ts"
import { below, sessions } from "../support/Twins.ts"

const layer = Layer.unwrap(
  Effect.sync(() => {
    const state = new State()
    const stores = Layer.merge(
      Memory.layerOn(state),
      memoryToys.pipe(Layer.provide(Layer.succeed(State.service, state)))
    )
    const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
    return sessions({}, Sources.layer(configurationUpdates, toyUpdates)).pipe(
      Layer.provideMerge(propagation),
      Layer.provideMerge(Layer.merge(below(stores), access))
    )
  })
)

/** In one transaction. */
const publish = Effect.fnUntraced(function* (...changes: ReadonlyArray<ReturnType<typeof change> | ToyWish>) {
  const { revision } = yield* (yield* Commits).commit<Change>({ ...release([]), changes })
  yield* (yield* Propagation).hint(revision)
  return revision
})

describe("UpdateSource", () => {
  it("US1 a key of another kind is no key, and tells its kind", () => {
    assert.strictEqual(nameOf("toy", "svc.a"), "@toy/svc.a")
    for (const [name, kind] of [
      ["@toy/svc.a", "toy"],
      ["@toy/a/b", "toy"],
      ["@toy", "toy"],
      ["toy/svc", ""],
      ["*", ""],
      ["", ""]
    ] as const)
      assert.strictEqual(kindIn(name), kind)
  })

  it.effect("US1 a client gets what it wants of each kind, at once and as it changes, and no two kinds meet", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const [both, plain] = [new FakeSink(), new FakeSink()]
      yield* publish(change("svc.a", "one"), toy("svc.a", 1))
      const session = yield* sessions.open(
        subscription({ instance: "both", patterns: ["svc.*", nameOf("toy", "svc.*")] }),
        both
      )
      yield* sessions.open(subscription({ instance: "plain", patterns: ["svc.*"] }), plain)
      yield* settle
      for (const update of both.values) sessions.heard(session, applied(session, update).answers)
      const second = yield* publish(change("svc.a", "two"), toy("svc.a", 2))
      yield* publish(toy("svc.b", 5), toy("other", 1))
      yield* settle

      const got = (sink: FakeSink) => sink.values.map(({ key, content }) => [key, content])
      assert.deepStrictEqual(got(both), [
        ["svc.a", "one"],
        ["@toy/svc.a", "1"],
        ["svc.a", "two"],
        ["@toy/svc.a", "2"],
        ["@toy/svc.b", "5"]
      ])
      assert.deepStrictEqual(got(plain), [
        ["svc.a", "one"],
        ["svc.a", "two"]
      ])
      const [config, count] = both.values.slice(2)
      assert.deepStrictEqual([config?.revision, count?.revision], [second.revision, second.revision])
      sessions.heard(session, applied(session, config!).answers)
      assert.strictEqual(session.behind, 2) // the answer counts for the configuration, not for what is called alike
    }).pipe(Effect.provide(layer))
  )

  it.effect("US1 a kind that has no source is no news and has no keys", () =>
    Effect.gen(function* () {
      const source = yield* UpdateSource
      assert.deepStrictEqual([...source.touched({ kind: "flag", environment: "production", key: "svc" })], [])
      assert.deepStrictEqual(source.page("production", "@flag/svc.*", "", 10), [])
      assert.isUndefined(source.target(anybody("production"), "@flag/svc"))
      assert.isUndefined(yield* source.build(subscription().client, "@flag/svc", ""))
    }).pipe(Effect.provide(layer))
  )

  it.effect("US2 a source that is alone is asked directly", () => {
    const alone = { kind: "one", target: () => 1n, known: () => undefined } as unknown as KindSource
    return Effect.gen(function* () {
      const source = yield* UpdateSource
      assert.strictEqual(source.target, alone.target)
      assert.strictEqual(source.known, alone.known)
    }).pipe(Effect.provide(Sources.layer(Effect.succeed(alone))))
  })
})
