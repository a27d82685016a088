-- Segments: rules that an environment has by name, for all its flags. A kind as those of 0020_kinds.sql says; what names what is decided under
-- the lock, as src/flags/Needs.ts says it.
insert into herald_kinds values ('segment');

-- Segments that a flag names: a list of texts, in their order. Servers of before send none.
alter table feature_flags add column uses jsonb not null default '[]';
alter table feature_flag_history add column uses jsonb not null default '[]';
create index feature_flags_using on feature_flags using gin (uses) where uses <> '[]' and not deleted;

-- The current version of each segment. An archived one goes once nobody can read that revision any more; its history stays.
create table flag_segments (
  environment text not null,
  segment_name text not null check (length(segment_name) between 1 and 100),
  version integer not null,
  revision bigint not null,
  -- As it was written; '' when it is archived.
  definition text not null,
  digest text not null,
  bytes integer not null,
  deleted boolean not null,
  -- Segments that it names.
  uses jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null,
  message text not null,
  primary key (environment, segment_name)
);
create index flag_segments_archived on flag_segments (revision) where deleted;

create table flag_segment_history (like flag_segments, primary key (environment, segment_name, version));
create unique index flag_segment_history_revision on flag_segment_history (environment, segment_name, revision);

create or replace function herald_flag_json(f anyelement) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('environment', f.environment, 'key', f.flag_name, 'revision', f.revision::text, 'version', f.version,
    'definition', f.definition, 'deleted', f.deleted, 'digest', f.digest, 'createdAt', herald_millis(f.created_at),
    'updatedAt', herald_millis(f.updated_at), 'updatedBy', f.updated_by, 'message', f.message)
    || case when f.uses = '[]' then '{}' else jsonb_build_object('uses', f.uses) end;
end $$;

-- A segment as nodes are told of it; of a row of either table.
create function herald_segment_json(s anyelement) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('environment', s.environment, 'key', s.segment_name, 'revision', s.revision::text, 'version', s.version,
    'definition', s.definition, 'deleted', s.deleted, 'digest', s.digest, 'createdAt', herald_millis(s.created_at),
    'updatedAt', herald_millis(s.updated_at), 'updatedBy', s.updated_by, 'message', s.message)
    || case when s.uses = '[]' then '{}' else jsonb_build_object('uses', s.uses) end;
end $$;

-- Segments that a segment names, as it is with the release; null: there is none.
create function herald_segment_uses(in_environment text, of_name text, release jsonb) returns jsonb language plpgsql stable as $$
declare
  wished jsonb;
begin
  select x into wished from jsonb_array_elements(release->'changes') x
    where x->>'kind' = 'segment' and x->>'environment' = in_environment and x->>'key' = of_name;
  if wished is not null then
    return case when wished->>'definition' is not null then coalesce(wished->'uses', '[]') end;
  end if;
  return (select s.uses from flag_segments s where s.environment = in_environment and s.segment_name = of_name and not s.deleted);
end $$;

-- What a flag or a segment names, and is not there or leads back to it; or null.
create function herald_uses_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  refusal constant text := case when change->>'kind' = 'flag' then 'InvalidFlag' else 'InvalidSegment' end;
  used text;
  reached text[];
begin
  if coalesce(change->'uses', '[]') = '[]' then return null; end if;
  for used in select value from jsonb_array_elements_text(change->'uses') loop
    if herald_segment_uses(in_environment, used, release) is null then
      return jsonb_build_object('name', refusal, 'details', details,
        'message', format('%s names the rule "%s", and %s has no segment of that name', of_key, used, in_environment));
    end if;
  end loop;
  with recursive named(key) as (
    select value from jsonb_array_elements_text(change->'uses')
    union
    select u.value from named n
      cross join lateral jsonb_array_elements_text(coalesce(herald_segment_uses(in_environment, n.key, release), '[]')) u
  )
  select array_agg(key) into reached from (select key from named limit 1000) few;
  if change->>'kind' = 'segment' and of_key = any (reached) then
    return jsonb_build_object('name', refusal, 'details', details,
      'message', format('%s names itself, over the segments that it names', of_key));
  end if;
  if cardinality(reached) > 64 then
    return jsonb_build_object('name', refusal, 'details', details,
      'message', format('%s names more than 64 segments, over those that it names', of_key));
  end if;
  return null;
end $$;

-- What names a segment, with the release; null: nothing does.
create function herald_segment_user(in_environment text, of_name text, release jsonb) returns text language plpgsql as $$
declare
  found text;
