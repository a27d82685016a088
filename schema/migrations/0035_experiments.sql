-- Experiments on variants of flags: docs/decisions/0032-experiments.md. What a kind needs beside its own tables is named in 0020_kinds.sql. The
-- rules are those of src/experiments/Limits.ts.
insert into herald_kinds values ('experiment');

-- Does an entry tell of a version, or of another change of the log?
create or replace function herald_tells_version(action text) returns boolean language sql immutable as $$
  select action in ('publish', 'delete', 'rollback', 'release', 'schedule', 'cancel', 'rollout', 'experiment')
$$;

-- The newest version of each name.
create table experiments (
  environment text not null,
  experiment_name text not null check (length(experiment_name) between 1 and 100),
  version integer not null,
  revision bigint not null,
  state text not null check (state in ('running', 'stopped')),
  flag_name text not null,
  flag_version integer not null,
  -- '': none; buckets of it: [[from, width]].
  layer text not null,
  buckets jsonb not null,
  -- What is compared, as JSON.
  definition text not null,
  digest text not null,
  started_at timestamptz not null,
  started_by text not null,
  hypothesis text not null,
  -- null and '' while it is running; winner null: none.
  ended_at timestamptz,
  ended_by text not null,
  conclusion text not null,
  winner text,
  -- As they were when it was stopped; null: not known.
  results jsonb,
  primary key (environment, experiment_name)
);
create index experiments_running on experiments (environment, flag_name) where state = 'running';

-- What the log told of each: two versions for each time that it ran.
create table experiment_history (
  environment text not null,
  experiment_name text not null,
  version integer not null,
  revision bigint not null,
  stated jsonb not null,
  primary key (environment, experiment_name, version)
);
create unique index experiment_history_revision on experiment_history (environment, experiment_name, revision);

-- An experiment as nodes are told of it.
create function herald_experiment_json(x experiments) returns jsonb language sql stable as $$
  select jsonb_build_object('environment', x.environment, 'key', x.experiment_name, 'revision', x.revision::text, 'version', x.version, 'state', x.state,
    'flag', x.flag_name, 'flagVersion', x.flag_version, 'layer', x.layer, 'buckets', x.buckets, 'definition', x.definition, 'digest', x.digest,
    'startedAt', herald_millis(x.started_at), 'startedBy', x.started_by, 'hypothesis', x.hypothesis, 'endedAt', herald_millis(x.ended_at),
    'endedBy', x.ended_by, 'conclusion', x.conclusion, 'winner', x.winner, 'results', coalesce(x.results, 'null'))
$$;

create function herald_experiment_holds(by_name text, in_environment text, of_flag text) returns jsonb language sql immutable as $$
  select jsonb_build_object('name', 'FlagInExperiment',
    'message', format('the flag %s in %s is in the running experiment %s', of_flag, in_environment, by_name),
    'details', jsonb_build_object('key', of_flag, 'environment', in_environment, 'experiment', by_name))
$$;

-- Whether a release stops an experiment.
create function herald_experiment_stops(release jsonb, in_environment text, of_name text) returns boolean language sql immutable as $$
  select exists (select from jsonb_array_elements(release->'changes') c where c->>'kind' = 'experiment' and c->>'state' = 'stopped'
    and c->>'environment' = in_environment and c->>'key' = of_name)
$$;

-- XE1: which running experiment keeps a flag from being changed; null: none that the release does not stop.
create function herald_flag_held(in_environment text, of_flag text, release jsonb) returns jsonb language plpgsql as $$
declare
  held text;
begin
  select x.experiment_name into held from experiments x where x.environment = in_environment and x.flag_name = of_flag and x.state = 'running' limit 1;
  if held is null or herald_experiment_stops(release, in_environment, held) then return null; end if;
  return herald_experiment_holds(held, in_environment, of_flag);
end $$;

