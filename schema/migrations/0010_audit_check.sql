-- The audit log is checked in pages, each bounded in time, and with what it tells of: docs/decisions/0012-audit-evidence.md.

-- SHA-256 over everything that a key is, but for its revocation. The name, which may be almost anything, is the last.
create function herald_key_digest(k api_keys) returns text language plpgsql immutable as $$
begin
  return encode(sha256(convert_to(concat_ws('|', k.id, k.hash, k.role, k.environments, herald_millis(k.created_at)::bigint,
    coalesce(herald_millis(k.expires_at)::bigint, 0), k.created_by, k.name), 'UTF8')), 'hex');
end $$;

create index audit_log_keys on audit_log ((details->>'id'), id) where action in ('key.create', 'key.revoke', 'key.rename', 'key.rotate');

-- The first admin key, unless there is a good one: servers that start together on an empty database make one.
create or replace function herald_first_admin(key jsonb) returns boolean language plpgsql as $$
declare
  made api_keys;
begin
  perform herald_lock();
  if exists (select from api_keys where role = 'admin' and environments ? '*' and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())) then
    return false;
  end if;
  insert into api_keys (id, name, hash, role, environments, created_at, created_by)
    values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments', herald_at((key->>'createdAt')::float8), key->>'createdBy')
    returning * into made;
  perform herald_audit('', 'key.create', key->>'createdBy',
    key - 'hash' - 'createdAt' - 'createdBy' - 'revokedAt' || jsonb_build_object('digest', herald_key_digest(made)));
  return true;
end $$;

-- Does an entry tell of a version?
create function herald_tells_version(action text) returns boolean language sql immutable as $$
  select action in ('publish', 'delete', 'rollback', 'release')
$$;

-- What is wrong with the version that an entry tells of, or null. Entries of before migration 9 hold no digest: what they say is compared.
create function herald_version_problem(e audit_log) returns text language plpgsql stable set plan_cache_mode = 'force_generic_plan' as $$
declare
  h configurations;
  in_environment text := split_part(e.config_id, '/', 1);
  of_key text := substr(e.config_id, length(in_environment) + 2);
  its_version integer := (e.details->>'version')::integer;
begin
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

-- What is wrong with the API key that an entry tells of, or null. Of several that tell what it is, the newest counts.
create function herald_key_problem(e audit_log) returns text language plpgsql stable set plan_cache_mode = 'force_generic_plan' as $$
declare
  k api_keys;
begin
  select * into k from api_keys a where a.id = e.details->>'id';
  if k.id is null then
    return format('the API key %s is not there any more', e.details->>'id');
  elsif e.action = 'key.revoke' then
    return case when k.revoked_at is null then format('the API key %s is not revoked any more', k.id) end;
  elsif exists (select from audit_log a where a.action in ('key.rename', 'key.rotate') and a.details->>'id' = k.id and a.id > e.id) then
    return null;
  elsif (case when e.details ? 'digest' then herald_key_digest(k) <> e.details->>'digest'
      else k.role <> e.details->>'role' or k.environments <> e.details->'environments' or k.name <> e.details->>'name' end) then
    return format('the API key %s is not what was created', k.id);
  end if;
  return null;
end $$;

-- One page of a check of the audit log and of all it tells of. It ends after `millis`, and is gone on with from the place that it gives.
--   place:   null, or the place of the page before: {stage, entries, id, hash, versions, revision, found, environment, key, version}
--            stages: entries (the chain, and what each entry tells of) · history (no version that no entry tells of) · current (what is current
--            is the newest of the history) · log (what nodes read and deliver is the history) · keys (no API key that no entry tells of)
--   returns: {entries, total, place: null at the end, problem: null or {kind, entry, message}}
-- Planned each time: for places that it does not know, the planner sorts what an index has in order.
create function herald_audit_check(place jsonb, millis double precision) returns jsonb language plpgsql
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
          versions := versions + 1;
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
            left join configuration_history h on h.environment = stated->>'environment' and h.key = stated->>'key' and h.version = (stated->>'version')::integer
            where h.version is null or h.revision <> n.revision or herald_configuration_json(row(h.*)::configurations) <> stated limit 1
        ) x on true left join lateral (
          -- Of its entries as many as it has changes, and one more: each is of a change that it has.
          select a.config_id from audit_log a where a.id between n.audit_id - jsonb_array_length(n.payload) and n.audit_id
            and herald_tells_version(a.action) and a.details->>'revision' = n.revision::text
          except select (stated->>'environment') || '/' || (stated->>'key') from jsonb_array_elements(n.payload) stated limit 1
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
