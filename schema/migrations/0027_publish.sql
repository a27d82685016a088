-- Publishing: configurations are one table, and a call in which nothing is out of the ordinary takes a short way: docs/decisions/0024-short-commits.md.
-- What it costs: `configurations` is copied while nothing can be written (1,000,000 of 200 bytes in some 10 s).

-- Ten partitions were planned, locked and started for each commit, and held nothing that one table does not hold. Its rows come from the functions of
-- commits alone, which are given types of Herald's own: what a constraint would look at is known.
perform herald_lock();
lock table configurations in exclusive mode;
create table configurations_whole (like configurations) with (fillfactor = 80);
insert into configurations_whole select * from configurations;
drop function herald_configuration_json(configurations), herald_change_digest(configurations);
drop table configurations;
alter table configurations_whole rename to configurations;
alter table configurations add primary key (environment, key);
create index configurations_templates on configurations (environment, key) where template and not deleted;
create index configurations_live on configurations (environment, key) where not deleted;
create trigger tombstones after update on configurations for each row when (old.deleted or new.deleted) execute function herald_tombstone();
analyze configurations;

-- As they were: functions of a row go with its table.
create function herald_configuration_json(c configurations) returns jsonb language plpgsql immutable as $$
begin
  return jsonb_build_object('key', c.key, 'environment', c.environment, 'version', c.version, 'revision', c.revision::text,
    'value', c.value, 'valueType', c.value_type, 'deleted', c.deleted, 'schema', c.schema_definition, 'strict', c."strict",
    'template', c.template, 'digest', c.digest, 'createdAt', herald_millis(c.created_at), 'updatedAt', herald_millis(c.updated_at),
    'updatedBy', c.updated_by, 'changeLog', c.change_log);
end $$;

-- SHA-256 over everything that a version is. Only the schema and the message may hold the separator: one is JSON, the other is the last.
create function herald_change_digest(c configurations) returns text language plpgsql immutable as $$
begin
  return encode(sha256(convert_to(concat_ws('|', c.environment, c.key, c.version, c.revision, c.value_type, c.deleted,
    coalesce(c.schema_definition::text, 'null'), c."strict", c.template, c.digest, encode(sha256(convert_to(c.value, 'UTF8')), 'hex'),
    herald_millis(c.created_at)::bigint, herald_millis(c.updated_at)::bigint, c.updated_by, c.change_log), 'UTF8')), 'hex');
end $$;

-- Those that name the table are made again as they are: what connections have ready of them is of the one that went.
declare
  one oid;
begin
  for one in select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = current_schema() and p.prosrc like '%configurations%' loop
    execute pg_get_functiondef(one);
  end loop;
end;

-- Commits what herald_commit would commit of these releases, and in the same way, when nothing is out of the ordinary: each changes one configuration
-- to another value, and nothing stands in its way. Otherwise nothing is done, and the answer is null: herald_commit is to be asked.
--   releases: [{action, actor, keyId, message, traceparent, commitId, notAfter, and of its change key, environment, value, valueType, schema, strict,
--             template, digest, changeLog, expectedVersion, live, keepsSchema, keepsStrict, keepsType}], no configuration twice
--             live: null, or whether there has to be one that is not deleted; keeps…: of that one it has to be the same
--   terms:    {clock, wait} as for herald_commit
--   returns:  {epoch, before, commits: [[committedAt, version, createdAt]]}, before: the revision before the first
-- To start a statement and to prepare an expression is most of what a small commit costs, so there are few of both.
create function herald_publish(releases json, terms jsonb) returns json language plpgsql
  set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_bitmapscan = off set enable_material = off set jit = off as $$
declare
  w record;
  written configurations;
  history configurations[];
  entries audit_log[];
  log revisions[];
  payload text;
  commits text;
  room bigint;
  before bigint;
  head bigint;
  last_id bigint;
  last_hash text;
  current_hash text;
  current_epoch text;
  was_synchronous boolean;
  config_id text;
  details text;
  now timestamptz;
  millis bigint;
  made bigint;
