/** What every store of flags' use must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Leases } from "../../src/leases/Leases.ts"
import { BEHIND, SDKS, UsageStore } from "../../src/usage/UsageStore.ts"
import { ALL, type Exposure, type Track, type UsageBatch, type Use } from "../../src/usage/Use.ts"
import { fresh } from "../support/fresh.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, UsageStore | Leases>) => void

const DAY = 86_400_000
/** Noon of today (UTC), so that an hour more or less is the same day. */
const noon = Math.floor(Date.now() / DAY) * DAY + DAY / 2
const unit = (n: number) => n.toString(16).padStart(32, "0")

export const use = (flag: string, more: Partial<Use> = {}): Use => ({
  ...{ flag, variant: "on", outcome: "STATIC", door: "flagd-rpc", sdk: "grpc-go", version: 1, count: 1, at: noon },
  ...more
})
const exposure = (flag: string, more: Partial<Exposure> = {}): Exposure => ({
  ...{ flag, variant: "on", version: 1, unit: unit(1), at: noon },
  ...more
})
const track = (name: string, more: Partial<Track> = {}): Track => ({
  ...{ name, unit: unit(1), value: null, at: noon, details: null },
  ...more
})
const batch = (environment: string, more: Partial<UsageBatch> = {}): UsageBatch => ({
  ...{ environment, principal: "app", batch: fresh("batch"), uses: [], exposures: [], tracks: [] },
  ...more
})
const record = (batches: ReadonlyArray<UsageBatch>, perDay = 1_000) =>
  Effect.flatMap(UsageStore, (store) => store.record(batches, perDay))
const written = { replayed: false, overLimit: 0, leftOut: 0 }

