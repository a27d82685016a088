/** One subscription as a node serves it: what is told of writes, of shares that are lost, and of what there is not any more. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Standing } from "../../src/subscriptions/CursorStore.ts"
import { letterRoom } from "../../src/subscriptions/Letters.ts"
import { beginAt, causeOf } from "../../src/subscriptions/SavedCursor.ts"
import { Seat } from "../../src/subscriptions/Seat.ts"
import { FakeLog } from "./FakeLog.ts"
import { Host, receiptsOf } from "./Host.ts"

const few = (count: number) => Array.from({ length: count }, (_, n) => [`k${n}`, `e${n}`] as const)

const hosted = Effect.fnUntraced(function* (
  type: ConstructorParameters<typeof Host>[0],
  change: ConstructorParameters<typeof Host>[1] = {},
  count = 3
) {
  const host = new Host(type, change)
  host.log.append(0, few(count))
  host.claim()
  host.join("a")
  yield* host.run()
  host.sent("a")
  return host
})

const standing = (host: Host, shares: NonNullable<Standing["shares"]>): Standing => ({
  subscription: host.serving.subscription,
  ...{ now: host.now, stamp: "" },
  nodes: [{ run: "me", consumers: 1, lives: [] }],
  shares
})

describe("a subscription that is served", () => {
  it.effect("SQ2 of a write that met another token nothing is told, and it is written again", () =>
    Effect.gen(function* () {
      const host = yield* hosted("shared")
      host.answer("a", "accept", 0, 7)
      const gathered = host.serving.gather()
      host.claim(2n) // Its own claim: partitions were added.
      const { durable } = host.serving.machine
      host.keep([0], gathered)
      assert.deepStrictEqual(receiptsOf(host.sent("a")), [])
      assert.strictEqual(host.serving.machine.durable, durable)
      assert.isTrue(host.serving.isDirty)
      const again = host.keep()
      assert.deepStrictEqual([again.flushes[0]!.token, again.flushes[0]!.saved.floor], [2n, 1])
      assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 7"])
    })
  )

  it.effect("SQ2 of a write that met another holder the receipts are lost, and what is left is written again", () =>
    Effect.gen(function* () {
      const host = yield* hosted("shared", { slices: 2 }, 8)
      for (let offset = 0; offset < 8; offset++) host.answer("a", "accept", offset, 10 + offset)
      host.keep([0])
      assert.strictEqual(host.serving.held.size, 1)
      assert.isTrue(receiptsOf(host.sent("a")).every((one) => one.startsWith("lost")))
      assert.isTrue(host.serving.isDirty)
      host.keep()
      assert.isFalse(host.serving.isDirty)
    })
  )

  it.effect("SQ2 a receipt is durable with the state that its answers are in, and not with one before", () =>
    Effect.gen(function* () {
      const host = yield* hosted("shared")
      host.answer("a", "accept", 0, 1)
      const before = host.serving.gather()
      host.answer("a", "accept", 1, 2)
      host.keep([], before)
      assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 1"])
      host.keep()
      assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 2"])
    })
  )

  it.effect("SI1 what stands under a newer token, or is another's, is lost; what was claimed meanwhile is not", () =>
    Effect.gen(function* () {
      for (const [run, token, stays] of [
        ["me", 5n, true],
        ["me", 4n, true],
        ["", 4n, true],
        ["me", 6n, false],
        ["other", 6n, false],
        ["", 5n, false]
      ] as const) {
        const host = new Host("shared")
        host.claim(5n)
        host.join("a")
        const wanted = host.serving.stand(standing(host, [{ share: 0, run, token }]), "me", host.now)
        assert.strictEqual(host.serving.held.size, stays ? 1 : 0, `${run} ${token}`)
        if (!stays) assert.deepStrictEqual(wanted, run === "other" ? [] : [0])
      }
    })
  )

  it("SO2 a share of its own whose claim was never answered is claimed again", () => {
    const host = new Host("shared")
    host.join("a")
    const stood = standing(host, [{ share: 0, run: "me", token: 9n }])
    assert.deepStrictEqual(host.serving.stand(stood, "me", host.now), [0])
  })

  it("SI1 what was claimed of another epoch is not handed out", () => {
    const host = new Host("shared")
    const { id } = host.serving.subscription
    const slice = { partition: 0, from: 0, to: 65_536 }
    const cursors = [{ slice, saved: beginAt(1, 0) }]
    host.serving.claimed({ id, epoch: 2, share: 0, token: 3n, cursors }, new Map())
    assert.deepStrictEqual([host.serving.held.size, host.serving.machine.cursors.size], [0, 0])
  })

  it.effect(
    "FJ2 a gap is told once, however many slices miss it, to whoever would get it; nothing is told of none",
    () =>
      Effect.gen(function* () {
        for (const type of ["key_shared", "failover"] as const) {
          const host = new Host(type, { slices: type === "failover" ? 1 : 16 })
          host.log.append(0, few(40))
          host.claim()
          host.join("a")
          host.join("b")
          host.log.trim(0, 40)
          host.log.append(0, few(1))
          yield* host.run(20)
          const gaps = ["a", "b"].map((name) => host.sent(name).filter(({ is }) => is === "gap").length)
          assert.deepStrictEqual(gaps, type === "failover" ? [1, 0] : [1, 1])
          host.serving.gap(0, 41, 50, "empty")
          assert.deepStrictEqual(host.sent("a"), [])
          assert.isTrue([...host.serving.machine.cursors].every(({ scan }) => scan >= 41))
        }
      })
  )

  it.effect(
    "DP3 SQ2 a reject is durable when it is told so: it comes no more, though its event was never read for the dead letters",
    () =>
      Effect.gen(function* () {
        for (const [maxAttempts, kind, reason] of [
          [5, "reject", "rejected"],
          [1, "reject", "rejected"],
          [1, "fail", "attempts"]
        ] as const) {
          const host = yield* hosted("key_shared", { maxAttempts }, 1)
          host.answer("a", kind, 0, 9)
          const { flushes } = host.keep() // The writer is there before the reader.
          assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 9"])
          assert.isEmpty(flushes[0]!.letters)
          const next = new Host("key_shared", { maxAttempts }, host.log)
          next.claim(2n, () => flushes[0]!.saved)
          next.join("b")
          let letters = 0
          for (let round = 0; round < 6; round++) {
            assert.deepStrictEqual(yield* next.run(1, false), [])
            for (const { letters: its, saved } of next.keep().flushes)
              for (const letter of its) {
                letters++
                assert.deepInclude(letter, { offset: 0, reason, attempts: 1 })
                assert.strictEqual(saved.floor, 1)
              }
          }
          assert.strictEqual(letters, 1)
          assert.strictEqual(next.serving.gather().flushes.length, 0)
        }
      })
  )

  it.effect(
    "SQ3 dead letters are read as far as there is room, of one subscription and of all, and all are written",
    () =>
      Effect.gen(function* () {
        const room = letterRoom()
        const log = new FakeLog(1)
        const large = "x".repeat(1_000_000)
        for (let n = 0; n < 6; n++) log.append(0, [[null, large]])
        const hosts = [0, 1, 2].map((n) =>
          new Host("shared", { id: `${n}`, maxInFlight: 10_000 }, log, { room }).claim()
        )
        for (const host of hosts) {
          host.join("a")
          yield* host.run(20)
          host.sent("a")
          yield* host.run(20)
          for (let offset = 0; offset < 6; offset++) host.answer("a", "reject", offset)
        }
        const bytesOf = (host: Host) =>
          host.serving
            .gather()
            .flushes.flatMap(({ letters }) => letters)
            .reduce((sum, { event }) => sum + event.length, 0)
        let written = 0
        for (let round = 0; round < 12; round++) {
          for (const host of hosts) yield* host.fetching.bury(host.serving)
          const bytes = hosts.map(bytesOf)
          assert.isAtMost(Math.max(...bytes), 2_097_152)
          assert.isAtMost(
            bytes.reduce((sum, one) => sum + one, 0),
            4_194_304
          )
          for (const host of hosts) written += host.keep().flushes.flatMap(({ letters }) => letters).length
        }
        assert.strictEqual(written, 18)
        assert.strictEqual(room.taken, 0)
      })
  )

  it.effect(
    "SN3 where no more dead letters may be kept none counts as kept, and they are kept when there is room",
    () =>
      Effect.gen(function* () {
        const host = yield* hosted("shared")
        host.answer("a", "reject", 1)
        yield* host.fetching.bury(host.serving)
        assert.lengthOf(host.serving.gather().flushes[0]!.letters, 1)
        host.serving.saving.full()
        assert.strictEqual(host.serving.machine.status, "error")
        assert.isFalse(yield* host.fetching.bury(host.serving))
        const without = host.keep()
        assert.isEmpty(without.flushes[0]!.letters)
        assert.deepInclude(without.flushes[0]!.saved.failed[0], { offset: 1, rejected: true })
        host.serving.machine.status = "active"
        yield* host.fetching.bury(host.serving)
        assert.lengthOf(host.keep().flushes[0]!.letters, 1)
        assert.isTrue([...host.serving.machine.cursors][0]!.isDone(1))
      })
  )

  it("SQ1 a consumer that takes nothing of what it is told is sent away", () => {
    const seat = new Seat("s", 0, () => {})
    const refused = { token: 1, first: 1, last: 1, why: "late" } as const
    for (let n = 0; n < 262_144; n++) seat.offer({ is: "refused", refused })
    assert.isFalse(seat.isEnded)
    seat.offer({ is: "refused", refused })
    assert.isTrue(seat.isEnded)
    assert.deepStrictEqual(Effect.runSync(seat.take).at(-1), { is: "ended", why: "slow" })
  })

  it.effect("SO3 nothing goes out while it is not known that its shares are its own", () =>
    Effect.gen(function* () {
      const host = new Host("shared")
      host.log.append(0, few(3))
      host.claim()
      host.join("a", 1)
      assert.lengthOf(yield* host.run(), 1)
      host.serving.machine.consumers.grant("a", 9)
      assert.deepInclude(host.serving.poll(host.now, false), { deliveries: [], more: false })
      assert.lengthOf(host.serving.poll(host.now, true).deliveries, 1)
    })
  )

  it.effect("SO5 times that are kept are since 1970, whatever the node's own clock says", () =>
    Effect.gen(function* () {
      let skew = 1_000_000
      const host = new Host("shared", { backoffMillis: [30] }, new FakeLog(1), { skew: () => skew })
      host.log.append(0, few(1))
      host.claim()
      host.join("a")
      yield* host.run()
      host.answer("a", "fail", 0)
      skew = 5_000_000 // The wall clock was set; its own goes on.
      const [flush] = host.keep().flushes
      assert.strictEqual(flush!.saved.failed[0]!.due, host.now + 30 + skew)
      host.now += 29
      assert.deepStrictEqual(yield* host.run(), [])
      const next = new Host("shared", {}, host.log, { skew: () => 4_999_000 }).claim(2n, () => flush!.saved)
      next.now = host.now + 1_000
      next.join("b")
      assert.deepStrictEqual(yield* next.run(), [])
      for (const one of [host, next]) one.now++
      assert.deepStrictEqual([yield* host.run(), yield* next.run()], [["a:0"], ["b:0"]])
      const paused = { ...host.serving.subscription, status: "paused", pausedUntil: 7_000_050 } as const
      host.serving.stand({ ...standing(host, []), subscription: paused, now: 7_000_000 }, "me", host.now)
      assert.strictEqual(host.serving.machine.pausedUntil, host.now + 50)
    })
  )

  it("CB3 the more events failed, the less is kept of each cause", () => {
    assert.deepStrictEqual([1, 262, 1_000, 10_000].map(causeOf), [1_000, 1_000, 262, 26])
  })
})