begin
  if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
  perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.made_to, l.tail, e.epoch, h.synchronous into room, before, current_epoch, was_synchronous from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= before order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);

  for w in
    select r.*, coalesce(h.version, 0) + 1 as version, h.created_at,
        r.live is distinct from coalesce(h.deleted, true) and (r."expectedVersion" is null or r."expectedVersion" = coalesce(h.version, 0))
          and (not r."keepsSchema" or h.schema_definition is not distinct from r.schema)
          and (not r."keepsStrict" or h."strict" = r."strict") and (not r."keepsType" or h.value_type = r."valueType") as fits
      from json_to_recordset(releases) as r(action text, actor text, "keyId" text, message text, traceparent text, "commitId" text,
          "notAfter" double precision, key text, environment text, value text, "valueType" text, schema jsonb, "strict" boolean, template boolean,
          digest text, "changeLog" text, "expectedVersion" integer, live boolean, "keepsSchema" boolean, "keepsStrict" boolean, "keepsType" boolean)
        left join lateral (select * from configurations c where c.environment = r.environment and c.key = r.key offset 0) h on true
  loop
    now := date_trunc('milliseconds', clock_timestamp());
    millis := date_part('epoch', now) * 1000;
    head := head + 1;
    if not w.fits or millis > w."notAfter" or head >= room then return null; end if;
    written := row(w.key, w.environment, w.version, head, w.value, w."valueType", false, w.schema, w."strict", w.template, w.digest,
      coalesce(w.created_at, now), now, w.actor, w."changeLog");
    history := history || written;
    made := date_part('epoch', written.created_at) * 1000;
    config_id := w.environment || '/' || w.key;
    -- As herald_change_digest has it, and as jsonb is written.
    details := concat('{', '"keyId": ' || to_json(w."keyId") || ', ', '"digest": "', encode(sha256(convert_to(concat_ws('|', w.environment, w.key,
      w.version, head, w."valueType", false, coalesce(w.schema::text, 'null'), w."strict", w.template, w.digest,
      encode(sha256(convert_to(w.value, 'UTF8')), 'hex'), made, millis, w.actor, w."changeLog"), 'UTF8')), 'hex'),
      '", "message": ', to_json(w."changeLog"), ', "version": ', w.version, ', "revision": "', head, '"}');
    last_id := last_id + 1;
    -- As herald_audit_hash has it; before the first entry there is an empty hash.
    current_hash := encode(sha256(convert_to(concat_ws('|', coalesce(last_hash, ''), last_id, config_id, w.action, w.actor, details, millis), 'UTF8')), 'hex');
    entries := entries || row(last_id, config_id, w.action, w.actor, details, now, coalesce(last_hash, ''), current_hash)::audit_log;
    last_hash := current_hash;
    payload := concat('[{"key":', to_json(w.key), ',"environment":', to_json(w.environment), ',"version":', w.version, ',"revision":"', head,
      '","value":', to_json(w.value), ',"valueType":"', w."valueType", '","deleted":false,"schema":', coalesce(w.schema::text, 'null'),
      ',"strict":', to_json(w."strict"), ',"template":', to_json(w.template), ',"digest":"', w.digest, '","createdAt":', made, ',"updatedAt":', millis,
      ',"updatedBy":', to_json(w.actor), ',"changeLog":', to_json(w."changeLog"), '}]');
    log := log || row(head, current_epoch, payload, octet_length(payload), w.traceparent, w.actor, w.message, now, last_id, w."commitId")::revisions;
    commits := concat(commits || ',', '[', millis, ',', w.version, ',', made, ']');
  end loop;

  insert into configurations as c select * from unnest(history)
    on conflict (environment, key) do update set version = excluded.version, revision = excluded.revision, value = excluded.value,
      value_type = excluded.value_type, deleted = excluded.deleted, schema_definition = excluded.schema_definition, "strict" = excluded."strict",
      template = excluded.template, digest = excluded.digest, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
      change_log = excluded.change_log;
  insert into configuration_history select * from unnest(history);
  insert into audit_log select * from unnest(entries);
  insert into revisions select * from unnest(log);
  -- Does it wait for a standby? As herald_commit notes it.
  if was_synchronous <> herald_is_synchronous() then update herald_lineage set synchronous = not was_synchronous; end if;
  return concat('{"epoch":', to_json(current_epoch), ',"before":"', before, '","commits":[', commits, ']}');
end $$;