-- XE2
create function herald_buckets_overlap(these jsonb, others jsonb) returns boolean language sql immutable as $$
  select exists (select from jsonb_array_elements(these) a, jsonb_array_elements(others) b
    where (a->>0)::integer < (b->>0)::integer + (b->>1)::integer and (b->>0)::integer < (a->>0)::integer + (a->>1)::integer)
$$;

create function herald_experiment_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_name constant text := change->>'key';
  of_flag constant text := change->>'flag';
  details constant jsonb := jsonb_build_object('key', of_name, 'environment', in_environment);
  held experiments;
  rollout record;
  other text;
  current integer;
  running bigint;
begin
  select * into held from experiments x where x.environment = in_environment and x.experiment_name = of_name;
  if change->>'state' = 'stopped' then
    if held.version is null then
      return jsonb_build_object('name', 'NotFound', 'message', format('there is no experiment %s in %s', of_name, in_environment), 'details', details);
    end if;
    return case when held.state <> 'running' then jsonb_build_object('name', 'ExperimentOver',
      'message', format('the experiment %s in %s is over', of_name, in_environment), 'details', details) end;
  end if;

  if held.state = 'running' and not herald_experiment_stops(release, in_environment, of_name) then
    return jsonb_build_object('name', 'ExperimentRunning', 'message', format('the experiment %s in %s is running', of_name, in_environment), 'details', details);
  end if;
  select x.experiment_name into other from experiments x where x.environment = in_environment and x.flag_name = of_flag and x.state = 'running'
    and not herald_experiment_stops(release, in_environment, x.experiment_name) limit 1;
  if other is not null then return herald_experiment_holds(other, in_environment, of_flag); end if;
  if jsonb_typeof(change->'flagVersion') = 'number' then
    select f.version into current from feature_flags f where f.environment = in_environment and f.flag_name = of_flag and not f.deleted;
    if current is null then
      return jsonb_build_object('name', 'NotFound', 'message', format('there is no flag %s in %s', of_flag, in_environment),
        'details', jsonb_build_object('key', of_flag, 'environment', in_environment));
    end if;
    if current <> (change->>'flagVersion')::integer then
      return jsonb_build_object('name', 'VersionConflict',
        'message', format('the flag %s in %s is at version %s, not %s', of_flag, in_environment, current, change->>'flagVersion'),
        'details', jsonb_build_object('key', of_flag, 'environment', in_environment, 'expected', change->'flagVersion', 'current', current));
    end if;
  end if;
  select r.id, r.state into rollout from rollout_keys k join rollouts r on r.environment = k.environment and r.id = k.rollout
    where k.environment = in_environment and k.kind = 'flag' and k.key = of_flag and k.active;
  if rollout.id is not null then
    return jsonb_build_object('name', 'InRollout',
      'message', format('the flag %s in %s is in the rollout %s, which is %s', of_flag, in_environment, rollout.id, rollout.state),
      'details', jsonb_build_object('kind', 'flag', 'key', of_flag, 'environment', in_environment, 'rollout', rollout.id));
  end if;
  if change->>'layer' <> '' then
    select x.experiment_name into other from experiments x where x.environment = in_environment and x.layer = change->>'layer' and x.state = 'running'
      and not herald_experiment_stops(release, in_environment, x.experiment_name) and herald_buckets_overlap(x.buckets, change->'buckets') limit 1;
    if other is not null then
      return jsonb_build_object('name', 'VersionConflict', 'details', details || jsonb_build_object('changed', 'layer'),
        'message', format('the experiment %s in %s took a part of the layer %s meanwhile', other, in_environment, change->>'layer'));
    end if;
  end if;
  select count(*) into running from experiments x where x.environment = in_environment and x.state = 'running';
  if running >= 200 then
    return jsonb_build_object('name', 'ExperimentsFull', 'message', format('%s runs 200 experiments already', in_environment), 'details', details);
  end if;
  if held.version is null and (select count(*) from experiments x where x.environment = in_environment) >= 5000 then
    return jsonb_build_object('name', 'ExperimentsFull', 'message', format('%s has experiments of 5000 names already', in_environment), 'details', details);
  end if;
  return null;
