-- A commit on terms: not after a point in time, and only while what it was checked against still holds. Both are decided under the lock:
-- docs/decisions/0011-deadlines-and-dependencies.md. An entry of the audit log holds the digest of what was changed (decision 0012).

-- As it was, of functions that are as immutable as it says: only then it is inlined, which is a tenth of the price of a call.
create or replace function herald_millis(at timestamptz) returns double precision language sql immutable as
  $$ select floor(round(date_part('epoch', at - timestamptz 'epoch') * 1e6) / 1000) $$;

-- What is checked in `configurations` is copied from there; and versions are counted by herald_commit alone.
alter table configuration_history drop constraint configurations_version_check, drop constraint configurations_value_type_check;
alter table configurations drop constraint configurations_version_check;

-- Whose clock this is, and what it says: a point in time means nothing on another server, nor after a restart.
create function herald_clock() returns jsonb language sql volatile as $$
  select jsonb_build_object('server', pg_postmaster_start_time()::text, 'now', herald_millis(clock_timestamp()))
$$;

-- Which keys are templates. No column in here changes with every version, so that updates stay on their page (HOT).
create index configurations_templates on configurations (environment, key) where template and not deleted;

-- These are called once for each change under the lock. In plpgsql: what SQL functions cost to start is more than what these do.
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

-- As it always was.
create or replace function herald_audit_hash(
  prev_hash text, id bigint, config_id text, action text, performed_by text, details jsonb, created_at timestamptz
) returns text language plpgsql immutable as $$
begin
  return encode(sha256(convert_to(
    concat_ws('|', prev_hash, id, config_id, action, performed_by, details, herald_millis(created_at)::bigint), 'UTF8')), 'hex');
end $$;

-- Does the current version still have what the change kept of it? `kept`: {live, fields: [schema, strict, type]}; the values are in the change.
create function herald_kept(change jsonb, live boolean, schema_definition jsonb, "strict" boolean, value_type text) returns boolean
language sql immutable as $$
  select case
    when coalesce(change->'kept', 'null') = 'null' then true
    when (change->'kept'->>'live')::boolean <> live then false
    when not live then true
    else (not change->'kept'->'fields' ? 'schema' or schema_definition is not distinct from nullif(change->'schema', 'null'))
      and (not change->'kept'->'fields' ? 'strict' or "strict" = (change->>'strict')::boolean)
      and (not change->'kept'->'fields' ? 'type' or value_type = change->>'valueType') end
$$;

-- What stands in the way of a change, or null. `changed` in the details: it was checked against something that is no longer so.
create or replace function herald_problem(change jsonb) returns jsonb language plpgsql as $$
declare
  k text := change->>'key';
  e text := change->>'environment';
  expected integer := (change->>'expectedVersion')::integer;
  held record;
  current integer := 0;
  live boolean;
begin
  select version, deleted, schema_definition, c."strict", value_type into held from configurations c where c.environment = e and c.key = k;
  live := found and not held.deleted;
  if held.version is not null and not (held.deleted and expected = 0) then current := held.version; end if;
  if expected <> current then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('%s in %s is at version %s, not %s', k, e, current, expected),
      'details', jsonb_build_object('key', k, 'environment', e, 'expected', expected, 'current', current));
  end if;
  if change->>'value' is null and not live then
    return jsonb_build_object('name', 'NotFound', 'message', format('there is no key %s in %s to delete', k, e),
      'details', jsonb_build_object('key', k, 'environment', e));
  end if;
  if not herald_kept(change, live, held.schema_definition, held."strict", held.value_type) then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the schema, strictness or type of %s in %s was changed while this was checked', k, e),
      'details', jsonb_build_object('key', k, 'environment', e, 'current', current, 'changed', 'rules'));
  end if;
  return null;
end $$;

-- What the release was checked against besides the keys that it changes, and is no longer so; or null.
--   basis: {values: [{environment, key, digest}], templates: [{environment, epoch, revision}]}
create function herald_basis_problem(basis jsonb, changes jsonb, current_epoch text) returns jsonb language plpgsql as $$
declare
  one jsonb;
  held text;
