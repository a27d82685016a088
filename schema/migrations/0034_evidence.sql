-- What instances make of the rollouts that they are in: src/rollouts/Evidence.ts. Written behind by every node, counted as it is written.

-- The run ended by itself, and took leave of its clients before.
alter table nodes add column left_at timestamptz;

-- One row an instance, from its newest session.
create table rollout_instances (
  environment varchar(50) collate "C" not null,
  rollout text collate "C" not null,
  service varchar(128) collate "C" not null,
  instance varchar(128) collate "C" not null,
  session text not null,
  since double precision not null,
  number bigint not null,
  stage integer not null,
  condition text not null,
  reason text not null,
  -- Sessions that broke, and whether the present one did.
  broke integer not null,
  broke_now integer not null,
  -- How often it became bad; the first ten count in rollout_marks.bad, so that one that does so without end holds no decision up.
  bads integer not null,
  -- Since when it has been due what it has not applied.
  waits_since timestamptz,
  changed_at timestamptz not null,
  run text not null generated always as (split_part(session, '/', 1)) stored,
  primary key (environment, rollout, service, instance)
) with (fillfactor = 70);

create index rollout_instances_waiting on rollout_instances (environment, rollout, waits_since) where condition in ('offered', 'delivered');
create index rollout_instances_troubled on rollout_instances (environment, rollout, changed_at)
  where condition in ('unhealthy', 'rejected', 'gone') or broke > 0;

-- How many instances that are last known from a run are how, and which version of the rollout that run has told of all of its instances.
create table rollout_nodes (
  environment varchar(50) collate "C" not null,
  rollout text collate "C" not null,
  run text collate "C" not null,
  version integer not null default 0,
  time_out interval not null default '90 seconds',
  -- Grows with each write that changed something.
  writes bigint not null default 0,
  offered bigint not null default 0,
  delivered bigint not null default 0,
  applied bigint not null default 0,
  healthy bigint not null default 0,
  unhealthy bigint not null default 0,
  rejected bigint not null default 0,
  gone bigint not null default 0,
  "left" bigint not null default 0,
  primary key (environment, rollout, run)
) with (fillfactor = 50);

create table rollout_metrics (
  environment varchar(50) collate "C" not null,
  rollout text collate "C" not null,
  run text collate "C" not null,
  side text not null,
  metric text collate "C" not null,
  total double precision not null,
  primary key (environment, rollout, run, side, metric)
);

-- When a run wrote last that nothing of what it heard waits: evidence is complete only while every node says so (EE6 of src/rollouts/EvidenceStore.ts). A
-- node that can't write, or the database that was away, would have a rollout go on by what was known before.
create table rollout_runs (
  run text collate "C" primary key,
  told_at timestamptz not null
) with (fillfactor = 50);

-- Writes a batch of one run; returns the sessions that have to be told of again, since it is not known yet that they have their instance.
-- It may be written twice.
--   in: {run, timeout: milliseconds, all: whether this is all that the run has heard, rollouts: [[environment, id]],
--     sightings: [[rollout, service, instance, session, since, number, stage, is, broke, reason, said, news]],
--     counted: [[rollout, side, metric, total]], seen: [[rollout, version]]}: each names its rollout by place; number 0: a node said it that does
--     not have the session; said: in that session the instance said how it is; news: the newest number that was news, and not heard again
create function herald_evidence(batch jsonb) returns jsonb language plpgsql as $$
declare
  this_run constant text := batch->>'run';
  now constant timestamptz := clock_timestamp();
  early jsonb;
