-- Many changes of one kind in a release are asked about and written together. A kind that can do so says it in herald_kinds, and has beside
-- its other functions, for releases of eight changes and more:
--   herald_<kind>_problems(changes jsonb, release jsonb) returns jsonb
--     the first of what herald_<kind>_problem says of each; changes: those of this kind, in their order
--   herald_<kind>_writes(changes jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb[]
--     as herald_<kind>_write does for each, in their order; no two of them are of one thing
-- Who changes one of such a pair changes both: test/contracts/FlagSets.test.ts finds where they differ.
alter table herald_kinds add column by_sets boolean not null default false;
update herald_kinds set by_sets = true where name = 'flag';

-- Names of flags that other ones need, in an environment as it is or with the release.
create function herald_flags_needed(changes jsonb) returns table (environment text, key text) language sql stable as $$
  select f.environment, p->>'flag' from feature_flags f cross join lateral jsonb_array_elements(f.prerequisites) p
    where f.prerequisites <> '[]' and not f.deleted and f.environment in (select distinct c->>'environment' from jsonb_array_elements(changes) c)
  union
  select c->>'environment', p->>'flag' from jsonb_array_elements(changes) c cross join lateral jsonb_array_elements(c->'prerequisites') p
$$;

create function herald_flag_problems(changes jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  needed constant jsonb := coalesce((select jsonb_object_agg(environment || '/' || key, true) from herald_flags_needed(changes)), '{}');
  change jsonb;
  problem jsonb;
begin
  -- As a rule nothing can stand in the way: a flag that names and needs nothing, that no other one needs, at a version that it may be at.
  for change in
    select c.value from jsonb_array_elements(changes) with ordinality c(value, n)
      left join lateral (select f.version, f.deleted from feature_flags f
        where f.environment = c.value->>'environment' and f.flag_name = c.value->>'key' offset 0) f on true
      left join lateral (select t.flags, t.bytes from feature_flag_totals t where t.environment = c.value->>'environment' offset 0) t on true
    where c.value->>'definition' is null or c.value->'prerequisites' <> '[]' or coalesce(c.value->'uses', '[]') <> '[]'
      or needed ? ((c.value->>'environment') || '/' || (c.value->>'key'))
      or (c.value->>'expectedVersion')::integer <> case when coalesce(f.deleted, true) and (c.value->>'expectedVersion')::integer = 0 then 0 else coalesce(f.version, 0) end
      or (coalesce(f.deleted, true) and t.flags >= 20000) or t.bytes + (c.value->>'bytes')::bigint > 67108864
    order by c.n
  loop
    problem := herald_flag_problem(change, release);
    if problem is not null then return problem; end if;
  end loop;
  return null;
end $$;

create function herald_flag_writes(changes jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb[] language plpgsql as $$
declare
  made feature_flag_history[];
begin
  select array_agg(jsonb_populate_record(null::feature_flag_history, jsonb_build_object(
      'environment', c.value->'environment', 'flag_name', c.value->'key', 'version', coalesce(last.version, 0) + 1, 'revision', at_revision,
      'enabled', c.value->'enabled', 'percentage', c.value->'percentage', 'target_users', nullif(c.value->'targetUsers', 'null'),
      'definition', coalesce(c.value->>'definition', ''), 'digest', c.value->'digest', 'bytes', c.value->'bytes',
      'deleted', c.value->>'definition' is null, 'variants', c.value->'variants', 'prerequisites', c.value->'prerequisites',
      'uses', coalesce(c.value->'uses', '[]'), 'created_at', coalesce(last.created_at, now), 'updated_at', now,
      'updated_by', release->'actor', 'message', release->'message')) order by c.n) into made
    from jsonb_array_elements(changes) with ordinality c(value, n) left join lateral (
      select h.version, h.created_at from feature_flag_history h
        where h.environment = c.value->>'environment' and h.flag_name = c.value->>'key' order by h.version desc limit 1) last on true;
  insert into feature_flag_totals as t
    select m.environment, sum((not m.deleted)::integer - (not coalesce(f.deleted, true))::integer), sum(m.bytes - coalesce(f.bytes, 0))
      from unnest(made) m left join lateral (select f.deleted, f.bytes from feature_flags f
        where f.environment = m.environment and f.flag_name = m.flag_name offset 0) f on true
      group by m.environment
    on conflict (environment) do update set flags = t.flags + excluded.flags, bytes = t.bytes + excluded.bytes;
  delete from feature_flags f using unnest(made) m where f.environment = m.environment and f.flag_name = m.flag_name;
  insert into feature_flags select * from unnest(made);
  insert into feature_flag_history select * from unnest(made);
  return array(select herald_flag_json(m) from unnest(made) with ordinality m order by m.ordinality);
end $$;

-- Commits releases, each whole or not at all, and answers each. A release that can't be committed does not touch the others.
--   releases: [{action, actor, keyId, owner, message, traceparent, commitId, digest, notAfter, basis, changes: [Wish]}]
--             owner: whose idempotency key it is, the actor's without; notAfter: milliseconds of this server's clock, null for no end
--             keyId: of the API key that the actor used, for the audit log; a server of before sends none
--   since:    as in terms, of servers before migration 9
--   terms:    null, or {clock, wait, since}
--             clock: the server whose clock notAfter is of; on another nothing is done and the answer is null
--             wait:  milliseconds that the lock is waited for
--             since: null, or {epoch, revision}: a release of this call may have been committed behind it already
--   returns:  [{ok: true, replayed: false, revision, epoch, committedAt, versions: [{version, createdAt}, of another kind {change}]}
--               or {ok: true, replayed: true, row} or {ok: false, name, message, details}]
-- A place is a configuration that a change is of, or a value of a basis; its slot is the first place of the same one, where `held` has how it
-- is by now. JSON is put together as text and read once: each jsonb that is made of others would be walked through again.
-- Keys are looked up in an index, one by one: a plan that was made for small tables is right for large ones, too.
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
  size integer;
  place integer;
  next_place integer := 0;
  basis_place integer;
  next_basis integer;
  slot integer;
  now_held herald_held;
  any_values boolean;
  any_templates boolean;
  any_strange boolean;
  any_shared boolean;
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
begin
  if terms is not null then
    if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
    perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  end if;
  -- Before the lock.
  select array_agg(case when c->>'kind' <> 'configuration' then null else c->>'environment' end), array_agg(c->>'key'),
      coalesce(bool_or(c->>'kind' <> 'configuration'), false), jsonb_path_exists(releases, '$[*].basis.values[*]'),
      jsonb_path_exists(releases, '$[*].basis.templates[*]')
    into environments, keys, any_strange, any_values, any_templates from jsonb_array_elements(releases) r, jsonb_array_elements(r->'changes') c;
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
  select l.horizon, l.tail, l.made_to, e.epoch, h.synchronous into behind, known, room, current_epoch, was_synchronous
    from herald_log l, herald_epoch e, herald_lineage h;
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
      order by w.place) into held
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
      history := null;
      history_slots := null;
      newest := null;
      entries := null;
      log := null;
    end if;
    exit when release is null;
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

    problem := null;
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
        written := row(change->>'key', change->>'environment', (held[slot]).version + 1, head, value_text, change->>'valueType', change->>'value' is null,
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
        if any_shared then
          history_slots := history_slots || slot;
          newest[slot] := cardinality(history);
          if shared[slot] then
            held[slot] := row(written.version, written.deleted, written.created_at, written.value_type, written."strict", written.schema_definition,
              written.digest)::herald_held;
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
