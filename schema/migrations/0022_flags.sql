-- Feature flags: a kind of change beside configurations. What a kind needs beside its own tables is named in 0020_kinds.sql.
insert into herald_kinds values ('flag');

-- The current version of each flag. An archived one goes once nobody can read that revision any more; its history stays.
create table feature_flags (
  environment text not null,
  flag_name text not null check (length(flag_name) between 1 and 100),
  version integer not null,
  revision bigint not null,
  -- What the simple form says; percentage and target_users are null for a flag with a rule of its own.
  enabled boolean not null,
  percentage numeric(6, 3),
  target_users jsonb,
  -- As it was written; '' when it is archived.
  definition text not null,
  digest text not null,
  bytes integer not null,
  deleted boolean not null,
  -- What other flags may need of it, and what it needs of them: names of variants; [{flag, variant}].
  variants jsonb not null,
  prerequisites jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null,
  message text not null,
  primary key (environment, flag_name)
);
create index feature_flags_needing on feature_flags (environment) where prerequisites <> '[]' and not deleted;
create index feature_flags_archived on feature_flags (revision) where deleted;

create table feature_flag_history (like feature_flags, primary key (environment, flag_name, version));
create unique index feature_flag_history_revision on feature_flag_history (environment, flag_name, revision);

-- Of all flags of an environment that are not archived.
create table feature_flag_totals (environment text primary key, flags integer not null, bytes bigint not null);

-- A flag as nodes are told of it; of a row of either table.
create function herald_flag_json(f anyelement) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('environment', f.environment, 'key', f.flag_name, 'revision', f.revision::text, 'version', f.version,
    'definition', f.definition, 'deleted', f.deleted, 'digest', f.digest, 'createdAt', herald_millis(f.created_at),
    'updatedAt', herald_millis(f.updated_at), 'updatedBy', f.updated_by, 'message', f.message);
end $$;

-- {variants, prerequisites} of a flag as it is with the release; null: there is none.
create function herald_flag_shape(in_environment text, of_key text, release jsonb) returns jsonb language plpgsql stable as $$
declare
  wished jsonb;
begin
  select x into wished from jsonb_array_elements(release->'changes') x
    where x->>'kind' = 'flag' and x->>'environment' = in_environment and x->>'key' = of_key;
  if wished is not null then
    return case when wished->>'definition' is not null then wished end;
  end if;
  return (select jsonb_build_object('variants', f.variants, 'prerequisites', f.prerequisites) from feature_flags f
    where f.environment = in_environment and f.flag_name = of_key and not f.deleted);
end $$;

create function herald_flag_needed(other text, in_environment text, of_key text, variant text) returns jsonb language sql immutable as $$
  select jsonb_build_object('name', 'FlagNeeded', 'message', format('%s in %s needs %s with the variant %s', other, in_environment, of_key, variant),
    'details', jsonb_build_object('key', of_key, 'environment', in_environment, 'needing', other))
$$;

-- What src/flags/Needs.ts says, under the lock.
create function herald_flag_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
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
begin
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

create function herald_flag_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
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
  made.version := coalesce(last.version, 0) + 1;
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

create function herald_flag_at(in_environment text, of_key text, at_revision bigint) returns jsonb language sql stable as $$
  select herald_flag_json(h) from feature_flag_history h
  where h.environment = in_environment and h.flag_name = of_key and h.revision = at_revision
$$;

create function herald_flag_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from feature_flags where ctid = any (array(
    select f.ctid from feature_flags f where f.deleted and f.revision <= horizon limit step for update skip locked));
  get diagnostics gone = row_count;
  return gone;
end $$;
