/** What only a database can be asked of rollouts: its short way, its locks, its sweep, and who changes what he likes in it. */
import { assert, describe, it } from "@effect/vitest"
import { encodePlain } from "../../layers/Postgres/commits/WriterMessages.ts"
import type { Release } from "../../src/commits/Release.ts"
import { fresh } from "../support/fresh.ts"
import { change as wish } from "../support/Release.ts"
import { candidate, plan, why } from "../support/RolloutWishes.ts"
import { committing, release, text } from "./Committing.ts"

const { session, other, commit } = committing()

interface Stated {
  readonly key: string
  readonly version: number
  readonly stage: number
  readonly revision: string
}

const rolled = async (changes: ReadonlyArray<object>): Promise<Stated> => {
  const [answer] = await commit([release("", { action: "rollout", changes })])
  assert.isTrue(answer!["ok"], JSON.stringify(answer))
  const versions = answer!["versions"] as ReadonlyArray<{ readonly change?: Stated & { readonly kind: string } }>
  return versions.find(({ change }) => change?.kind === "rollout")!.change!
}
const published = async (change: object) => {
  const [answer] = await commit([release("", { changes: [change] })])
  assert.isTrue(answer!["ok"], JSON.stringify(answer))
  return (answer!["versions"] as ReadonlyArray<{ readonly version: number }>)[0]!.version
}
const start = (...keys: ReadonlyArray<string>) =>
  rolled([
    {
      ...{ kind: "rollout", op: "start", environment: "production", key: "", plan: plan(), salt: "s", at: null },
      ...{ candidates: keys.map((key) => candidate(key, "2")), why: why("started") }
    }
  ])
const move = ({ key, version, stage }: Stated, to: string, more: object = {}) => ({
  ...{ kind: "rollout", op: "move", environment: "production", key, expectedVersion: version, fence: null, to, stage },
  ...{ below: null, lasts: null, due: false, bad: null, why: why(to), ...more }
})
const begin = (of: Stated) => rolled([move(of, "deploying", { stage: of.stage + 1, below: 2 ** 31 })])

const shortly = async (key: string) => {
  const asked: Release = {
    ...{ action: "publish", actor: "tester", keyId: undefined, message: "why", traceparent: "" },
    ...{ idempotency: undefined, changes: [wish(key, "3")] }
  }
  const [row] = await session.query("select herald_clock() as clock")
  const terms = { clock: (row!["clock"] as { readonly server: string }).server, wait: 5_000, since: null }
  const flat = `[{"notAfter":4e12,${encodePlain(asked, fresh("made"))}]`
  const [found] = await session.query(
    `select herald_publish($json$${flat}$json$::json, ${text(terms)}::jsonb) as answers`
  )
  return found!["answers"] as { readonly commits: ReadonlyArray<readonly [number, number, number]> } | null
}

const sweep = (horizon: number | string) => session.query(`select herald_rollout_sweep(${horizon}, 1000)`)
const rows = (table: string, key: string) =>
  session.query(
    `select * from ${table} where environment = 'production' and '${key}' in (${table === "rollout_keys" ? "key" : "id"}, '')`
  )

const problem = async () => {
  const [row] = await session.query("select herald_audit_check(null, 60000) as page")
  return (row!["page"] as { readonly problem: { readonly kind: string } | null }).problem
}

