/** What it costs a commit, which holds the writers' lock, that scheduled changes follow each other. */
import { assert, it } from "@effect/vitest"
import { committing } from "./Committing.ts"

const { session } = committing()

const STEPS = 20
const FLAGS = 20

it("DU3 a step is one update of each schedule that follows it, however much it changes", async () => {
  const touches = JSON.stringify(Array.from({ length: FLAGS }, (_, n) => ({ kind: "flag", key: `f${n}`, expected: 1 })))
  const rows = async (text: string) => (await session.query(text)) as ReadonlyArray<Record<string, unknown>>
  await rows(`insert into schedules select 'production', 's' || n, n, n, 'pending', now(), now(), 'ann', 'k', '', t, e, '{}', '', 2, null, '', ''
    from generate_series(1, ${STEPS}) n, (select '${touches}'::jsonb t,
      (select jsonb_object_agg('flag/' || (x->>'key'), 1) from jsonb_array_elements('${touches}'::jsonb) x) e) q`)
  await rows(`update schedules set expected = expected || '{"flag/f0": 7}' where id = 's3'`)

  const updated = async () =>
    Number((await rows("select pg_stat_get_xact_tuples_updated('schedules'::regclass) as n"))[0]!["n"])
  await rows("begin")
  const before = await updated()
  const change = JSON.stringify({ environment: "production", key: "s2", state: "committed", reason: "" })
  await rows(`select herald_schedule_write('${change}'::jsonb, '{"actor":"ann"}', 100, now())`)
  const after = await updated()
  await rows("commit")

  assert.strictEqual(after - before, STEPS - 1) // itself, and all but the first two
  const versions = await rows(`select id, expected->>'flag/f0' as first, expected->>'flag/f19' as last from schedules
    where made_revision < 5 order by made_revision`)
  assert.deepStrictEqual(
    versions.map(({ first, last }) => [first, last]),
    [
      ["1", "1"],
      ["1", "1"],
      ["7", "2"],
      ["2", "2"]
    ]
  )
})
