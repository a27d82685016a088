-- Evidence is complete only while every node says that it has written what it heard: EE6 of src/rollouts/EvidenceStore.ts. A node that can't write, or the
-- database that was away, had a rollout go on by what was known before.

-- When a run wrote last that nothing of what it heard waits.
create table rollout_runs (
  run text collate "C" primary key,
  told_at timestamptz not null
) with (fillfactor = 50);

-- As herald_evidence; in `all` whether this is all that the run has heard.
create function herald_evidence_told(batch jsonb) returns jsonb language plpgsql as $$
declare
  early constant jsonb := herald_evidence(batch);
begin
  if (batch->>'all')::boolean then
    insert into rollout_runs as r values (batch->>'run', clock_timestamp()) on conflict (run) do update set told_at = excluded.told_at;
  end if;
  return early;
end $$;

-- What is known of a rollout: Evidence of src/rollouts/Evidence.ts; null when it is over, or was never there. Looks at what every run counted,
-- at the instances that are in trouble, and at those that wait.
create or replace function herald_evidence_of(in_environment text, of_rollout text, lost_after interval, crashes integer, within bigint[])
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

-- Removes at most `step` instances of rollouts that are over, and what else is of them; returns how many rows went. EE4
create or replace function herald_evidence_sweep(step integer) returns bigint language plpgsql as $$
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
