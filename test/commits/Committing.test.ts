import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import { system } from "../../src/access/Identity.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { makeCommitting } from "../../src/commits/Committing.ts"
import { Conflict, Overtaken } from "../../src/commits/Conflict.ts"
import type { Committed, Release } from "../../src/commits/Release.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"

const conflict = { name: "VersionConflict", message: "svc is at version 3, not 2" } as const
const made = { revision: { revision: 1n }, replayed: false } as Committed

/** A store that answers with these, one after the other. */
const store = (answers: ReadonlyArray<HeraldError | Committed>, earlier: ReadonlyArray<Committed | undefined> = []) => {
  const releases: Array<Release> = []
  const told: Array<unknown> = []
  let looks = 0
  const commits = {
    commit: (release: Release) =>
      Effect.suspend(() => {
        const answer = answers[releases.length]!
        releases.push(release)
        return "revision" in answer ? Effect.succeed(answer) : Effect.fail(answer)
      }),
    earlier: () => Effect.sync(() => earlier[looks++])
  }
  const layer = Layer.mergeAll(
    Layer.succeed(Commits, commits as unknown as Commits["Service"]),
    Layer.mock(Propagation, {
      position: () => ({ epoch: "e", revision: 0n }),
      stale: () => false,
      committed: (revision) => Effect.sync(() => void told.push(revision))
    }),
    Digests.layer
  )
  return { layer, releases, told }
}

/** One request, and which of its checks had to read anew. */
const request = Effect.fnUntraced(function* (conditional = false, idempotencyKey?: string) {
  const commit = yield* makeCommitting
  const checks: Array<boolean> = []
  const answer = yield* Effect.result(
    commit({
      action: "publish",
      identity: system,
      options: { message: "why", idempotencyKey },
      request: { key: "svc" },
      check: (again) => Effect.sync(() => void checks.push(again)).pipe(Effect.as({ changes: [], conditional }))
    })
  )
  return { checks, answer }
})

describe("Committing", () => {
  it.effect(
    "F5 what was overtaken is checked again with what is current, and its publisher hears of the result only",
    () => {
      const { layer, told } = store([new Overtaken(conflict), new Overtaken(conflict), made])
      return Effect.gen(function* () {
        const { checks, answer } = yield* request()

        assert.deepStrictEqual(checks, [false, true, true])
        assert.isTrue(answer._tag === "Success" && answer.success === made)
        assert.deepStrictEqual(told, [made.revision])
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("F5 after eight times its publisher hears that somebody is always first", () => {
    const { layer, releases, told } = store(Array.from({ length: 9 }, () => new Overtaken(conflict)))
    return Effect.gen(function* () {
      const { answer } = yield* request()

      assert.isTrue(answer._tag === "Failure" && answer.failure instanceof Overtaken)
      assert.deepStrictEqual([releases.length, told.length], [8, 0])
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "F5 another version than the expected one is told at once, and judged again only where another may do",
    () => {
      const answers = [new Conflict(conflict), made]
      const [plain, conditional] = [store(answers), store(answers)]
      return Effect.gen(function* () {
        const refused = yield* Effect.provide(request(false), plain.layer)
        const judged = yield* Effect.provide(request(true), conditional.layer)

        assert.isTrue(refused.answer._tag === "Failure" && refused.answer.failure instanceof Conflict)
        assert.deepStrictEqual([refused.checks, judged.checks], [[false], [false, true]])
        assert.strictEqual(judged.answer._tag, "Success")
      })
    }
  )

  it.effect(
    "F4 what was committed before under the same key is answered, unchecked, also where the look came too early",
    () => {
      const before = store([], [made])
      const meanwhile = store([failure("VersionConflict", "now it is another")], [undefined, made])
      const away = store([failure("DatabaseUnavailable", "away")], [undefined, made])
      return Effect.gen(function* () {
        const first = yield* Effect.provide(request(false, "once"), before.layer)
        const second = yield* Effect.provide(request(false, "once"), meanwhile.layer)
        const third = yield* Effect.provide(request(false, "once"), away.layer)

        assert.deepStrictEqual([first.checks, second.checks], [[], [false]])
        assert.deepStrictEqual(
          [first, second, third].map(({ answer }) => answer._tag),
          ["Success", "Success", "Failure"]
        )
      })
    }
  )

  it.effect("a message or a key that can't be kept is refused before anything is checked", () => {
    const { layer, releases } = store([])
    return Effect.gen(function* () {
      const { checks, answer } = yield* request(false, "x".repeat(201))

      assert.isTrue(answer._tag === "Failure" && answer.failure.name === "InvalidInput")
      assert.deepStrictEqual([checks, releases.length], [[], 0])
    }).pipe(Effect.provide(layer))
  })
})
