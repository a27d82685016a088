/** What every store must do so that its audit log can be exported. Run by AuditExport.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { exportAudit, readAudit } from "../../src/audit/Audit.ts"
import { AuditCheckpoints } from "../../src/audit/AuditCheckpoints.ts"
import { type AuditLine, textOf } from "../../src/audit/AuditFile.ts"
import { AuditKeys, KNOWN_KEYS } from "../../src/audit/AuditKeys.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { PAGE_BYTES } from "../../src/values/Page.ts"
import { checked } from "../support/AuditFiles.ts"
import { fresh } from "../support/fresh.ts"
import { change, release } from "../support/Release.ts"

type Test = <E>(
  name: string,
  body: () => Effect.Effect<void, E, AuditLog | AuditKeys | AuditCheckpoints | Commits>
) => void

/** All pages, as one file. */
export const exported = (limit = 1_000, start = 0n) =>
  Effect.gen(function* () {
    const lines: Array<AuditLine> = []
    let after: bigint | undefined = start
    let pages = 0
    let problem: string | undefined
    while (after !== undefined) {
      const page: Effect.Success<ReturnType<typeof exportAudit>> = yield* exportAudit({ after, limit })
      assert.isAtMost(page.lines.filter(({ type }) => type === "entry").length, limit)
      lines.push(...page.lines)
      problem = page.problem?.kind
      after = page.next
      pages++
    }
    return { lines: lines.map(textOf), pages, problem }
  }).pipe(Effect.provideService(CurrentIdentity, system))

/** By the key of the node that exported it. */
export const found = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, after = 0) {
  const { key } = yield* AuditCheckpoints
  return checked(lines, [{ ...key, sign: () => "" }], { after })
})

const commit = (name: string, value: string) =>
  Effect.flatMap(Commits, (commits) => commits.commit(release([change(name, value, { changeLog: 'a|b "ä" 1.0' })])))

export const auditExportsContract = (test: Test) => {
  test("AE1 AE3 an export is whole, in whatever pages it comes, and its entries are those of the log", () =>
    Effect.gen(function* () {
      const name = fresh("exported")
      for (const value of ["1", "1.0", '"x"']) yield* commit(name, value)
      const { last } = yield* AuditLog
      const end = Number((yield* last)!.id)
      for (const limit of [1, 2, 1_000]) {
        const { lines, pages, problem } = yield* exported(limit)
        assert.isUndefined(problem)
        assert.isAtLeast(pages, Math.ceil(end / limit))
        const verdict = yield* found(lines)
        assert.deepInclude(verdict, { problem: undefined, entries: end, first: 1, last: end, left: 0 })
        assert.strictEqual(verdict.newest?.entry, end)
      }
      const entries = (yield* exported()).lines.flatMap((line) => {
        const read = JSON.parse(line)
        const { type, createdMillis: createdAt, details, ...rest } = read
        return type === "entry" ? [{ ...rest, createdAt, details: JSON.parse(details) }] : []
      })
      const [newest] = yield* Effect.provideService(readAudit({ limit: 1 }), CurrentIdentity, system)
      assert.deepStrictEqual({ ...newest, id: end }, entries.at(-1))
    }))

  test("AE1 an export goes on after any entry, and ends with what is signed, though more is written meanwhile", () =>
    Effect.gen(function* () {
      const name = fresh("meanwhile")
      yield* commit(name, "1")
      const before = Number((yield* (yield* AuditLog).last)!.id)
      const head = yield* exported(2)
      yield* commit(name, "2")
      const rest = yield* exported(1, BigInt(before))
      assert.deepInclude(yield* found([...head.lines, ...rest.lines]), { problem: undefined, last: before + 1 })
      assert.deepInclude(yield* found(rest.lines, before), { problem: undefined, first: before + 1, entries: 1 })
      const nothing = yield* exported(1_000, BigInt(before + 1))
      assert.deepStrictEqual(nothing.pages, 1)
      assert.isFalse(nothing.lines.some((line) => line.includes('"entry"')))
      const beyond = yield* Effect.flip(exported(1, BigInt(before + 2)))
      assert.strictEqual(beyond.name, "InvalidInput")
    }))

  test("PB1 a page of an export ends for its bytes, too", () =>
    Effect.gen(function* () {
      const { hashed, last } = yield* AuditLog
      const start = (yield* last)?.id ?? 0n
      const name = fresh("large")
      const message = "x".repeat(1_900)
      const commits = yield* Commits
      for (let at = 0; at < 3; at++)
        yield* commits.commit(
          release(
            Array.from({ length: 400 }, (_, index) => change(`${name}.${at}.${index}`, "1", { changeLog: message })),
            { message, action: "release" }
          )
        )
      const all = yield* hashed({ after: start, limit: 1_000 })
      const bytes = all.reduce((sum, { details }) => sum + details.length + 500, 0)
      assert.isAtMost(bytes, PAGE_BYTES + 5_000)
      assert.isBelow(all.length, 1_000)
      const upTo = start + 2n
      assert.deepStrictEqual(
        (yield* hashed({ after: start, limit: 1_000, upTo })).map(({ id }) => id),
        [start + 1n, upTo]
      )
      assert.isUndefined((yield* found((yield* exported()).lines)).problem)
    }))

  test("AC6 the newest of the public keys are given, oldest first, and one that is kept again is the newest of them", () =>
    Effect.gen(function* () {
      const { keep, list } = yield* AuditKeys
      const id = (at: number) => `f${String(at).padStart(15, "0")}`
      for (let at = 0; at < KNOWN_KEYS + 3; at++) yield* keep(id(at), `line ${at}`)
      assert.notInclude(yield* list, "line 0")
      for (const at of [5, 0]) yield* keep(id(at), `line ${at} again`)
      const listed = yield* list
      assert.strictEqual(listed.length, KNOWN_KEYS)
      assert.deepStrictEqual(listed.slice(0, 3), ["line 4", "line 6", "line 7"])
      assert.deepStrictEqual(listed.slice(-3), [`line ${KNOWN_KEYS + 2}`, "line 5 again", "line 0 again"])
    }))
}
