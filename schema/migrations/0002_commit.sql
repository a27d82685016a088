-- The two ways to write the registry. Both take the same lock first, so their order is their commit order (decision 0002).

create function herald_audit_hash(
  prev_hash text, id bigint, config_id text, action text, performed_by text, details jsonb, created_at timestamptz
) returns text language sql immutable as $$
  select encode(sha256(convert_to(concat_ws('|', prev_hash, id, config_id, action, performed_by, details, herald_millis(created_at)::bigint), 'UTF8')), 'hex')
$$;

create function herald_lock() returns void language sql as $$ select pg_advisory_xact_lock(7234733) $$;

-- The end of the hash chain; 0 and '' before the first entry.
create function herald_last_audit(out id bigint, out hash text) language plpgsql as $$
begin
  select l.id, l.hash into id, hash from audit_log l order by l.id desc limit 1;
  id := coalesce(id, 0);
  hash := coalesce(hash, '');
end $$;

-- Appends to the hash chain; returns the entry's id.
create function herald_audit(config_id text, action text, performed_by text, details jsonb) returns bigint language plpgsql as $$
declare
  last record;
  now timestamptz := date_trunc('milliseconds', clock_timestamp());
begin
  perform herald_lock();
  select * into last from herald_last_audit();
  insert into audit_log values (
    last.id + 1, config_id, action, performed_by, details, now, last.hash,
    herald_audit_hash(last.hash, last.id + 1, config_id, action, performed_by, details, now)
  );
  return last.id + 1;
end $$;

-- What stands in the way of a change, or null.
create function herald_problem(change jsonb) returns jsonb language plpgsql as $$
declare
  k text := change->>'key';
  e text := change->>'environment';
  expected integer := (change->>'expectedVersion')::integer;
  held record;
  current integer := 0;
begin
  select version, deleted into held from configurations c where c.environment = e and c.key = k;
  if found and not (held.deleted and expected = 0) then current := held.version; end if;
  if expected <> current then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('%s in %s is at version %s, not %s', k, e, current, expected),
      'details', jsonb_build_object('key', k, 'environment', e, 'expected', expected, 'current', current));
  end if;
  if change->>'value' is null and coalesce(held.deleted, true) then
    return jsonb_build_object('name', 'NotFound', 'message', format('there is no key %s in %s to delete', k, e),
      'details', jsonb_build_object('key', k, 'environment', e));
  end if;
  return null;
end $$;

