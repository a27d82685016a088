-- Rollouts: docs/decisions/0028-rollouts.md. A kind beside configurations and flags, with the candidates of both. What a kind needs beside its own
-- tables is named in 0020_kinds.sql. The rules are those of src/rollouts/Limits.ts and src/rollouts/Locks.ts.
insert into herald_kinds values ('rollout');

-- Does an entry tell of a version, or of another change of the log?
create or replace function herald_tells_version(action text) returns boolean language sql immutable as $$
  select action in ('publish', 'delete', 'rollback', 'release', 'schedule', 'cancel', 'rollout')
$$;

-- The newest version of each.
create table rollouts (
  environment text not null,
  id text not null,
  -- Of the commit that began it, and of its newest transition.
  began bigint not null,
  revision bigint not null,
  version integer not null,
  state text not null check (state in ('scheduled', 'deploying', 'baking', 'paused', 'completed', 'rolled_back', 'aborted')),
  stage integer not null,
  until timestamptz,
  -- As nodes are told of it: Rollout of src/rollouts/Rollout.ts, and of each target the SHA-256 of its candidate's wish.
  stated jsonb not null,
  primary key (environment, id)
);
create index rollouts_began on rollouts (environment, began);
create index rollouts_active on rollouts (environment) where state in ('scheduled', 'deploying', 'baking', 'paused');
create index rollouts_revision on rollouts (revision);

-- What others than commits write, who hold no lock of these for long and wait for none. fence: owners so far; bad: instances that became bad, so far.
-- It ends with its rollout.
create table rollout_marks (
  environment text not null,
  id text not null,
  fence bigint not null default 0,
  bad bigint not null default 0,
  primary key (environment, id)
);

-- Each transition, for as long as the audit log tells of it.
create table rollout_history (
  environment text not null,
  id text not null,
  version integer not null,
  revision bigint not null,
  stated jsonb not null,
  primary key (environment, id, version)
);
create unique index rollout_history_revision on rollout_history (environment, id, revision);

-- Versions of keys that are, or were, not current: for as long as the key has a history.
create table rollout_candidates (
  environment text not null,
  kind text not null check (kind in ('configuration', 'flag')),
  key text not null,
  version integer not null,
  rollout text not null,
  revision bigint not null,
  state text not null check (state in ('candidate', 'withdrawn', 'promoted')),
  -- What its kind would be asked to commit, as JSON; null once it is promoted and no node reads it any more: then it is in the history of its kind.
  wish text,
  digest text not null,
  bytes integer not null,
  made_at timestamptz not null,
  made_by text not null,
  message text not null,
  -- The transition that ended its rollout.
  ended bigint,
  primary key (environment, kind, key, version)
);
create index rollout_candidates_of on rollout_candidates (environment, rollout);
create index rollout_candidates_held on rollout_candidates (environment) where state = 'candidate';
create index rollout_candidates_promoted on rollout_candidates (ended) where state = 'promoted' and wish is not null;

-- Keys that a rollout has to do with, or that have candidates above their newest version. Small, as every publish looks here.
create table rollout_keys (
  environment text not null,
  kind text not null,
  key text not null,
  -- The last one of the key. While it is active the key changes in its transitions alone.
  rollout text not null,
  active boolean not null,
  -- Of that rollout, 0: it has none; and the highest number that any candidate of the key ever had.
  candidate integer not null,
  top integer not null,
  -- The transition that took the last candidate back that somebody was given; 0: none was.
  taken bigint not null default 0,
  primary key (environment, kind, key)
);
create index rollout_keys_of on rollout_keys (environment, rollout);

-- Whether there may be such keys: without one no commit looks for them. Set under the lock, and as herald_commit notes in there.
alter table herald_lineage add column rollouts boolean not null default false;

create function herald_is_over(state text) returns boolean language sql immutable as $$
  select state in ('completed', 'rolled_back', 'aborted')
$$;

-- The newest version of a key, whatever it is, and the revision that it is of; {0, 0} before the first.
create function herald_newest_version(of_kind text, in_environment text, of_key text, out version integer, out revision bigint, out deleted boolean)
language plpgsql stable as $$
begin
  if of_kind = 'flag' then
    select h.version, h.revision, h.deleted into version, revision, deleted from feature_flag_history h
      where h.environment = in_environment and h.flag_name = of_key order by h.version desc limit 1;
  else
    select c.version, c.revision, c.deleted into version, revision, deleted from configurations c where c.environment = in_environment and c.key = of_key;
  end if;
  version := coalesce(version, 0);
  revision := coalesce(revision, 0);
  deleted := coalesce(deleted, true);