export const usagesContract = (test: Test) => {
  test("UT1 a batch counts once under its name, of its principal and environment, and a later try has the first one's answer", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const [env, other] = [fresh("env"), fresh("env")]
      const one = batch(env, {
        uses: [use("a", { count: 3 })],
        exposures: [exposure("a"), exposure("a", { unit: unit(2) })],
        tracks: [track("bought"), track("bought")]
      })
      assert.deepStrictEqual(yield* record([one], 1), [{ ...written, overLimit: 2 }])
      assert.deepStrictEqual(yield* record([one, one]), [
        { replayed: true, overLimit: 2, leftOut: 0 },
        { replayed: true, overLimit: 2, leftOut: 0 }
      ])
      const anothers = { ...one, principal: "another" }
      const elsewhere = { ...one, environment: other }
      assert.deepStrictEqual(yield* record([elsewhere, anothers, elsewhere]), [
        written,
        written,
        { ...written, replayed: true }
      ])
      const counts = (environment: string) =>
        Effect.map(store.counts(environment, "a", { from: noon - DAY, limit: 10 }), (all) =>
          all.map(({ count }) => count)
        )
      assert.deepStrictEqual([yield* counts(env), yield* counts(other)], [[6], [3]])
      const between = { from: noon, until: noon + 1, limit: 10 }
      assert.strictEqual((yield* store.tracks(env, "bought", between)).length, 3)
    }))

  test("UT1 of what can't be kept nothing is, and it is told apart", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      const bad = batch(env, { exposures: [exposure("a", { unit: "no hex" })] })
      const error = yield* Effect.flip(record([batch(env, { uses: [use("a")] }), bad]))
      assert.strictEqual(error._tag, "Unkeepable")
      assert.deepStrictEqual(yield* store.counts(env, "a", { from: 0, limit: 10 }), [])
    }))

  test("UT2 counts of a day are summed by flag, door, SDK, variant and outcome, and never overflow", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      yield* record([
        batch(env, { uses: [use("a", { count: 2 }), use("a", { count: 3, version: 2, at: noon + 1_000 })] }),
        batch(env, { uses: [use("a", { variant: "off", sdk: "node" }), use("b", { at: noon - DAY })] })
      ])
      yield* record([batch(env, { uses: [use("a", { version: 1 }), use("a", { at: noon - DAY })] })])
      assert.deepStrictEqual(yield* store.counts(env, "a", { from: noon - DAY, limit: 10 }), [
        use("a", { count: 6, version: 2, at: noon + 1_000 }),
        use("a", { variant: "off", sdk: "node" }),
        use("a", { at: noon - DAY })
      ])
      assert.strictEqual((yield* store.counts(env, "a", { from: noon, limit: 10 })).length, 2)
      assert.strictEqual((yield* store.counts(env, "a", { from: noon - DAY, limit: 1 })).length, 1)
      const most = Number.MAX_SAFE_INTEGER
      for (let n = 0; n < 2; n++)
        yield* record([batch(env, { uses: Array.from({ length: 1_000 }, () => use("much", { count: most })) })])
      const [much] = yield* store.counts(env, "much", { from: noon, limit: 10 })
      assert.isAbove(much!.count, most)
    }))

  test("UT1 UT2 batches that several write at once, in whatever order, count once each and wait for nobody for ever", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const [one, two] = [fresh("env"), fresh("env")]
      const flags = ["a", "b", "c"]
      const mixed = (n: number) => {
        const uses = flags.map((flag) => use(flag, { sdk: `sdk-${n % 3}` }))
        const both = [batch(one, { uses }), batch(two, { uses: uses.toReversed() })]
        return n % 2 === 0 ? both : both.toReversed()
      }
      const all = Array.from({ length: 12 }, (_, n) => mixed(n))
      yield* Effect.forEach([...all, ...all], (batches) => record(batches), { concurrency: 8 })
      for (const environment of [one, two])
        for (const flag of flags) {
          const found = yield* store.counts(environment, flag, { from: noon, limit: 10 })
          assert.deepStrictEqual(
            found.map(({ sdk, count }) => [sdk, count]),
            [0, 1, 2].map((n) => [`sdk-${n}`, 4])
          )
        }
    }))

  test("UT2 the last use of a flag is by whoever asked last; that it was given with all others is another thing", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      yield* record([batch(env, { uses: [use("b", { at: noon + 5 }), use("a.b", { at: noon + 5, sdk: "node" })] })])
      yield* record([batch(env, { uses: [use("b", { at: noon + 1, sdk: "late" }), use(ALL, { door: "flagd-sync" })] })])
      yield* record([batch(env, { uses: [use("c", { door: "ofrep-bulk", at: noon + 7 })] })])
      const asked = { at: noon + 5, door: "flagd-rpc", sdk: "grpc-go" } as const
      assert.deepStrictEqual(yield* store.last(env, { prefix: "", after: "", limit: 10 }), [
        { flag: "a.b", asked: { ...asked, sdk: "node" }, givenAt: undefined },
        { flag: "b", asked, givenAt: undefined },
        { flag: "c", asked: undefined, givenAt: noon + 7 }
      ])
      const names = (options: Parameters<typeof store.last>[1]) =>
        Effect.map(store.last(env, options), (all) => all.map(({ flag }) => flag))
      assert.deepStrictEqual(yield* names({ prefix: "a.", after: "", limit: 10 }), ["a.b"])
      assert.deepStrictEqual(yield* names({ prefix: "", after: "a.b", limit: 1 }), ["b"])
      const scope = { names: ["c"], prefixes: ["a."] }
      assert.deepStrictEqual(yield* names({ prefix: "", after: "", limit: 10, scope }), ["a.b", "c"])
      assert.deepStrictEqual(yield* names({ prefix: "", after: "a.b", limit: 1, scope }), ["c"])
      assert.deepStrictEqual(yield* store.lastOf(env, ALL), { flag: ALL, asked: undefined, givenAt: noon })
      assert.isUndefined(yield* store.lastOf(env, "never"))
      assert.isAtMost(yield* store.since, Date.now())
    }))

  test("UT3 SDKs that make up names are a few, and then others", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      const made = (from: number) =>
        batch(env, { uses: Array.from({ length: SDKS }, (_, n) => use("a", { sdk: `sdk-${from + n}` })) })
      yield* record([made(0), made(SDKS / 2)])
      yield* record([made(SDKS)])
      const found = yield* store.counts(env, "a", { from: noon, limit: 1_000 })
      assert.strictEqual(found.length, SDKS + 1)
      assert.deepInclude(found[0]!, { sdk: "other", count: SDKS / 2 + SDKS })
    }))

  test("UT3 UT4 an exposure is kept once a day, and a day has as many exposures and tracks as the environment takes", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      const shown = (...all: ReadonlyArray<Partial<Exposure>>) =>
        batch(env, { exposures: all.map((more) => exposure("a", more)) })
      const [answer] = yield* record([shown({}, { at: noon + 1 }, { variant: "off" }, { at: noon - DAY })], 4)
      assert.deepStrictEqual(answer, written)
      const later = noon + BEHIND + 2
      assert.deepStrictEqual(yield* record([shown({ at: later }, { unit: unit(2) }, { unit: unit(3) })], 4), [
        { ...written, overLimit: 1 }
      ])
      const kept = yield* store.exposures(env, "a", { from: noon - DAY, until: noon + DAY, limit: 10 })
      const day = Math.floor(noon / DAY)
      const row = { flag: "a", version: 1, unit: unit(1), day, firstAt: noon, lastAt: noon }
      assert.deepStrictEqual(kept.slice(0, 3), [
        { ...row, variant: "on", day: day - 1, firstAt: noon - DAY, lastAt: noon - DAY },
        { ...row, variant: "off" },
        { ...row, variant: "on", lastAt: later }
      ])
      assert.strictEqual(kept.length, 4)
      assert.strictEqual((yield* store.exposures(env, "a", { from: noon, until: noon + 1, limit: 10 })).length, 3)

      const bought = track("bought", { value: 1.5, details: { plan: "pro", items: 2, gift: true } })
      const tracks = [bought, track("bought", { at: noon + 1 }), track("left"), track("bought", { at: noon + 2 })]
      assert.deepStrictEqual(yield* record([batch(env, { tracks })], 3), [{ ...written, overLimit: 1 }])
      assert.deepStrictEqual(yield* store.tracks(env, "bought", { from: noon, until: noon + 9, limit: 10 }), [
        bought,
        tracks[1]!
      ])
      // What is known of a flag's use does not end with that.
      assert.deepStrictEqual(yield* record([batch(env, { uses: [use("a")] })], 3), [written])
    }))

  test("UT1 amounts and details come back as they were written", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const env = fresh("env")
      const values = [0, -Number.MAX_VALUE, Number.MIN_VALUE, 0.1, 2 ** 53 - 1, null]
      const details = { "naïve ☃": "\n\u001b[2J", share: 0.1, all: false }
      const tracks = values.map((value, n) =>
        track("odd ☃", { value, at: noon + n, details: n % 2 === 0 ? details : null })
      )
      yield* record([batch(env, { tracks })])
      assert.deepStrictEqual(yield* store.tracks(env, "odd ☃", { from: noon, until: noon + 99, limit: 10 }), tracks)
    }))

  test("UT1 LE1 what is old is swept by the holder of the lease, and what is not so old stays", () =>
    Effect.gen(function* () {
      const store = yield* UsageStore
      const leases = yield* Leases
      const env = fresh("env")
      const old = noon - 40 * DAY
      const all = { from: 0, until: noon + DAY, limit: 10 }
      yield* record([
        batch(env, {
          uses: [use("a"), use("a", { at: old })],
          exposures: [exposure("a"), exposure("a", { at: old })],
          tracks: [track("bought"), track("bought", { at: old })]
        })
      ])
      const name = fresh("usage")
      const lease = (yield* leases.claim(name, "run", 60_000))!
      const keep = { keepMillis: 50 * DAY, keepReportsMillis: 30 * DAY }
      const swept = (yield* store.sweep(lease, 60_000, keep))!
      assert.isAtLeast(swept.exposures, 1)
      assert.isAtLeast(swept.tracks, 1)
      assert.strictEqual((yield* store.exposures(env, "a", all)).length, 1)
      assert.strictEqual((yield* store.tracks(env, "bought", all)).length, 1)
      assert.strictEqual((yield* store.counts(env, "a", { from: 0, limit: 10 })).length, 2)
      yield* store.sweep(lease, 60_000, { ...keep, keepMillis: 30 * DAY })
      assert.strictEqual((yield* store.counts(env, "a", { from: 0, limit: 10 })).length, 1)
      yield* leases.release(lease)
      assert.isUndefined(yield* store.sweep(lease, 60_000, keep))
    }))
}
