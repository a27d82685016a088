/** Many who are no longer good at once: what a look costs, and that others go on meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Access } from "../../src/access/Access.ts"
import type { Identity } from "../../src/access/Identity.ts"
import { makeWatching } from "../../src/access/Watching.ts"
import type { Ending } from "../../src/sessions/Ending.ts"
import { endRevoked } from "../../src/sessions/Revoked.ts"
import type { Session } from "../../src/sessions/Session.ts"

const MANY = 10_000

/** How many it asked about, and how often it was asked who opened something. */
const scene = (isGood: (identity: Identity) => boolean, principals = MANY) => {
  const told = { asked: 0, reads: 0, ended: new Map<number, Ending>() }
  const access = {
    stillValid: (identity: Identity) =>
      Effect.sync(() => {
        told.asked++
        return isGood(identity)
      })
  } as unknown as Access["Service"]
  const identities = Array.from({ length: principals }, (_, n) => ({
    ...{ name: `p${n}`, keyId: `key${n}`, role: "subscriber" as const, environments: ["production"] },
    ...(n % 2 === 0 ? {} : { until: 1_000 + n })
  }))
  const all = Array.from({ length: MANY }, (_, n) => ({
    get identity() {
      told.reads++
      return identities[n % principals]!
    },
    end: (ending: Ending) => void told.ended.set(n, ending)
  })) as unknown as ReadonlyArray<Session>
  return { told, all, given: Effect.provideService(Access, access) }
}

describe("Revoked", () => {
  it.live("EW1 10,000 that end at once cost one look at each of what is open, and others have their turns", () =>
    Effect.gen(function* () {
      const { told, all, given } = scene(() => false)
      const watching = yield* makeWatching.pipe(given)
      let [turns, longest, before] = [0, 0, performance.now()]
      let watch = setImmediate(function again() {
        turns++
        longest = Math.max(longest, performance.now() - before)
        before = performance.now()
        watch = setImmediate(again)
      })
      const began = performance.now()
      const slow = () => {
        const until = performance.now() + 0.01
        while (performance.now() < until);
      }
      yield* watching(all, (session, error) => {
        slow() // what it takes to end one
        session.end({ name: error.name as Ending["name"], reason: error.message })
      })
      const took = performance.now() - began
      clearImmediate(watch)
      assert.strictEqual(told.asked, MANY)
      assert.strictEqual(told.ended.size, MANY)
      assert.isAtMost(told.reads, 2 * MANY)
      assert.isAbove(turns, 4)
      assert.isBelow(longest, took / 2)
      assert.isBelow(took, 5_000)
    })
  )

  it.live("EW1 so do 10,000 of one", () =>
    Effect.gen(function* () {
      const { told, all, given } = scene(() => false, 1)
      const watching = yield* makeWatching.pipe(given)
      let turns = 0
      let watch = setImmediate(function again() {
        turns++
        watch = setImmediate(again)
      })
      yield* watching(all, (session) => {
        const until = performance.now() + 0.01
        while (performance.now() < until);
        session.end({ name: "KeyRevoked", reason: "" })
      })
      clearImmediate(watch)
      assert.deepStrictEqual([told.asked, told.ended.size], [1, MANY])
      assert.isAbove(turns, 4)
    })
  )

  it.live("A3 A8 sessions of a key that was revoked, and of what has ended, say which it was; others stay", () =>
    Effect.gen(function* () {
      const { told, all, given } = scene(({ keyId }) => !["key0", "key1"].includes(keyId), 4)
      const fiber = yield* Effect.forkChild(endRevoked({ all: () => all }).pipe(given))
      yield* Effect.sleep("1500 millis")
      fiber.interruptUnsafe()
      assert.strictEqual(told.ended.size, MANY / 2)
      assert.deepStrictEqual(
        [told.ended.get(0)?.name, told.ended.get(1)?.name, told.ended.get(2), told.ended.get(3)],
        ["KeyRevoked", "CredentialEnded", undefined, undefined]
      )
    })
  )
})
