/** What every shared cache and every lane of hints must do. Run against the memory twin and real Redis. */
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { HintLanes } from "../../src/propagation/HintLane.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import { SharedCache } from "../../src/propagation/SharedCache.ts"

let names = 0
export const configuration = (changed: Partial<Configuration> = {}): Configuration => ({
  key: `shared.${process.pid}.${++names}`,
  environment: "production",
  version: 1,
  revision: 1n,
  value: 'één \u{1f600} "quoted" {"revision":"999"}',
  valueType: "json",
  deleted: false,
  schema: { type: "object" },
  strict: true,
  template: false,
  digest: "d",
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001.5,
  updatedBy: "ada",
  changeLog: "why",
  ...changed
})

/** Until it is so; the caller's time-out is the end. */
const until = <A>(look: Effect.Effect<A | undefined>): Effect.Effect<A> =>
  Effect.flatMap(look, (found) =>
    found === undefined
      ? Effect.andThen(
          Effect.sleep("10 millis"),
          Effect.suspend(() => until(look))
        )
      : Effect.succeed(found)
  )

type Test = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => void

export const sharedCacheContract = (test: Test) => {
  test("RC3 gives back what it was given, and nothing for what it wasn't", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const one = configuration()
      yield* cache.setIfNewer({ epoch: "e", configuration: one })

      assert.deepStrictEqual(yield* cache.get(one.environment, one.key), { epoch: "e", configuration: one })
      assert.isUndefined(yield* cache.get("staging", one.key))
      assert.isUndefined(yield* cache.get(one.environment, `${one.key}.x`))
    }))

  test("RC3 an older value never replaces a newer one of its epoch; another epoch's is replaced", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const { key } = configuration()
      const at = (revision: bigint) =>
        configuration({ key, revision, version: Number(revision), value: String(revision) })
      for (const revision of [9n, 10n, 2n, 10n]) yield* cache.setIfNewer({ epoch: "e", configuration: at(revision) })
      assert.strictEqual((yield* cache.get("production", key))?.configuration.value, "10")

      yield* cache.setIfNewer({ epoch: "f", configuration: at(3n) })
      assert.deepStrictEqual(yield* cache.get("production", key), { epoch: "f", configuration: at(3n) })
    }))

  test("RC3 of many writers at once the newest stays", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const { key } = configuration()
      const order = Array.from({ length: 100 }, (_, i) => BigInt(((i * 37) % 100) + 1))
      yield* Effect.forEach(
        order,
        (revision) => cache.setIfNewer({ epoch: "e", configuration: configuration({ key, revision }) }),
        { concurrency: 16 }
      )
      assert.strictEqual((yield* cache.get("production", key))?.configuration.revision, 100n)
    }))

  test("RC3 a deletion is a value like any other", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const gone = configuration({ deleted: true, value: "", version: 2, revision: 2n })
      yield* cache.setIfNewer({ epoch: "e", configuration: { ...gone, deleted: false, value: "1", revision: 1n } })
      yield* cache.setIfNewer({ epoch: "e", configuration: gone })

      assert.deepStrictEqual((yield* cache.get("production", gone.key))?.configuration, gone)
    }))
}

export const laneContract = (test: Test) => {
  test("RL1 what one node tells, every listener hears, the teller included", () =>
    Effect.gen(function* () {
      const lane = (yield* HintLanes)[0]!
      const heard: Array<ReadonlyArray<Revision>> = [[], []]
      let gaps = 0
      for (const mine of heard as Array<Array<Revision>>)
        yield* lane.listen({ revision: (revision) => mine.push(revision), gap: () => gaps++ })
      yield* until(Effect.sync(() => (gaps >= 2 ? true : undefined)))
      const revision = (n: bigint): Revision => ({
        epoch: "e",
        revision: n,
        changes: [configuration({ revision: n }), configuration({ revision: n, deleted: true, value: "" })],
        traceparent: "00-11111111111111111111111111111111-2222222222222222-01",
        actor: "ada",
        message: "why",
        committedAt: 1_700_000_000_000
      })
      const told = [revision(1n), revision(2n)]
      for (const one of told) yield* lane.tell(one)
      yield* until(Effect.sync(() => (heard.every(({ length }) => length === 2) ? true : undefined)))

      assert.deepStrictEqual(heard, [told, told])
    }))
}
