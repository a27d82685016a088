-- A commit holds changes of any kinds: docs/decisions/0018-kinds-and-views.md. A change that names no kind is a configuration. Every other kind
-- has a row in here, and in a migration of its own these functions, which herald_commit, herald_audit_check and herald_sweep call by its name:
--   herald_<kind>_problem(change jsonb, release jsonb) returns jsonb
--     what stands in its way, {name, message, details}, or null; asked under the lock, before anything of the release is written
--   herald_<kind>_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb
--     writes it, and returns it as it is now: environment, key and what is its own, with revisions as text
--   herald_<kind>_at(environment text, key text, revision bigint) returns jsonb
--     as it was written then; null when it was not. For as long as the audit log tells of it: for ever
--   herald_<kind>_sweep(horizon bigint, step integer) returns integer
--     ends rows that nobody reads any more, `step` at most; returns how many went
create table herald_kinds (name text primary key check (name ~ '^[a-z][a-z0-9_]*$' and name <> 'configuration'));

-- SHA-256 over everything that a change says.
create function herald_stated_digest(stated jsonb) returns text language plpgsql immutable as $$
begin
  return encode(sha256(convert_to(stated::text, 'UTF8')), 'hex');
end $$;

-- What the audit log calls what a change is of.
create function herald_entry_name(stated jsonb) returns text language sql immutable as $$
  select case when stated ? 'kind' then '@' || (stated->>'kind') || '/' else '' end || (stated->>'environment') || '/' || (stated->>'key')
$$;

-- A change of another kind than configurations, as it was written; null when it was not.
create function herald_stated_at(of_kind text, in_environment text, of_key text, at_revision bigint) returns jsonb language plpgsql stable as $$
declare
  stated jsonb;
begin
  if not exists (select from herald_kinds where name = of_kind) then return null; end if;
  execute format('select %I($1, $2, $3)', 'herald_' || of_kind || '_at') into stated using in_environment, of_key, at_revision;
  return stated || jsonb_build_object('kind', of_kind);
end $$;

-- What the release was checked against besides the keys that it changes, and is no longer so; or null.
--   basis: {values: [{environment, key, digest}], templates: [{environment, epoch, revision}]}
create or replace function herald_basis_problem(basis jsonb, changes jsonb, current_epoch text) returns jsonb language plpgsql as $$
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
        and not exists (select from jsonb_array_elements(changes) x where coalesce(x->>'kind', 'configuration') = 'configuration'
          and x->>'key' = c.key and x->>'environment' = c.environment)
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
--   releases: [{action, actor, keyId, owner, message, traceparent, commitId, digest, notAfter, basis, changes: [Wish]}]
--             owner: whose idempotency key it is, the actor's without; notAfter: milliseconds of this server's clock, null for no end
--             keyId: of the API key that the actor used, for the audit log; a server of before sends none
--   since:    as in terms, of servers before this migration
--   terms:    null, or {clock, wait, since}
--             clock: the server whose clock notAfter is of; on another nothing is done and the answer is null
--             wait:  milliseconds that the lock is waited for
--             since: null, or {epoch, revision}: a release of this call may have been committed behind it already
--   returns:  [{ok: true, replayed: false, revision, epoch, committedAt, versions: [{version, createdAt}, of another kind {change}]}
--               or {ok: true, replayed: true, row} or {ok: false, name, message, details}]
-- Every statement in here looks up one key: one plan serves all, and planning for ten partitions each time would cost more than running.
-- What is only read by others, and after the commit, is gathered and written once a call.
create or replace function herald_commit(releases jsonb, since bigint default null, terms jsonb default null) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' as $$
declare
  release jsonb;
  changes jsonb;
  change jsonb;
  name text;
  actor text;
  action text;
  kind text;
  stated jsonb;
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
      kind := change->>'kind';
      if kind <> 'configuration' then
        execute format('select %I($1, $2)', 'herald_' || kind || '_problem') into problem using change, release;
        exit when problem is not null;
        continue;
      end if;
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
      kind := change->>'kind';
      if kind <> 'configuration' then
        execute format('select %I($1, $2, $3, $4)', 'herald_' || kind || '_write') into stated using change, release, head, now;
        stated := stated || jsonb_build_object('kind', kind);
        payload := payload || stated;
        versions := versions || jsonb_build_object('change', stated);
        config_id := herald_entry_name(stated);
        details := jsonb_build_object('kind', kind, 'revision', head::text, 'message', release->>'message',
          'digest', herald_stated_digest(stated)) || jsonb_strip_nulls(jsonb_build_object('keyId', release->'keyId'));
      else
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
      end if;
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

