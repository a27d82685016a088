/** What every store must do with segments. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { KeptWish } from "../../src/flags/FlagDraft.ts"
import type { FlagSettingsWish } from "../../src/flags/FlagSettings.ts"
import { FlagSettingsStore } from "../../src/flags/FlagSettingsStore.ts"
import { IdListStore } from "../../src/flags/IdListStore.ts"
import { type Segment, type SegmentWish, segmentKind } from "../../src/flags/Segment.ts"
import { SegmentStore } from "../../src/flags/SegmentStore.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { fresh } from "../support/fresh.ts"
import { change, release } from "../support/Release.ts"
import { flag } from "./FlagStores.ts"
import { verified } from "./Verified.ts"

type Services =
  | Commits
  | SegmentStore
  | FlagSettingsStore
  | IdListStore
  | RevisionLog
  | Effect.Services<typeof verified>
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

/** `uses`: the segments that it names; null archives it. */
export const segment = (
  key: string,
  uses: ReadonlyArray<string> | null = [],
  changed: Partial<SegmentWish> = {}
): SegmentWish => {
  const definition =
    uses === null ? null : JSON.stringify({ rule: { and: [true, ...uses.map((one) => ({ $ref: one }))] } })
  return {
    kind: "segment",
    environment: "production",
    key,
    definition,
    digest: definition === null ? "" : digestOf(definition),
    bytes: definition?.length ?? 0,
    expectedVersion: undefined,
    uses: uses ?? [],
    ...changed
  }
}
const using = (key: string, ...uses: ReadonlyArray<string>) => flag(key, ["on"], { uses })

const commit = (...changes: ReadonlyArray<KeptWish | ReturnType<typeof change>>) =>
  Effect.flatMap(Commits, (commits) => commits.commit({ ...release([]), changes: changes as never }))
const refusal = (...changes: ReadonlyArray<KeptWish>) =>
  Effect.map(Effect.flip(commit(...changes)), ({ name, message }) => ({ name, message }))
const nameOf = (...changes: ReadonlyArray<KeptWish>) => Effect.map(refusal(...changes), ({ name }) => name)

