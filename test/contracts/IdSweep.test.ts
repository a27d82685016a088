/** What becomes of lists of ids that no version of a segment names. */
import { assert, it } from "@effect/vitest"
import { committing } from "./Committing.ts"

const { session } = committing()

it("IL4 a list that nothing names goes after a day, with the pieces that it alone has; what is named stays, and so does what is young", async () => {
  const old = "now() - interval '2 days'"
  const piece = (digest: string, at = old) =>
    session.query(`insert into flag_id_pieces values ('${digest}', 'a', ${at})`)
  const list = (digest: string, pieces: string, at = old) =>
    session.query(`insert into flag_id_lists values ('${digest}', 1, 2, '{${pieces}}', ${at})`)
  for (const digest of ["own", "shared", "kept", "fresh", "later"]) await piece(digest)
  await piece("touched", "now()")
  await list("named", 'shared,"",kept')
  await list("gone", 'own,shared,touched,""')
  await list("young", "later", "now()")
  await session.query(`insert into flag_segment_history (environment, segment_name, version, revision, definition, digest, bytes, deleted, uses,
    created_at, updated_at, updated_by, message, list) values ('production', 's', 1, 1, '{}', '', 2, false, '[]', now(), now(), '', '', 'named')`)
  const swept = await session.query("select herald_sweep_ids(100) as gone")
  const names = async (table: string) =>
    (await session.query(`select digest from ${table} order by digest`)).map(
      (row) => (row as { digest: string }).digest
    )

  assert.deepStrictEqual(swept, [{ gone: 2 }])
  assert.deepStrictEqual(await names("flag_id_lists"), ["named", "young"])
  assert.deepStrictEqual(await names("flag_id_pieces"), ["fresh", "kept", "later", "shared", "touched"])
  assert.deepStrictEqual(await session.query("select herald_sweep_ids(100) as gone"), [{ gone: 0 }])
})