begin
  select format('the %s %s', x->>'kind', x->>'key') into found from jsonb_array_elements(release->'changes') x
    where x->>'kind' in ('flag', 'segment') and x->>'environment' = in_environment and x->>'definition' is not null
      and x->'uses' ? of_name limit 1;
  if found is not null then return found; end if;
  select 'the flag ' || f.flag_name into found from feature_flags f
    where f.environment = in_environment and f.uses <> '[]' and not f.deleted and f.uses ? of_name
      and not exists (select from jsonb_array_elements(release->'changes') x
        where x->>'kind' = 'flag' and x->>'environment' = in_environment and x->>'key' = f.flag_name) limit 1;
  if found is not null then return found; end if;
  select 'the segment ' || s.segment_name into found from flag_segments s
    where s.environment = in_environment and s.uses ? of_name and not s.deleted
      and not exists (select from jsonb_array_elements(release->'changes') x
        where x->>'kind' = 'segment' and x->>'environment' = in_environment and x->>'key' = s.segment_name) limit 1;
  return found;
end $$;

create function herald_segment_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  archives constant boolean := change->>'definition' is null;
  expected constant integer := (change->>'expectedVersion')::integer;
  current flag_segments;
  version integer;
  problem jsonb;
  used_by text;
  segments bigint;
  total bigint;
begin
  select * into current from flag_segments s where s.environment = in_environment and s.segment_name = of_key;
  version := case when current.version is null or (current.deleted and expected = 0) then 0 else current.version end;
  if expected <> version then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the segment %s in %s is at version %s, not %s', of_key, in_environment, version, expected),
      'details', details || jsonb_build_object('expected', expected, 'current', version));
  end if;
  if archives then
    if current.version is null or current.deleted then
      return jsonb_build_object('name', 'NotFound', 'details', details,
        'message', format('there is no segment %s in %s to archive', of_key, in_environment));
    end if;
    used_by := herald_segment_user(in_environment, of_key, release);
    return case when used_by is not null then jsonb_build_object('name', 'SegmentUsed',
      'message', format('%s in %s names the segment %s', used_by, in_environment, of_key), 'details', details || jsonb_build_object('by', used_by)) end;
  end if;

  problem := herald_uses_problem(change, release);
  if problem is not null then return problem; end if;
  select count(*), sum(s.bytes) into segments, total from flag_segments s where s.environment = in_environment and not s.deleted;
  if (current.version is null or current.deleted) and segments >= 1000 then
    return jsonb_build_object('name', 'SegmentsFull', 'message', format('%s has 1000 segments already', in_environment), 'details', details);
  end if;
  if total + (change->>'bytes')::bigint > 16777216 then
    return jsonb_build_object('name', 'SegmentsFull', 'details', details,
      'message', format('the definitions of segments in %s would have more than 16777216 bytes', in_environment));
  end if;
  return null;
end $$;

create function herald_segment_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  last flag_segment_history;
  made flag_segments;
begin
  select * into last from flag_segment_history h
    where h.environment = change->>'environment' and h.segment_name = change->>'key' order by h.version desc limit 1;
  made.environment := change->>'environment';
  made.segment_name := change->>'key';
  made.version := coalesce(last.version, 0) + 1;
  made.revision := at_revision;
  made.definition := coalesce(change->>'definition', '');
  made.digest := change->>'digest';
  made.bytes := (change->>'bytes')::integer;
  made.deleted := change->>'definition' is null;
  made.uses := coalesce(change->'uses', '[]');
  made.created_at := coalesce(last.created_at, now);
  made.updated_at := now;
  made.updated_by := release->>'actor';
  made.message := release->>'message';
  delete from flag_segments s where s.environment = made.environment and s.segment_name = made.segment_name;
  insert into flag_segments values (made.*);
  insert into flag_segment_history values (made.*);
  return herald_segment_json(made);
end $$;

create function herald_segment_at(in_environment text, of_key text, at_revision bigint) returns jsonb language sql stable as $$
  select herald_segment_json(h) from flag_segment_history h
  where h.environment = in_environment and h.segment_name = of_key and h.revision = at_revision
$$;

create function herald_segment_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from flag_segments where ctid = any (array(
    select s.ctid from flag_segments s where s.deleted and s.revision <= horizon limit step for update skip locked));
  get diagnostics gone = row_count;
  return gone;
end $$;

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
