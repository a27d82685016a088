/** Whose an instance is, in every InstanceStore. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { delivery } from "../support/Instance.ts"
import { fresh, gone, held, list, noteOf, put, rejected, run, stateOf, type Test, write } from "./InstanceNotes.ts"

export const ownersContract = (test: Test) => {
  test("OW1 OW2 a connected instance stays with its owner, whoever else opens, answers or reports, and the other is told", () =>
    Effect.gen(function* () {
      const service = fresh("owned")
      const ours = noteOf(service, `${fresh("a")}/1`, { owner: "a" })
      const theirs = noteOf(service, `${fresh("b")}/1`, { owner: "b", labels: { forged: "1" } })
      const report = {
        environment: "production",
        service,
        instance: "i1",
        epoch: "",
        revision: 0n,
        metrics: {}
      } as const
      assert.deepStrictEqual(yield* put(ours), [])
      assert.deepStrictEqual(yield* put(theirs), [theirs.session])
      assert.deepStrictEqual(yield* put(theirs), [theirs.session]) // a batch that is written twice
      assert.deepStrictEqual(yield* put({ ...theirs, opening: false }), [theirs.session])
      yield* write({
        deliveries: [delivery(service, { session: theirs.session, ...rejected })],
        held: [held(service, theirs.session, { "svc.b": 1 })],
        health: [
          { ...report, health: "healthy", message: "mine", owner: "a", reportedAt: 1 },
          { ...report, health: "unhealthy", message: "forged", owner: "b", reportedAt: 2 }
        ]
      })
      yield* put({ ...theirs, ...gone })
      const [row] = yield* list({ service })
      assert.deepInclude(row, {
        owner: "a",
        session: ours.session,
        state: "connected",
        labels: { region: "eu" },
        keys: []
      })
      assert.deepInclude(row?.health, { message: "mine" })

      yield* put({ ...ours, ...gone })
      assert.deepStrictEqual(yield* put(theirs), []) // free at once
      assert.deepInclude((yield* list({ service }))[0], { owner: "b", session: theirs.session, state: "connected" })
      assert.deepStrictEqual(yield* put({ ...ours, opening: false }), [ours.session])
    }))

  test("OW3 the same owner takes its instance over at once, and what is shared anyone does", () =>
    Effect.gen(function* () {
      for (const [first, second] of [
        ["a", "a"],
        ["", "b"],
        ["b", ""]
      ] as const) {
        const service = fresh("shared")
        const [one, two] = [fresh("n"), fresh("n")]
        yield* put(noteOf(service, `${one}/1`, { owner: first }))
        assert.deepStrictEqual(yield* put(noteOf(service, `${two}/1`, { owner: second })), [])
        assert.deepInclude((yield* list({ service }))[0], { owner: second, session: `${two}/1` })
      }
    }))

  test("OW2 a node is told whose an instance is that another run took after it was taken for lost", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("lost"), fresh("a"), fresh("b")]
      yield* put(noteOf(service, `${a}/1`, { owner: "a" }))
      yield* store.seen(run(b))
      yield* put(noteOf(service, `${a}/1`, { owner: "a", opening: false, state: "timed_out", ending: "NodeLost" }))
      assert.deepStrictEqual(yield* put(noteOf(service, `${b}/1`, { owner: "b" })), [])
      assert.deepStrictEqual((yield* store.seen(run(a))).taken, [{ session: `${a}/1`, owner: "b" }])
    }))

  test("OW2 of two nodes that give an instance to two principals at the same moment one wins, and the other is told", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        const service = fresh("race")
        const notes = ["a", "b"].map((owner) => noteOf(service, `${fresh(owner)}/1`, { owner }))
        const refused = (yield* Effect.all(
          notes.map((note) => put(note)),
          { concurrency: "unbounded" }
        )).flat()
        const [row] = yield* list({ service })
        const lost = notes.filter(({ owner }) => owner !== row?.owner).map(({ session }) => session)
        assert.deepStrictEqual(refused, lost)
        assert.strictEqual(notes.find(({ owner }) => owner === row?.owner)?.session, row?.session)
      }
    }))

  test("NO1 what a node says late of an instance that another node took is not kept, whatever the clocks say", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const [service, a, b] = [fresh("moved"), fresh("a"), fresh("b")]
      yield* Effect.all([store.seen(run(a)), store.seen(run(b))])
      yield* put(noteOf(service, `${a}/1`, { connectedAt: 80_000, lastSeen: 80_000 }))
      yield* put(noteOf(service, `${b}/1`))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", b])
      assert.deepStrictEqual((yield* store.seen(run(a))).taken, [{ session: `${a}/1`, owner: "" }])
      assert.deepStrictEqual((yield* store.seen(run(b))).taken, [])

      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 90_000 }))
      yield* put(noteOf(service, `${a}/1`, { lastSeen: 90_000 })) // a first note that was written twice
      yield* put(noteOf(service, `${a}/1`, gone))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", b])
      yield* put(noteOf(service, `${b}/1`, gone))
      assert.deepStrictEqual(yield* stateOf(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/1`, { opening: false, lastSeen: 95_000 }))
      assert.deepStrictEqual(yield* stateOf(service), ["disconnected", b])
      yield* put(noteOf(service, `${a}/2`, { lastSeen: 10 }))
      assert.deepStrictEqual(yield* stateOf(service), ["connected", a])
    }))
}