-- What is wrong with the change of another kind that an entry tells of, or null.
create function herald_stated_problem(e audit_log) returns text language plpgsql stable as $$
declare
  of_kind text := e.details->>'kind';
  name text := substr(e.config_id, length(of_kind) + 3);
  in_environment text := split_part(name, '/', 1);
  stated jsonb := herald_stated_at(of_kind, in_environment, substr(name, length(in_environment) + 2), (e.details->>'revision')::bigint);
begin
  if stated is null or herald_entry_name(stated) <> e.config_id then
    return format('%s of revision %s is not in the history', e.config_id, e.details->>'revision');
  elsif herald_stated_digest(stated) is distinct from e.details->>'digest' then
    return format('%s of revision %s is not what was published', e.config_id, e.details->>'revision');
  end if;
  return null;
end $$;

-- What is wrong with the change that an entry tells of, or null. Entries of before migration 9 hold no digest: what they say is compared.
create or replace function herald_version_problem(e audit_log) returns text language plpgsql stable set plan_cache_mode = 'force_generic_plan' as $$
declare
  h configurations;
  in_environment text := split_part(e.config_id, '/', 1);
  of_key text := substr(e.config_id, length(in_environment) + 2);
  its_version integer := (e.details->>'version')::integer;
begin
  if e.details ? 'kind' then return herald_stated_problem(e); end if;
  select * into h from configuration_history c where c.environment = in_environment and c.key = of_key and c.version = its_version;
  if h.version is null then
    return format('version %s of %s in %s is not in the history', its_version, of_key, in_environment);
  elsif (case when e.details ? 'digest' then herald_change_digest(h) <> e.details->>'digest'
      else h.updated_by <> e.performed_by or h.revision <> (e.details->>'revision')::bigint
        or h.digest <> encode(sha256(convert_to(h.value, 'UTF8')), 'hex') end) then
    return format('version %s of %s in %s is not what was published', its_version, of_key, in_environment);
  end if;
  return null;
end $$;

-- One page of a check of the audit log and of all it tells of. It ends after `millis`, and is gone on with from the place that it gives.
--   place:   null, or the place of the page before: {stage, entries, id, hash, versions, revision, found, environment, key, version}
--            stages: entries (the chain, and what each entry tells of) · history (no version that no entry tells of) · current (what is current
--            is the newest of the history) · log (what nodes read and deliver is the history) · keys (no API key that no entry tells of)
--   returns: {entries, total, place: null at the end, problem: null or {kind, entry, message}}
-- Planned each time: for places that it does not know, the planner sorts what an index has in order.
create or replace function herald_audit_check(place jsonb, millis double precision) returns jsonb language plpgsql
  set plan_cache_mode = 'force_custom_plan' as $$
declare
  until timestamptz; -- from the first row on, so that every page goes on
  stage text := coalesce(place->>'stage', 'entries');
  checked bigint := coalesce((place->>'entries')::bigint, 0);
  at_id bigint := coalesce((place->>'id')::bigint, 0);
  at_hash text := coalesce(place->>'hash', '');
  versions bigint := coalesce((place->>'versions')::bigint, 0);
  at_revision bigint := coalesce((place->>'revision')::bigint, 0);
  found_versions bigint := coalesce((place->>'found')::bigint, 0);
  head bigint;
  at_environment text := coalesce(place->>'environment', '');
  at_key text := coalesce(place->>'key', '');
  at_version integer := coalesce((place->>'version')::integer, 0);
  e audit_log;
  r record;
  kind text;
  said text;
  broken bigint;
  more boolean := false;
  -- With a limit the planner follows the index; without, it would sort all that is left first.
  most constant integer := 50000;
  rows integer := 0;
  budget interval := make_interval(secs => millis / 1000);
