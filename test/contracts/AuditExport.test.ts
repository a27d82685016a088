/** The audit log of memory and of PostgreSQL as a file; and what its owner changes there, seen in the file by the public key alone. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll } from "vitest"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Checkpoints from "../../layers/Memory/audit/CheckpointStore.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { AuditCheckpoints } from "../../src/audit/AuditCheckpoints.ts"
import type { FileProblem } from "../../src/audit/AuditFileCheck.ts"
import { KNOWN_KEYS } from "../../src/audit/AuditKeys.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { change, release } from "../support/Release.ts"
import { auditExportsContract, exported, found } from "./AuditExports.ts"
import { evidence, REHASH } from "./Evidence.ts"

const node = () => AuditCheckpoints.layer({ pepper: "pepper", every: "1 hour" })

describe("memory", () => {
  auditExportsContract((name, body) =>
    it.live(name, () =>
      Effect.suspend(body).pipe(
        Effect.provide(node().pipe(Layer.provide(KeyHash.layer), Layer.provideMerge(Memory.layer)))
      )
    )
  )
})

const { session, runtime, undo } = evidence()

/** A node of its own on the database of this file. */
const started = async () => {
  const context = await runtime.context()
  return ManagedRuntime.make(
    node().pipe(Layer.provideMerge(Layer.mergeAll(Layer.succeedContext(context), Checkpoints.layer, KeyHash.layer)))
  )
}

describe("PostgreSQL", () => {
  auditExportsContract((name, body) =>
    it(name, async () => {
      const own = await started()
      try {
        await own.runPromise(Effect.suspend(body))
      } finally {
        await own.dispose()
      }
    })
  )
})

it("AC6 rows of public keys that nobody reads any more are gone", async () => {
  const [rows] = await session.query("select count(*)::int as n from audit_keys")
  assert.strictEqual(Number(rows!["n"]), KNOWN_KEYS)
})

describe("what the owner of the database changes", () => {
  let own: Awaited<ReturnType<typeof started>> | undefined
  afterAll(() => own?.dispose())
  const look = (prepare: Effect.Effect<unknown> = Effect.void) =>
    own!.runPromise(
      Effect.gen(function* () {
        yield* prepare
        const { lines, problem } = yield* exported(3)
        return { ...(yield* found(lines)), told: problem, lines }
      })
    )
  /** Signed after the fifth entry, and at the end. */
  const signed = async () => {
    await own?.dispose()
    own = await started()
    await session.query("create temporary table rest as select * from audit_log where id > 5")
    await session.query("delete from audit_log where id > 5")
    await look()
    await session.query("insert into audit_log select * from rest")
    await session.query("drop table rest")
    const whole = await look()
    assert.isUndefined(whole.problem)
    assert.strictEqual(whole.checked, 2)
    return whole
  }

  const tampered: ReadonlyArray<
    readonly [
      what: string,
      statements: ReadonlyArray<string>,
      kind: FileProblem["kind"],
      entry: number,
      told?: string | undefined
    ]
  > = [
    ["a changed entry", ["update audit_log set performed_by = 'eve' where id = 4"], "changed", 4],
    ["another time", ["update audit_log set created_at = created_at + interval '1 ms' where id = 4"], "changed", 4],
    ["other details", [`update audit_log set details = details || '{"version":9}' where id = 4`], "changed", 4],
    [
      "a changed entry with its hash",
      [
        "update audit_log set performed_by = 'eve' where id = 4",
        "update audit_log set hash = herald_audit_hash(prev_hash, id, config_id, action, performed_by, details, created_at) where id = 4"
      ],
      "replaced",
      4
    ],
    ["a missing entry", ["delete from audit_log where id = 4"], "missing", 4],
    ["the first gone", ["delete from audit_log where id = 1"], "missing", 1],
    [
      "two that changed places",
      [
        "update audit_log set id = -1 where id = 3",
        "update audit_log set id = 3 where id = 4",
        "update audit_log set id = 4 where id = -1"
      ],
      "changed",
      3
    ],
    [
      "an entry put in",
      [
        "update audit_log set id = -id where id > 3",
        "update audit_log set id = 1 - id where id < 0",
        `insert into audit_log select 4, config_id, action, 'eve', details, created_at, hash, '' from audit_log where id = 3`,
        "update audit_log set hash = herald_audit_hash(prev_hash, id, config_id, action, performed_by, details, created_at) where id = 4"
      ],
      "changed",
      5,
      "truncated or rewritten"
    ],
    ["the end cut", ["delete from audit_log where id > 7"], "truncated", 8, "truncated"],
    [
      "the end cut, and another one written",
      ["delete from audit_log where id > 7", "select herald_audit('', 'x', 'eve', '{}') from generate_series(1, 9)"],
      "rewritten",
      0,
      "rewritten"
    ],
    [
      "the chain made anew",
      ["update audit_log set performed_by = 'eve' where id = 2", REHASH],
      "rewritten",
      5,
      "rewritten"
    ],
    [
      "the chain made anew, behind the first checkpoint",
      ["update audit_log set performed_by = 'eve' where id = 7", REHASH],
      "rewritten",
      0,
      "rewritten"
    ]
  ]
  for (const [what, statements, kind, entry, told] of tampered)
    it(`AE1 AE3 AC3 finds ${what}, in the file alone`, async () => {
      const whole = await signed()
      for (const statement of statements) await session.query(statement)
      const after = await look()

      assert.deepInclude(after.problem, { kind, entry: entry === 0 ? whole.last : entry })
      if (told === undefined) assert.isUndefined(after.told)
      else assert.include(told, after.told!)
      await undo()
    })

  it("AE1 what is written after the log was tampered with is exported, and not signed", async () => {
    const whole = await signed()
    await session.query("update audit_log set performed_by = 'eve' where id = 7")
    await session.query(REHASH)
    await runtime.runPromise(Effect.flatMap(Commits, (commits) => commits.commit(release([change("later", "1")]))))
    const after = await look()

    assert.strictEqual(after.told, "rewritten")
    assert.deepInclude(after.problem, { kind: "rewritten", entry: whole.last })
    const entries = after.lines.filter((line) => line.startsWith('{"type":"entry"'))
    assert.strictEqual(entries.length, whole.entries + 1)
    await undo()
  })
})