describe("rollouts in PostgreSQL", () => {
  it("RQ3 RQ4 the short way leaves what a rollout has to do with to the long one, until the number of its candidate is behind", async () => {
    const [key, free] = [fresh("config"), fresh("config")]
    await published(wish(key, "1"))
    assert.isNotNull(await shortly(key))
    const started = await start(key)
    assert.isNull(await shortly(key))
    assert.strictEqual((await shortly(free))!.commits[0]![1], 1)
    await rolled([move(started, "aborted")])
    assert.isNull(await shortly(key))
    assert.strictEqual(await published(wish(key, "4")), 4)
    assert.isNull(await shortly(key))
    await sweep(0)
    assert.strictEqual((await shortly(key))!.commits[0]![1], 5)
  })

  it("RQ3 RQ4 releases of one call see what those before them began and ended", async () => {
    const [key, second] = [fresh("config"), fresh("config")]
    await published(wish(key, "1"))
    const [row] = await session.query("select herald_head() as head")
    const id = `r${BigInt(row!["head"] as string) + 1n}`
    const started = {
      ...{ kind: "rollout", op: "start", environment: "production", key: "", plan: plan(), salt: "s", at: null },
      ...{ candidates: [candidate(key, "2"), candidate(second, "2")], why: why("started") }
    }
    const answers = await commit([
      release("", { changes: [started] }),
      release("", { changes: [wish(key, "no")] }),
      release("", { changes: [wish(key, "3"), move({ key: id, version: 1, stage: -1, revision: "" }, "aborted")] }),
      release("", { changes: [wish(key, "4")] }),
      release("", { changes: [wish(second, "4"), wish(key, "5")] })
    ])
    assert.deepStrictEqual(
      answers.map(
        (answer) => answer["name"] ?? (answer["versions"] as ReadonlyArray<{ version?: number }>)[0]!.version
      ),
      [undefined, "InRollout", 3, 4, 2]
    )
    assert.strictEqual((answers[4]!["versions"] as ReadonlyArray<{ version: number }>)[1]!.version, 5)
    assert.isNull(await problem())
  })

  it("RQ1 a commit waits for nobody who writes evidence or takes a rollout over: it is decided on something else by then", async () => {
    const started = await start(fresh("config"))
    await other.query("begin")
    await other.query(
      `update rollout_marks set bad = bad + 1 where environment = 'production' and id = '${started.key}'`
    )
    const [waits] = await commit([release("", { changes: [move(started, "paused", { bad: "0" })] })])
    assert.deepInclude(waits, { ok: false, name: "VersionConflict" })
    await other.query("rollback")
    const [goes] = await commit([release("", { changes: [move(started, "paused", { bad: "0", fence: "0" })] })])
    assert.isTrue(goes!["ok"])
  })

  it("RQ4 what nobody needs any more is swept: rollouts behind the horizon, keys that have a newer version, texts of what became current", async () => {
    const [key, none, done] = [fresh("config"), fresh("config"), fresh("config")]
    await published(wish(key, "1"))
    const back = await rolled([move(await begin(await start(key, none)), "rolled_back")])
    const whole = await start(done)
    await rolled([move(whole, "completed"), { ...wish(done, "2"), candidate: 1 }])
    const left = async () =>
      [
        await rows("rollouts", back.key),
        await rows("rollouts", whole.key),
        await rows("rollout_keys", key),
        await rows("rollout_keys", none),
        await rows("rollout_keys", done)
      ].map(({ length }) => length)
    await sweep(0)
    assert.deepStrictEqual(await left(), [1, 1, 1, 1, 0])
    await sweep("(select herald_head())")
    assert.deepStrictEqual(await left(), [1, 0, 1, 1, 0]) // what is current of `key` is older than that it was taken back
    assert.strictEqual(await published(wish(key, "3")), 3)
    await sweep("(select herald_head())")
    assert.deepStrictEqual(await left(), [0, 0, 0, 1, 0])
    assert.strictEqual((await rows("rollout_marks", back.key)).length, 0)
    assert.strictEqual(await published(wish(none, "3")), 2) // its number is kept free for ever
    const [text] = await session.query(`select wish from rollout_candidates where rollout = '${whole.key}'`)
    assert.isNull(text!["wish"])
    assert.isNull(await problem())
  })

  it("RQ4 the number of a candidate that nobody was given is kept free when its rollout is swept", async () => {
    const key = fresh("config")
    await published(wish(key, "1"))
    const { key: id } = await rolled([move(await start(key), "aborted")])
    for (let n = 0; n < 2; n++) await sweep("(select herald_head())")
    assert.deepStrictEqual([(await rows("rollouts", id)).length, (await rows("rollout_keys", key)).length], [0, 1])
    assert.strictEqual(await published(wish(key, "3")), 3)
  })

  for (const [what, statement] of [
    ["a candidate that says something else", "update rollout_candidates set wish = replace(wish, '\"2\"', '\"9\"')"],
    ["a candidate that is gone", "delete from rollout_candidates"],
    ["a candidate of another rollout", "update rollout_candidates set rollout = 'r0'"],
    ["a transition that says something else", `update rollout_history set stated = stated || '{"salt":"mine"}'`],
    ["a transition that is gone", "delete from rollout_history"]
  ] as const)
    it(`AL2 the check of the audit log finds ${what}`, async () => {
      const started = await start(fresh("config"))
      assert.isNull(await problem())
      await session.query("begin")
      await session.query(
        `${statement} where environment = 'production' and '${started.key}' = ${statement.includes("history") ? "id" : "rollout"}`
      )
      assert.strictEqual((await problem())?.kind, "value")
      await session.query("rollback")
      assert.isNull(await problem())
    })
})
