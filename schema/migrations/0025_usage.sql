-- How flags are used: counts by day, the last use of each flag, exposures, tracks.

-- When counting began: what was used before nobody knows.
create table usage_since (since timestamptz not null);
insert into usage_since values (clock_timestamp());

-- What an environment got of the present day (UTC). Its row is the lock under which everything of an environment is written.
create table usage_totals (
  environment text primary key,
  day date not null,
  counts integer not null,
  exposures bigint not null,
  tracks bigint not null
);

-- Batches that were written, by their names; principal '': a node's own.
create table usage_batches (
  environment text not null,
  principal text not null,
  batch text not null,
  at timestamptz not null,
  over_limit integer not null,
  left_out integer not null,
  primary key (environment, principal, batch)
);
create index usage_batches_old on usage_batches (at);

-- Names of SDKs that the environment has room for.
create table usage_sdks (environment text not null, sdk text not null, last_day date not null, primary key (environment, sdk));

-- flag_name '': all flags of the environment, which were given at once. variant '': the caller's own default. outcome: OpenFeature's reason, or the
-- code of an error.
create table flag_usage (
  environment text not null,
  flag_name text not null,
  day date not null,
  door text not null,
  sdk text not null,
  variant text not null,
  outcome text not null,
  version integer not null,
  count bigint not null,
  last_at timestamptz not null,
  primary key (environment, flag_name, day, door, sdk, variant, outcome)
) with (fillfactor = 80);
create index flag_usage_old on flag_usage (day);

-- asked_at: somebody asked for this flag, or told of an evaluation; given_at: it was given with all others.
create table flag_last_use (
  environment text not null,
  flag_name text not null,
  asked_at timestamptz,
  asked_door text,
  asked_sdk text,
  given_at timestamptz,
  primary key (environment, flag_name)
) with (fillfactor = 70);

-- Who was shown which variant; unit: a keyed hash. last_at may be ten minutes behind.
create table flag_exposures (
  environment text not null,
  flag_name text not null,
  day date not null,
  unit bytea not null,
  variant text not null,
  version integer not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (environment, flag_name, day, unit, variant, version)
);
create index flag_exposures_old on flag_exposures (day);

create table track_events (
  environment text not null,
  name text not null,
  unit bytea not null,
  at timestamptz not null,
  value double precision,
  details jsonb
);
create index track_events_of on track_events (environment, name, at);
create index track_events_old on track_events (at);

create function herald_day(millis double precision) returns date language sql immutable as
  $$ select (to_timestamp(millis / 1000.0) at time zone 'UTC')::date $$;

-- Writes batches [{environment, principal, batch, uses, exposures, tracks}], in this order; returns what became of each, in theirs.
--   per_day: exposures, and tracks, of an environment; rows_a_day: of counts; sdks: names of them
-- Callers give batches of several environments in the order of these, so that two calls never wait for each other.
create function herald_record_usage(batches jsonb, per_day bigint, rows_a_day integer, sdks integer) returns jsonb language plpgsql as $$
declare
  now constant timestamptz := clock_timestamp();
  today constant date := (now at time zone 'UTC')::date;
  one jsonb;
  env text;
  totals usage_totals;
  before usage_batches;
  answers jsonb := '[]';
  made integer;
  n integer;
  over_limit integer;
  left_out integer;