end $$;

-- The number that the next plain version of a key has.
create function herald_next_version(of_kind text, in_environment text, of_key text) returns integer language sql stable as $$
  select greatest((herald_newest_version(of_kind, in_environment, of_key)).version,
    (select k.top from rollout_keys k where k.environment = in_environment and k.kind = of_kind and k.key = of_key)) + 1
$$;

-- Do nodes have to know of it? It is active; or it was taken back after it was given to someone, and a target is as it was then.
create function herald_rollout_stands(r rollouts) returns boolean language sql stable as $$
  select not herald_is_over(r.state) or (r.state <> 'completed' and r.stage >= 0 and exists (
    select from rollout_keys k cross join lateral herald_newest_version(k.kind, k.environment, k.key) n
      where k.environment = r.environment and k.rollout = r.id and n.revision < r.revision))
$$;

-- RQ3: why a release that changes a key of a rollout is not one of the rollout's own; or null.
create function herald_rollout_locks(release jsonb) returns jsonb language plpgsql stable as $$
declare
  its record;
begin
  for its in
    select c.value->>'kind' as kind, c.value->>'environment' as environment, c.value->>'key' as key, (c.value->>'candidate')::integer as wished,
        l.rollout, l.candidate, m.becomes
      from jsonb_array_elements(release->'changes') c
      left join lateral (select k.rollout, k.candidate from rollout_keys k
        where k.environment = c.value->>'environment' and k.kind = c.value->>'kind' and k.key = c.value->>'key' and k.active offset 0) l on true
      left join lateral (select x.value->>'to' as becomes from jsonb_array_elements(release->'changes') x
        where l.rollout is not null and x.value->>'kind' = 'rollout' and x.value->>'op' = 'move'
          and x.value->>'environment' = c.value->>'environment' and x.value->>'key' = l.rollout limit 1) m on true
      where c.value->>'kind' in ('configuration', 'flag') and (l.rollout is not null or c.value->>'candidate' is not null)
  loop
    continue when its.rollout is not null and case
      when its.becomes = 'completed' then coalesce(its.wished, 0) = its.candidate
      when its.becomes in ('rolled_back', 'aborted') then its.wished is null
      when its.becomes is not null then its.candidate = 0 and its.wished is null
      else false end;
    if its.rollout is null then
      return jsonb_build_object('name', 'InvalidInput', 'message', format('%s in %s has no candidate %s', its.key, its.environment, its.wished), 'details', '{}'::jsonb);
    end if;
    return jsonb_build_object('name', 'InRollout',
      'message', format('the %s %s in %s is in the rollout %s, which is %s', its.kind, its.key, its.environment, its.rollout,
        (select r.state from rollouts r where r.environment = its.environment and r.id = its.rollout)),
      'details', jsonb_build_object('kind', its.kind, 'key', its.key, 'environment', its.environment, 'rollout', its.rollout));
  end loop;
  return null;
end $$;

create function herald_rollout_refused(message text) returns jsonb language sql immutable as $$
  select jsonb_build_object('name', 'InvalidInput', 'message', message, 'details', '{}'::jsonb)
$$;

create function herald_rollout_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  now constant timestamptz := clock_timestamp();
  becomes constant text := change->>'to';
  to_stage constant integer := (change->>'stage')::integer;
  of_id text := change->>'key';
  details jsonb;
  held rollouts;
  marks rollout_marks;
  one jsonb;
  problem jsonb;
  its record;