-- Writes one change as the next version of its key; returns the configuration as it is now.
create function herald_write(change jsonb, actor text, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  c configurations;
begin
  update configurations held set
    version = held.version + 1, revision = at_revision, value = coalesce(change->>'value', ''), value_type = change->>'valueType',
    deleted = change->>'value' is null, schema_definition = nullif(change->'schema', 'null'),
    strict = (change->>'strict')::boolean, template = (change->>'template')::boolean, digest = change->>'digest',
    updated_at = now, updated_by = actor, change_log = change->>'changeLog'
    where held.environment = change->>'environment' and held.key = change->>'key'
  returning * into c;
  if not found then
    insert into configurations values (
      change->>'key', change->>'environment', 1, at_revision, coalesce(change->>'value', ''), change->>'valueType',
      change->>'value' is null, nullif(change->'schema', 'null'), (change->>'strict')::boolean, (change->>'template')::boolean,
      change->>'digest', now, now, actor, change->>'changeLog'
    ) returning * into c;
  end if;
  insert into configuration_history values (c.*);
  return jsonb_build_object('key', c.key, 'environment', c.environment, 'version', c.version, 'revision', c.revision::text,
    'value', c.value, 'valueType', c.value_type, 'deleted', c.deleted, 'schema', c.schema_definition, 'strict', c."strict",
    'template', c.template, 'digest', c.digest, 'createdAt', herald_millis(c.created_at), 'updatedAt', herald_millis(c.updated_at),
    'updatedBy', c.updated_by, 'changeLog', c.change_log);
end $$;

-- What was committed before under this name: a key of the publisher's ("=…"), or one that the writer made ("~…") and now asks for
-- again, because the answer was lost. The latter is looked for in the log behind `since` only, so that no index has to be kept for it.
create function herald_earlier(commit_id text, by_actor text, since bigint, out of_revision bigint, out of_digest text) language plpgsql as $$
begin
  if starts_with(commit_id, '=') then
    select i.revision, i.digest into of_revision, of_digest from idempotency_keys i where i.actor = by_actor and i.key = commit_id;
  elsif since is not null then
    select r.revision, '' into of_revision, of_digest from revisions r where r.revision > since and r.commit_id = herald_earlier.commit_id;
  end if;
end $$;

-- Commits releases, each whole or not at all, and answers each. A release that can't be committed does not touch the others.
--   releases: [{action, actor, message, traceparent, commitId, digest, changes: [Change]}]
--   since:    null, or the revision behind which a release of this call may have been committed already
--   returns:  [{ok: true, replayed: false, revision, epoch, committedAt, versions: [{version, createdAt}]}
--               or {ok: true, replayed: true, row} or {ok: false, name, message, details}]
-- Every statement in here looks up one key: one plan serves all, and planning for ten partitions each time would cost more than running.
create function herald_commit(releases jsonb, since bigint default null) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' as $$
declare
  release jsonb;
  change jsonb;
  written jsonb;
  results jsonb[] := '{}';
  payload jsonb[];
  versions jsonb[];
  problem jsonb;
  earlier record;
  last record;
  config_id text;
  details jsonb;
  current_hash text;
  now timestamptz;
  current_epoch text;
  head bigint;
begin
  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select coalesce(max(revision), 0) into head from revisions;
  select epoch into current_epoch from herald_epoch;
  select * into last from herald_last_audit();
  for release in select value from jsonb_array_elements(releases) loop
    earlier := herald_earlier(release->>'commitId', release->>'actor', greatest(since, case when since is not null then head - 100000 end));
    if earlier.of_revision is not null then
      if earlier.of_digest <> release->>'digest' then
        results := results || jsonb_build_object('ok', false, 'name', 'IdempotencyConflict',
          'message', format('the idempotency key %s was used for another request', substr(release->>'commitId', 2)), 'details', '{}'::jsonb);
      else
        results := results || (select jsonb_build_object('ok', true, 'replayed', true, 'row', jsonb_build_object(
          'revision', r.revision::text, 'epoch', r.epoch, 'payload', r.payload, 'traceparent', r.traceparent, 'actor', r.actor,
          'message', r.message, 'committedAt', herald_millis(r.committed_at))) from revisions r where r.revision = earlier.of_revision);
      end if;
      continue;
    end if;

    problem := null;
    for change in select value from jsonb_array_elements(release->'changes') loop
      continue when change->>'value' is not null and change->>'expectedVersion' is null; -- nothing can stand in its way
      problem := herald_problem(change);
      exit when problem is not null;
    end loop;
    if problem is not null then
      results := results || (problem || '{"ok": false}');
      continue;
    end if;

    head := head + 1;
    now := date_trunc('milliseconds', clock_timestamp());
    payload := '{}';
    versions := '{}';
    for change in select value from jsonb_array_elements(release->'changes') loop
      written := herald_write(change, release->>'actor', head, now);
      payload := payload || written;
      versions := versions || jsonb_build_object('version', written->'version', 'createdAt', written->'createdAt');
      config_id := (change->>'environment') || '/' || (change->>'key');
      details := jsonb_build_object('version', written->'version', 'revision', head::text, 'message', change->>'changeLog');
      current_hash := herald_audit_hash(last.hash, last.id + 1, config_id, release->>'action', release->>'actor', details, now);
      insert into audit_log values (last.id + 1, config_id, release->>'action', release->>'actor', details, now, last.hash, current_hash);
      last.id := last.id + 1;
      last.hash := current_hash;
    end loop;
    insert into revisions values (head, current_epoch, to_jsonb(payload), pg_column_size(release), release->>'traceparent',
      release->>'actor', release->>'message', now, last.id, release->>'commitId');
    if starts_with(release->>'commitId', '=') then
      insert into idempotency_keys values (release->>'actor', release->>'commitId', release->>'digest', head);
    end if;
    results := results || jsonb_build_object('ok', true, 'replayed', false, 'revision', head::text, 'epoch', current_epoch,
      'committedAt', herald_millis(now), 'versions', to_jsonb(versions));
  end loop;
  return to_jsonb(results);
end $$;
