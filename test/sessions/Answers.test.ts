/** What clients answer, and which update they answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect, known } from "./Harness.ts"

describe("answers", () => {
  const answer = (update: { readonly key: string; readonly revision: bigint }, good: boolean, epoch = "") => [
    { key: update.key, revision: update.revision, epoch, applied: good, reason: "why" }
  ]

  it.effect(
    "S7 an answer counts for the update that it names: of another revision or epoch it is not the newest's",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* publish({ value: "1" })
        const { sink, session } = yield* connect()
        yield* publish({ value: "2" })
        yield* settle
        const [one, two] = sink.values
        sessions.heard(session, answer(one!, true)) // no epoch: it must be the newest
        sessions.heard(session, answer({ key: "svc", revision: 99n }, true, one!.epoch))
        sessions.heard(session, answer(two!, true, "another"))
        assert.deepStrictEqual(yield* known(), ["svc sent 2"])
        assert.strictEqual(session.behind, 1)

        sessions.heard(session, answer(one!, true, one!.epoch))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 1"])
        assert.strictEqual(session.behind, 1)
        sessions.heard(session, answer(two!, false, two!.epoch))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 1 rejected 2"])
        assert.strictEqual(session.base("svc"), "")
        sessions.heard(session, answer(two!, true))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 2"])
        assert.strictEqual(session.behind, 0)
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S7 an answer of a lost history is not one to the present update of the same revision", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* publish({ value: "kept" })
      const { sink, session } = yield* connect({ acceptsDelta: true })
      yield* publish({ value: "lost" })
      yield* settle
      const lost = sink.values.at(-1)!
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      yield* publish({ value: "after" })
      yield* settle
      const after = sink.values.at(-1)!
      sessions.heard(session, answer(lost, true, lost.epoch))

      assert.strictEqual(lost.revision, after.revision)
      assert.strictEqual(session.behind, 1)
      assert.strictEqual(session.base("svc"), "")
      sessions.heard(session, answer(after, true, after.epoch))
      assert.strictEqual(session.behind, 0)
      assert.strictEqual(session.base("svc"), after.digest)
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("S8 clients that were sent the same remember one mark of it, and no content", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.tpl", value: "{{client.instance}} in some words" })
      yield* publish({ key: "svc.plain", value: "some words" })
      const clients = yield* Effect.forEach(["a", "b", "c"], (instance) => connect({ instance }))
      const marks = clients.flatMap(({ session: { told } }) => [...told.keys()].map((key) => told.get(key)!))

      assert.strictEqual(marks.length, 6)
      assert.strictEqual(new Set(marks).size, 2)
      assert.notInclude(
        JSON.stringify(marks, (_, v) => (typeof v === "bigint" ? String(v) : v)),
        "some words"
      )
    }).pipe(Effect.provide(sessionsWith({})))
  )
})
