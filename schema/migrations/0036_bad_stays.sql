-- Who was unhealthy, or had refused a change, was neither any more when its connection was made anew: so a rollout could go on over what had stopped it.
-- EE7 of src/rollouts/Evidence.ts.
-- And what a session said before it was known to have its instance was taken at once where nothing was known of that; the session before it, which was still
-- known as the one that has it, then took its place, and what was written was not told again: the rollout waited for that instance for good.
-- As in 0034 but for these.

-- Writes a batch of one run; returns the sessions that have to be told of again, since it is not known yet that they have their instance.
-- It may be written twice.
--   in: {run, timeout: milliseconds, all: whether this is all that the run has heard, rollouts: [[environment, id]],
--     sightings: [[rollout, service, instance, session, since, number, stage, is, broke, reason, said]],
--     counted: [[rollout, side, metric, total]], seen: [[rollout, version]]}: each names its rollout by place; number 0: a node said it that does
--     not have the session; a node of an older version does not send `said`, which is whether the instance said how it is in that session
create or replace function herald_evidence(batch jsonb) returns jsonb language plpgsql as $$
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
        coalesce((s.value->10)::boolean, false) as said
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
      select s.*, h.session as h_session, h.number as h_number, h.since as h_since, h.condition as h_condition, h.stage as h_stage, h.run as h_run, h.broke as h_broke,
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
        -- EE7. Who is bad stays so until it says otherwise.
        case when h.h_condition in ('unhealthy', 'rejected') and (h.condition in ('gone', 'left')
            or h.stage = h.h_stage and not h.said and (h.condition in ('offered', 'delivered') or h.condition = 'applied' and h.h_condition = 'unhealthy'))
          then h.h_condition else h.condition end as becomes,
        h.broke > case when h.session = h.h_session then h.h_broke_now else 0 end as breaks
      from held h left join instances i on i.environment = h.environment and i.service = h.service and i.instance = h.instance
    ), changed as (
      update rollout_instances i set
          session = j.session, since = j.since, number = case when j.number = 0 then i.number else j.number end,
          stage = case when j.number = 0 then i.stage else j.stage end, condition = j.becomes,
          reason = case when j.becomes = j.condition then j.reason else i.reason end,
          broke = i.broke + j.breaks::integer,
          broke_now = case when j.session = i.session then greatest(i.broke_now, j.broke) else j.broke end,
          bads = i.bads + (j.breaks or (j.becomes <> i.condition and j.becomes in ('unhealthy', 'rejected', 'gone')))::integer,
          waits_since = case when j.becomes in ('offered', 'delivered') then coalesce(i.waits_since, now) when j.becomes = 'gone' then i.waits_since end,
          changed_at = case when j.becomes = i.condition and j.session = i.session then i.changed_at else now end
        from judged j
        where j.verdict = 'take' and i.environment = j.environment and i.rollout = j.rollout and i.service = j.service and i.instance = j.instance
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
