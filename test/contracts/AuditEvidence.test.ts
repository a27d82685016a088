/** The owner of the database changes what he likes, with every trigger off; the check of the audit log says what, and where. */
import { assert, describe, it } from "@effect/vitest"
import { evidence } from "./Evidence.ts"

const { session, verify, entryOf } = evidence()

describe("the check of the audit log", () => {
  const version = "select v.* from configuration_history v where v.key = 'a/b' and v.version ="
  const bump = `update configurations set version = 3, value = 'forged', digest = encode(sha256('forged'), 'hex') where key = 'a/b'`
  const tampered: ReadonlyArray<
    readonly [what: string, statements: ReadonlyArray<string>, kind: string, entry: string | undefined]
  > = [
    ["who did it", ["update audit_log set performed_by = 'mallory' where id = 5"], "changed", "id = 5"],
    ["when", ["update audit_log set created_at = created_at + interval '1 s' where id = 5"], "changed", "id = 5"],
    [
      "what it tells",
      [`update audit_log set details = details || '{"message":"forged"}' where id = 5`],
      "changed",
      "id = 5"
    ],
    [
      "whose key did it",
      [`update audit_log set details = details || '{"keyId":"ended"}' where details->>'keyId' = 'first'`],
      "changed",
      "details->>'keyId' = 'first'"
    ],
    [
      "that a key did it",
      [`update audit_log set details = details - 'keyId' where details->>'keyId' = 'first'`],
      "changed",
      "details->>'keyId' = 'first'"
    ],
    ["an entry gone", ["delete from audit_log where id = 5"], "missing", "id = 5"],
    ["the first gone", ["delete from audit_log where id = 1"], "missing", "id = 1"],
    [
      "two that changed places",
      [
        "update audit_log set id = -1 where id = 5",
        "update audit_log set id = 5 where id = 6",
        "update audit_log set id = 6 where id = -1"
      ],
      "changed",
      "id = 5"
    ],
    ["the end gone", ["delete from audit_log where id >= 8"], "truncated", "id = 8"],
    [
      "a value in the history",
      ["update configuration_history set value = 'x' where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "a value with its digest, everywhere",
      [
        "update configuration_history set value = 'x', digest = encode(sha256('x'), 'hex') where key = 'a/b' and version = 2",
        "update configurations set value = 'x', digest = encode(sha256('x'), 'hex') where key = 'a/b'"
      ],
      "value",
      "details->>'version' = '2' and config_id = 'production/a/b'"
    ],
    [
      "a schema in the history",
      ["update configuration_history set schema_definition = null where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "strictness",
      ["update configuration_history set strict = false where key = 'a/b' and version = 1"],
      "value",
      "details->>'version' = '1' and config_id = 'production/a/b'"
    ],
    [
      "a tombstone",
      ["update configuration_history set deleted = false where key = 'gone' and version = 2"],
      "value",
      "action = 'delete'"
    ],
    [
      "a version gone",
      ["delete from configuration_history where key = 'gone' and version = 1"],
      "value",
      "config_id = 'production/gone'"
    ],
    ["what is current", ["update configurations set value = 'x' where key = 'r1'"], "current", undefined],
    [
      "what is current, set back",
      [`delete from configurations where key = 'a/b'`, `insert into configurations ${version} 1`],
      "current",
      undefined
    ],
    [
      "a version that nobody published",
      [bump, `insert into configuration_history select * from configurations where key = 'a/b'`],
      "unlogged",
      undefined
    ],
    ["what is current, removed", [`delete from configurations where key = 'r1'`], "current", undefined],
    [
      "a version of a key that there never was",
      [
        `insert into configuration_history select 'ghost', environment, 1, 1000, 'forged', value_type, deleted, schema_definition, strict,
          template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`
      ],
      "current",
      undefined
    ],
    [
      "a version that is newer than the newest revision",
      [
        `insert into configuration_history select 'ghost', environment, 1, 1000, 'forged', value_type, deleted, schema_definition, strict,
          template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`,
        `insert into configurations select * from configuration_history where key = 'ghost'`
      ],
      "unlogged",
      undefined
    ],
    [
      "a revision that nobody committed",
      [
        `insert into revisions select revision + 1, epoch, payload, bytes, traceparent, actor, message, committed_at, audit_id, '~forged'
          from revisions order by revision desc limit 1`
      ],
      "unlogged",
      undefined
    ],
    [
      "a commit that no entry tells of",
      [
        `insert into configuration_history select 'ghost', environment, 1, revision + 1, 'forged', value_type, deleted, schema_definition,
          strict, template, digest, created_at, updated_at, updated_by, change_log from configuration_history where key = 'r1'`,
        `insert into configurations select * from configuration_history where key = 'ghost'`,
        `insert into revisions select n.revision + 1, epoch, jsonb_build_array(herald_configuration_json(c)), bytes, traceparent, actor,
          message, committed_at, audit_id, '~forged' from revisions n, configurations c
          where c.key = 'ghost' order by n.revision desc limit 1`
      ],
      "unlogged",
      undefined
    ],
    [
      "what nodes are told of a version",
      [`update revisions set payload = jsonb_set(payload, '{0,value}', '"forged"') where payload->0->>'key' = 'a/b'`],
      "value",
      undefined
    ],
    [
      "what nodes are not told of a release",
      ["update revisions set payload = payload - 0 where jsonb_array_length(payload) = 2"],
      "value",
      undefined
    ],
    [
      "what nodes are told twice instead of the rest of a release",
      [
        "update revisions set payload = jsonb_build_array(payload->1, payload->1) where jsonb_array_length(payload) = 2"
      ],
      "value",
      undefined
    ],
    [
      "a revision that tells nodes nothing",
      ["update revisions set payload = '[]' where revision = 2"],
      "value",
      undefined
    ],
    [
      "what nodes are not told, of a revision that names another's entry",
      ["update revisions set payload = '[]', audit_id = 1 where revision = 2"],
      "unlogged",
      undefined
    ],
    ["a revision gone", ["delete from revisions where revision = 3"], "missing", undefined],
    [
      "an API key with more rights",
      ["update api_keys set role = 'admin' where id = 'kept'"],
      "key",
      "details->>'id' = 'kept'"
    ],
    ...[
      ["of every key", "keys = null"],
      ["of more keys", `keys = '["*"]'`],
      ["of every kind", "kinds = null"],
      ["of other topics", "topics = null"],
      ["whose keys stand elsewhere", `keys = null, created_by = '["a.*"]|admin'`],
      ["whose topics stand elsewhere", `topics = null, created_by = '["orders/*"]|admin'`],
      ["whose keys became topics", "topics = keys, keys = topics"]
    ].map(
      ([what, set]) =>
        [
          `an API key ${what}`,
          [`update api_keys set ${set} where id = 'narrow'`],
          "key",
          "details->>'id' = 'narrow'"
        ] as const
    ),
    [
      "an API key with another secret",
      ["update api_keys set hash = '1' where id = 'kept'"],
      "key",
      "details->>'id' = 'kept'"
    ],
    [
      "an API key that is not revoked any more",
      ["update api_keys set revoked_at = null where id = 'ended'"],
      "key",
      "action = 'key.revoke'"
    ],
    ["an API key that was removed", ["delete from api_keys where id = 'kept'"], "key", "details->>'id' = 'kept'"],
    [
      "an API key that nobody made",
      [
        "insert into api_keys select 'ghost', name, hash, role, environments, created_at, created_by, expires_at, null from api_keys where id = 'first'"
      ],
      "unlogged",
      undefined
    ],
    [
      "an API key that nobody revoked",
      ["update api_keys set revoked_at = now() where id = 'kept'"],
      "unlogged",
      undefined
    ]
  ]
  it("AL1 the digest of an API key has its keys and kinds in it, each in its place", async () => {
    const digests = new Set<unknown>()
    const sets = [
      "id = id",
      "keys = null",
      `keys = '["*"]'`,
      "kinds = null",
      "keys = kinds, kinds = keys",
      "keys = null, topics = keys"
    ]
    for (const set of sets) {
      const [row] = await session.query(`with changed as (update api_keys set ${set} where id = 'narrow' returning *)
        select herald_key_digest(row(c.*)::api_keys) as digest from changed c`)
      digests.add(row!["digest"])
      await session.query(
        "update api_keys k set keys = o.keys, kinds = o.kinds, topics = o.topics from kept_api_keys o where o.id = k.id"
      )
    }
    assert.strictEqual(digests.size, sets.length)
  })

  for (const [what, statements, kind, entry] of tampered) {
    it(`AL1 AL2 finds ${what}`, async () => {
      assert.deepInclude(await verify(), { problem: undefined })
      for (const statement of statements) await session.query(statement)
      const verdict = await verify()

      assert.strictEqual(verdict.kind, kind as never)
      assert.strictEqual(verdict.broken, entry === undefined ? undefined : BigInt(await entryOf(entry)))
    })
  }
})