end $$;

create function herald_experiment_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  made experiments;
  stated jsonb;
begin
  select * into made from experiments x where x.environment = change->>'environment' and x.experiment_name = change->>'key';
  made.version := coalesce(made.version, 0) + 1;
  made.revision := at_revision;
  made.state := change->>'state';
  if made.state = 'running' then
    made.environment := change->>'environment';
    made.experiment_name := change->>'key';
    made.flag_name := change->>'flag';
    -- With what the release made of the flag, which is written already.
    select f.version into made.flag_version from feature_flags f where f.environment = made.environment and f.flag_name = made.flag_name;
    made.layer := change->>'layer';
    made.buckets := change->'buckets';
    made.definition := change->>'definition';
    made.digest := change->>'digest';
    made.started_at := now;
    made.started_by := release->>'actor';
    made.hypothesis := release->>'message';
    made.ended_at := null;
    made.ended_by := '';
    made.conclusion := '';
    made.winner := null;
    made.results := null;
  else
    made.ended_at := now;
    made.ended_by := release->>'actor';
    made.conclusion := release->>'message';
    made.winner := change->>'winner';
    made.results := nullif(change->'results', 'null');
  end if;
  delete from experiments x where x.environment = made.environment and x.experiment_name = made.experiment_name;
  insert into experiments values (made.*);
  stated := herald_experiment_json(made);
  insert into experiment_history values (made.environment, made.experiment_name, made.version, at_revision, stated);
  return stated;
end $$;

create function herald_experiment_at(in_environment text, of_name text, at_revision bigint) returns jsonb language sql stable as $$
  select h.stated from experiment_history h where h.environment = in_environment and h.experiment_name = of_name and h.revision = at_revision
$$;

-- What was concluded is kept: names are bounded, and so is what each has.
create function herald_experiment_sweep(horizon bigint, step integer) returns integer language sql as $$
  select 0
$$;

-- XE1, in the place where flags are asked whether they may change.
create or replace function herald_flag_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  archives constant boolean := change->>'definition' is null;
  expected constant integer := (change->>'expectedVersion')::integer;
  current feature_flags;
  version integer;
  one jsonb;
  other text;
  shape jsonb;
  reached text[];
  totals feature_flag_totals;
  problem jsonb;
