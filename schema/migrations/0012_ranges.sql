-- Revisions, and what is known for each of them, in ranges of revisions that end by DROP: docs/decisions/0015-ranges.md.
-- What it costs: the three tables are read once while nothing can be written (measured: 10 million deliveries, 1.3 GB, in 2 s). No row is
-- moved: each table as it was becomes the first range.

create table herald_log (
  only_one boolean primary key default true check (only_one),
  -- The newest revision that nobody may read any more. Its range goes when all of it is behind.
  horizon bigint not null,
  -- No newer than the newest revision: where to look for that one.
  tail bigint not null,
  -- Smaller revisions have a range.
  made_to bigint not null
) with (fillfactor = 50);
insert into herald_log select true, coalesce(min(revision), 1) - 1, coalesce(max(revision), 0), coalesce(max(revision), 0) + 1 from revisions;

drop index deliveries_revision;
-- BRIN degenerates where rows come and go. Idempotency keys are deleted and not dropped: they are unique over all ranges, and each publish
-- asks for one.
drop index idempotency_keys_revision;
create index idempotency_keys_revision on idempotency_keys (revision);

alter table revisions rename to revisions_0;
alter index revisions_pkey rename to revisions_0_pkey;
create table revisions (like revisions_0, primary key (revision)) partition by range (revision);

alter table deliveries rename to deliveries_0;
alter index deliveries_pkey rename to deliveries_0_pkey;
create table deliveries (like deliveries_0, primary key (instance_id, key, revision)) partition by range (revision);

-- The newest report of an instance outlives the ranges.
create table instance_health (like health_reports, primary key (instance_id)) with (fillfactor = 70);
insert into instance_health select distinct on (instance_id) * from health_reports order by instance_id, reported_at desc;
alter table health_reports rename to health_reports_0;
alter index health_reports_pkey rename to health_reports_0_pkey;
create table health_reports (like health_reports_0, primary key (instance_id, revision)) partition by range (revision);

declare
  name text;
  made bigint := (select made_to from herald_log);
begin
  foreach name in array array['revisions', 'deliveries', 'health_reports'] loop
    -- An answer to a revision that was lost with its history is of no range.
    execute format('delete from %I where revision >= %s', name || '_0', made);
    execute format('alter table %I attach partition %I for values from (minvalue) to (%s)', name, name || '_0', made);
  end loop;
end;

-- The newest revision, 0 before the first. Of many ranges only those are asked that may hold it.
create function herald_head() returns bigint language plpgsql stable set plan_cache_mode = 'force_generic_plan' as $$
declare
  known bigint := (select tail from herald_log);
begin
  return (select coalesce(max(revision), 0) from revisions where revision >= known);
end $$;

-- Ranges until `upto` has one, each for at least `width` revisions and at most nine of them; returns how many were made. A range is made apart
-- and attached, which holds up neither readers nor writers.
create function herald_make_room(upto bigint, width bigint default 1000) returns integer language plpgsql as $$
declare
  made integer := 0;
  lower bigint;
  higher bigint;
  parent text;
  part text;
begin
  if upto < (select made_to from herald_log) then return 0; end if;
  perform pg_advisory_xact_lock(7234735);
  select made_to into lower from herald_log; -- as the holder before us left it
  width := greatest(width, (upto - lower) / 8, 1);
  while upto >= lower loop
    higher := lower + width;
    foreach parent in array array['revisions', 'deliveries', 'health_reports'] loop
      part := parent || '_' || lower;
      execute format('create table %I (like %I including defaults including constraints, constraint range check (revision >= %s and revision < %s))%s',
        part, parent, lower, higher, case parent when 'deliveries' then ' with (fillfactor = 90)' else '' end);
      execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent, part, lower, higher);
      execute format('alter table %I drop constraint range', part);
    end loop;
    update herald_log set made_to = higher, tail = greatest(tail, herald_head()); -- so that no look for it goes through many ranges
    made := made + 1;
    lower := higher;
  end loop;
  return made;
end $$;

perform herald_make_room(herald_log.made_to + 2000) from herald_log;

-- The newest revision above `low` and up to `high` that was committed before `at`, otherwise `low`: halved, as numbers are in the order of time.
create function herald_committed_before(at timestamptz, low bigint, high bigint) returns bigint language plpgsql stable
  set plan_cache_mode = 'force_generic_plan' as $$
declare
  middle bigint;
begin
  while low < high loop
    middle := (low + high + 1) / 2;
    if exists (select from revisions r where r.revision = middle and r.committed_at < at) then low := middle; else high := middle - 1; end if;
  end loop;
  return low;
end $$;

-- How many revisions go behind the horizon: those older than `keep`, but never of the newest `keep_at_least`. What a relay still has to
-- publish stays for seven days longer; a relay counts when it held its lease within the last hour.
create function herald_move_horizon(keep interval, keep_at_least bigint) returns bigint language plpgsql as $$
declare
  held herald_log;
  head bigint := herald_head();
  next bigint;
  published bigint;
begin
  select * into held from herald_log for update;
  next := least(head - greatest(keep_at_least, 1), herald_committed_before(clock_timestamp() - keep, held.horizon, head));
  if exists (select from leases where name = 'relay' and until > clock_timestamp() - interval '1 hour') then
    select case when o.epoch in ('', e.epoch) then o.revision else 0 end into published from outbox o, herald_epoch e;
    next := least(next, greatest(published, herald_committed_before(clock_timestamp() - keep - interval '7 days', held.horizon, head)));
  end if;
  update herald_log set horizon = greatest(held.horizon, next), tail = greatest(held.tail, head)
    where horizon < next or tail < head;
  return greatest(0, next - held.horizon);
end $$;

-- Ranges that are behind the horizon whole, and what was detached and not yet dropped. `pending`: detaching was begun.
create function herald_expired() returns table (parent text, part text, attached boolean, pending boolean) language sql stable as $$
  select p.relname::text, c.relname::text, i.inhrelid is not null, coalesce(i.inhdetachpending, false)
  from pg_class p
    join pg_class c on c.relnamespace = p.relnamespace and c.relkind = 'r' and c.relname ~ ('^' || p.relname || '_[0-9]+$')
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = p.oid
  where p.oid in ('revisions'::regclass, 'deliveries'::regclass, 'health_reports'::regclass)
    and (i.inhrelid is null
      or (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''?(\d+)''?\)'))[1]::bigint - 1 <= least(
        (select horizon from herald_log),
        -- A key that is kept answers with its revision.
        (select min(revision) - 1 from idempotency_keys)))
  order by 1, 2
$$;

drop function herald_sweep(interval, bigint, integer);
