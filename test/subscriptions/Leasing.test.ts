/** When a node holds its lease, and what each subscription knows by then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Attending, CursorStore, Standing } from "../../src/subscriptions/CursorStore.ts"
import type { Following } from "../../src/subscriptions/Following.ts"
import { LASTS, makeLeasing } from "../../src/subscriptions/Leasing.ts"
import type { Serving } from "../../src/subscriptions/Serving.ts"
import { Host } from "./Host.ts"

/** Milliseconds that the store takes to answer. */
const LATE = 4_000

const leasingOf = (hosts: ReadonlyMap<string, Host>, there: ReadonlySet<string>) => {
  const servings = new Map<string, Serving>([...hosts].map(([id, { serving }]) => [id, serving]))
  const asked: Array<ReadonlyArray<Attending>> = []
  const closed: Array<string> = []
  let [behind, now] = [false, 0]
  const standingOf = ({ serving: { subscription } }: Host, n: number): Standing => ({
    ...{ subscription, now: 0, stamp: `s${n}`, nodes: [{ run: "a", consumers: 1, lives: [] }] },
    // Another has them by now.
    shares: [{ share: 0, run: "b", token: 2n }]
  })
  const store = {
    attend: (_: string, attending: ReadonlyArray<Attending>) =>
      Effect.gen(function* () {
        asked.push(attending)
        yield* Effect.sleep(LATE)
        now += LATE
        return [...hosts].flatMap(([id, host]) => (there.has(id) ? [standingOf(host, asked.length)] : []))
      })
  } as unknown as CursorStore["Service"]
  const following = { isBehind: () => behind, claiming: () => 0, want: () => {} } as unknown as Following
  const made = makeLeasing({
    ...{ run: "a", store, servings, now: () => now, wake: () => {}, kindOf: () => "postgres" },
    followings: new Map([["postgres", following]]),
    close: (ids) => Effect.sync(() => void closed.push(...ids))
  })
  return {
    ...{ made, asked, closed, fall: () => (behind = true) },
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
      for (const [id, { serving }] of hosts) {
        const lose = serving.lose.bind(serving)
        serving.lose = (share) => {
          lost.push([id, leasing.holds()])
          lose(share)
        }
      }
      assert.isFalse(leasing.holds() > 0)
      yield* turn(leasing.attend)
      const never = Number.NEGATIVE_INFINITY
      assert.deepStrictEqual(lost, [
        ["1", never],
        ["2", never],
        ["3", never]
      ])
      assert.strictEqual(leasing.holds(), LASTS)
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
})