begin
  for one in select value from jsonb_array_elements(basis->'values') loop
    select digest into held from configurations c where c.environment = one->>'environment' and c.key = one->>'key' and not c.deleted;
    if coalesce(held, '') <> one->>'digest' then
      return jsonb_build_object('name', 'VersionConflict',
        'message', format('%s in %s was changed while this was checked', one->>'key', one->>'environment'),
        'details', jsonb_build_object('key', one->'key', 'environment', one->'environment', 'changed', 'variables'));
    end if;
  end loop;
  for one in select value from jsonb_array_elements(basis->'templates') loop
    select c.key into held from configurations c
      where c.environment = one->>'environment' and c.template and not c.deleted
        and (c.revision > (one->>'revision')::bigint or current_epoch <> one->>'epoch')
        and not exists (select from jsonb_array_elements(changes) x where x->>'key' = c.key and x->>'environment' = c.environment)
      limit 1;
    if held is not null then
      return jsonb_build_object('name', 'VersionConflict',
        'message', format('the template %s in %s was changed while this was checked', held, one->>'environment'),
        'details', jsonb_build_object('key', held, 'environment', one->'environment', 'changed', 'templates'));
    end if;
  end loop;
  return null;
end $$;

-- Commits releases, each whole or not at all, and answers each. A release that can't be committed does not touch the others.
--   releases: [{action, actor, keyId, owner, message, traceparent, commitId, digest, notAfter, basis, changes: [Change]}]
--             owner: whose idempotency key it is, the actor's without; notAfter: milliseconds of this server's clock, null for no end
--             keyId: of the API key that the actor used, for the audit log; a server of before sends none
--   since:    as in terms, of servers before this migration
--   terms:    null, or {clock, wait, since}
--             clock: the server whose clock notAfter is of; on another nothing is done and the answer is null
--             wait:  milliseconds that the lock is waited for
--             since: null, or {epoch, revision}: a release of this call may have been committed behind it already
--   returns:  [{ok: true, replayed: false, revision, epoch, committedAt, versions: [{version, createdAt}]}
--               or {ok: true, replayed: true, row} or {ok: false, name, message, details}]
-- Every statement in here looks up one key: one plan serves all, and planning for ten partitions each time would cost more than running.
-- What is only read by others, and after the commit, is gathered and written once a call.
drop function herald_commit(jsonb, bigint);
drop function herald_commit_releases(jsonb, bigint);
drop function herald_write(jsonb, text, bigint, timestamptz);
create function herald_commit(releases jsonb, since bigint default null, terms jsonb default null) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' as $$
declare
  release jsonb;
  changes jsonb;
  change jsonb;
  name text;
  actor text;
  action text;
  results jsonb[];
  replays bigint[];
  payload jsonb[];
  versions jsonb[];
  problem jsonb;
  earlier_revision bigint;
  earlier_digest text;
  written configurations;
  history configurations[];
  entries audit_log[];
  log revisions[];
  last_id bigint;
  last_hash text;
  current_hash text;
  config_id text;
  details jsonb;
  now timestamptz;
  current_epoch text;
  was_synchronous boolean;
  behind bigint;
  known bigint;
  room bigint;
  head bigint;
  before bigint;