begin
  if stage = 'entries' then
    if at_id > 0 and not exists (select from audit_log where id = at_id and hash = at_hash) then
      kind := 'changed'; broken := at_id; said := format('entry %s is not what it was when this check came by', at_id);
    else
      for e in select * from audit_log where id > at_id order by id limit most loop
        if e.id <> at_id + 1 then
          kind := 'missing'; broken := at_id + 1;
          said := case when e.id = at_id + 2 then format('entry %s is missing', at_id + 1) else format('entries %s to %s are missing', at_id + 1, e.id - 1) end;
        elsif e.prev_hash <> at_hash
            or e.hash <> herald_audit_hash(e.prev_hash, e.id, e.config_id, e.action, e.performed_by, e.details, e.created_at) then
          kind := 'changed'; broken := e.id; said := format('the hash of entry %s does not follow from it and the entry before', e.id);
        elsif herald_tells_version(e.action) then
          said := herald_version_problem(e);
          if said is not null then kind := 'value'; broken := e.id; end if;
          if not e.details ? 'kind' then versions := versions + 1; end if;
          at_revision := greatest(at_revision, (e.details->>'revision')::bigint);
        elsif e.action in ('key.create', 'key.revoke', 'key.rename', 'key.rotate') then
          said := herald_key_problem(e);
          if said is not null then kind := 'key'; broken := e.id; end if;
        end if;
        exit when kind is not null;
        at_id := e.id; at_hash := e.hash; checked := checked + 1;
        until := coalesce(until, clock_timestamp() + budget);
        rows := rows + 1;
        more := rows = most or clock_timestamp() > until;
        exit when more;
      end loop;
      if kind is null and not more then
        stage := 'history';
        -- The newest revision names its last entry, which tells of it.
        select coalesce((select max(id) from audit_log), 0) as last, n.revision, n.audit_id as named,
            (select details->>'revision' from audit_log where id = n.audit_id) as told
          into r from (select) one left join revisions n on n.revision = herald_head();
        if r.named > r.last then
          kind := 'truncated'; broken := r.last + 1;
          said := format('the log ends with entry %s, and the newest revision names entry %s', r.last, r.named);
        elsif r.revision is not null and r.told is distinct from r.revision::text then
          kind := 'unlogged';
          said := format('no entry tells of the newest revision, %s', r.revision);
        end if;
      end if;
    end if;
  end if;

  if stage = 'history' and kind is null and not more then
    rows := 0;
    for r in select environment, key, version, revision,
          exists (select from configurations c where c.environment = h.environment and c.key = h.key) as listed
        from configuration_history h
        where (h.environment, h.key, h.version) > (at_environment, at_key, at_version) order by 1, 2, 3 limit most loop
      if r.revision > coalesce(head, 0) then head := herald_head(); end if; -- more may have been committed since
      if not r.listed or r.revision > head then
        kind := case when r.listed then 'unlogged' else 'current' end;
        said := case when r.listed then format('version %s of %s in %s is of revision %s, and the newest is %s', r.version, r.key, r.environment, r.revision, head)
          else format('%s in %s has a history, and nothing is current', r.key, r.environment) end;
        exit;
      end if;
      at_environment := r.environment; at_key := r.key; at_version := r.version;
      if r.revision <= at_revision then found_versions := found_versions + 1; end if;
      until := coalesce(until, clock_timestamp() + budget);
      rows := rows + 1;
      more := rows = most or clock_timestamp() > until;
      exit when more;
    end loop;
    if kind is null and not more then
      stage := 'current'; at_environment := ''; at_key := ''; at_version := 0;
      if found_versions <> versions then
        kind := 'unlogged';
        said := format('up to revision %s the history has %s versions, and the log tells of %s', at_revision, found_versions, versions);
      end if;
    end if;
  end if;

  if stage = 'current' and kind is null and not more then
    rows := 0;
    -- One statement, so that both are of one moment.
    for r in select c.environment, c.key, c.version, h.version is null or row(c.*) is distinct from row(h.*) as differs,
          exists (select from configuration_history n where n.environment = c.environment and n.key = c.key and n.version > c.version) as behind
        from configurations c left join configuration_history h on h.environment = c.environment and h.key = c.key and h.version = c.version
        where (c.environment, c.key) > (at_environment, at_key) order by c.environment, c.key limit most loop
      if r.differs or r.behind then
        kind := 'current';
        said := format('%s in %s, version %s, is not %s of its history', r.key, r.environment, r.version, case when r.differs then 'that' else 'the newest' end);
        exit;
      end if;
      at_environment := r.environment; at_key := r.key;
      until := coalesce(until, clock_timestamp() + budget);
      rows := rows + 1;
      more := rows = most or clock_timestamp() > until;
      exit when more;
    end loop;
    if kind is null and not more then stage := 'log'; at_key := ''; at_id := 0; end if;
  end if;

  if stage = 'log' and kind is null and not more then
    rows := 0;
    for r in select n.revision, x.key, x.environment, y.config_id as untold,
          exists (select from audit_log a where a.id = n.audit_id and herald_tells_version(a.action)
            and a.details->>'revision' = n.revision::text) as logged
        from revisions n left join lateral (
          select stated->>'key' as key, stated->>'environment' as environment from jsonb_array_elements(n.payload) stated
            left join configuration_history h on h.environment = stated->>'environment' and h.key = stated->>'key' and h.version = case when stated ? 'kind' then null else (stated->>'version')::integer end
            where case when stated ? 'kind'
              then herald_stated_at(stated->>'kind', stated->>'environment', stated->>'key', n.revision) is distinct from stated
              else h.version is null or h.revision <> n.revision or herald_configuration_json(row(h.*)::configurations) <> stated end limit 1
        ) x on true left join lateral (
          -- Of its entries as many as it has changes, and one more: each is of a change that it has.
          select a.config_id from audit_log a where a.id between n.audit_id - jsonb_array_length(n.payload) and n.audit_id
            and herald_tells_version(a.action) and a.details->>'revision' = n.revision::text
          except select herald_entry_name(stated) from jsonb_array_elements(n.payload) stated limit 1
        ) y on true
        where n.revision > at_id order by n.revision limit most loop
      if at_id > 0 and r.revision <> at_id + 1 and at_id >= (select horizon from herald_log) then
        kind := 'missing'; said := format('revision %s is missing', at_id + 1);
      elsif r.key is not null then
        kind := 'value'; said := format('what revision %s says of %s in %s is not in the history', r.revision, r.key, r.environment);
      end if;
      if kind is null and not r.logged then
        kind := 'unlogged'; said := format('no entry tells of revision %s where it says', r.revision);
      elsif kind is null and r.untold is not null then
        kind := 'value'; said := format('revision %s does not tell nodes of %s, and its entry does', r.revision, r.untold);
      end if;
      exit when kind is not null;
      at_id := r.revision;
      until := coalesce(until, clock_timestamp() + budget);
      rows := rows + 1;
      more := rows = most or clock_timestamp() > until;
      exit when more;
    end loop;
    if kind is null and not more then stage := 'keys'; end if;
  end if;

  if stage = 'keys' and kind is null and not more then
    rows := 0;
    for r in select k.id, k.revoked_at is not null as revoked,
          exists (select from audit_log a where a.action in ('key.create', 'key.revoke') and a.details->>'id' = k.id and a.action = 'key.create') as created,
          exists (select from audit_log a where a.action in ('key.create', 'key.revoke') and a.details->>'id' = k.id and a.action = 'key.revoke') as ended
        from api_keys k where k.id > at_key order by k.id limit most loop
      if not r.created or r.revoked <> r.ended then
        kind := 'unlogged';
        said := case when not r.created then format('no entry tells of the API key %s', r.id)
          else format('the API key %s is %s, and the log tells otherwise', r.id, case when r.revoked then 'revoked' else 'not revoked' end) end;
        exit;
      end if;
      at_key := r.id;
      until := coalesce(until, clock_timestamp() + budget);
      rows := rows + 1;
      more := rows = most or clock_timestamp() > until;
      exit when more;
    end loop;
  end if;

  return jsonb_build_object('entries', checked, 'total', (select coalesce(max(id), 0) from audit_log),
    'problem', case when kind is not null then jsonb_build_object('kind', kind, 'entry', broken, 'message', said) end,
    'place', case when more then jsonb_build_object('stage', stage, 'entries', checked, 'id', at_id, 'hash', at_hash, 'versions', versions,
      'revision', at_revision, 'found', found_versions, 'environment', at_environment, 'key', at_key, 'version', at_version) end);