begin
  if jsonb_array_length(batch->'sightings') > 0 then
    with them as materialized (
      select t.place - 1 as place, r.environment, r.id from jsonb_array_elements(batch->'rollouts') with ordinality t(it, place)
      join rollouts r on r.environment = t.it->>0 and r.id = t.it->>1 and not herald_is_over(r.state)
    ), said as materialized (
      select distinct on (them.environment, them.id, s.value->>1, s.value->>2) them.environment, them.id as rollout, s.value->>1 as service,
        s.value->>2 as instance, s.value->>3 as session, (s.value->4)::double precision as since, (s.value->5)::bigint as number,
        (s.value->6)::integer as stage, s.value->>7 as condition, (s.value->8)::integer as broke, s.value->>9 as reason,
        (s.value->10)::boolean as said, (s.value->11)::bigint as news
      from jsonb_array_elements(batch->'sightings') with ordinality s(value, n) join them on them.place = (s.value->0)::integer
      order by them.environment, them.id, s.value->>1, s.value->>2, s.n desc
    ), made as (
      insert into rollout_instances as i (environment, rollout, service, instance, session, since, number, stage, condition, reason, broke, broke_now,
          bads, waits_since, changed_at)
        select s.environment, s.rollout, s.service, s.instance, s.session, s.since, s.number, s.stage, s.condition, s.reason, s.broke, s.broke,
          (s.condition in ('unhealthy', 'rejected', 'gone'))::integer, case when s.condition in ('offered', 'delivered', 'gone') then now end, now
        -- Of one that left, and nothing else was heard of, it is not known that it was ever in.
        from said s where s.number > 0 and (s.condition <> 'left' or s.number > 1) and not exists (
          select from rollout_instances h where h.environment = s.environment and h.rollout = s.rollout and h.service = s.service and h.instance = s.instance)
        and not exists (
          select from instances i where i.environment = s.environment and i.service = s.service and i.instance = s.instance and i.session <> s.session)
        order by s.environment, s.rollout, s.service, s.instance
      on conflict do nothing
      returning i.environment, i.rollout, i.service, i.instance, i.session, i.condition, i.run, i.bads
    ), held as materialized (
      select s.*, h.session as h_session, h.number as h_number, h.since as h_since, h.condition as h_condition, h.stage as h_stage, h.reason as h_reason, h.run as h_run, h.broke as h_broke,
        h.broke_now as h_broke_now, h.bads as h_bads, h.waits_since as h_waits_since
      from said s join rollout_instances h on h.environment = s.environment and h.rollout = s.rollout and h.service = s.service and h.instance = s.instance
      order by s.environment, s.rollout, s.service, s.instance for update of h
    ), judged as materialized (
      -- EE2. Sessions of an instance are in the order in which this database saw them take it, and of no node's clock.
      select h.*, case
        when h.number = 0 then case
          when h.session <> h.h_session then 'early'
          when h.condition = h.h_condition then null
          when h.h_condition in ('applied', 'healthy', 'unhealthy') then 'take'
          when h.h_condition = 'delivered' and h.condition = 'unhealthy' then 'take'
          when h.h_condition in ('offered', 'delivered') then 'early' end
        when h.session = h.h_session then case when h.number > h.h_number then 'take' end
        when split_part(h.session, '/', 1) = h.h_run
          then case when nullif(split_part(h.session, '/', 2), '')::bigint > nullif(split_part(h.h_session, '/', 2), '')::bigint then 'take' end
        when i.session = h.session then 'take'
        when i.former = h.session then null
        when i.session is not null then 'early'
        when h.since > h.h_since or (h.since = h.h_since and h.session > h.h_session) then 'take' end as verdict,
        -- EE7. Who is bad stays so until it says otherwise, of the stage in which it became so.
        case when h.h_condition in ('unhealthy', 'rejected') and (h.condition in ('gone', 'left')
            or h.stage <= h.h_stage and not h.said and (h.condition in ('offered', 'delivered') or h.condition = 'applied' and h.h_condition = 'unhealthy'))
          then h.h_condition else h.condition end as becomes,
        h.broke > case when h.session = h.h_session then h.h_broke_now else 0 end as breaks
      from held h left join instances i on i.environment = h.environment and i.service = h.service and i.instance = h.instance
    ), changed as (
      update rollout_instances i set
          session = j.session, since = j.since, number = case when j.number = 0 then i.number else j.number end,
          stage = case when j.number = 0 or j.becomes <> j.condition then i.stage else j.stage end, condition = j.becomes,
          reason = case when j.becomes = j.condition then j.reason else i.reason end,
          broke = i.broke + j.breaks::integer,
          broke_now = case when j.session = i.session then greatest(i.broke_now, j.broke) else j.broke end,
          bads = i.bads + (j.breaks or (j.becomes <> i.condition and j.becomes in ('unhealthy', 'rejected', 'gone')))::integer,
          waits_since = case when j.becomes in ('offered', 'delivered') then coalesce(i.waits_since, now) when j.becomes = 'gone' then i.waits_since end,
          changed_at = case when j.becomes = i.condition and j.session = i.session then i.changed_at else now end
        from judged j
        where j.verdict = 'take' and i.environment = j.environment and i.rollout = j.rollout and i.service = j.service and i.instance = j.instance
          -- EE2. What says again what is known writes nothing.
          and not (j.session = j.h_session and j.becomes = j.h_condition and not j.breaks and (j.number = 0 or j.h_number >= j.news)
            and (j.becomes <> j.condition or j.reason = j.h_reason and (j.number = 0 or j.stage = j.h_stage)))
        returning i.environment, i.rollout, i.service, i.instance, i.session, i.condition, i.run, i.bads, j.h_condition, j.h_run, j.h_bads
    ), steps as (
      select environment, rollout, run, condition, 1 as by from made
      union all select environment, rollout, run, condition, 1 from changed where (run, condition) is distinct from (h_run, h_condition)
      union all select environment, rollout, h_run, h_condition, -1 from changed where (run, condition) is distinct from (h_run, h_condition)
    ), counted as (
      insert into rollout_nodes as n (environment, rollout, run, writes, offered, delivered, applied, healthy, unhealthy, rejected, gone, "left")
        select environment, rollout, run, 1,
          coalesce(sum(by) filter (where condition = 'offered'), 0), coalesce(sum(by) filter (where condition = 'delivered'), 0),
          coalesce(sum(by) filter (where condition = 'applied'), 0), coalesce(sum(by) filter (where condition = 'healthy'), 0),
          coalesce(sum(by) filter (where condition = 'unhealthy'), 0), coalesce(sum(by) filter (where condition = 'rejected'), 0),
          coalesce(sum(by) filter (where condition = 'gone'), 0), coalesce(sum(by) filter (where condition = 'left'), 0)
        from (
          select * from steps
          -- What changed without another condition is news as well: it broke again, or says why.
          union all select environment, rollout, run, '', 0 from changed
        ) all_of_them
        group by environment, rollout, run order by environment, rollout, run
      on conflict (environment, rollout, run) do update set writes = n.writes + 1, offered = n.offered + excluded.offered,
        delivered = n.delivered + excluded.delivered, applied = n.applied + excluded.applied, healthy = n.healthy + excluded.healthy,
        unhealthy = n.unhealthy + excluded.unhealthy, rejected = n.rejected + excluded.rejected, gone = n.gone + excluded.gone,
        "left" = n."left" + excluded."left"
    ), worse as (
      select environment, rollout, count(*) as by from (
        select environment, rollout from made where bads > 0
        union all select environment, rollout from changed where bads > h_bads and bads <= 10
      ) bad group by environment, rollout
    ), marked as (
      update rollout_marks m set bad = m.bad + w.by
        from (select w.* from worse w join rollout_marks k on k.environment = w.environment and k.id = w.rollout
          order by w.environment, w.rollout for update of k) w
        where m.environment = w.environment and m.id = w.rollout
    )
    select coalesce(jsonb_agg(distinct e.session), '[]') into early from (
      select session from judged where verdict = 'early'
      -- A row that came meanwhile, or is not there yet.
      union all select s.session from said s where s.condition <> 'left'
        and (s.environment, s.rollout, s.service, s.instance) not in (
          select environment, rollout, service, instance from judged union all select environment, rollout, service, instance from made)
        and not exists (
          select from instances i where i.environment = s.environment and i.service = s.service and i.instance = s.instance and i.former = s.session)
      -- Nobody is known to have the instance: until somebody is, another session may still take the place of this one.
      union all select s.session from said s where s.number > 0 and s.condition <> 'left' and not exists (
        select from instances i where i.environment = s.environment and i.service = s.service and i.instance = s.instance)
    ) e;
  end if;

  if jsonb_array_length(batch->'counted') > 0 then
    insert into rollout_metrics as m (environment, rollout, run, side, metric, total)
      select r.environment, r.id, this_run, c.value->>1, c.value->>2, max((c.value->3)::double precision)
      from jsonb_array_elements(batch->'counted') c
      join lateral (select batch->'rollouts'->(c.value->0)::integer as it) t on true
      join rollouts r on r.environment = t.it->>0 and r.id = t.it->>1 and not herald_is_over(r.state)
      group by r.environment, r.id, c.value->>1, c.value->>2 order by 1, 2, 4, 5
    on conflict (environment, rollout, run, side, metric) do update set total = excluded.total where excluded.total > m.total;
  end if;

  insert into rollout_nodes as n (environment, rollout, run, version, time_out, writes)
    select r.environment, r.id, this_run, max(s.version), (batch->>'timeout')::double precision * interval '1 millisecond', 1
    from (
      select (value->0)::integer as place, (value->1)::integer as version from jsonb_array_elements(batch->'seen')
      union all select (value->0)::integer, 0 from jsonb_array_elements(batch->'counted')
    ) s
    join lateral (select batch->'rollouts'->s.place as it) t on true
    join rollouts r on r.environment = t.it->>0 and r.id = t.it->>1 and not herald_is_over(r.state)
    group by r.environment, r.id order by 1, 2
  on conflict (environment, rollout, run) do update set version = greatest(n.version, excluded.version), time_out = excluded.time_out,
    writes = n.writes + 1;
  if (batch->>'all')::boolean then
    insert into rollout_runs as r values (this_run, clock_timestamp()) on conflict (run) do update set told_at = excluded.told_at;
  end if;
  return coalesce(early, '[]');
