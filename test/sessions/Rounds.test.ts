/** News that meet a defect on their way to the clients. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { UpdateSource, type UpdateSourceShape } from "../../src/updates/UpdateSource.ts"
import { settle } from "../support/Clock.ts"
import { publish } from "../support/Release.ts"
import { below, configurations, propagation, sessions } from "../support/Twins.ts"
import { connect, words } from "./Harness.ts"

type Changed = (source: UpdateSourceShape) => Partial<UpdateSourceShape>

/** Sessions of a source that is the real one but for this. */
const layer = (changed: Changed) => {
  const source = Layer.effect(
    UpdateSource,
    Effect.map(UpdateSource, (source) => UpdateSource.of({ ...source, ...changed(source) }))
  ).pipe(Layer.provide(configurations))
  return sessions({}, source).pipe(
    Layer.provideMerge(propagation()),
    Layer.provideMerge(Layer.merge(below(Memory.layer), Layer.mock(Access, { stillValid: () => Effect.succeed(true) })))
  )
}

/** Throws at the first call that `when` names. */
const once = <A extends ReadonlyArray<never>, B>(call: (...of: A) => B, when: () => boolean) => {
  let thrown = false
  return (...of: A): B => {
    if (thrown || !when()) return call(...of)
    thrown = true
    throw new Error("boom")
  }
}

describe("news", () => {
  for (const part of ["touched", "remember"] as const)
    it.effect(`RO4 a change of which it can't be said whom it concerns (${part}) reaches them all the same`, () => {
      let armed = false
      return Effect.gen(function* () {
        yield* publish({ value: "1" })
        const clients = [yield* connect(), yield* connect({ instance: "i2" })]
        armed = true
        yield* publish({ value: "2" })
        yield* settle

        for (const { sink } of clients) assert.deepStrictEqual(words(sink), ["svc 1", "synced", "svc 2", "heartbeat"])
      }).pipe(Effect.provide(layer((source) => ({ [part]: once(source[part] as () => never, () => armed) }))))
    })

  for (const part of ["target", "known"] as const)
    it.effect(
      `S5 a defect in what one client is told (${part}) ends its session, and the others hear what changed`,
      () => {
        let armed = false
        return Effect.gen(function* () {
          yield* publish({ value: "1" })
          const [first, second] = [yield* connect(), yield* connect({ instance: "i2" })]
          armed = true
          yield* publish({ value: "2" })
          yield* settle

          assert.strictEqual((yield* Deferred.await(first.session.ended)).name, "SessionCrashed")
          assert.strictEqual(second.session.stage.name, "live")
          assert.deepStrictEqual(words(second.sink), ["svc 1", "synced", "svc 2"])
        }).pipe(Effect.provide(layer((source) => ({ [part]: once(source[part] as () => never, () => armed) }))))
      }
    )
})