end $$;

-- Tombstones behind the horizon. What a commit holds is left for the next step: it may hold several, in an order of its own.
create function herald_configuration_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  stones integer;
begin
  delete from tombstones where ctid = any (array(
    select t.ctid from tombstones t where t.revision <= horizon order by t.revision limit step for update skip locked));
  get diagnostics stones = row_count;
  return stones;
end $$;

-- One bounded step of the retention, for the holder of its lease; null when that is another's by now.
--   keep, keep_at_least: of revisions; keep also of instances that are gone. step: rows of each kind.
--   out: {revisions, idempotencyKeys, tombstones, kinds: {kind: how many}, instances, instanceKeys: how many went, more: whether there are more to go}
create or replace function herald_sweep(lease jsonb, lasts interval, keep interval, keep_at_least bigint, step integer) returns jsonb language plpgsql as $$
declare
  -- Found once: a volatile function is no condition of an index.
  now timestamptz := clock_timestamp();
  behind bigint;
  moved bigint;
  keys integer;
  stones integer;
  kind text;
  of_kind integer;
  kinds jsonb := '{}';
  most integer := 0;
  gone bigint[];
  ended bigint[];
  of_gone integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  moved := herald_move_horizon(keep, keep_at_least);
  select horizon into behind from herald_log;

  -- What a commit holds is left for the next step: it may hold several, in an order of its own.
  delete from idempotency_keys where ctid = any (array(
    select ctid from idempotency_keys where revision <= behind order by revision limit step for update skip locked));
  get diagnostics keys = row_count;

  stones := herald_configuration_sweep(behind, step);
  for kind in select k.name from herald_kinds k order by 1 loop
    execute format('select %I($1, $2)', 'herald_' || kind || '_sweep') into of_kind using behind, step;
    kinds := kinds || jsonb_build_object(kind, of_kind);
    most := greatest(most, of_kind);
  end loop;

  with old as (
    delete from instances where id = any (array(
      select id from instances where gone_at < now - keep order by gone_at limit step for update skip locked))
    returning id
  ), noted as (
    insert into instances_ended (id) select id from old
  ) select coalesce(array_agg(id), '{}') into gone from old;

  -- A minute later nothing that was on its way can add to them.
  select coalesce(array_agg(id), '{}') into ended
    from (select id from instances_ended where ended_at < now - interval '1 minute' order by ended_at, id limit 1000) of_them;
  delete from instance_keys where ctid = any (array(select ctid from instance_keys where instance_id = any (ended) limit step));
  get diagnostics of_gone = row_count;
  if of_gone < step then
    delete from instance_health where instance_id = any (ended);
    delete from instances_ended where id = any (ended);
  end if;

  return jsonb_build_object('revisions', moved::text, 'idempotencyKeys', keys, 'tombstones', stones, 'kinds', kinds, 'instances', cardinality(gone),
    'instanceKeys', of_gone,
    'more', keys = step or stones = step or most = step or cardinality(gone) = step or of_gone = step or cardinality(ended) = 1000);
end $$;