end $$;

-- Runs of a rollout, and since when each is dead, if it is: it ended by itself, another run of its node came since, or nothing was heard of it for
-- longer than nodes wait. Only if a node was itself heard without a break for so long: after an outage of the database all look dead at first.
create function herald_evidence_runs(in_environment text, of_rollout text) returns table (run text, dead_since timestamptz) language sql stable as $$
  select n.run, case
    when l.run is null then '-infinity'
    when l.left_at is not null then l.left_at
    when exists (select from nodes m where m.node = l.node and m.run <> l.run and m.since > l.seen_at) then l.seen_at
    when l.seen_at < clock_timestamp() - n.time_out and exists (
      select from nodes m where m.seen_at >= clock_timestamp() - n.time_out and m.since < clock_timestamp() - n.time_out) then l.seen_at end
  from rollout_nodes n left join nodes l on l.run = n.run
  where n.environment = in_environment and n.rollout = of_rollout
$$;

-- What is known of a rollout: Evidence of src/rollouts/Evidence.ts; null when it is over, or was never there. Looks at what every run counted,
-- at the instances that are in trouble, and at those that wait.
create function herald_evidence_of(in_environment text, of_rollout text, lost_after interval, crashes integer, within bigint[])
returns jsonb language plpgsql stable as $$
declare
  now constant timestamptz := clock_timestamp();
  its rollouts;
  dead text[];
  counts jsonb;
  lost_dead bigint;
  lost bigint;
  slow jsonb;
  time_out interval;