begin
  if terms is not null then
    if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
    perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  end if;
  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.horizon, l.tail, l.made_to, e.epoch, h.synchronous into behind, known, room, current_epoch, was_synchronous
    from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= known order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);
  last_hash := coalesce(last_hash, '');
  if head + jsonb_array_length(releases) >= room then -- made ahead, as a rule
    perform herald_make_room(head + jsonb_array_length(releases), greatest(1000, (head - behind) / 8));
  end if;
  if jsonb_typeof(terms->'since') = 'object' then
    since := case when terms->'since'->>'epoch' = current_epoch then (terms->'since'->>'revision')::bigint else 0 end;
  end if;
  since := case when since is not null then greatest(since, head - 100000) end;
  for i in 0 .. jsonb_array_length(releases) - 1 loop
    release := releases->i;
    changes := release->'changes';
    name := release->>'commitId';
    if since is not null or starts_with(name, '=') then
      earlier_revision := null;
      select of_revision, of_digest into earlier_revision, earlier_digest
        from herald_earlier(name, coalesce(release->>'owner', release->>'actor'), since);
      if earlier_revision is not null then
        if earlier_digest = release->>'digest' then replays := replays || array[i + 1, earlier_revision]; end if;
        results := results || jsonb_build_object('ok', false, 'name', 'IdempotencyConflict', 'message',
          format(case when earlier_digest = release->>'digest' then 'the idempotency key %s was used for a commit that is behind the retention'
            else 'the idempotency key %s was used for another request' end, substr(name, 2)), 'details', '{}'::jsonb);
        continue;
      end if;
    end if;

    -- Under the lock: whoever finds it too late here, and nothing committed, knows that it never will be.
    if clock_timestamp() > herald_at((release->>'notAfter')::double precision) then
      results := results || jsonb_build_object('ok', false, 'name', 'Timeout', 'details', '{}'::jsonb,
        'message', 'its turn came after its time limit: nothing was written, and nothing of it ever will be');
      continue;
    end if;

    problem := null;
    for n in 0 .. jsonb_array_length(changes) - 1 loop
      change := changes->n;
      -- Nothing can stand in the way of the others.
      continue when change->>'value' is not null and change->>'expectedVersion' is null and change->'kept' is null;
      -- As a rule there is a live version, and all is as it was.
      continue when exists (select from configurations c where c.environment = change->>'environment' and c.key = change->>'key' and not c.deleted
        and c.version = coalesce((change->>'expectedVersion')::integer, c.version)
        and herald_kept(change, true, c.schema_definition, c."strict", c.value_type));
      problem := herald_problem(change);
      exit when problem is not null;
    end loop;
    if problem is null and release ? 'basis' then
      problem := herald_basis_problem(release->'basis', changes, current_epoch);
    end if;
    if problem is not null then
      results := results || (problem || '{"ok": false}');
      continue;
    end if;

    head := head + 1;
    now := date_trunc('milliseconds', clock_timestamp());
    actor := release->>'actor';
    action := release->>'action';
    payload := null;
    versions := null;
    for n in 0 .. jsonb_array_length(changes) - 1 loop
      change := changes->n;
      update configurations held set
        version = held.version + 1, revision = head, value = coalesce(change->>'value', ''), value_type = change->>'valueType',
        deleted = change->>'value' is null, schema_definition = nullif(change->'schema', 'null'),
        strict = (change->>'strict')::boolean, template = (change->>'template')::boolean, digest = change->>'digest',
        updated_at = now, updated_by = actor, change_log = change->>'changeLog'
        where held.environment = change->>'environment' and held.key = change->>'key'
      returning * into written;
      if not found then
        insert into configurations values (
          change->>'key', change->>'environment', 1, head, coalesce(change->>'value', ''), change->>'valueType',
          change->>'value' is null, nullif(change->'schema', 'null'), (change->>'strict')::boolean, (change->>'template')::boolean,
          change->>'digest', now, now, actor, change->>'changeLog'
        ) returning * into written;
      end if;
      history := history || written;
      payload := payload || herald_configuration_json(written);
      versions := versions || jsonb_build_object('version', written.version, 'createdAt', herald_millis(written.created_at));
      config_id := (change->>'environment') || '/' || (change->>'key');
      details := jsonb_build_object('version', written.version, 'revision', head::text, 'message', change->>'changeLog',
        'digest', herald_change_digest(written)) || jsonb_strip_nulls(jsonb_build_object('keyId', release->'keyId'));
      current_hash := herald_audit_hash(last_hash, last_id + 1, config_id, action, actor, details, now);
      entries := entries || row(last_id + 1, config_id, action, actor, details, now, last_hash, current_hash)::audit_log;
      last_id := last_id + 1;
      last_hash := current_hash;
    end loop;
    log := log || row(head, current_epoch, coalesce(to_jsonb(payload), '[]'), pg_column_size(release), release->>'traceparent', actor,
      release->>'message', now, last_id, name)::revisions;
    if starts_with(name, '=') then
      insert into idempotency_keys values (coalesce(release->>'owner', actor), name, release->>'digest', head);
    end if;
    results := results || jsonb_build_object('ok', true, 'replayed', false, 'revision', head::text, 'epoch', current_epoch,
      'committedAt', herald_millis(now), 'versions', coalesce(to_jsonb(versions), '[]'));
  end loop;
  if head > before then
    insert into configuration_history select * from unnest(history);
    insert into audit_log select * from unnest(entries);
    insert into revisions select * from unnest(log);
  end if;
  -- Of this call, too, as it may hold a release twice.
  for i in 1 .. coalesce(cardinality(replays), 0) by 2 loop
    results[replays[i]] := coalesce(herald_replayed(replays[i + 1]), results[replays[i]]);
  end loop;
  -- Does it wait for a standby? Noted after the commit's lock, as herald_follow does it: never the other way round.
  if was_synchronous <> herald_is_synchronous() then
    update herald_lineage set synchronous = not was_synchronous;
  end if;
  return coalesce(to_jsonb(results), '[]');
end $$;

-- The answer to a commit that was made earlier.
create function herald_replayed(of_revision bigint) returns jsonb language sql stable as $$
  select jsonb_build_object('ok', true, 'replayed', true, 'row', jsonb_build_object(
    'revision', r.revision::text, 'epoch', r.epoch, 'payload', r.payload, 'traceparent', r.traceparent, 'actor', r.actor,
    'message', r.message, 'committedAt', herald_millis(r.committed_at))) from revisions r where r.revision = of_revision
$$;
