/** What every InstanceStore makes of what is heard of a key, in whatever order. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect, Random } from "effect"
import { type Heard, hear, shown, unheard } from "../../src/fleet/Facts.ts"
import type { DeliveryRow } from "../../src/fleet/Instance.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { delivery, instance } from "../support/Instance.ts"
import { applied, at, factsOf, fresh, held, list, problem, rejected, type Test, write } from "./InstanceNotes.ts"

export const instanceFactsContract = (test: Test) => {
  test("FC3 a later state is never overwritten by an older one, so a batch may be written twice", () =>
    Effect.gen(function* () {
      const service = fresh("twice")
      const early = { instances: [instance(service)], deliveries: [delivery(service)] }
      const gone = { lastSeen: 9_000, state: "disconnected", ending: "Closed" } as const
      const late = { instances: [instance(service, gone)], deliveries: [delivery(service, applied)] }
      for (const batch of [early, late, early]) yield* write(batch)
      const [one] = yield* list({ service })

      assert.deepInclude(one, { state: "disconnected", lastSeen: 9_000, ending: "Closed" })
      assert.strictEqual(one?.keys[0]?.sent?.at, 5_000)
      assert.strictEqual(one?.keys[0]?.applied?.at, 6_000)
      yield* write({ deliveries: [delivery(service, { ...applied, revision: 9n, answeredAt: 9_000 })] })
      assert.strictEqual((yield* list({ service }))[0]?.keys[0]?.applied?.revision, 10n)
    }))

  test("FC2 what was applied stays known while something newer is sent, rejected, or can't be sent", () =>
    Effect.gen(function* () {
      const service = fresh("applied")
      const say = (changed: Partial<DeliveryRow>) => write({ deliveries: [delivery(service, changed)] })
      yield* write({ instances: [instance(service)] })
      const steps: ReadonlyArray<readonly [Partial<DeliveryRow>, ReadonlyArray<string>]> = [
        [{}, ["sent 1"]],
        [applied, ["sent 1", "applied 1"]],
        [at(2), ["sent 2", "applied 1"]],
        [{ ...at(2), ...rejected }, ["sent 2", "applied 1", "rejected 2"]],
        [{ ...at(3), ...problem }, ["sent 2", "applied 1", "rejected 2", "problem 0"]],
        [{ ...at(4) }, ["sent 4", "applied 1", "rejected 2"]],
        [{ ...at(4), ...applied }, ["sent 4", "applied 4"]],
        [{ ...at(3), ...rejected }, ["sent 4", "applied 4"]],
        [{ ...at(4), ...rejected, answeredAt: 9_000 }, ["sent 4", "rejected 4"]],
        [{ ...at(4), ...applied, answeredAt: 9_500 }, ["sent 4", "applied 4"]]
      ]
      for (const [changed, expected] of steps) {
        yield* say(changed.state === "problem" ? { ...changed, version: 0 } : changed)
        assert.deepStrictEqual(yield* factsOf(service), [...expected], JSON.stringify(changed.state))
      }
    }))

  test("FC1 what was applied of a lost history never wins over what is heard of the present one", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const { epoch } = yield* log.head
      const service = fresh("lost")
      const say = (changed: Partial<DeliveryRow>) => write({ deliveries: [delivery(service, changed)] })
      yield* write({ instances: [instance(service)] })
      yield* say({ ...at(7), ...applied })
      yield* say({ ...at(3), epoch, ...rejected, sentAt: 5_500 })
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, "applied 7", `rejected 3 of ${epoch}`])
      yield* say({ ...at(9), ...rejected, sentAt: 9_000, answeredAt: 9_500 }) // late, of the lost one
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, "applied 7", `rejected 3 of ${epoch}`])
      yield* say({ ...at(4), epoch, ...applied })
      yield* say({ ...at(8), ...applied, answeredAt: 9_900 })
      assert.deepStrictEqual(yield* factsOf(service), [`sent 3 of ${epoch}`, `applied 4 of ${epoch}`])
    }))

  test("FC2 a client that comes back without a key, or without any, has left what it applied", () =>
    Effect.gen(function* () {
      const service = fresh("left")
      yield* write({
        instances: [instance(service)],
        deliveries: ["svc", "svc.b", "svc.c"].map((key) => delivery(service, { key, ...applied }))
      })
      yield* write({
        instances: [instance(service, { session: "r1/2" })],
        deliveries: [delivery(service, { session: "r1/2", lacks: true })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["applied 1"])
      yield* write({ deliveries: [delivery(service, { session: "r1/2", ...applied })] })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
      yield* write({
        instances: [instance(service, { session: "r1/3", empty: true })],
        deliveries: [delivery(service, { session: "r1/3", key: "svc.b", ...applied })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["applied 1"])
    }))

  test("what a client holds when it connects is what it applied, and nothing that it was sent", () =>
    Effect.gen(function* () {
      const service = fresh("held")
      yield* write({
        instances: [instance(service)],
        deliveries: [delivery(service), delivery(service, { key: "svc.b", ...rejected })],
        held: [held(service, "r1/1", { svc: 1, "svc.new": 2 })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.new"), ["applied 2"])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), ["rejected 1"])
      yield* write({
        instances: [instance(service, { session: "r1/2", empty: true })],
        held: [held(service, "r1/1", { svc: 3 })]
      })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1"])
      yield* write({ held: [held(service, "r1/2", { svc: 1 })] })
      assert.deepStrictEqual(yield* factsOf(service), ["sent 1", "applied 1"])
    }))

  test("NO1 what a session says of its keys counts only while it has the instance", () =>
    Effect.gen(function* () {
      const service = fresh("replaced")
      yield* write({ instances: [instance(service)] })
      yield* write({ instances: [instance(service, { session: "r2/1" })] })
      yield* write({ deliveries: [delivery(service, applied)], held: [held(service, "r1/1", { "svc.b": 1 })] })
      assert.deepStrictEqual(yield* factsOf(service), [])
      assert.deepStrictEqual(yield* factsOf(service, "svc.b"), [])
      yield* write({ deliveries: [delivery(service, { session: "r2/1", ...applied })] })
      assert.deepStrictEqual(yield* factsOf(service), ["applied 1"])
    }))

  test("S4 NO1 of two sessions of one node the later one counts, though it was over before it was written", () =>
    Effect.gen(function* () {
      const service = fresh("short")
      const over = { state: "disconnected", ending: "Closed" } as const
      yield* write({ instances: [instance(service, { session: "r1/9" })] })
      yield* write({ instances: [instance(service, { session: "r1/10", ...over })] })
      assert.deepInclude((yield* list({ service }))[0], { ...over, session: "r1/10" })
      yield* write({ instances: [instance(service, { session: "r1/9", opening: false })] })
      yield* write({ instances: [instance(service, { session: "r1/8" })] })
      assert.deepInclude((yield* list({ service }))[0], { ...over, session: "r1/10" })
    }))

  test("FC1 FC3 whatever is heard in whatever order and batches, the report is what the table of Facts.ts says", () =>
    Effect.gen(function* () {
      const { epoch: present } = yield* Effect.flatMap(RevisionLog, (log) => log.head)
      const one = <A>(of: ReadonlyArray<A>) => Effect.map(Random.nextIntBetween(0, of.length - 1), (i) => of[i]!)
      for (let round = 0; round < 40; round++) {
        const service = fresh("random")
        yield* write({ instances: [instance(service)] })
        let expected = unheard
        const rows: Array<DeliveryRow> = []
        for (let n = 0; n < 8; n++) {
          const state = yield* one(["sent", "applied", "rejected", "problem"] as const)
          const epoch = yield* one(["former", present])
          const version = yield* one([1, 2, 3])
          const time = 1_000 + (yield* one([1, 2, 3, 4, 5, 6, 7, 8, 9])) * 10 + n / 10
          const lacks = state === "sent" && (yield* one([true, false, false]))
          const said = state === "sent" ? { sentAt: Math.floor(time) } : { sentAt: 0, answeredAt: Math.floor(time) }
          const reason = state === "rejected" || state === "problem" ? `why ${n}` : ""
          // What is said of one commit at the same millisecond has no order: such a row is left out.
          const clash = rows.some(
            (row) =>
              row.epoch === epoch && row.version === version && (row.sentAt || row.answeredAt) === Math.floor(time)
          )
          if (clash || rows.some((row) => row.epoch === epoch && row.version === version && row.state === state))
            continue
          rows.push(delivery(service, { state, epoch, ...at(version), lacks, reason, ...said }))
          const fact = { epoch, ...at(version), at: Math.floor(time), reason }
          const heard: Heard = { ...fact, what: state, lacks, life: 1, version: state === "problem" ? 0 : version }
          expected = hear(expected, heard, present)
        }
        const written = rows.map((row) => (row.state === "problem" ? { ...row, version: 0 } : row))
        const shuffled = yield* Random.shuffle(written)
        const cut = yield* one([1, 2, 3, 4])
        const batches = [shuffled.slice(0, cut), shuffled.slice(cut), yield* one([shuffled.slice(0, cut), []])]
        for (const deliveries of batches) if (deliveries.length > 0) yield* write({ deliveries })
        const [row] = yield* list({ service })

        const { key, ...known } = row?.keys[0] ?? { key: "" }
        assert.deepStrictEqual(
          rows.length === 0 ? {} : { ...known },
          rows.length === 0 ? {} : { ...shown(expected, 0, present) },
          JSON.stringify(shuffled, (_, v) => (typeof v === "bigint" ? String(v) : v))
        )
      }
    }))
}