begin
  select * into its from rollouts r where r.environment = in_environment and r.id = of_rollout and not herald_is_over(r.state);
  if its.id is null then return null; end if;
  select coalesce(array_agg(d.run) filter (where d.dead_since is not null), '{}'), coalesce(max(n.time_out), interval '90 seconds'),
    jsonb_build_object(
      'offered', coalesce(sum(n.offered) filter (where d.dead_since is null), 0),
      'delivered', coalesce(sum(n.delivered) filter (where d.dead_since is null), 0),
      'applied', coalesce(sum(n.applied) filter (where d.dead_since is null), 0),
      'healthy', coalesce(sum(n.healthy) filter (where d.dead_since is null), 0),
      'unhealthy', coalesce(sum(n.unhealthy), 0), 'rejected', coalesce(sum(n.rejected), 0),
      'gone', coalesce(sum(n.gone), 0) + coalesce(sum(n.delivered + n.applied + n.healthy) filter (where d.dead_since is not null), 0),
      'left', coalesce(sum(n."left"), 0) + coalesce(sum(n.offered) filter (where d.dead_since is not null), 0)),
    coalesce(sum(n.delivered + n.applied + n.healthy) filter (where d.dead_since < now - lost_after), 0)
    into dead, time_out, counts, lost_dead
    from rollout_nodes n join herald_evidence_runs(in_environment, of_rollout) d on d.run = n.run
    where n.environment = in_environment and n.rollout = of_rollout;
  select count(*) into lost from rollout_instances i
    where i.environment = in_environment and i.rollout = of_rollout and (i.condition in ('unhealthy', 'rejected', 'gone') or i.broke > 0)
      and case when i.condition = 'gone' and i.changed_at < now - lost_after then true
        else i.broke >= crashes and not (i.run = any (dead) and i.condition in ('delivered', 'applied', 'healthy')) end;
  select coalesce(jsonb_object_agg(w, (select count(*) from rollout_instances i
      where i.environment = in_environment and i.rollout = of_rollout and i.condition in ('offered', 'delivered')
        and i.waits_since < now - w * interval '1 millisecond' and not (i.run = any (dead)))), '{}') into slow
    from (select distinct unnest(within) as w) windows;
  return jsonb_build_object(
    'now', herald_millis(now),
    'counts', counts || jsonb_build_object('lost', lost + lost_dead, 'slow', slow),
    -- EE6. A node that is not dead, and has not told of this version, or told nothing for a while, may have instances of which nobody knows how they are.
    'complete', not exists (select from nodes l where l.left_at is null
      and not exists (select from nodes m where m.node = l.node and m.run <> l.run and m.since > l.seen_at)
      and not (l.seen_at < now - time_out and exists (
        select from nodes m where m.seen_at >= now - time_out and m.since < now - time_out))
      and not exists (select from rollout_nodes n join rollout_runs t on t.run = n.run
        where n.environment = in_environment and n.rollout = of_rollout and n.run = l.run
          and n.version >= its.version and t.told_at >= now - interval '3 seconds')),
    'bad', (select m.bad::text from rollout_marks m where m.environment = in_environment and m.id = of_rollout),
    'examples', (select coalesce(jsonb_agg(jsonb_build_object('service', e.service, 'instance', e.instance, 'is', e.is, 'reason', e.reason)
        order by e.changed_at, e.service, e.instance), '[]') from (
      select i.service, i.instance, i.reason, i.changed_at,
        case when i.condition in ('unhealthy', 'rejected') then i.condition else 'lost' end as is
      from rollout_instances i
      where i.environment = in_environment and i.rollout = of_rollout and (i.condition in ('unhealthy', 'rejected', 'gone') or i.broke > 0)
        and (i.condition in ('unhealthy', 'rejected') or i.broke >= crashes or (i.condition = 'gone' and i.changed_at < now - lost_after))
      order by i.changed_at, i.service, i.instance limit 5) e),
    'metrics', (select coalesce(jsonb_object_agg(t.metric, jsonb_build_object('cohort', t.cohort, 'control', t.control)), '{}') from (
      select m.metric, coalesce(sum(m.total) filter (where m.side = 'cohort'), 0) as cohort,
        coalesce(sum(m.total) filter (where m.side = 'control'), 0) as control
      from rollout_metrics m where m.environment = in_environment and m.rollout = of_rollout group by m.metric) t));