begin
  if octet_length(change->>'why') > 65536 then return herald_rollout_refused('the reason has more than 65536 bytes'); end if;
  if change->>'op' = 'start' then
    if (select count(*) from jsonb_array_elements(release->'changes') x where x->>'kind' = 'rollout' and x->>'op' = 'start') > 1 then
      return herald_rollout_refused('one release begins one rollout');
    end if;
    if octet_length(change->>'plan') > 65536 then return herald_rollout_refused('the plan has more than 65536 bytes'); end if;
    if jsonb_array_length(change->'plan'->'stages') not between 1 and 50 then return herald_rollout_refused('a plan has 1 to 50 stages'); end if;
    if jsonb_array_length(change->'plan'->'gates') > 20 then return herald_rollout_refused('a plan has at most 20 gates'); end if;
    if jsonb_array_length(change->'candidates') not between 1 and 100 then return herald_rollout_refused('a rollout changes 1 to 100 things'); end if;
    if (select count(distinct (c->>'kind', c->>'key')) from jsonb_array_elements(change->'candidates') c) < jsonb_array_length(change->'candidates') then
      return herald_rollout_refused('a rollout changes each thing once');
    end if;
    if herald_at((change->>'at')::double precision) > now + interval '400 days' then
      return jsonb_build_object('name', 'ScheduleTime', 'details', '{}'::jsonb,
        'message', format('%s is more than 400 days ahead', herald_utc(herald_at((change->>'at')::double precision))));
    end if;
    if (select count(*) from rollouts r where r.environment = in_environment and r.state in ('scheduled', 'deploying', 'baking', 'paused')) >= 100 then
      return jsonb_build_object('name', 'RolloutsFull', 'details', '{}'::jsonb, 'message', format('%s has 100 active rollouts already', in_environment));
    end if;
    if (select coalesce(sum(c.bytes), 0) from rollout_candidates c where c.environment = in_environment and c.state = 'candidate')
        + (select sum((c->>'bytes')::bigint) from jsonb_array_elements(change->'candidates') c) > 67108864 then
      return jsonb_build_object('name', 'RolloutsFull', 'details', '{}'::jsonb,
        'message', format('the candidates of %s would have more than 67108864 bytes', in_environment));
    end if;
    for one in select value from jsonb_array_elements(change->'candidates') loop
      details := jsonb_build_object('kind', one->'kind', 'key', one->'key', 'environment', in_environment);
      if one->>'kind' not in ('configuration', 'flag') or (one->>'wish' = '' and one->>'kind' <> 'flag') then
        return herald_rollout_refused(format('no rollout can be of the %s %s', one->>'kind', one->>'key'));
      end if;
      if exists (select from jsonb_array_elements(release->'changes') x
          where x->>'kind' = one->>'kind' and x->>'environment' = in_environment and x->>'key' = one->>'key') then
        return herald_rollout_refused(format('%s in %s is both rolled out and changed', one->>'key', in_environment));
      end if;
      select k.rollout, r.state into its from rollout_keys k join rollouts r on r.environment = k.environment and r.id = k.rollout
        where k.environment = in_environment and k.kind = one->>'kind' and k.key = one->>'key' and k.active;
      if its.rollout is not null then
        return jsonb_build_object('name', 'InRollout', 'details', details || jsonb_build_object('rollout', its.rollout),
          'message', format('the %s %s in %s is in the rollout %s, which is %s', one->>'kind', one->>'key', in_environment, its.rollout, its.state));
      end if;
      if (one->>'base')::integer <> herald_schedule_version(one->>'kind', in_environment, one->>'key') then
        return jsonb_build_object('name', 'VersionConflict',
          'message', format('the %s %s in %s is at version %s, not %s', one->>'kind', one->>'key', in_environment,
            herald_schedule_version(one->>'kind', in_environment, one->>'key'), one->>'base'),
          'details', details || jsonb_build_object('expected', one->'base', 'current', herald_schedule_version(one->>'kind', in_environment, one->>'key')));
      end if;
    end loop;
    -- XE1 from the other side: a flag in a running experiment is in no rollout that begins. What holds it is in 0035_experiments.sql.
    for one in select value from jsonb_array_elements(change->'candidates') where value->>'kind' = 'flag' loop
      problem := herald_flag_held(in_environment, one->>'key', release);
      if problem is not null then return problem; end if;
    end loop;
    return null;
  end if;

  details := jsonb_build_object('key', of_id, 'environment', in_environment);
  if (select count(*) from jsonb_array_elements(release->'changes') x
      where x->>'kind' = 'rollout' and x->>'environment' = in_environment and x->>'key' = of_id) > 1 then
    return herald_rollout_refused(format('one release moves the rollout %s once', of_id));
  end if;
  select * into held from rollouts r where r.environment = in_environment and r.id = of_id;
  if held.id is null then
    return jsonb_build_object('name', 'NotFound', 'message', format('there is no rollout %s in %s', of_id, in_environment), 'details', details);
  end if;
  if (change->>'expectedVersion')::integer <> held.version then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the rollout %s in %s is at version %s, not %s', of_id, in_environment, held.version, change->>'expectedVersion'),
      'details', details || jsonb_build_object('expected', change->'expectedVersion', 'current', held.version));
  end if;
  if herald_is_over(held.state) then
    return jsonb_build_object('name', 'RolloutOver', 'message', format('the rollout %s in %s is over: it is %s', of_id, in_environment, held.state),
      'details', details || jsonb_build_object('state', held.state));
  end if;
  if change->>'fence' is not null or change->>'bad' is not null then
    -- Whoever is writing it has not committed, and is not waited for: for this decision it is another by now. Whoever comes later waits for this commit.
    select * into marks from rollout_marks m where m.environment = in_environment and m.id = of_id for share skip locked;
    if marks.id is null or (change->>'fence')::bigint <> marks.fence then
      return jsonb_build_object('name', 'VersionConflict', 'message', format('another owner has the rollout %s in %s by now', of_id, in_environment),
        'details', details || jsonb_build_object('expected', change->'expectedVersion', 'current', held.version));
    end if;
    if (change->>'bad')::bigint <> marks.bad then
      return jsonb_build_object('name', 'VersionConflict', 'message', format('an instance of the rollout %s in %s became bad meanwhile', of_id, in_environment),
        'details', details || jsonb_build_object('expected', change->'expectedVersion', 'current', held.version));
    end if;
  end if;
  if (change->>'due')::boolean and (held.until is null or held.until > now) then
    return jsonb_build_object('name', 'VersionConflict', 'details', details || jsonb_build_object('expected', change->'expectedVersion', 'current', held.version),
      'message', format('what the rollout %s in %s waits for is not over at %s', of_id, in_environment, herald_utc(now)));
  end if;
  if jsonb_typeof(change->'also') = 'array' and jsonb_array_length(change->'also')
      + (select coalesce(sum(jsonb_array_length(coalesce(b->'also', '[]'))), 0) from jsonb_array_elements(held.stated->'begun') b) > 1000 then
    return herald_rollout_refused('the stages of a rollout take at most 1000 instances by name');
  end if;
  if (case when jsonb_typeof(change->'below') = 'number'
      then to_stage <> held.stage + 1 or to_stage >= jsonb_array_length(held.stated->'plan'->'stages')
        or (change->>'below')::bigint not between 0 and 4294967296 or becomes not in ('deploying', 'baking')
      else to_stage <> held.stage end)
    or (becomes = 'scheduled' and to_stage >= 0) or (becomes in ('deploying', 'baking') and to_stage < 0)
  then
    return herald_rollout_refused(format('the rollout %s can''t go from %s in stage %s to %s in stage %s', of_id, held.state, held.stage, becomes, to_stage));
  end if;
  if becomes = 'completed' then
    for one in select value from jsonb_array_elements(held.stated->'targets') loop
      -- RQ4
      if (one->>'version')::integer > 0 and not exists (select from jsonb_array_elements(release->'changes') x
          where x->>'kind' = one->>'kind' and x->>'environment' = in_environment and x->>'key' = one->>'key'
            and x->'candidate' = one->'version' and x->'digest' = one->'digest') then
        return herald_rollout_refused(format('the rollout %s completes with its candidate of %s alone', of_id, one->>'key'));
      end if;
    end loop;
  end if;
  return null;
