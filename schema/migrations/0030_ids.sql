-- Lists of ids of segments, up to a million ids each: in pieces by the hash of an id. Lists and pieces are known by their digests and never
-- change, so versions of a segment share what they have in common.
create table flag_id_pieces (
  digest text primary key,
  -- One a line, in the order of their bytes.
  ids text not null,
  touched_at timestamptz not null default now()
);
create table flag_id_lists (
  digest text primary key,
  count integer not null,
  bytes integer not null,
  -- Digests, '' for a piece without ids.
  pieces text[] not null,
  touched_at timestamptz not null default now()
);
create index flag_id_lists_pieces on flag_id_lists using gin (pieces);

-- The list that a version of a segment names; null: it names none, or has its ids in its definition.
alter table flag_segments add column list text;
alter table flag_segment_history add column list text;
create index flag_segment_history_list on flag_segment_history (list) where list is not null;

create or replace function herald_segment_json(s anyelement) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('environment', s.environment, 'key', s.segment_name, 'revision', s.revision::text, 'version', s.version,
    'definition', s.definition, 'deleted', s.deleted, 'digest', s.digest, 'createdAt', herald_millis(s.created_at),
    'updatedAt', herald_millis(s.updated_at), 'updatedBy', s.updated_by, 'message', s.message)
    || case when s.uses = '[]' then '{}' else jsonb_build_object('uses', s.uses) end
    || case when s.list is null then '{}' else jsonb_build_object('list', s.list) end;
end $$;

-- False: a piece is not there, so the list can't be. Never between a look of the sweep and what it removes.
create function herald_keep_ids(of_digest text, in_count integer, in_bytes integer, in_pieces jsonb) returns boolean language plpgsql as $$
declare
  names constant text[] := array(select value from jsonb_array_elements_text(in_pieces));
begin
  perform pg_advisory_xact_lock_shared(hashtext('herald_ids'));
  if exists (select from unnest(names) n where n <> '' and not exists (select from flag_id_pieces p where p.digest = n)) then
    return false;
  end if;
  insert into flag_id_lists values (of_digest, in_count, in_bytes, names) on conflict (digest) do update set touched_at = now();
  return true;
end $$;

-- Ends lists that no version of a segment names, and the pieces that they alone have, after a day: whoever writes has named them by then. It
-- waits for nobody: where somebody commits, or keeps a list, it is for the next time.
create function herald_sweep_ids(step integer) returns integer language plpgsql as $$
declare
  ended text[];
  pieces text[];
  gone integer;
begin
  if not exists (select from flag_id_lists l where l.touched_at < now() - interval '1 day'
    and not exists (select from flag_segment_history h where h.list = l.digest)) then
    return 0;
  end if;
  if not pg_try_advisory_xact_lock(7234733) or not pg_try_advisory_xact_lock(hashtext('herald_ids')) then -- the first is herald_lock()
    return 0;
  end if;
  select array_agg(l.digest) into ended from (
    select digest from flag_id_lists l where l.touched_at < now() - interval '1 day'
      and not exists (select from flag_segment_history h where h.list = l.digest) limit least(step, 10)) l;
  select array_agg(distinct p) into pieces from flag_id_lists l cross join lateral unnest(l.pieces) p where l.digest = any (ended);
  delete from flag_id_lists l where l.digest = any (ended);
  delete from flag_id_pieces p where p.digest = any (pieces) and p.touched_at < now() - interval '1 day'
    and not exists (select from flag_id_lists l where l.pieces @> array[p.digest]);
  get diagnostics gone = row_count;
  return gone + cardinality(ended);
end $$;

create or replace function herald_segment_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
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

  if change->>'list' is not null and not exists (select from flag_id_lists l where l.digest = change->>'list') then
    return jsonb_build_object('name', 'InvalidSegment', 'details', details, 'message', format('%s names a list of ids that is not there', of_key));
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

create or replace function herald_segment_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
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
  made.list := change->>'list';
  made.created_at := coalesce(last.created_at, now);
  made.updated_at := now;
  made.updated_by := release->>'actor';
  made.message := release->>'message';
  delete from flag_segments s where s.environment = made.environment and s.segment_name = made.segment_name;
  insert into flag_segments values (made.*);
  insert into flag_segment_history values (made.*);
  return herald_segment_json(made);
end $$;

create or replace function herald_segment_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from flag_segments where ctid = any (array(
    select s.ctid from flag_segments s where s.deleted and s.revision <= horizon limit step for update skip locked));
  get diagnostics gone = row_count;
  gone := gone + herald_sweep_ids(step);
  return gone;
end $$;
