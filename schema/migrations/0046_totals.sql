-- Quotas of environments: how many keys each holds, and how many bytes of what is current, decided where commits are. The rules are those of
-- src/limits/Quotas.ts.
-- What it costs: the sizes of `configurations`, flags and segments are read once, while nothing can be written; no value is.

-- First, as a commit has it before it has any table.
perform herald_lock();

-- Configurations, flags and segments that live. Bytes: values with their schemas, definitions, and lists of ids at each segment that names one. Each commit
-- appends, and the newest row of an environment counts: a row that is updated would grow a chain of dead versions for as long as any old snapshot stays,
-- and every commit walks along that.
create table environment_sums (environment text not null, n bigint not null, keys bigint not null, bytes bigint not null, primary key (environment, n))
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
-- When each was last compared with what is there.
create table environment_counts (environment text primary key, counted_at timestamptz not null);

-- What an environment holds; no row: nothing yet.
create function herald_sum(in_environment text) returns setof environment_sums language sql stable as $$
  select * from environment_sums s where s.environment = in_environment order by s.n desc limit 1
$$;

create function herald_bytes(value text, schema jsonb) returns bigint language sql immutable as $$
  select octet_length(value) + coalesce(octet_length(schema::text), 0)::bigint
$$;

-- What an environment may hold, as the node says that asks: {keys, bytes, of: {<environment>: {keys, bytes}}}. Nodes of before say nothing.
create function herald_quota(terms jsonb, in_environment text, quota text) returns bigint language sql immutable as $$
  select coalesce((terms #>> array['quotas', 'of', in_environment, quota])::bigint, (terms #>> array['quotas', quota])::bigint, 4611686018427387903)
$$;

-- Each of a flag or of a segment, whose rows are written anew and never updated. Archived ones count for nothing, so no sweep writes here.
create function herald_count_flags() returns trigger language plpgsql as $$
declare
  sign constant integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  insert into environment_sums select m.environment, coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + sign * m.keys, coalesce(t.bytes, 0) + sign * m.bytes
    from (select f.environment, count(*) as keys, sum(f.bytes) as bytes from touched f where not f.deleted group by f.environment) m
      left join lateral herald_sum(m.environment) t on true;
  return null;
end $$;
create function herald_count_segments() returns trigger language plpgsql as $$
declare
  sign constant integer := case tg_op when 'INSERT' then 1 else -1 end;
begin
  insert into environment_sums select m.environment, coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + sign * m.keys, coalesce(t.bytes, 0) + sign * m.bytes
    from (select s.environment, count(*) as keys, sum(s.bytes + coalesce((select l.bytes from flag_id_lists l where l.digest = s.list), 0)) as bytes
        from touched s where not s.deleted group by s.environment) m
      left join lateral herald_sum(m.environment) t on true;
  return null;
end $$;
create trigger totals_made after insert on feature_flags referencing new table as touched for each statement execute function herald_count_flags();
create trigger totals_gone after delete on feature_flags referencing old table as touched for each statement execute function herald_count_flags();
create trigger totals_made after insert on flag_segments referencing new table as touched for each statement execute function herald_count_segments();
create trigger totals_gone after delete on flag_segments referencing old table as touched for each statement execute function herald_count_segments();

-- What is there, whatever was counted.
create function herald_there(in_environment text) returns table (keys bigint, bytes bigint) language sql stable as $$
  select count(*), coalesce(sum(w.bytes), 0)::bigint from (
    select herald_bytes(c.value, c.schema_definition) as bytes from configurations c where c.environment = in_environment and not c.deleted
    union all select f.bytes from feature_flags f where f.environment = in_environment and not f.deleted
    union all select s.bytes + coalesce((select l.bytes from flag_id_lists l where l.digest = s.list), 0) from flag_segments s
      where s.environment = in_environment and not s.deleted) w
$$;

insert into environment_sums select e.environment, 1, t.keys, t.bytes from (
    select distinct c.environment::text as environment from configurations c union select distinct f.environment from feature_flags f
    union select distinct s.environment from flag_segments s) e
  cross join lateral herald_there(e.environment) t;

-- Compares what was counted with what is there, in one statement and so of one moment, and adds what is missing. A commit of a server of before that waited
-- for the migration goes on as it was, and counts nothing; so may who restores a table. Null: it has to be asked again.
create function herald_recount(in_environment text) returns boolean language plpgsql as $$
declare
  more_keys bigint;
  more_bytes bigint;
begin
  select w.keys - coalesce(t.keys, 0), w.bytes - coalesce(t.bytes, 0) into more_keys, more_bytes
    from herald_there(in_environment) w left join herald_sum(in_environment) t on true;
  if more_keys <> 0 or more_bytes <> 0 then
    if not pg_try_advisory_xact_lock(7234733) then return null; end if; -- herald_lock()
    insert into environment_sums select in_environment, coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + more_keys, coalesce(t.bytes, 0) + more_bytes
      from (values (1)) one left join herald_sum(in_environment) t on true;
  end if;
  insert into environment_counts values (in_environment, clock_timestamp()) on conflict (environment) do update set counted_at = excluded.counted_at;
  return more_keys <> 0 or more_bytes <> 0;
end $$;

-- Removes sums that are no more the newest. Returns how many.
create function herald_sweep_sums(step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from environment_sums where ctid = any (array(
    select s.ctid from environment_sums s where s.n < (select max(l.n) from environment_sums l where l.environment = s.environment) limit step));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Recounts one environment that was not for a day. Returns which, if its sum was wrong.
create function herald_recount_due() returns text language plpgsql as $$
declare
  due text;
begin
  select e.environment into due from (select distinct s.environment from environment_sums s) e
    where not exists (select from environment_counts c where c.environment = e.environment and c.counted_at > clock_timestamp() - interval '1 day') limit 1;
  return case when due is not null and herald_recount(due) then due end;
end $$;

-- What the flags and segments of a release add to their environments.
create function herald_kinds_grow(changes jsonb) returns table (environment text, keys bigint, bytes bigint) language plpgsql stable as $$
begin
  return query select w.environment, sum(w.keys)::bigint, sum(w.bytes)::bigint from (
    select c->>'environment' as environment, (c->>'definition' is not null)::integer - (f.bytes is not null)::integer as keys,
        case when c->>'definition' is null then 0 else (c->>'bytes')::bigint end - coalesce(f.bytes, 0) as bytes
      from jsonb_array_elements(changes) c left join lateral (select f.bytes from feature_flags f
        where f.environment = c->>'environment' and f.flag_name = c->>'key' and not f.deleted offset 0) f on true
      where c->>'kind' = 'flag'
    union all
    select c->>'environment', (c->>'definition' is not null)::integer - (s.bytes is not null)::integer,
        case when c->>'definition' is null then 0
          else (c->>'bytes')::bigint + coalesce((select l.bytes from flag_id_lists l where l.digest = c->>'list'), 0) end - coalesce(s.bytes, 0)
      from jsonb_array_elements(changes) c left join lateral (
        select s.bytes + coalesce((select l.bytes from flag_id_lists l where l.digest = s.list), 0) as bytes from flag_segments s
          where s.environment = c->>'environment' and s.segment_name = c->>'key' and not s.deleted offset 0) s on true
      where c->>'kind' = 'segment') w
    group by w.environment;
end $$;

-- The first quota that is in the way of a release, with what the releases before it add that is not written yet; or null. What makes no more of
-- something is never in its way, and a rollback (`back`) has a tenth more room. EQ3
create function herald_full(terms jsonb, stored_in text[], grown_keys bigint[], grown_bytes bigint[], more_keys bigint[], more_bytes bigint[], back boolean)
  returns jsonb language plpgsql stable as $$
declare
  found record;
begin
  select w.environment, q.quota, q.used, q.adds, q.most into found
    from unnest(stored_in, grown_keys, grown_bytes, more_keys, more_bytes) with ordinality
        w(environment, grown_keys, grown_bytes, more_keys, more_bytes, place)
      left join lateral herald_sum(w.environment) t on true
      cross join lateral (values
        (1, 'keys', coalesce(t.keys, 0) + w.grown_keys, w.more_keys, herald_quota(terms, w.environment, 'keys')),
        (2, 'bytes', coalesce(t.bytes, 0) + w.grown_bytes, w.more_bytes, herald_quota(terms, w.environment, 'bytes'))) q(n, quota, used, adds, most)
    where q.adds > 0 and q.used + q.adds > q.most + case when back then q.most / 10 else 0 end order by w.place, q.n limit 1;
  return case when found.quota is not null then jsonb_build_object('name', 'EnvironmentFull',
    'message', format('%s holds %s %s, and this adds %s: more than its quota of %s', found.environment, found.used, found.quota, found.adds, found.most),
    'details', jsonb_build_object('environment', found.environment, 'quota', found.quota, 'used', found.used, 'adds', found.adds, 'limit', found.most)) end;
end $$;

-- Whether a rollout gives back what was there before. EQ3
create function herald_goes_back(release jsonb) returns boolean language sql immutable as $$
  select jsonb_path_exists(release,
    '$.changes[*] ? (@.kind == "rollout" && @.op == "move" && (@.to == "rolled_back" || @.to == "aborted"))')
$$;

-- As in 0045_approvals.sql, but that it counts what environments hold.
create or replace function herald_publish(releases json, terms jsonb) returns json language plpgsql
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
  any_rollouts boolean;
  any_protected boolean;
  config_id text;
  details text;
  now timestamptz;
  millis bigint;
  made bigint;
  -- By environment: what there would be more of.
  stored_in text[];
  spot integer;
  more_keys bigint[];
  more_bytes bigint[];
begin
  if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
  perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.made_to, l.tail, e.epoch, h.synchronous, h.rollouts, h.protected into room, before, current_epoch, was_synchronous, any_rollouts, any_protected
    from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= before order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);

  for w in
    select r.*, coalesce(h.version, 0) + 1 as version, h.created_at,
        r.live is distinct from coalesce(h.deleted, true) and (r."expectedVersion" is null or r."expectedVersion" = coalesce(h.version, 0))
          and (not r."keepsSchema" or h.schema_definition is not distinct from r.schema)
          and (not r."keepsStrict" or h."strict" = r."strict") and (not r."keepsType" or h.value_type = r."valueType") as fits,
        coalesce(h.deleted, true)::integer::bigint as more_keys, herald_bytes(r.value, r.schema) - case when h.deleted then 0 else coalesce(herald_bytes(h.value, h.schema_definition), 0) end as more_bytes
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
    if w.more_keys <> 0 or w.more_bytes <> 0 then
      spot := array_position(stored_in, w.environment);
      if spot is null then
        stored_in := stored_in || w.environment;
        more_keys := more_keys || w.more_keys;
        more_bytes := more_bytes || w.more_bytes;
      else
        more_keys[spot] := more_keys[spot] + w.more_keys;
        more_bytes[spot] := more_bytes[spot] + w.more_bytes;
      end if;
    end if;
  end loop;

  if any_rollouts and exists (select from unnest(history) h join rollout_keys k on k.environment = h.environment and k.kind = 'configuration' and k.key = h.key) then
    return null;
  end if;
  if any_protected and exists (select from unnest(history) h where herald_is_protected(h.environment, 'config', h.key)) then return null; end if;
  -- Before anything is written: what is too much is for herald_commit to refuse. As a rule there is one environment.
  if cardinality(stored_in) = 1 then
    insert into environment_sums select stored_in[1], coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + more_keys[1], coalesce(t.bytes, 0) + more_bytes[1]
      from (values (1)) one left join lateral (select * from environment_sums s where s.environment = stored_in[1] order by s.n desc limit 1) t on true
      where (more_keys[1] <= 0 or coalesce(t.keys, 0) + more_keys[1] <= herald_quota(terms, stored_in[1], 'keys'))
        and (more_bytes[1] <= 0 or coalesce(t.bytes, 0) + more_bytes[1] <= herald_quota(terms, stored_in[1], 'bytes'));
    if not found then return null; end if;
  elsif stored_in is not null then
    if exists (select from unnest(stored_in, more_keys, more_bytes) m(environment, keys, bytes)
        left join lateral (select * from environment_sums s where s.environment = m.environment order by s.n desc limit 1) t on true
        where m.keys > 0 and coalesce(t.keys, 0) + m.keys > herald_quota(terms, m.environment, 'keys')
          or m.bytes > 0 and coalesce(t.bytes, 0) + m.bytes > herald_quota(terms, m.environment, 'bytes')) then
      return null;
    end if;
    insert into environment_sums select m.environment, coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + m.keys, coalesce(t.bytes, 0) + m.bytes
      from unnest(stored_in, more_keys, more_bytes) m(environment, keys, bytes)
        left join lateral (select * from environment_sums s where s.environment = m.environment order by s.n desc limit 1) t on true;
  end if;
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

-- As in 0045_approvals.sql, but that it counts what environments hold, and asks for their quotas.
create or replace function herald_commit(releases jsonb, since bigint default null, terms jsonb default null) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_bitmapscan = off set enable_material = off set jit = off as $$
declare
  many constant integer := jsonb_array_length(releases);
  release jsonb;
  changes jsonb;
  change jsonb;
  name text;
  actor text;
  action text;
  kind text;
  stated jsonb;
  -- Of the release: kinds that are asked by sets, the changes of one, and what was written, by place in the release.
  in_sets text[];
  asked text[];
  its jsonb;
  places integer[];
  written_set jsonb[];
  stateds jsonb[];
  -- By place, and `held` by slot.
  environments text[];
  keys text[];
  supposed text[];
  slots integer[];
  shared boolean[];
  held herald_held[];
  -- By place: bytes of what is asked for, -1: a deletion; and by slot of what there is, -1: nothing.
  sizes bigint[];
  held_bytes bigint[];
  size integer;
  place integer;
  next_place integer := 0;
  basis_place integer;
  next_basis integer;
  slot integer;
  number integer;
  now_held herald_held;
  any_values boolean;
  any_templates boolean;
  any_strange boolean;
  any_shared boolean;
  any_candidates boolean;
  -- Some key is in a rollout, or has candidates; then by slot the highest number of a candidate.
  any_rollouts boolean;
  any_protected boolean;
  tops integer[];
  results text[];
  replays bigint[];
  payload text[];
  versions text[];
  problem jsonb;
  earlier_revision bigint;
  earlier_digest text;
  written configurations;
  -- What is decided and not yet written. Of `history` by slot: the newest of a configuration.
  history configurations[];
  history_slots integer[];
  newest integer[];
  entries audit_log[];
  log revisions[];
  last_id bigint;
  last_hash text;
  current_hash text;
  config_id text;
  details text;
  acting text;
  value_text text;
  now timestamptz;
  millis bigint;
  made bigint;
  current_epoch text;
  epoch_json text;
  was_synchronous boolean;
  behind bigint;
  known bigint;
  room bigint;
  head bigint;
  before bigint;
  -- By environment: what the releases before this one add and is not written yet, and what this one adds.
  stored_in text[];
  spot integer;
  grown_keys bigint[];
  grown_bytes bigint[];
  more_keys bigint[];
  more_bytes bigint[];
  more record;
  grows boolean;
  room_keys bigint;
  room_bytes bigint;
begin
  if terms is not null then
    if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
    perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  end if;
  -- Before the lock.
  select array_agg(case when c->>'kind' <> 'configuration' then null else c->>'environment' end), array_agg(c->>'key'),
      coalesce(bool_or(c->>'kind' <> 'configuration'), false), jsonb_path_exists(releases, '$[*].basis.values[*]'),
      jsonb_path_exists(releases, '$[*].basis.templates[*]'), coalesce(bool_or(c->>'candidate' is not null), false),
      array_agg(case when c->>'kind' <> 'configuration' then null else coalesce(herald_bytes(c->>'value', nullif(c->'schema', 'null')), -1) end)
    into environments, keys, any_strange, any_values, any_templates, any_candidates, sizes from jsonb_array_elements(releases) r, jsonb_array_elements(r->'changes') c;
  next_basis := coalesce(cardinality(keys), 0);
  if any_values then
    select environments || array_agg(v->>'environment'), keys || array_agg(v->>'key'), array_fill(null::text, array[next_basis]) || array_agg(v->>'digest')
      into environments, keys, supposed from jsonb_array_elements(releases) r, jsonb_array_elements(r->'basis'->'values') v;
  end if;
  if cardinality(keys) = 1 then
    slots := '{1}';
    shared := '{false}';
    any_shared := false;
  else
    select array_agg(p.slot order by p.place), array_agg(p.shared order by p.place), bool_or(p.shared) into slots, shared, any_shared from (
      select w.place, min(w.place) over its as slot, count(*) over its > 1 and w.environment is not null as shared
        from unnest(environments, keys) with ordinality w(environment, key, place) window its as (partition by w.environment, w.key)) p;
  end if;

  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.horizon, l.tail, l.made_to, e.epoch, h.synchronous, any_candidates or h.rollouts, h.protected
    into behind, known, room, current_epoch, was_synchronous, any_rollouts, any_protected from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= known order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);
  last_hash := coalesce(last_hash, '');
  epoch_json := to_json(current_epoch);
  if head + many >= room then -- made ahead, as a rule
    perform herald_make_room(head + many, greatest(1000, (head - behind) / 8));
  end if;
  if jsonb_typeof(terms->'since') = 'object' then
    since := case when terms->'since'->>'epoch' = current_epoch then (terms->'since'->>'revision')::bigint else 0 end;
  end if;
  since := case when since is not null then greatest(since, head - 100000) end;
  select array_agg(row(coalesce(c.version, 0), coalesce(c.deleted, true), c.created_at, c.value_type, c."strict", c.schema_definition, c.digest)::herald_held
      order by w.place), array_agg(case when c.deleted then -1 else coalesce(herald_bytes(c.value, c.schema_definition), -1) end order by w.place)
      into held, held_bytes
    from unnest(environments, keys, slots) with ordinality w(environment, key, slot, place) left join lateral (
      select * from configurations c where c.environment = w.environment and c.key = w.key offset 0) c on w.slot = w.place;

  for i in 0 .. many loop
    release := releases->i;
    changes := release->'changes';
    -- Rules that look at tables see what was decided before.
    if log is not null and (release is null or (any_templates and jsonb_path_exists(release, '$.basis.templates[*]'))
        or (any_strange and jsonb_path_exists(changes, '$[*].kind ? (@ != "configuration")'))) then
      if history is not null then
        insert into configurations as c select w.key, w.environment, w.version, w.revision, w.value, w.value_type, w.deleted, w.schema_definition, w."strict",
            w.template, w.digest, w.created_at, w.updated_at, w.updated_by, w.change_log
          from unnest(history) with ordinality w(key, environment, version, revision, value, value_type, deleted, schema_definition, "strict", template, digest,
            created_at, updated_at, updated_by, change_log, n)
          where not any_shared or newest[history_slots[w.n]] = w.n
          on conflict (environment, key) do update set version = excluded.version, revision = excluded.revision, value = excluded.value,
            value_type = excluded.value_type, deleted = excluded.deleted, schema_definition = excluded.schema_definition, "strict" = excluded."strict",
            template = excluded.template, digest = excluded.digest, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
            change_log = excluded.change_log;
        if any_shared then -- what was made and deleted in here: no trigger saw it alive
          insert into tombstones select w.environment, w.key, w.version, w.revision, w.digest, w."strict", w.template
            from unnest(history) with ordinality w(key, environment, version, revision, value, value_type, deleted, schema_definition, "strict", template, digest,
              created_at, updated_at, updated_by, change_log, n)
            where w.deleted and newest[history_slots[w.n]] = w.n on conflict do nothing;
        end if;
        insert into configuration_history select * from unnest(history);
      end if;
      insert into audit_log select * from unnest(entries);
      insert into revisions select * from unnest(log);
      if stored_in is not null then
        insert into environment_sums select m.environment, coalesce(t.n, 0) + 1, coalesce(t.keys, 0) + m.keys, coalesce(t.bytes, 0) + m.bytes
          from unnest(stored_in, grown_keys, grown_bytes) m(environment, keys, bytes)
            left join lateral (select * from environment_sums s where s.environment = m.environment order by s.n desc limit 1) t on true
          where m.keys <> 0 or m.bytes <> 0;
        stored_in := null;
        grown_keys := null;
        grown_bytes := null;
        room_keys := null;
      end if;
      history := null;
      history_slots := null;
      newest := null;
      entries := null;
      log := null;
    end if;
    exit when release is null;
    -- A release before this one may have begun a rollout.
    if any_strange and i > 0 and not any_rollouts then select h.rollouts into any_rollouts from herald_lineage h; end if;
    if any_strange and i > 0 and not any_protected then select h.protected into any_protected from herald_lineage h; end if;
    if any_rollouts and (any_strange or i = 0) then
      if i = 0 then update herald_lineage h set rollouts = false where h.rollouts and not exists (select from rollout_keys); end if;
      select array_agg((select k.top from rollout_keys k where k.kind = 'configuration' and k.environment = w.environment and k.key = w.key) order by w.place)
        into tops from unnest(environments, keys) with ordinality w(environment, key, place);
    end if;
    place := next_place;
    size := jsonb_array_length(changes);
    next_place := place + size;
    if any_values then
      basis_place := next_basis;
      next_basis := basis_place + coalesce(jsonb_array_length(release->'basis'->'values'), 0);
    end if;

    name := release->>'commitId';
    if since is not null or starts_with(name, '=') then
      earlier_revision := null;
      select of_revision, of_digest into earlier_revision, earlier_digest
        from herald_earlier(name, coalesce(release->>'owner', release->>'actor'), since);
      if earlier_revision is not null then
        if earlier_digest = release->>'digest' then replays := replays || array[i + 1, earlier_revision]; end if;
        results := results || jsonb_build_object('ok', false, 'name', 'IdempotencyConflict', 'message',
          format(case when earlier_digest = release->>'digest' then 'the idempotency key %s was used for a commit that is behind the retention'
            else 'the idempotency key %s was used for another request' end, substr(name, 2)), 'details', '{}'::jsonb)::text;
        continue;
      end if;
    end if;

    -- Under the lock: whoever finds it too late here, and nothing committed, knows that it never will be.
    if clock_timestamp() > herald_at((release->>'notAfter')::double precision) then
      results := results || jsonb_build_object('ok', false, 'name', 'Timeout', 'details', '{}'::jsonb,
        'message', 'its turn came after its time limit: nothing was written, and nothing of it ever will be')::text;
      continue;
    end if;

    problem := case when any_rollouts then herald_rollout_locks(release) end;
    -- A second person: before anything else is told of what is asked for.
    -- What a change touches is looked for only where something is protected: it is a walk through all that stands on it.
    if problem is null and (any_protected or (any_strange and jsonb_path_exists(release, '$.changes[*] ? (@.kind == "approval")'))) then
      problem := herald_approval_missing(release);
    end if;
    if problem is not null then
      results := results || (problem || '{"ok": false}')::text;
      continue;
    end if;
    in_sets := null;
    asked := null;
    if any_strange and size >= 8 then
      select array_agg(k.name) into in_sets from herald_kinds k where k.by_sets and exists (
        select from jsonb_array_elements(changes) c where c->>'kind' = k.name);
    end if;
    for n in 0 .. size - 1 loop
      change := changes->n;
      kind := change->>'kind';
      if kind <> 'configuration' then
        if kind = any (in_sets) then
          continue when kind = any (asked);
          asked := asked || kind;
          its := jsonb_path_query_array(changes, '$[*] ? (@.kind == $kind)', jsonb_build_object('kind', kind));
          execute format('select %I($1, $2)', 'herald_' || kind || '_problems') into problem using its, release;
          exit when problem is not null;
          continue;
        end if;
        execute format('select %I($1, $2)', 'herald_' || kind || '_problem') into problem using change, release;
        exit when problem is not null;
        continue;
      end if;
      -- Nothing can stand in the way of the others.
      continue when change->>'value' is not null and change->>'expectedVersion' is null and change->'kept' is null;
      now_held := held[slots[place + n + 1]];
      -- As a rule there is a live version, and all is as it was.
      continue when not now_held.deleted and now_held.version = coalesce((change->>'expectedVersion')::integer, now_held.version)
        and herald_kept(change, true, now_held.schema_definition, now_held."strict", now_held.value_type);
      problem := herald_problem(change, now_held);
      exit when problem is not null;
    end loop;
    if problem is null and release ? 'basis' then
      if any_templates and jsonb_path_exists(release, '$.basis.templates[*]') then
        problem := herald_basis_problem(release->'basis', changes, current_epoch);
      else
        for n in basis_place + 1 .. next_basis loop
          now_held := held[slots[n]];
          continue when supposed[n] = case when now_held.deleted then '' else now_held.digest end;
          problem := herald_outdated(environments[n], keys[n]);
          exit;
        end loop;
      end if;
    end if;
    -- What the environments would hold: after all that makes less of it, in whatever order the release has it.
    if problem is null then
      grows := false;
      more_keys := array_fill(0::bigint, array[coalesce(cardinality(stored_in), 0)]);
      more_bytes := more_keys;
      for n in 1 .. size loop
        slot := slots[place + n];
        continue when sizes[place + n] is null or sizes[place + n] = held_bytes[slot];
        grows := true;
        spot := array_position(stored_in, environments[place + n]);
        if spot is null then
          stored_in := stored_in || environments[place + n];
          grown_keys := grown_keys || 0::bigint;
          grown_bytes := grown_bytes || 0::bigint;
          more_keys := more_keys || 0::bigint;
          more_bytes := more_bytes || 0::bigint;
          spot := cardinality(stored_in);
        end if;
        more_keys[spot] := more_keys[spot] + (held_bytes[slot] < 0)::integer - (sizes[place + n] < 0)::integer;
        more_bytes[spot] := more_bytes[spot] + greatest(sizes[place + n], 0) - greatest(held_bytes[slot], 0);
      end loop;
      if any_strange then
        for more in select * from herald_kinds_grow(changes) loop
          grows := true;
          spot := array_position(stored_in, more.environment);
          if spot is null then
            stored_in := stored_in || more.environment;
            grown_keys := grown_keys || 0::bigint;
            grown_bytes := grown_bytes || 0::bigint;
            more_keys := more_keys || 0::bigint;
            more_bytes := more_bytes || 0::bigint;
            spot := cardinality(stored_in);
          end if;
          more_keys[spot] := more_keys[spot] + more.keys;
          more_bytes[spot] := more_bytes[spot] + more.bytes;
        end loop;
      end if;
      -- As a rule there is one environment, with room: asked for once, where no flag or segment is written meanwhile.
      if grows and (cardinality(stored_in) > 1 or more_keys[1] > 0 or more_bytes[1] > 0) then
        if cardinality(stored_in) = 1 and (any_strange or room_keys is null) then
          select herald_quota(terms, t.environment, 'keys') - t.keys, herald_quota(terms, t.environment, 'bytes') - t.bytes
            into room_keys, room_bytes from environment_sums t where t.environment = stored_in[1] order by t.n desc limit 1;
        end if;
        if cardinality(stored_in) > 1 or room_keys is null or grown_keys[1] + more_keys[1] > room_keys or grown_bytes[1] + more_bytes[1] > room_bytes then
          problem := case when not herald_goes_back(release) then -- EQ3
            herald_full(terms, stored_in, grown_keys, grown_bytes, more_keys, more_bytes, release->>'action' = 'rollback') end;
        end if;
      end if;
    end if;
    if problem is not null then
      results := results || (problem || '{"ok": false}')::text;
      continue;
    end if;

    head := head + 1;
    now := date_trunc('milliseconds', clock_timestamp());
    millis := herald_millis(now);
    actor := release->>'actor';
    action := release->>'action';
    acting := '{' || coalesce('"keyId": ' || (release->'keyId')::text || ', ', '');
    payload := null;
    versions := null;
    stateds := null;
    foreach kind in array coalesce(in_sets, '{}') loop
      select jsonb_agg(c.value order by c.n), array_agg(c.n order by c.n) into its, places
        from jsonb_array_elements(changes) with ordinality c(value, n) where c.value->>'kind' = kind;
      execute format('select %I($1, $2, $3, $4)', 'herald_' || kind || '_writes') into written_set using its, release, head, now;
      for n in 1 .. cardinality(places) loop
        stateds[places[n]] := written_set[n];
      end loop;
    end loop;
    for n in 0 .. size - 1 loop
      change := changes->n;
      kind := change->>'kind';
      place := place + 1;
      if kind <> 'configuration' then
        if kind = any (in_sets) then
          stated := stateds[n + 1];
        else
          execute format('select %I($1, $2, $3, $4)', 'herald_' || kind || '_write') into stated using change, release, head, now;
        end if;
        stated := stated || jsonb_build_object('kind', kind);
        payload := payload || stated::text;
        versions := versions || concat('{"change":', stated, '}');
        config_id := herald_entry_name(stated);
        -- As jsonb is written: shorter names first.
        details := concat('{"kind": ', change->'kind', ', ', substr(acting, 2), '"digest": "', herald_stated_digest(stated), '", "message": ',
          release->'message', ', "revision": "', head, '"}');
      else
        slot := slots[place];
        value_text := coalesce(change->>'value', '');
        number := case when any_rollouts then coalesce((change->>'candidate')::integer, greatest((held[slot]).version, tops[place]) + 1)
          else (held[slot]).version + 1 end;
        written := row(change->>'key', change->>'environment', number, head, value_text, change->>'valueType', change->>'value' is null,
          nullif(change->'schema', 'null'), (change->>'strict')::boolean, (change->>'template')::boolean, change->>'digest',
          coalesce((held[slot]).created_at, now), now, actor, change->>'changeLog');
        made := herald_millis(written.created_at);
        payload := payload || concat('{"key":', change->'key', ',"environment":', change->'environment', ',"version":', written.version,
          ',"revision":"', head, '","value":', to_json(value_text), ',"valueType":', change->'valueType', ',"deleted":', written.deleted::text,
          ',"schema":', coalesce(written.schema_definition::text, 'null'), ',"strict":', change->'strict', ',"template":', change->'template',
          ',"digest":', change->'digest', ',"createdAt":', made, ',"updatedAt":', millis, ',"updatedBy":', release->'actor',
          ',"changeLog":', change->'changeLog', '}');
        versions := versions || concat('{"version":', written.version, ',"createdAt":', made, '}');
        config_id := concat(written.environment, '/', written.key);
        -- As herald_change_digest has it, and as jsonb is written.
        details := concat(acting, '"digest": "', encode(sha256(convert_to(concat_ws('|', written.environment, written.key, written.version, head,
          written.value_type, written.deleted, coalesce(written.schema_definition::text, 'null'), written."strict", written.template, written.digest,
          encode(sha256(convert_to(value_text, 'UTF8')), 'hex'), made, millis, actor, written.change_log), 'UTF8')), 'hex'),
          '", "message": ', change->'changeLog', ', "version": ', written.version, ', "revision": "', head, '"}');
        history := history || written;
        if sizes[place] <> held_bytes[slot] then
          spot := array_position(stored_in, written.environment::text);
          grown_keys[spot] := grown_keys[spot] + (held_bytes[slot] < 0)::integer - (sizes[place] < 0)::integer;
          grown_bytes[spot] := grown_bytes[spot] + greatest(sizes[place], 0) - greatest(held_bytes[slot], 0);
        end if;
        if any_shared then
          history_slots := history_slots || slot;
          newest[slot] := cardinality(history);
          if shared[slot] then
            held[slot] := row(written.version, written.deleted, written.created_at, written.value_type, written."strict", written.schema_definition,
              written.digest)::herald_held;
            held_bytes[slot] := sizes[place];
          end if;
        end if;
      end if;
      last_id := last_id + 1;
      -- As herald_audit_hash has it.
      current_hash := encode(sha256(convert_to(concat_ws('|', last_hash, last_id, config_id, action, actor, details, millis), 'UTF8')), 'hex');
      entries := entries || row(last_id, config_id, action, actor, details, now, last_hash, current_hash)::audit_log;
      last_hash := current_hash;
    end loop;
    log := log || row(head, current_epoch, concat('[', array_to_string(payload, ','), ']'), pg_column_size(release), release->>'traceparent', actor,
      release->>'message', now, last_id, name)::revisions;
    if starts_with(name, '=') then
      insert into idempotency_keys values (coalesce(release->>'owner', actor), name, release->>'digest', head);
    end if;
    results := results || concat('{"ok":true,"replayed":false,"revision":"', head, '","epoch":', epoch_json, ',"committedAt":', millis,
      ',"versions":[', array_to_string(versions, ','), ']}');
  end loop;

  -- Of this call, too, as it may hold a release twice.
  for i in 1 .. coalesce(cardinality(replays), 0) by 2 loop
    results[replays[i]] := coalesce(herald_replayed(replays[i + 1])::text, results[replays[i]]);
  end loop;
  -- Does it wait for a standby? Noted after the commit's lock, as herald_follow does it: never the other way round.
  if was_synchronous <> herald_is_synchronous() then
    update herald_lineage set synchronous = not was_synchronous;
  end if;
  return ('[' || array_to_string(results, ',') || ']')::jsonb;
end $$;

-- As in 0020_kinds.sql, but that it looks after sums.
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
  most := herald_sweep_sums(step);
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