end $$;

-- `also` of a move: a stage of so many instances takes them by name, and so does the one at least of a percentage (BJ3 of src/rollouts/Bound.ts): where few
-- were connected, the bucket of the last of them would let in a large part of those who come later.
create function herald_rollout_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  was rollouts;
  made rollouts;
  one jsonb;
  stage jsonb;
  targets jsonb := '[]';
  number integer;
  since bigint;
  newest record;
begin
  made.environment := in_environment;
  made.revision := at_revision;
  if change->>'op' = 'start' then
    made.id := 'r' || at_revision;
    made.began := at_revision;
    made.version := 1;
    made.state := 'scheduled';
    made.stage := -1;
    made.until := coalesce(herald_at((change->>'at')::double precision), now);
    for one in select value from jsonb_array_elements(change->'candidates') loop
      number := case when one->>'wish' = '' then 0 else herald_next_version(one->>'kind', in_environment, one->>'key') end;
      insert into rollout_keys as k values (in_environment, one->>'kind', one->>'key', made.id, true, number, number)
        on conflict (environment, kind, key) do update set rollout = excluded.rollout, active = true, candidate = excluded.candidate,
          top = greatest(k.top, excluded.top)
        returning k.taken into since;
      targets := targets || jsonb_build_object('kind', one->'kind', 'key', one->'key',
        'base', herald_schedule_version(one->>'kind', in_environment, one->>'key'), 'version', number, 'digest', one->'digest', 'since', since::text,
        'strict', one->'strict', 'template', one->'template', 'wish', encode(sha256(convert_to(one->>'wish', 'UTF8')), 'hex'));
      continue when number = 0;
      insert into rollout_candidates values (in_environment, one->>'kind', one->>'key', number, made.id, at_revision, 'candidate', one->>'wish',
        one->>'digest', (one->>'bytes')::integer, now, release->>'actor', release->>'message');
    end loop;
    made.stated := jsonb_build_object('environment', in_environment, 'key', made.id, 'plan', change->'plan', 'salt', change->'salt', 'begun', '[]'::jsonb,
      'startedBy', release->'actor', 'startedAt', herald_millis(now), 'message', release->'message');
    insert into rollout_marks values (in_environment, made.id);
    update herald_lineage set rollouts = true where not rollouts;
  else
    select * into was from rollouts r where r.environment = in_environment and r.id = change->>'key';
    made.id := was.id;
    made.began := was.began;
    made.version := was.version + 1;
    made.state := change->>'to';
    made.stage := (change->>'stage')::integer;
    made.until := date_trunc('milliseconds', now + (change->>'lasts')::double precision * interval '1 millisecond');
    made.stated := was.stated;
    if jsonb_typeof(change->'below') = 'number' then
      stage := jsonb_build_object('revision', at_revision::text, 'at', herald_millis(now), 'below', change->'below');
      if jsonb_typeof(change->'also') = 'array' then stage := stage || jsonb_build_object('also', change->'also'); end if;
      made.stated := made.stated || jsonb_build_object('begun', was.stated->'begun' || stage);
    end if;
    for one in select value from jsonb_array_elements(was.stated->'targets') loop
      -- A stage makes its own version: it is written by now, or will be in this commit.
      if one->'version' = '0' and exists (select from jsonb_array_elements(release->'changes') x
          where x->>'kind' = one->>'kind' and x->>'environment' = in_environment and x->>'key' = one->>'key') then
        newest := herald_newest_version(one->>'kind', in_environment, one->>'key');
        one := one || jsonb_build_object('base', case when newest.revision = at_revision then newest.version
          else herald_next_version(one->>'kind', in_environment, one->>'key') end);
      end if;
      targets := targets || one;
    end loop;
    if herald_is_over(made.state) then
      update rollout_keys k set active = false,
        taken = case when made.state = 'completed' or made.stage < 0 or k.candidate = 0 then k.taken else at_revision end
        where k.environment = in_environment and k.rollout = made.id;
      update rollout_candidates c set state = case made.state when 'completed' then 'promoted' else 'withdrawn' end, ended = at_revision
        where c.environment = in_environment and c.rollout = made.id;
    end if;
    delete from rollouts r where r.environment = in_environment and r.id = made.id;
  end if;
  made.stated := made.stated || jsonb_build_object('version', made.version, 'revision', at_revision::text, 'state', made.state, 'stage', made.stage,
    'targets', targets, 'until', herald_millis(made.until), 'why', change->'why', 'by', release->'actor', 'at', herald_millis(now));
  insert into rollouts values (made.*);
  insert into rollout_history values (in_environment, made.id, made.version, at_revision, made.stated);
  return made.stated;