export const segmentsContract = (test: Test) => {
  test("C1 FS1 W1 a segment's versions count from 1, and the log has it as it was answered, beside all else", () =>
    Effect.gen(function* () {
      const store = yield* SegmentStore
      const log = yield* RevisionLog
      const [key, other, beside] = [fresh("segment"), fresh("segment"), fresh("config")]
      yield* commit(segment(key))
      const before = yield* log.head
      const { revision } = yield* commit(segment(other), segment(key, [other]), using(key, key), change(beside, "1"))
      const [kept] = (yield* log.after(before.revision, 10))!
      yield* commit(using(key))
      yield* commit(segment(key, null))
      const found: Array<Segment> = []
      for (let page = yield* store.page(undefined); ; page = yield* store.page(page.next)) {
        found.push(...page.found)
        if (page.next === undefined) break
      }

      assert.deepStrictEqual(
        revision.changes.map(({ kind }) => kind),
        ["segment", "segment", "flag", "configuration"]
      )
      assert.deepStrictEqual(kept, revision)
      assert.deepStrictEqual(
        revision.changes.slice(0, 3).map((one) => (one as { uses?: ReadonlyArray<string> }).uses),
        [undefined, [other], [key]]
      )
      assert.deepStrictEqual(
        segmentKind.fromLane(segmentKind.toLane(revision.changes[1] as never)),
        revision.changes[1]
      )
      assert.deepStrictEqual(
        (yield* store.history("production", key, { limit: 10, before: undefined })).map(
          ({ version, deleted, uses }) => [version, deleted, uses]
        ),
        [
          [3, true, undefined],
          [2, false, [other]],
          [1, false, undefined]
        ]
      )
      assert.isFalse(found.some((one) => one.key === key))
      assert.strictEqual(found.find((one) => one.key === other)?.version, 1)
      assert.strictEqual(
        (yield* store.version("production", key, 2))?.definition,
        JSON.stringify({ rule: { and: [true, { $ref: other }] } })
      )
      assert.isUndefined(yield* store.version("production", key, 4))
      assert.isUndefined((yield* verified).problem)
    }))

  test("FN3 W5 a segment is changed only at the version that was expected", () =>
    Effect.gen(function* () {
      const key = fresh("segment")
      assert.strictEqual(yield* nameOf(segment(key, null)), "NotFound")
      yield* commit(segment(key, [], { expectedVersion: 0 }))
      assert.strictEqual(yield* nameOf(segment(key, [], { expectedVersion: 0 })), "VersionConflict")
      assert.strictEqual(yield* nameOf(segment(key, [], { expectedVersion: 2 })), "VersionConflict")
      yield* commit(segment(key, null, { expectedVersion: 1 }))
      yield* commit(segment(key, [], { expectedVersion: 0 }))
    }))

  test("FN4 what a flag or a segment names is there at every commit: of whom names it, and of whom is named", () =>
    Effect.gen(function* () {
      const [beta, staff, next, third] = [fresh("beta"), fresh("staff"), fresh("next"), fresh("third")]
      assert.strictEqual(yield* nameOf(using(next, beta)), "InvalidFlag")
      assert.strictEqual(yield* nameOf(segment(staff, [beta])), "InvalidSegment")
      assert.strictEqual(yield* nameOf(using(next, beta), segment(beta, [], { environment: "staging" })), "InvalidFlag")
      yield* commit(using(next, beta), segment(beta))
      assert.deepStrictEqual(yield* refusal(segment(beta, null)), {
        name: "SegmentUsed",
        message: `the flag ${next} in production names the segment ${beta}`
      })
      assert.strictEqual(yield* nameOf(segment(beta, null), using(third, beta)), "SegmentUsed")
      assert.strictEqual(yield* nameOf(using(third, beta), segment(beta, null), using(next)), "InvalidFlag")
      yield* commit(segment(staff, [beta]), using(next, staff))
      assert.deepStrictEqual(yield* refusal(segment(beta, null)), {
        name: "SegmentUsed",
        message: `the segment ${staff} in production names the segment ${beta}`
      })
      yield* commit(segment(beta, null), segment(staff))
      yield* commit(segment(staff, null), flag(next, null))
    }))

  test("FN3 W1 what is said of all flags of an environment counts its versions, and is in the log as it was answered", () =>
    Effect.gen(function* () {
      const store = yield* FlagSettingsStore
      const log = yield* RevisionLog
      const environment = fresh("env")
      const said = (definition: string, expectedVersion?: number): FlagSettingsWish => ({
        ...{ kind: "flag_settings", environment, key: "flags", definition, digest: digestOf(definition) },
        ...{ bytes: definition.length, expectedVersion }
      })
      yield* commit(said('{"bucketing":"v3"}', 0))
      const before = yield* log.head
      const { revision } = yield* commit(said("{}"), change(fresh("config"), "1"))
      const [kept] = (yield* log.after(before.revision, 10))!

      assert.deepStrictEqual(kept, revision)
      assert.strictEqual(yield* nameOf(said("{}", 1)), "VersionConflict")
      assert.deepStrictEqual(
        (yield* store.history(environment, "flags", { limit: 9, before: undefined })).map((one) => one.definition),
        ["{}", '{"bucketing":"v3"}']
      )
      const page = yield* store.page({ environment, key: "" })
      assert.strictEqual(page.found.find((one) => one.environment === environment)?.version, 2)
      assert.isUndefined((yield* verified).problem)
    }))

  test("IL4 a list is there only with its pieces, a segment names only one that is there, and versions keep theirs", () =>
    Effect.gen(function* () {
      const lists = yield* IdListStore
      const store = yield* SegmentStore
      const key = fresh("segment")
      const pieces = ["a\né", "b"].map((ids) => ({ digest: digestOf(`${key} ${ids}`), ids }))
      const list = { digest: digestOf(key), count: 3, bytes: 6, pieces: [pieces[0]!.digest, "", pieces[1]!.digest] }
      const saying = (count: number) =>
        segment(key, [], {
          list: list.digest,
          definition: JSON.stringify({ ids: { count, digest: list.digest } })
        })
      const naming = saying(3)
      const digests = pieces.map(({ digest }) => digest)
      assert.sameMembers([...(yield* lists.missing(digests))], digests)
      yield* lists.putPieces(pieces.slice(0, 1))
      assert.strictEqual((yield* Effect.flip(lists.putList(list))).name, "NotFound")
      assert.strictEqual(yield* nameOf(naming), "InvalidSegment")
      yield* lists.putPieces(pieces)
      yield* lists.putList(list)
      yield* lists.putList(list)
      const wrong = yield* Effect.flip(commit(saying(2)))
      assert.deepStrictEqual(
        [wrong.name, wrong.message],
        ["InvalidSegment", `${key} says of its list that it has 2 ids; it has 3`],
        "IL10"
      )
      assert.deepStrictEqual(yield* lists.missing([pieces[1]!.digest, "0"]), ["0"])
      assert.deepStrictEqual(yield* lists.list(list.digest), list)
      assert.isUndefined(yield* lists.list("0"))
      assert.sameDeepMembers([...(yield* lists.pieces(["0", ...pieces.map(({ digest }) => digest)]))], pieces)
      const { revision } = yield* commit(naming)
      assert.strictEqual((revision.changes[0] as Segment).list, list.digest)
      assert.strictEqual((yield* store.version("production", key, 1))?.list, list.digest)
      for (const [environments, scope, named] of [
        [["production"], undefined, true],
        [["*"], { names: [key], prefixes: [] }, true],
        [["staging", "production"], { names: [], prefixes: [key.slice(0, -1)] }, true],
        [["staging"], undefined, false],
        [["production"], { names: [`${key}x`], prefixes: [`${key}.`] }, false],
        [["production"], { names: [], prefixes: [] }, false]
      ] as const)
        assert.strictEqual(yield* lists.isNamed(list.digest, { environments, scope }), named, `IL11 ${scope}`)
      assert.isFalse(yield* lists.isNamed("0", { environments: ["*"], scope: undefined }))
      const large = Array.from({ length: 3 }, (_, n) => ({
        digest: digestOf(`${key} ${n}`),
        ids: `${n}`.repeat(1_500_000)
      }))
      for (const one of large) yield* lists.putPieces([one])
      assert.strictEqual((yield* lists.pieces(large.map(({ digest }) => digest))).length, 2)
      assert.isUndefined((yield* verified).problem)
    }))

  test("FN2 segments go in no circle, not over others and not within one release", () =>
    Effect.gen(function* () {
      const [a, b, c, d] = [fresh("a"), fresh("b"), fresh("c"), fresh("d")]
      assert.strictEqual(yield* nameOf(segment(a, [a])), "InvalidSegment")
      assert.strictEqual(yield* nameOf(segment(a, [b]), segment(b, [a])), "InvalidSegment")
      yield* commit(segment(a), segment(b, [a]), segment(c, [b]))
      assert.strictEqual(yield* nameOf(segment(a, [c])), "InvalidSegment")
      yield* commit(segment(d, [c, b, a]))
      const long = Array.from({ length: 66 }, () => fresh("long"))
      yield* commit(segment(long[0]!))
      for (const [at, one] of long.slice(1, 65).entries()) yield* commit(segment(one, [long[at]!]))
      assert.strictEqual(yield* nameOf(segment(long[65]!, [long[64]!])), "InvalidSegment")
    }))
}
