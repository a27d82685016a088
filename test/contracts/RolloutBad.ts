/** Who is bad in a rollout, and until when: what every store must do. Run by RolloutEvidence.test.ts, on memory and PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import type { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import { EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import { alive, bad, counts, leave, read, run, seen, started, write } from "../support/Sightings.ts"

type Services = Commits | EvidenceStore | InstanceStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const rolloutBadContract = (test: Test) => {
  test("EE7 who is unhealthy or refused it stays so when it goes", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "unhealthy", { reason: "it hurts" }),
        seen(rollout, `${one}/2`, 1, "rejected", { instance: "i2" })
      ])
      yield* write(one, [
        seen(rollout, `${one}/1`, 2, "gone", { broke: 1 }),
        seen(rollout, `${one}/2`, 2, "left", { instance: "i2" })
      ])
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 1, rejected: 1 })
      assert.deepStrictEqual(
        (yield* read(rollout))!.examples.map(({ instance, is, reason }) => [instance, is, reason]),
        [
          ["i1", "unhealthy", "it hurts"],
          ["i2", "rejected", ""]
        ]
      )
      yield* leave(one)
    }))

  test("EE7 who is back stays unhealthy until it says how it is, though its node died with its connection", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      yield* alive(one)
      const said = { reason: "it hurts" }
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "unhealthy", said),
        seen(rollout, `${one}/2`, 1, "unhealthy", { ...said, instance: "i2" })
      ])
      yield* leave(one)
      yield* alive(two)
      const later = { since: 2_000 }
      for (const [number, is] of (["offered", "delivered", "applied"] as const).entries()) {
        yield* write(two, [
          seen(rollout, `${two}/1`, number + 1, is, later),
          seen(rollout, `${two}/2`, number + 1, is, { ...later, instance: "i2" })
        ])
        assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 2 }, is)
      }
      assert.deepStrictEqual(
        (yield* read(rollout))!.examples.map(({ instance, is, reason }) => [instance, is, reason]),
        [
          ["i1", "unhealthy", "it hurts"],
          ["i2", "unhealthy", "it hurts"]
        ]
      )
      assert.strictEqual(yield* bad(rollout), 2n, "nothing became bad once more")
      yield* write(two, [
        seen(rollout, `${two}/1`, 4, "healthy", later),
        seen(rollout, `${two}/2`, 4, "applied", { ...later, instance: "i2", said: true }) // it is degraded
      ])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1, applied: 1 })
      yield* leave(two)
    }))

  test("EE7 who is back has refused it until it has applied it, or is due what another stage made", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      const its = (instance: string) => ({ instance, reason: "no" })
      const [i1, i2, i3] = [its("i1"), its("i2"), its("i3")]
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "rejected", i1),
        seen(rollout, `${one}/2`, 1, "rejected", i2),
        seen(rollout, `${one}/3`, 1, "unhealthy", i3)
      ])
      yield* write(one, [
        seen(rollout, `${one}/4`, 1, "delivered", i1),
        seen(rollout, `${one}/5`, 1, "offered", i2),
        seen(rollout, `${one}/6`, 1, "offered", i3)
      ])
      assert.deepStrictEqual(yield* counts(rollout), { rejected: 2, unhealthy: 1 })
      yield* write(one, [
        seen(rollout, `${one}/4`, 2, "applied", i1),
        seen(rollout, `${one}/5`, 2, "offered", { ...i2, stage: 1 }),
        seen(rollout, `${one}/6`, 2, "applied", { ...i3, stage: 1 })
      ])
      assert.deepStrictEqual(yield* counts(rollout), { offered: 1, applied: 2 })
      yield* leave(one)
    }))

  test("EE7 who is back is bad of the stage in which it became so, whatever a session was due that went, and until a later one is begun", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      const names = ["i1", "i2", "i3", "i4"] as const
      const all = (session: number, is: Condition, stage: number) =>
        write(
          one,
          names.map((instance, n) => seen(rollout, `${one}/${session + n}`, 2, is, { instance, stage }))
        )
      const stages = Effect.gen(function* () {
        const { environment, key } = rollout
        const page = { limit: 9, after: undefined, is: undefined }
        const rows = yield* (yield* EvidenceStore).instances(environment, key, page)
        return rows.map(({ stage }) => stage)
      })
      yield* write(
        one,
        names.map((instance, n) =>
          seen(rollout, `${one}/${n}`, 2, n % 2 === 0 ? "unhealthy" : "rejected", { instance, stage: 1 })
        )
      )
      // What is of the stage before says so as long as its node does not know of this one, or of a client without its labels.
      for (const [n, is] of (["left", "gone", "offered", "delivered"] as const).entries()) {
        yield* all(10 * (n + 1), is, 0)
        assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 2, rejected: 2 }, is)
        assert.deepStrictEqual(yield* stages, [1, 1, 1, 1], is)
      }
      yield* all(50, "offered", 1)
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 2, rejected: 2 })
      // It was due what the next stage made, and went before it said anything of that.
      yield* all(60, "gone", 2)
      assert.deepStrictEqual(yield* stages, [1, 1, 1, 1])
      yield* all(70, "offered", 2)
      assert.deepStrictEqual(yield* counts(rollout), { offered: 4 })
      assert.deepStrictEqual(yield* stages, [2, 2, 2, 2])
      assert.strictEqual(yield* bad(rollout), 4n)
      yield* leave(one)
    }))
}