end $$;

-- As it was told then; null also when a candidate is no longer what was told of it.
create function herald_rollout_at(in_environment text, of_id text, at_revision bigint) returns jsonb language sql stable as $$
  select h.stated from rollout_history h where h.environment = in_environment and h.id = of_id and h.revision = at_revision
    and not exists (select from jsonb_array_elements(h.stated->'targets') t left join rollout_candidates c
      on c.environment = in_environment and c.kind = t->>'kind' and c.key = t->>'key' and c.version = (t->>'version')::integer
      where t->'version' <> '0' and (c.rollout is distinct from of_id or c.digest <> t->>'digest'
        or (c.wish is null and c.state <> 'promoted') or encode(sha256(convert_to(c.wish, 'UTF8')), 'hex') <> t->>'wish'))
$$;

create function herald_rollout_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
  more integer;
begin
  -- Those whose newest version is above all that was a candidate: of others the number is still to be kept free.
  delete from rollout_keys where ctid = any (array(
    select k.ctid from rollout_keys k cross join lateral herald_newest_version(k.kind, k.environment, k.key) n
      where not k.active and n.version >= k.top and n.revision > 0
        and not exists (select from rollouts r where r.environment = k.environment and r.id = k.rollout and n.revision < r.revision)
      limit step for update of k skip locked));
  get diagnostics gone = row_count;
  delete from rollouts where ctid = any (array(
    select r.ctid from rollouts r where r.revision <= horizon and herald_is_over(r.state)
      and (r.state = 'completed' or r.stage < 0 or not exists (select from rollout_keys k cross join lateral herald_newest_version(k.kind, k.environment, k.key) n
        where k.environment = r.environment and k.rollout = r.id and n.revision between 1 and r.revision - 1))
      limit step for update skip locked));
  get diagnostics more = row_count;
  gone := gone + more;
  delete from rollout_marks where ctid = any (array(
    select m.ctid from rollout_marks m left join rollouts r on r.environment = m.environment and r.id = m.id
      where r.id is null or herald_is_over(r.state) limit step for update of m skip locked));
  update rollout_candidates set wish = null where ctid = any (array(
    select c.ctid from rollout_candidates c where c.state = 'promoted' and c.wish is not null and c.ended <= horizon limit step for update skip locked));
  get diagnostics more = row_count;
  return greatest(gone, more);
