/** What every store must do with what instances make of rollouts. Run by RolloutEvidence.test.ts, on memory and PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Commits } from "../../src/commits/Commits.ts"
import type { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import type { EvidenceStore, Sighting } from "../../src/rollouts/EvidenceStore.ts"
import { fresh } from "../support/fresh.ts"
import { moveWish, refused, rolled } from "../support/RolloutWishes.ts"
import {
  alive,
  bad,
  changed,
  counts,
  instances,
  leave,
  read,
  run,
  seen,
  started,
  until,
  write
} from "../support/Sightings.ts"

type Services = Commits | EvidenceStore | InstanceStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const rolloutEvidenceContract = (test: Test) => {
  test("EE1 an instance counts once, with its newest state, over all nodes", () =>
    Effect.gen(function* () {
      const [one, two, rollout] = [run(), run(), yield* started]
      yield* alive(one)
      yield* alive(two)
      assert.deepStrictEqual(yield* counts(rollout), {})
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "offered"),
        seen(rollout, `${one}/2`, 1, "offered", { instance: "i2" })
      ])
      assert.deepStrictEqual(yield* counts(rollout), { offered: 2 })
      yield* write(one, [seen(rollout, `${one}/1`, 2, "delivered"), seen(rollout, `${one}/1`, 3, "applied")])
      yield* write(two, [seen(rollout, `${two}/1`, 1, "applied", { service: "other" })])
      assert.deepStrictEqual(yield* counts(rollout), { offered: 1, applied: 2 })
      yield* write(one, [
        seen(rollout, `${one}/1`, 4, "healthy"),
        seen(rollout, `${one}/2`, 2, "left", { instance: "i2" })
      ])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1, applied: 1, left: 1 })
      yield* write(one, [
        seen(rollout, `${one}/3`, 1, "left", { instance: "i3" }), // nobody knew of it
        seen(rollout, `${one}/4`, 3, "left", { instance: "i4" }) // it came, got it and left between two writes
      ])
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1, applied: 1, left: 2 })
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE2 what comes twice, late or out of order changes nothing, nor does what is of nobody", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      yield* write(one, [seen(rollout, `${one}/2`, 3, "applied")])
      const before = yield* changed(rollout)
      yield* write(one, [seen(rollout, `${one}/2`, 3, "applied")])
      yield* write(one, [seen(rollout, `${one}/2`, 2, "unhealthy")])
      yield* write(one, [seen(rollout, `${one}/1`, 9, "gone", { broke: 1, since: 9_000 })])
      yield* write(one, [seen(rollout, `${one}/7`, 1, "left", { instance: "nobody" })])
      yield* write(one, [seen({ ...rollout, key: "r999999" }, `${one}/2`, 9, "unhealthy")])
      yield* write(one, [seen({ ...rollout, environment: "staging" }, `${one}/2`, 9, "unhealthy")])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      assert.strictEqual(yield* bad(rollout), 0n)
      assert.strictEqual(yield* changed(rollout), before)
      yield* leave(one)
    }))

  test("EE2 OW2 of sessions on two nodes the one counts that the store saw take the instance last, whatever their clocks say", () =>
    Effect.gen(function* () {
      const [one, two, rollout, name] = [run(), run(), yield* started, fresh("i")]
      yield* alive(one)
      yield* alive(two)
      const at = (session: string, number: number, is: Condition, more: Partial<Sighting> = {}) =>
        seen(rollout, session, number, is, { instance: name, ...more })
      yield* instances([name, { service: "svc", instance: name, session: `${one}/1` }])
      yield* write(one, [at(`${one}/1`, 4, "applied", { since: 50_000 })])

      // The other node has the session, and the store does not know that yet.
      assert.deepStrictEqual(yield* write(two, [at(`${two}/1`, 1, "offered", { since: 2_000 })]), [`${two}/1`])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      yield* instances([name, { service: "svc", instance: name, session: `${two}/1` }])
      assert.deepStrictEqual(yield* write(two, [at(`${two}/1`, 1, "offered", { since: 2_000 })]), [])
      assert.deepStrictEqual(yield* counts(rollout), { offered: 1 })

      assert.deepStrictEqual(yield* write(one, [at(`${one}/1`, 5, "unhealthy", { since: 50_000 })]), [])
      assert.deepStrictEqual(yield* counts(rollout), { offered: 1 })
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE2 OW2 what a session says is kept until the store knows that it has the instance, whoever is first to say something", () =>
    Effect.gen(function* () {
      const [one, two, rollout, known, fresher] = [run(), run(), yield* started, fresh("i"), fresh("i")]
      yield* alive(one)
      yield* alive(two)
      const has = (instance: string, session: string) => instances([instance, { service: "svc", instance, session }])
      // It went from the first node to the second, and the store does not know that yet; the first one still sends to it.
      yield* has(known, `${one}/1`)
      const came = seen(rollout, `${two}/1`, 3, "applied", { instance: known, since: 2_000 })
      assert.deepStrictEqual(yield* write(two, [came]), [`${two}/1`])
      assert.deepStrictEqual(yield* counts(rollout), {})
      yield* write(one, [seen(rollout, `${one}/1`, 2, "delivered", { instance: known })])
      assert.deepStrictEqual(yield* counts(rollout), { delivered: 1 })
      yield* has(known, `${two}/1`)
      assert.deepStrictEqual(yield* write(two, [came]), [])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      assert.deepStrictEqual(yield* write(one, [seen(rollout, `${one}/1`, 3, "applied", { instance: known })]), [])

      // Of this one the store knew nothing at all.
      const first = seen(rollout, `${two}/2`, 3, "applied", { instance: fresher, since: 2_000 })
      assert.deepStrictEqual(yield* write(two, [first]), [`${two}/2`])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 2 })
      yield* has(fresher, `${one}/2`)
      yield* write(one, [seen(rollout, `${one}/2`, 2, "delivered", { instance: fresher })])
      assert.deepStrictEqual(yield* write(two, [first]), [`${two}/2`])
      yield* has(fresher, `${two}/2`)
      assert.deepStrictEqual(yield* write(two, [first]), [])
      assert.deepStrictEqual(yield* counts(rollout), { applied: 2 })
      yield* leave(one)
      yield* leave(two)
    }))

  test("EE2 what is said again changes nothing where it is known, is known again where something else came between, and outdates what is late", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      const at = (number: number, is: Condition, news = number) => seen(rollout, `${one}/1`, number, is, { news })
      yield* write(one, [at(2, "unhealthy")])
      const before = yield* changed(rollout)
      for (const number of [3, 4, 4, 9]) yield* write(one, [at(number, "unhealthy", 2)])
      assert.strictEqual(yield* changed(rollout), before)
      assert.strictEqual(yield* bad(rollout), 1n)

      yield* write(one, [at(0, "healthy")]) // another node was told so
      assert.deepStrictEqual(yield* counts(rollout), { healthy: 1 })
      yield* write(one, [at(10, "unhealthy", 2)])
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 1 })
      assert.strictEqual(yield* bad(rollout), 2n)

      yield* write(one, [at(12, "unhealthy")]) // it was healthy in between, and that comes late
      yield* write(one, [at(11, "healthy")])
      assert.deepStrictEqual(yield* counts(rollout), { unhealthy: 1 })
      yield* leave(one)
    }))

  test("RQ1 whatever becomes bad makes `bad` grow, and a decision that did not know of it is refused", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "applied"),
        seen(rollout, `${one}/2`, 1, "rejected", { instance: "i2" })
      ])
      assert.strictEqual(yield* bad(rollout), 1n)
      yield* write(one, [seen(rollout, `${one}/1`, 2, "unhealthy")])
      assert.strictEqual(yield* bad(rollout), 2n)
      const on = moveWish(rollout, "baking", { lasts: 1_000, bad: 1n })
      assert.strictEqual((yield* refused([on])).name, "VersionConflict")
      yield* write(one, [seen(rollout, `${one}/1`, 3, "healthy")])
      assert.strictEqual((yield* rolled([{ ...on, bad: 2n }])).state, "baking")
      yield* leave(one)
    }))

  test("EE5 one that becomes well and unwell without end makes `bad` grow ten times", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      for (let n = 1; n < 50; n += 2) {
        yield* write(one, [seen(rollout, `${one}/1`, n, "unhealthy")])
        yield* write(one, [seen(rollout, `${one}/1`, n + 1, "healthy")])
      }
      assert.strictEqual(yield* bad(rollout), 10n)
      yield* write(one, [seen(rollout, `${one}/2`, 1, "unhealthy", { instance: "i2" })])
      assert.strictEqual(yield* bad(rollout), 11n)
      yield* leave(one)
    }))

  test("EE1 gone for longer than allowed, or gone and back too often, is lost", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      const breaks = (number: number) => write(one, [seen(rollout, `${one}/${number}`, 5, "gone", { broke: 1 })])
      const back = (number: number) => write(one, [seen(rollout, `${one}/${number}`, 1, "applied")])
      yield* back(1)
      yield* breaks(1)
      assert.deepStrictEqual(yield* counts(rollout), { gone: 1 })
      assert.deepStrictEqual(yield* counts(rollout, { lostAfterMillis: -1 }), { gone: 1, lost: 1 })
      assert.strictEqual((yield* read(rollout, { lostAfterMillis: -1 }))!.examples[0]?.is, "lost")
      yield* breaks(1) // heard once more
      yield* back(2)
      yield* breaks(2)
      yield* back(3)
      assert.deepStrictEqual(yield* counts(rollout), { applied: 1 })
      assert.deepStrictEqual(yield* counts(rollout, { crashes: 2 }), { applied: 1, lost: 1 })
      assert.strictEqual(yield* bad(rollout), 2n)
      yield* leave(one)
    }))

  test("EE1 slow is who has been due it for too long, since it first was, though it connected again", () =>
    Effect.gen(function* () {
      const [one, rollout] = [run(), yield* started]
      yield* alive(one)
      const slow = (millis: number) =>
        Effect.map(read(rollout, { slow: [millis, 60_000] }), (evidence) => evidence!.counts.slow)
      yield* write(one, [
        seen(rollout, `${one}/1`, 1, "offered"),
        seen(rollout, `${one}/2`, 1, "delivered", { instance: "i2" }),
        seen(rollout, `${one}/3`, 1, "applied", { instance: "i3" })
      ])
      const millis = 30
      yield* until(Effect.map(slow(millis), (found) => found[millis] === 2))
      yield* write(one, [
        seen(rollout, `${one}/4`, 1, "offered"),
        seen(rollout, `${one}/2`, 2, "applied", { instance: "i2" }),
        seen(rollout, `${one}/5`, 1, "offered", { instance: "i3" })
      ])
      assert.strictEqual((yield* slow(millis))[60_000], 0)
      assert.isAtLeast((yield* slow(millis))[millis]!, 1)
      yield* leave(one)
    }))
}
