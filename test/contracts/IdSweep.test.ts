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

it("IL4 AQ5 a list stays that a change request or a scheduled change names which waits, however long, and goes when it waits no more", async () => {
  const digest = (letter: string) => letter.repeat(64)
  for (const letter of ["a", "b", "c", "d"])
    await session.query(`insert into flag_id_lists values ('${digest(letter)}', 0, 0, '{}', now() - interval '8 days')`)
  const request = (id: string, state: string, expires: string, letter: string) =>
    session.query(`insert into change_requests (environment, id, version, revision, made_revision, state, author, action, touches, rights, epoch, bases, body,
      digest, bytes, needed, made_at, expires_at, message, ended_by, reason) values ('production', '${id}', 1, 1, 1, '${state}', 'ann', 'publish',
      '[{"kind": "segment", "key": "s"}]', '[]', 'e', '[]', '{"changes":[{"kind":"segment","list":"${digest(letter)}"}]}', 'd', 1, 1, now(), ${expires}, '', '', '')`)
  await request("c1", "open", "now() + interval '1 day'", "a")
  await request("c2", "open", "now() - interval '1 day'", "b")
  await request("c3", "rejected", "now() + interval '1 day'", "b")
  await session.query(`insert into schedules (environment, id, revision, made_revision, state, due_at, made_at, made_by, message, touches, expected, body, digest,
    bytes, ended_by, reason) values ('production', 's1', 1, 1, 'pending', now() + interval '1 day', now(), 'ann', '', '[{"kind": "segment", "key": "s"}]', '{}',
    '{"flags":[{"definition":"{\\"ids\\":\\"${digest("c")}\\"}"}]}', 'd', 1, '', '')`)
  await session.query("select herald_sweep_ids(100)")
  const left = async () =>
    (await session.query("select digest from flag_id_lists where length(digest) = 64 order by 1")).map(
      (row) => String(row["digest"])[0]
    )
  assert.deepStrictEqual(await left(), ["a", "c"])
  await session.query("update change_requests set state = 'withdrawn'")
  await session.query("update schedules set state = 'cancelled'")
  await session.query("select herald_sweep_ids(100)")
  assert.deepStrictEqual(await left(), [])
})