end $$;

-- A candidate as its history shows it.
create function herald_candidate_configuration(c rollout_candidates) returns configurations language plpgsql stable as $$
declare
  wish constant jsonb := c.wish::jsonb;
  made configurations;
begin
  made.key := c.key;
  made.environment := c.environment;
  made.version := c.version;
  made.revision := c.revision;
  made.value := coalesce(wish->>'value', '');
  made.value_type := wish->>'valueType';
  made.deleted := wish->>'value' is null;
  made.schema_definition := nullif(wish->'schema', 'null');
  made."strict" := (wish->>'strict')::boolean;
  made.template := (wish->>'template')::boolean;
  made.digest := c.digest;
  made.created_at := coalesce((select h.created_at from configurations h where h.environment = c.environment and h.key = c.key), c.made_at);
  made.updated_at := c.made_at;
  made.updated_by := c.made_by;
  made.change_log := coalesce(wish->>'changeLog', c.message);
  return made;
end $$;

create function herald_candidate_flag(c rollout_candidates) returns feature_flag_history language plpgsql stable as $$
declare
  wish constant jsonb := c.wish::jsonb;
begin
  return jsonb_populate_record(null::feature_flag_history, jsonb_build_object(
    'environment', c.environment, 'flag_name', c.key, 'version', c.version, 'revision', c.revision, 'enabled', wish->'enabled',
    'percentage', wish->'percentage', 'target_users', nullif(wish->'targetUsers', 'null'), 'definition', coalesce(wish->>'definition', ''),
    'digest', c.digest, 'bytes', c.bytes, 'deleted', wish->>'definition' is null, 'variants', wish->'variants', 'prerequisites', wish->'prerequisites',
    'uses', coalesce(wish->'uses', '[]'), 'created_at', coalesce((select f.created_at from feature_flag_history f
      where f.environment = c.environment and f.flag_name = c.key order by f.version desc limit 1), c.made_at),
    'updated_at', c.made_at, 'updated_by', c.made_by, 'message', c.message));
end $$;

-- {id, state} of the rollout that a version is, or was, a candidate of; null of any other.
create function herald_candidate_of(of_kind text, in_environment text, of_key text, of_version integer) returns jsonb language sql stable as $$
  select jsonb_build_object('id', c.rollout, 'state', c.state) from rollout_candidates c
    where c.environment = in_environment and c.kind = of_kind and c.key = of_key and c.version = of_version
$$;

-- As they were, but that numbers of candidates are kept free, and that a key of a rollout is changed by its transitions alone.
create or replace function herald_flag_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  was feature_flags;
  last feature_flag_history;
  made feature_flags;
