/** What becomes of change requests when history goes on in another epoch, as after a restored backup. */
import { assert, it } from "@effect/vitest"
import { type Kept, voidOf, type World } from "../../src/approvals/Limits.ts"
import { committing } from "./Committing.ts"

const { session, epoch } = committing()

it("AQ4 another epoch voids what was approved, though each base has the revision that it had", async () => {
  await session.query(`insert into change_requests (environment, id, version, revision, made_revision, state, author, action, touches, rights, epoch, bases,
    body, digest, bytes, needed, made_at, expires_at, message, ended_by, reason) values ('production', 'c1', 1, 1, 1, 'open', 'ann', 'publish',
    '[]', '[]', '${await epoch()}', '[{"kind": "configuration", "key": "k", "revision": "0"}]', '{}', 'd', 1, 1, now(), now() + interval '1 day', '', '', '')`)
  const state = async () =>
    (
      await session.query("select herald_change_state(r) as state, herald_change_void(r) as why from change_requests r")
    )[0]
  assert.deepStrictEqual(await state(), { state: "open", why: null })
  await session.query("update herald_epoch set epoch = 'another'")
  assert.deepStrictEqual(await state(), { state: "void", why: "history has another epoch since" })

  const kept = { request: { state: "open", environment: "production" }, epoch: "e", bases: [] } as unknown as Kept
  assert.isUndefined(voidOf(kept, { epoch: "e" } as World))
  assert.strictEqual(voidOf(kept, { epoch: "another" } as World), "history has another epoch since")
})