begin
  problem := herald_flag_held(in_environment, of_key, release);
  if problem is not null then return problem; end if;
  select * into current from feature_flags f where f.environment = in_environment and f.flag_name = of_key;
  version := case when current.version is null or (current.deleted and expected = 0) then 0 else current.version end;
  if expected <> version then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the flag %s in %s is at version %s, not %s', of_key, in_environment, version, expected),
      'details', details || jsonb_build_object('expected', expected, 'current', version));
  end if;
  if archives and (current.version is null or current.deleted) then
    return jsonb_build_object('name', 'NotFound', 'message', format('there is no flag %s in %s to archive', of_key, in_environment), 'details', details);
  end if;

  if not archives then
    problem := herald_uses_problem(change, release);
    if problem is not null then return problem; end if;
    for one in select value from jsonb_array_elements(change->'prerequisites') loop
      shape := herald_flag_shape(in_environment, one->>'flag', release);
      if shape is null then
        return jsonb_build_object('name', 'InvalidFlag',
          'message', format('%s needs the flag %s, which is not there', of_key, one->>'flag'), 'details', details);
      end if;
      if not shape->'variants' ? (one->>'variant') then
        return jsonb_build_object('name', 'InvalidFlag',
          'message', format('%s needs %s with the variant %s, which it has not', of_key, one->>'flag', one->>'variant'), 'details', details);
      end if;
    end loop;
    if change->'prerequisites' <> '[]' then
      with recursive needed(key) as (
        select p->>'flag' from jsonb_array_elements(change->'prerequisites') p
        union
        select p->>'flag' from needed n
          cross join lateral jsonb_array_elements(coalesce(herald_flag_shape(in_environment, n.key, release)->'prerequisites', '[]')) p
      )
      select array_agg(key) into reached from (select key from needed limit 1000) few;
      if of_key = any (reached) then
        return jsonb_build_object('name', 'InvalidFlag', 'message', format('%s needs itself, over its prerequisites', of_key), 'details', details);
      end if;
      if cardinality(reached) > 64 then
        return jsonb_build_object('name', 'InvalidFlag', 'message', format('%s needs more than 64 flags, over its prerequisites', of_key), 'details', details);
      end if;
    end if;
  end if;

  for other, one in
    select f.flag_name, p from feature_flags f cross join lateral jsonb_array_elements(f.prerequisites) p
      where f.environment = in_environment and f.prerequisites <> '[]' and not f.deleted and p->>'flag' = of_key
        and not exists (select from jsonb_array_elements(release->'changes') x
          where x->>'kind' = 'flag' and x->>'environment' = in_environment and x->>'key' = f.flag_name)
  loop
    if archives or not change->'variants' ? (one->>'variant') then
      return herald_flag_needed(other, in_environment, of_key, one->>'variant');
    end if;
  end loop;
  -- A look at all changes of the release, for each of them: only where one of them needs something.
  if jsonb_path_exists(release, '$.changes[*].prerequisites[*]') then
    for other, one in
      select x->>'key', p from jsonb_array_elements(release->'changes') x cross join lateral jsonb_array_elements(x->'prerequisites') p
        where x->>'kind' = 'flag' and x->>'environment' = in_environment and x->>'definition' is not null and p->>'flag' = of_key
    loop
      if archives or not change->'variants' ? (one->>'variant') then
        return herald_flag_needed(other, in_environment, of_key, one->>'variant');
      end if;
    end loop;
  end if;

  if not archives then
    select * into totals from feature_flag_totals t where t.environment = in_environment;
    if (current.version is null or current.deleted) and totals.flags >= 20000 then
      return jsonb_build_object('name', 'FlagsFull', 'message', format('%s has 20000 flags already', in_environment), 'details', details);
    end if;
    if totals.bytes + (change->>'bytes')::bigint > 67108864 then
      return jsonb_build_object('name', 'FlagsFull',
        'message', format('the definitions of %s would have more than 67108864 bytes', in_environment), 'details', details);
    end if;
  end if;
  return null;
end $$;

create or replace function herald_flag_problems(changes jsonb, release jsonb) returns jsonb language plpgsql as $$
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
      or exists (select from experiments x where x.environment = c.value->>'environment' and x.flag_name = c.value->>'key' and x.state = 'running')
      or (c.value->>'expectedVersion')::integer <> case when coalesce(f.deleted, true) and (c.value->>'expectedVersion')::integer = 0 then 0 else coalesce(f.version, 0) end
      or (coalesce(f.deleted, true) and t.flags >= 20000) or t.bytes + (c.value->>'bytes')::bigint > 67108864
    order by c.n
  loop
    problem := herald_flag_problem(change, release);
    if problem is not null then return problem; end if;
  end loop;
  return null;
end $$;

-- XE1: all flags with buckets hang on it.
create or replace function herald_flag_settings_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  expected constant integer := (change->>'expectedVersion')::integer;
  found integer;
  held text;
begin
  select x.experiment_name into held from experiments x where x.environment = in_environment and x.state = 'running' order by x.experiment_name limit 1;
  if held is not null then
    return jsonb_build_object('name', 'FlagInExperiment', 'details', details || jsonb_build_object('experiment', held),
      'message', format('how people are put into buckets in %s can''t change while the experiment %s runs', in_environment, held));
  end if;
  select s.version into found from flag_settings s where s.environment = in_environment and s.settings_name = of_key;
  found := coalesce(found, 0);
  if expected <> found then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the settings of %s in %s is at version %s, not %s', of_key, in_environment, found, expected),
      'details', details || jsonb_build_object('expected', expected, 'current', found));
  end if;
  return null;
end $$;