begin
  select * into was from feature_flags f where f.environment = change->>'environment' and f.flag_name = change->>'key';
  select * into last from feature_flag_history h
    where h.environment = change->>'environment' and h.flag_name = change->>'key' order by h.version desc limit 1;
  made.environment := change->>'environment';
  made.flag_name := change->>'key';
  made.version := coalesce((change->>'candidate')::integer, greatest(last.version, (select k.top from rollout_keys k
    where k.environment = made.environment and k.kind = 'flag' and k.key = made.flag_name)) + 1, 1);
  made.revision := at_revision;
  made.enabled := (change->>'enabled')::boolean;
  made.percentage := (change->>'percentage')::numeric;
  made.target_users := nullif(change->'targetUsers', 'null');
  made.deleted := change->>'definition' is null;
  made.definition := coalesce(change->>'definition', '');
  made.digest := change->>'digest';
  made.bytes := (change->>'bytes')::integer;
  made.variants := change->'variants';
  made.prerequisites := change->'prerequisites';
  made.uses := coalesce(change->'uses', '[]');
  made.created_at := coalesce(last.created_at, now);
  made.updated_at := now;
  made.updated_by := release->>'actor';
  made.message := release->>'message';
  delete from feature_flags f where f.environment = made.environment and f.flag_name = made.flag_name;
  insert into feature_flags values (made.*);
  insert into feature_flag_history values (made.*);
  insert into feature_flag_totals as t values (made.environment, 0, 0) on conflict do nothing;
  update feature_flag_totals t set
    flags = t.flags + (not made.deleted)::integer - (was.version is not null and not was.deleted)::integer,
    bytes = t.bytes + made.bytes - coalesce(was.bytes, 0)
    where t.environment = made.environment;
  return herald_flag_json(made);
end $$;