begin
  for one in select value from jsonb_array_elements(batches) loop
    env := one->>'environment';
    insert into usage_totals values (env, today, 0, 0, 0) on conflict do nothing;
    select * into totals from usage_totals t where t.environment = env for update;
    if totals.day <> today then
      totals.day := today; totals.counts := 0; totals.exposures := 0; totals.tracks := 0;
    end if;
    select * into before from usage_batches b where b.environment = env and b.principal = one->>'principal' and b.batch = one->>'batch';
    if found then
      answers := answers || jsonb_build_array(jsonb_build_object('replayed', true, 'overLimit', before.over_limit, 'leftOut', before.left_out));
      continue;
    end if;
    over_limit := 0;
    left_out := 0;

    if jsonb_array_length(one->'uses') > 0 then
      insert into usage_sdks
        select env, u.sdk, today from (select distinct x->>'sdk' as sdk from jsonb_array_elements(one->'uses') x) u
        where not exists (select from usage_sdks s where s.environment = env and s.sdk = u.sdk)
        order by u.sdk limit greatest(0, sdks - (select count(*) from usage_sdks s where s.environment = env));
      update usage_sdks s set last_day = today where s.environment = env and s.last_day < today
        and s.sdk in (select x->>'sdk' from jsonb_array_elements(one->'uses') x);

      with said as (
        select x.flag, herald_day(x.at) as day, x.door, coalesce(s.sdk, 'other') as sdk, x.variant, x.outcome,
          max(x.version) as version, sum(x.count) as count, max(x.at) as at
        from jsonb_to_recordset(one->'uses')
          as x(flag text, door text, sdk text, variant text, outcome text, version integer, count bigint, at double precision)
        left join usage_sdks s on s.environment = env and s.sdk = x.sdk
        group by 1, 2, 3, 4, 5, 6
      ), placed as (
        select *, row_number() over (partition by there order by flag) as place from (
          select said.*, exists (select from flag_usage u where u.environment = env and u.flag_name = said.flag and u.day = said.day
            and u.door = said.door and u.sdk = said.sdk and u.variant = said.variant and u.outcome = said.outcome) as there
          from said
        ) found
      ), written as (
        insert into flag_usage as u
          select env, flag, day, door, sdk, variant, outcome, version, least(count, 9223372036854775807)::bigint, herald_at(at) from placed
          where there or place <= rows_a_day - totals.counts
          on conflict (environment, flag_name, day, door, sdk, variant, outcome) do update set
            version = greatest(u.version, excluded.version),
            count = least(u.count::numeric + excluded.count, 9223372036854775807)::bigint,
            last_at = greatest(u.last_at, excluded.last_at)
          returning 1
      ) select count(*) filter (where not there and place <= rows_a_day - totals.counts),
          count(*) filter (where not there and place > rows_a_day - totals.counts) into made, left_out from placed;
      totals.counts := totals.counts + made;

      insert into flag_last_use as l
        select env, a.flag, herald_at(a.asked), a.door, a.sdk, herald_at(a.given) from (
          select x.flag, max(x.at) filter (where not x.all) as asked, max(x.at) filter (where x.all) as given,
            (array_agg(x.door order by x.at desc) filter (where not x.all))[1] as door,
            (array_agg(coalesce(s.sdk, 'other') order by x.at desc) filter (where not x.all))[1] as sdk
          from jsonb_to_recordset(one->'uses') as x(flag text, door text, sdk text, at double precision, "all" boolean)
          left join usage_sdks s on s.environment = env and s.sdk = x.sdk
          group by x.flag
        ) a
        on conflict (environment, flag_name) do update set
          asked_door = case when excluded.asked_at >= coalesce(l.asked_at, '-infinity') then excluded.asked_door else l.asked_door end,
          asked_sdk = case when excluded.asked_at >= coalesce(l.asked_at, '-infinity') then excluded.asked_sdk else l.asked_sdk end,
          asked_at = greatest(l.asked_at, excluded.asked_at),
          given_at = greatest(l.given_at, excluded.given_at);
    end if;

    if jsonb_array_length(one->'exposures') > 0 then
      with said as (
        select x.flag, herald_day(x.at) as day, decode(x.unit, 'hex') as unit, x.variant, x.version,
          herald_at(min(x.at)) as first_at, herald_at(max(x.at)) as last_at
        from jsonb_to_recordset(one->'exposures') as x(flag text, variant text, version integer, unit text, at double precision)
        group by 1, 2, 3, 4, 5
      ), placed as (
        select *, row_number() over (partition by there order by first_at) as place from (
          select said.*, exists (select from flag_exposures e where e.environment = env and e.flag_name = said.flag and e.day = said.day
            and e.unit = said.unit and e.variant = said.variant and e.version = said.version) as there
          from said
        ) found
      ), written as (
        insert into flag_exposures as e
          select env, flag, day, unit, variant, version, first_at, last_at from placed where there or place <= per_day - totals.exposures
          on conflict (environment, flag_name, day, unit, variant, version) do update set
            first_at = least(e.first_at, excluded.first_at),
            last_at = greatest(e.last_at, excluded.last_at)
          where excluded.first_at < e.first_at or excluded.last_at > e.last_at + interval '10 minutes'
          returning 1
      ) select count(*) filter (where not there and place <= per_day - totals.exposures),
          count(*) filter (where not there and place > per_day - totals.exposures) into made, n from placed;
      totals.exposures := totals.exposures + made;
      over_limit := over_limit + n;
    end if;

    n := jsonb_array_length(one->'tracks');
    if n > 0 then
      insert into track_events
        select env, x.name, decode(x.unit, 'hex'), herald_at(x.at), x.value, nullif(x.details, 'null')
        from jsonb_to_recordset(one->'tracks') as x(name text, unit text, value double precision, at double precision, details jsonb)
        limit greatest(0, per_day - totals.tracks);
      get diagnostics made = row_count;
      totals.tracks := totals.tracks + made;
      over_limit := over_limit + n - made;
    end if;

    update usage_totals t set day = totals.day, counts = totals.counts, exposures = totals.exposures, tracks = totals.tracks where t.environment = env;
    insert into usage_batches values (env, one->>'principal', one->>'batch', now, over_limit, left_out);
    answers := answers || jsonb_build_array(jsonb_build_object('replayed', false, 'overLimit', over_limit, 'leftOut', left_out));
  end loop;
  return answers;
