/** When a node holds its lease, and what each subscription knows by then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import type { Attending, CursorStore, Standing } from "../../src/subscriptions/CursorStore.ts"
import type { Following } from "../../src/subscriptions/Following.ts"
import { LASTS, makeLeasing } from "../../src/subscriptions/Leasing.ts"
import type { Serving } from "../../src/subscriptions/Serving.ts"
import { lookingSlices } from "../../src/work/Slices.ts"
import { Host } from "./Host.ts"

/** Milliseconds that the store takes to answer. */
const LATE = 4_000

const leasingOf = (hosts: ReadonlyMap<string, Host>, there: ReadonlySet<string>) => {
  const servings = new Map<string, Serving>([...hosts].map(([id, { serving }]) => [id, serving]))
  const asked: Array<ReadonlyArray<Attending>> = []
  const closed: Array<string> = []
  let [behind, now, again, gives] = [false, 0, 0, 0]
  /** Of which an answer does not tell. */
  const cut = new Set<string>()
  const standingOf = ({ serving: { subscription } }: Host, n: number): Standing => ({
    ...{ subscription, now: 0, nodes: [{ run: "a", consumers: 1, lives: [] }] },
    ...(cut.has(subscription.id)
      ? { stamp: "", isCut: true }
      : // Another has them by now.
        { stamp: `s${n}`, shares: [{ share: 0, run: "b", token: 2n }] })
  })
  const store = {
    attend: (_: string, attending: ReadonlyArray<Attending>) =>
      Effect.gen(function* () {
        asked.push(attending)
        yield* Effect.sleep(LATE)
        now += LATE
        return [...hosts].flatMap(([id, host]) => (there.has(id) ? [standingOf(host, asked.length)] : []))
      }),
    give: () => {
      gives++
      return Effect.never
    }
  } as unknown as CursorStore["Service"]
  const following = { isBehind: () => behind, claiming: () => 0, want: () => {} } as unknown as Following
  const made = makeLeasing({
    ...{ run: "a", store, servings, now: () => now, wake: () => {}, kindOf: () => "postgres", again: () => again++ },
    followings: new Map([["postgres", following]]),
    close: (ids) => Effect.sync(() => void closed.push(...ids))
  })
  return {
    ...{ made, asked, closed, cut, fall: () => (behind = true), again: () => again, gives: () => gives },
    turn: <A>(attend: Effect.Effect<A, unknown>) =>
      Effect.gen(function* () {
        const turn = yield* Effect.forkChild(attend)
        yield* TestClock.adjust(LATE)
        yield* Fiber.join(turn)
      })
  }
}

describe("Leasing", () => {
  it.effect("LZ1 SO3 it holds for so long since it asked, and when each has heard what it has no more", () =>
    Effect.gen(function* () {
      const hosts = new Map(["1", "2", "3"].map((id) => [id, new Host("shared", { id, slices: 1 }).claim()]))
      const { made, closed, turn } = leasingOf(hosts, new Set(["1", "3"]))
      const leasing = yield* made
      const lost: Array<readonly [string, number]> = []
      const holds = () => [...hosts.values()].map(({ serving }) => serving.holds)
      for (const [id, { serving }] of hosts) {
        const lose = serving.lose.bind(serving)
        serving.lose = (share) => {
          lost.push([id, serving.holds])
          lose(share)
        }
      }
      assert.isFalse(holds().some((until) => until > 0))
      yield* turn(leasing.attend)
      const never = Number.NEGATIVE_INFINITY
      assert.deepStrictEqual(lost, [
        ["1", never],
        ["2", never],
        ["3", never]
      ])
      assert.deepStrictEqual(holds(), [LASTS, never, LASTS])
      assert.deepStrictEqual([...closed].sort(), ["1", "2", "3"]) // nobody is there
    })
  )

  it.effect("LZ2 SN5 it says what it knows of the shares, and whether it follows the log", () =>
    Effect.gen(function* () {
      const host = new Host("shared", { id: "1", slices: 1 })
      host.join("a")
      const { made, asked, closed, fall, turn } = leasingOf(new Map([["1", host]]), new Set(["1"]))
      const { attend } = yield* made
      yield* turn(attend)
      fall()
      yield* turn(attend)
      assert.deepStrictEqual(asked, [
        [{ id: "1", consumers: 1, lives: [], isBehind: false, stamp: "" }],
        [{ id: "1", consumers: 1, lives: [], isBehind: true, stamp: "s1" }]
      ])
      assert.isEmpty(closed)
    })
  )

  it.effect("LZ1 LZ4 SN7 what an answer has no room for hands out nothing, and is asked for at once and first", () =>
    Effect.gen(function* () {
      const hosts = new Map(["1", "2", "3"].map((id) => [id, new Host("shared", { id, slices: 1 }).claim()]))
      for (const host of hosts.values()) host.join("a")
      const { made, asked, cut, again, turn } = leasingOf(hosts, new Set(hosts.keys()))
      const { attend } = yield* made
      const holds = () => [...hosts.values()].map(({ serving }) => serving.holds)
      const never = Number.NEGATIVE_INFINITY
      for (const id of ["2", "3"]) cut.add(id)
      yield* turn(attend)
      assert.deepStrictEqual([holds(), again()], [[LASTS, never, never], 1])
      cut.delete("2")
      yield* turn(attend)
      assert.deepStrictEqual([holds(), again()], [[LATE + LASTS, LATE + LASTS, never], 2])
      cut.clear()
      yield* turn(attend)
      assert.deepStrictEqual([holds()[2], again()], [2 * LATE + LASTS, 2])
      assert.deepStrictEqual(
        asked.map((all) => all.map(({ id }) => id).join("")),
        ["123", "231", "312"]
      )
    })
  )

  it.effect("LZ5 SO4 a lease is prolonged while the store takes shares back", () =>
    Effect.gen(function* () {
      const host = new Host("shared", { id: "1", slices: 1 })
      host.join("a")
      const { made, gives, turn } = leasingOf(new Map([["1", host]]), new Set(["1"]))
      const { attend } = yield* made
      const { hands } = host.serving
      Object.defineProperty(hands, "strays", { get: () => [{ share: 1, token: 1n }] })
      for (let n = 0; n < 3; n++) {
        yield* turn(attend)
        assert.strictEqual(host.serving.holds, n * LATE + LASTS)
      }
      assert.strictEqual(gives(), 1)
    })
  )

  it.effect("LZ4 others have a turn between two subscriptions, and who comes meanwhile is served on", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 20 }, (_, n) => `${n}`)
      const hosts = new Map(ids.map((id) => [id, new Host("shared", { id, slices: 1 })]))
      const { made, closed, turn } = leasingOf(hosts, new Set(ids))
      const { attend } = yield* made
      const over = vi.spyOn(lookingSlices, "over").mockReturnValue(true) // each step in a turn of its own
      yield* Effect.addFinalizer(() => Effect.sync(() => over.mockRestore()))
      const seen: Array<string> = []
      for (const [id, { serving }] of hosts) {
        const stand = serving.stand.bind(serving)
        serving.stand = (...of) => {
          seen.push(id)
          if (id === "0")
            Effect.runFork(
              lookingSlices.through(function* () {
                while (seen.filter((one) => one !== "other").length < ids.length) {
                  seen.push("other")
                  yield
                }
              })
            )
          if (id === "10") hosts.get("5")!.join("late")
          return stand(...of)
        }
      }
      yield* turn(attend)
      assert.isAtLeast(seen.filter((one) => one === "other").length, ids.length - 2)
      assert.deepStrictEqual(closed.sort(), ids.filter((id) => id !== "5").sort())
    })
  )
})