create or replace function herald_flag_writes(changes jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb[] language plpgsql as $$
declare
  made feature_flag_history[];
begin
  select array_agg(jsonb_populate_record(null::feature_flag_history, jsonb_build_object(
      'environment', c.value->'environment', 'flag_name', c.value->'key', 'version',
      coalesce((c.value->>'candidate')::integer, greatest(last.version, k.top) + 1, 1), 'revision', at_revision,
      'enabled', c.value->'enabled', 'percentage', c.value->'percentage', 'target_users', nullif(c.value->'targetUsers', 'null'),
      'definition', coalesce(c.value->>'definition', ''), 'digest', c.value->'digest', 'bytes', c.value->'bytes',
      'deleted', c.value->>'definition' is null, 'variants', c.value->'variants', 'prerequisites', c.value->'prerequisites',
      'uses', coalesce(c.value->'uses', '[]'), 'created_at', coalesce(last.created_at, now), 'updated_at', now,
      'updated_by', release->'actor', 'message', release->'message')) order by c.n) into made
    from jsonb_array_elements(changes) with ordinality c(value, n) left join lateral (
      select h.version, h.created_at from feature_flag_history h
        where h.environment = c.value->>'environment' and h.flag_name = c.value->>'key' order by h.version desc limit 1) last on true
      left join rollout_keys k on k.environment = c.value->>'environment' and k.kind = 'flag' and k.key = c.value->>'key';
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

create or replace function herald_schedule_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  made schedules;
  touch jsonb;
  steps jsonb;
  later schedules;
  moved jsonb;
  stated jsonb;
begin
  if change->>'state' = 'pending' then
    made.environment := in_environment;
    made.id := 's' || at_revision;
    made.revision := at_revision;
    made.made_revision := at_revision;
    made.state := 'pending';
    made.due_at := date_trunc('milliseconds', herald_schedule_due(change, now));
    made.made_at := now;
    made.made_by := release->>'actor';
    made.key_id := release->>'keyId';
    made.message := release->>'message';
    made.touches := '[]';
    made.expected := '{}';
    for touch in select value from jsonb_array_elements(change->'touches') loop
      if touch->'expected' = '"current"' then
        touch := touch || jsonb_build_object('expected', herald_schedule_version(touch->>'kind', in_environment, touch->>'key'));
      end if;
      made.touches := made.touches || touch;
      if touch->'expected' <> 'null' then
        made.expected := made.expected || jsonb_build_object(concat(touch->>'kind', '/', touch->>'key'), touch->'expected');
      end if;
    end loop;
    made.body := change->>'body';
    made.digest := change->>'digest';
    made.bytes := (change->>'bytes')::integer;
    made.ended_by := '';
    made.reason := '';
    insert into schedules values (made.*);
  else
    update schedules s set revision = at_revision, state = change->>'state', ended_at = now, ended_by = release->>'actor', reason = change->>'reason'
      where s.environment = in_environment and s.id = change->>'key' returning * into made;
    if made.state = 'committed' and made.expected <> '{}' then
      select coalesce(jsonb_object_agg(name, jsonb_build_object('before', before, 'after', case
          -- Flags and segments are written already; configurations at the end of the call. Candidates have numbers in between.
          when kind = 'configuration' then herald_next_version(kind, in_environment, key)
          when before > 0 and kind <> 'flag' then before + 1
          when kind = 'flag' then greatest(case when before > 0 then before + 1 end, (herald_newest_version(kind, in_environment, key)).version)
          else herald_schedule_version(kind, in_environment, key)
        end)), '{}') into steps
        from (
          select t->>'kind' as kind, t->>'key' as key, concat(t->>'kind', '/', t->>'key') as name,
            (made.expected->>concat(t->>'kind', '/', t->>'key'))::integer as before
          from jsonb_array_elements(made.touches) t
        ) named where before is not null;
      for later in select * from schedules s
        where s.environment = in_environment and s.state = 'pending' and s.made_revision > made.made_revision
      loop
        select jsonb_object_agg(e.key, steps->e.key->'after') into moved from jsonb_each(later.expected) e where steps->e.key->'before' = e.value;
        continue when moved is null;
        update schedules s set expected = later.expected || moved where s.environment = in_environment and s.id = later.id;
      end loop;
    end if;
  end if;
  stated := herald_schedule_json(made);
  insert into schedule_history values (made.environment, made.id, at_revision, stated);
  return stated;
end $$;

-- Commits what herald_commit would commit of these releases, and in the same way, when nothing is out of the ordinary: each changes one configuration
-- to another value, of which no rollout is, and nothing stands in its way. Otherwise nothing is done, and the answer is null: herald_commit is to be asked.
--   releases: [{action, actor, keyId, message, traceparent, commitId, notAfter, and of its change key, environment, value, valueType, schema, strict,
--             template, digest, changeLog, expectedVersion, live, keepsSchema, keepsStrict, keepsType}], no configuration twice
--             live: null, or whether there has to be one that is not deleted; keeps…: of that one it has to be the same
--   terms:    {clock, wait} as for herald_commit
--   returns:  {epoch, before, commits: [[committedAt, version, createdAt]]}, before: the revision before the first
-- To start a statement and to prepare an expression is most of what a small commit costs, so there are few of both.
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
  select l.made_to, l.tail, e.epoch, h.synchronous, h.rollouts into room, before, current_epoch, was_synchronous, any_rollouts
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

  if any_rollouts and exists (select from unnest(history) h join rollout_keys k on k.environment = h.environment and k.kind = 'configuration' and k.key = h.key) then
    return null;
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
-- A change may have `candidate`, the number that it has as the candidate of a rollout that completes with it.
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
  number integer;
  now_held herald_held;
  any_values boolean;
  any_templates boolean;
  any_strange boolean;
  any_shared boolean;
  any_candidates boolean;
  -- Some key is in a rollout, or has candidates; then by slot the highest number of a candidate.
  any_rollouts boolean;
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
begin
  if terms is not null then
    if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
    perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  end if;
  -- Before the lock.
  select array_agg(case when c->>'kind' <> 'configuration' then null else c->>'environment' end), array_agg(c->>'key'),
      coalesce(bool_or(c->>'kind' <> 'configuration'), false), jsonb_path_exists(releases, '$[*].basis.values[*]'),
      jsonb_path_exists(releases, '$[*].basis.templates[*]'), coalesce(bool_or(c->>'candidate' is not null), false)
    into environments, keys, any_strange, any_values, any_templates, any_candidates from jsonb_array_elements(releases) r, jsonb_array_elements(r->'changes') c;
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
  select l.horizon, l.tail, l.made_to, e.epoch, h.synchronous, any_candidates or h.rollouts
    into behind, known, room, current_epoch, was_synchronous, any_rollouts from herald_log l, herald_epoch e, herald_lineage h;
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
    -- A release before this one may have begun a rollout.
    if any_strange and i > 0 and not any_rollouts then select h.rollouts into any_rollouts from herald_lineage h; end if;
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