end $$;

-- One bounded step for the holder of the lease; null when that is another's by now.
--   remembered: how long names of batches are known; step: rows of each
create function herald_sweep_usage(lease jsonb, lasts interval, keep interval, keep_reports interval, remembered interval, step integer)
returns jsonb language plpgsql as $$
declare
  now constant timestamptz := clock_timestamp();
  counts integer;
  exposures integer;
  tracks integer;
  batches integer;
  uses integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  -- Rows that a report holds are left for the next step.
  delete from flag_usage where ctid = any (array(
    select ctid from flag_usage where day < (now - keep)::date order by day limit step for update skip locked));
  get diagnostics counts = row_count;
  delete from flag_exposures where ctid = any (array(
    select ctid from flag_exposures where day < (now - keep_reports)::date order by day limit step for update skip locked));
  get diagnostics exposures = row_count;
  delete from track_events where ctid = any (array(
    select ctid from track_events where at < now - keep_reports order by at limit step for update skip locked));
  get diagnostics tracks = row_count;
  delete from usage_batches where ctid = any (array(
    select ctid from usage_batches where at < now - remembered order by at limit step for update skip locked));
  get diagnostics batches = row_count;
  delete from usage_sdks where ctid = any (array(
    select ctid from usage_sdks where last_day < (now - keep)::date limit step for update skip locked));
  -- Of flags that are gone: what is still there says by it that it was not used for long.
  delete from flag_last_use where ctid = any (array(
    select l.ctid from flag_last_use l where greatest(l.asked_at, l.given_at) < now - keep
      and not exists (select from feature_flags f where f.environment = l.environment and f.flag_name = l.flag_name and not f.deleted)
    limit step for update of l skip locked));
  get diagnostics uses = row_count;
  return jsonb_build_object('counts', counts, 'exposures', exposures, 'tracks', tracks,
    'more', counts = step or exposures = step or tracks = step or batches = step or uses = step);
end $$;