end $$;

-- By <environment>/<id> what is another number whenever there is evidence: what was written, and which runs are dead.
create function herald_evidence_changed() returns jsonb language sql stable as $$
  select coalesce(jsonb_object_agg(environment || '/' || rollout, sum), '{}') from (
    select n.environment, n.rollout, (sum(n.writes) * 1024 + count(*) filter (where l.run is null or l.left_at is not null
      or l.seen_at < clock_timestamp() - n.time_out))::text as sum
    from rollout_nodes n left join nodes l on l.run = n.run group by n.environment, n.rollout) them
$$;

-- A run that ends by itself: nothing more is waited for from it.
create function herald_run_left(this_run text) returns void language sql as $$
  update nodes set left_at = clock_timestamp() where run = this_run
$$;

-- Removes at most `step` instances of rollouts that are over, and what else is of them; returns how many rows went. EE4
create function herald_evidence_sweep(step integer) returns bigint language plpgsql as $$
declare
  its record;
  gone bigint;
  went bigint := 0;
begin
  for its in select distinct n.environment, n.rollout from rollout_nodes n
    where not exists (select from rollouts r where r.environment = n.environment and r.id = n.rollout and not herald_is_over(r.state)) limit 100
  loop
    delete from rollout_instances where ctid = any (array(
      select ctid from rollout_instances i where i.environment = its.environment and i.rollout = its.rollout limit step - went for update skip locked));
    get diagnostics gone = row_count;
    went := went + gone;
    exit when went >= step;
    delete from rollout_metrics where ctid = any (array(
      select ctid from rollout_metrics m where m.environment = its.environment and m.rollout = its.rollout for update skip locked));
    get diagnostics gone = row_count;
    went := went + gone;
    delete from rollout_nodes where ctid = any (array(
      select ctid from rollout_nodes n where n.environment = its.environment and n.rollout = its.rollout for update skip locked));
    get diagnostics gone = row_count;
    went := went + gone;
    exit when went >= step;
  end loop;
  delete from rollout_runs where run = any (array(
    select r.run from rollout_runs r where r.told_at < clock_timestamp() - interval '1 day' and not exists (select from nodes l where l.run = r.run)
      limit step for update of r skip locked));
  return went;
end $$;
