-- An instance belongs to the principal whose session has it: OW1 to OW3 of src/fleet/Ownership.ts. Rows of before, and what servers of before
-- write, belong to nobody.

alter table instances add column owner text not null default '';

create function herald_may_hold(owner text, other text) returns boolean language sql immutable as $$
  select owner = '' or other = '' or owner = other
$$;

drop function herald_record(jsonb);
drop function herald_record_answers(jsonb);
drop function herald_later(text, timestamptz, text, timestamptz);

-- Writes a batch; returns the connected sessions whose instance a connected session of another owner has. It may be written twice: what is known from later stays, and what changes nothing writes nothing.
--   in: {instances: [InstanceNote], who: [Speaker], epochs: [text], deliveries, held: [HeldRow], health: [HealthRow]};
--   deliveries: [[speaker, epoch, key, revision, version, state, reason, lacks, sentAt, answeredAt]], each without its names: they are many;
--   these and held name their speaker (`w`) and epoch (`e`) by place
create function herald_record(batch jsonb) returns jsonb language plpgsql as $$
declare
  present text := (select epoch from herald_epoch);
  epochs text[] := array(select jsonb_array_elements_text(batch->'epochs'));
  kept herald_log;
  refused jsonb := '[]';
begin
  select * into kept from herald_log;
  if jsonb_array_length(batch->'instances') > 0 then
    -- Instances belong to the session that took them last, in the order of this database and of no node's clock.
    insert into instances as held (environment, service, instance, state, labels, patterns, connected_at, last_seen, ending, node, session, taken_at,
        life, emptied, owner)
      select r.environment, r.service, r.instance, r.state, r.labels, r.patterns, herald_at(r."connectedAt"), herald_at(r."lastSeen"), r.ending, r.node,
        coalesce(r.session, ''), case when r.opening then clock_timestamp() end, 1, case when r.empty then 1 else 0 end,
        coalesce(r.owner, '')
      from jsonb_to_recordset(batch->'instances') as r(environment text, service text, instance text, state text, labels jsonb,
        patterns jsonb, "connectedAt" double precision, "lastSeen" double precision, ending text, node text, session text, opening boolean, empty boolean,
        owner text)
      order by 1, 2, 3
    on conflict (environment, service, instance) do update set
      state = excluded.state, labels = excluded.labels, patterns = excluded.patterns, connected_at = excluded.connected_at,
      last_seen = excluded.last_seen, ending = excluded.ending, node = excluded.node, session = excluded.session,
      former = case when excluded.session = held.session then held.former else held.session end,
      taken_at = case when excluded.session = held.session then held.taken_at else clock_timestamp() end,
      life = case when excluded.session = held.session then held.life else held.life + 1 end,
      owner = excluded.owner,
      emptied = case when excluded.session = held.session or excluded.emptied = 0 then held.emptied else held.life + 1 end
      where case
        when excluded.session = held.session then held.state = 'connected' or held.ending = 'NodeLost' or excluded.state <> 'connected'
        when excluded.session = held.former then false
        -- A run numbers its sessions: the later one is the present one, though it be over already.
        when split_part(excluded.session, '/', 1) = split_part(held.session, '/', 1)
          then coalesce(nullif(split_part(excluded.session, '/', 2), '')::bigint > nullif(split_part(held.session, '/', 2), '')::bigint, false)
        when held.state = 'connected' then excluded.taken_at is not null and excluded.state = 'connected'
          and herald_may_hold(held.owner, excluded.owner)
        else excluded.taken_at is not null or excluded.state = 'connected'
      end;
    select coalesce(jsonb_agg(r.session), '[]') into refused
      from jsonb_to_recordset(batch->'instances') as r(environment text, service text, instance text, state text, session text, owner text)
      join instances i on i.environment = r.environment and i.service = r.service and i.instance = r.instance
      where r.state = 'connected' and i.state = 'connected' and i.session <> r.session and not herald_may_hold(i.owner, coalesce(r.owner, ''));
  end if;

  with who as materialized (
    select w.place - 1 as place, i.id, i.life, i.session = w.who->>'session' as of_now,
      w.who->>'session' in (i.session, i.former) as had_it
    from jsonb_array_elements(batch->'who') with ordinality as w(who, place)
    join instances i on i.environment = w.who->>'environment' and i.service = w.who->>'service' and i.instance = w.who->>'instance'
  ), batch_rows as materialized (
    select who.id as instance_id, who.life, who.of_now, who.had_it, d->>2 as key, epochs[(d->1)::integer + 1] as epoch, (d->>3)::bigint as revision,
      (d->4)::integer as version, d->>5 as state, d->>6 as reason, (d->7)::boolean as lacks,
      herald_at(nullif((d->8)::double precision, 0)) as sent_at, herald_at(nullif((d->9)::double precision, 0)) as answered_at
    from jsonb_array_elements(batch->'deliveries') as r(d) join who on who.place = (d->0)::integer
  ), logged as (
    insert into deliveries as held (instance_id, key, revision, epoch, version, state, reason, sent_at, answered_at)
      select distinct on (instance_id, key, revision) instance_id, key, revision, epoch, version, state, reason, sent_at, answered_at
      from batch_rows where had_it and revision > kept.horizon and revision < kept.made_to -- what is of no range is kept as a fact only
      order by instance_id, key, revision, (epoch = present) desc, answered_at desc nulls last
    on conflict (instance_id, key, revision) do update set
      epoch = excluded.epoch, version = excluded.version, state = excluded.state, reason = excluded.reason,
      sent_at = case when excluded.epoch = held.epoch then greatest(held.sent_at, excluded.sent_at) else excluded.sent_at end,
      answered_at = excluded.answered_at
      where case
        when excluded.epoch <> held.epoch and held.epoch <> '' then excluded.epoch = present
        when excluded.state = 'sent' then held.state = 'sent'
        else held.answered_at is null or excluded.answered_at >= held.answered_at end
  ), heard as (
    -- What another session than the instance's own says is not of what it runs now.
    select instance_id, life, key, state, epoch, revision, version, reason, lacks, case when state <> 'problem' then sent_at end as sent_at, answered_at
      from batch_rows where of_now and (state <> 'sent' or sent_at is not null)
    union all
    select who.id, who.life, k.key, 'applied', epochs[h.e + 1], k.revision::bigint, k.version::integer, '', false, null, herald_at(h.at)
    from jsonb_to_recordset(batch->'held') as h(w integer, e integer, at double precision, keys jsonb, revisions jsonb, versions jsonb)
    join who on who.place = h.w and who.of_now
    cross join lateral rows from (
      jsonb_array_elements_text(h.keys), jsonb_array_elements_text(h.revisions), jsonb_array_elements_text(h.versions)) as k(key, revision, version)
  ), counted as (
    select *, count(*) over (partition by instance_id, key) as times from heard
  ), latest as (
    -- Of the keys of which a batch says several things, the newest of each kind.
    select distinct on (instance_id, key, what) * from (
      select instance_id, key, 'sent' as what, epoch, revision, version, sent_at as at, reason from counted where times > 1 and sent_at is not null
      union all
      select instance_id, key, state, epoch, revision, version, answered_at, reason from counted where times > 1 and state <> 'sent') several
    order by instance_id, key, what, (epoch = present) desc, revision desc, at desc
  ), facts as (
    select instance_id, key, life, lacks,
      case when sent_at is not null then epoch end as sent_epoch, case when sent_at is not null then revision end as sent_revision,
      case when sent_at is not null then version end as sent_version, sent_at,
      case when state = 'applied' then epoch end as applied_epoch, case when state = 'applied' then revision end as applied_revision,
      case when state = 'applied' then version end as applied_version, case when state = 'applied' then answered_at end as applied_at,
      case when state = 'rejected' then epoch end as rejected_epoch, case when state = 'rejected' then revision end as rejected_revision,
      case when state = 'rejected' then version end as rejected_version, case when state = 'rejected' then answered_at end as rejected_at,
      case when state = 'rejected' then reason end as rejected_reason,
      case when state = 'problem' then epoch end as problem_epoch, case when state = 'problem' then revision end as problem_revision,
      case when state = 'problem' then answered_at end as problem_at, case when state = 'problem' then reason end as problem_reason
    from counted where times = 1
    union all
    select f.instance_id, f.key, f.life, f.lacks, s.epoch, s.revision, s.version, s.at, a.epoch, a.revision, a.version, a.at,
      r.epoch, r.revision, r.version, r.at, r.reason, p.epoch, p.revision, p.at, p.reason
    from (select instance_id, key, max(life) as life, bool_or(lacks) as lacks from counted where times > 1 group by instance_id, key) f
    left join latest s on s.instance_id = f.instance_id and s.key = f.key and s.what = 'sent'
    left join latest a on a.instance_id = f.instance_id and a.key = f.key and a.what = 'applied'
    left join latest r on r.instance_id = f.instance_id and r.key = f.key and r.what = 'rejected'
    left join latest p on p.instance_id = f.instance_id and p.key = f.key and p.what = 'problem'
  )
  insert into instance_keys as held (instance_id, key, sent_epoch, sent_revision, sent_version, sent_at, applied_epoch, applied_revision,
      applied_version, applied_at, rejected_epoch, rejected_revision, rejected_version, rejected_at, rejected_reason, problem_epoch,
      problem_revision, problem_at, problem_reason, applied_life, lacked_life)
    select instance_id, key, sent_epoch, sent_revision, sent_version, sent_at, applied_epoch, applied_revision, applied_version, applied_at,
      rejected_epoch, rejected_revision, rejected_version, rejected_at, rejected_reason, problem_epoch, problem_revision, problem_at, problem_reason,
      case when applied_epoch is null then 0 else life end, case when lacks then life else 0 end
    from facts order by instance_id, key
  on conflict (instance_id, key) do update set
    (sent_epoch, sent_revision, sent_version, sent_at, applied_epoch, applied_revision, applied_version, applied_at, applied_life,
      rejected_epoch, rejected_revision, rejected_version, rejected_at, rejected_reason,
      problem_epoch, problem_revision, problem_at, problem_reason, lacked_life) = (
    select
      case when s then excluded.sent_epoch else held.sent_epoch end, case when s then excluded.sent_revision else held.sent_revision end,
      case when s then excluded.sent_version else held.sent_version end, case when s then excluded.sent_at else held.sent_at end,
      case when a then excluded.applied_epoch else held.applied_epoch end, case when a then excluded.applied_revision else held.applied_revision end,
      case when a then excluded.applied_version else held.applied_version end, case when a then excluded.applied_at else held.applied_at end,
      case when a then excluded.applied_life else held.applied_life end,
      case when r then excluded.rejected_epoch else held.rejected_epoch end, case when r then excluded.rejected_revision else held.rejected_revision end,
      case when r then excluded.rejected_version else held.rejected_version end, case when r then excluded.rejected_at else held.rejected_at end,
      case when r then excluded.rejected_reason else held.rejected_reason end,
      case when p then excluded.problem_epoch else held.problem_epoch end, case when p then excluded.problem_revision else held.problem_revision end,
      case when p then excluded.problem_at else held.problem_at end, case when p then excluded.problem_reason else held.problem_reason end,
      greatest(held.lacked_life, excluded.lacked_life)
    from (select
      herald_outranks(excluded.sent_epoch, excluded.sent_revision, excluded.sent_at, held.sent_epoch, held.sent_revision, held.sent_at, present) as s,
      herald_outranks(excluded.applied_epoch, excluded.applied_revision, excluded.applied_at,
        held.applied_epoch, held.applied_revision, held.applied_at, present) as a,
      herald_outranks(excluded.rejected_epoch, excluded.rejected_revision, excluded.rejected_at,
        held.rejected_epoch, held.rejected_revision, held.rejected_at, present) as r,
      herald_outranks(excluded.problem_epoch, excluded.problem_revision, excluded.problem_at,
        held.problem_epoch, held.problem_revision, held.problem_at, present) as p) n)
    -- A client that comes back with what it had costs no write: only what it applied is not yet known, was left or was taken back since.
    where excluded.sent_epoch is not null or excluded.rejected_epoch is not null or excluded.problem_epoch is not null or excluded.lacked_life > 0
      or (excluded.applied_epoch, excluded.applied_revision) is distinct from (held.applied_epoch, held.applied_revision)
      or held.troubled or held.applied_life < held.lacked_life
      or held.applied_life < (select i.emptied from instances i where i.id = held.instance_id);

  if jsonb_array_length(batch->'health') > 0 then
    with batch_rows as materialized (
      select i.id as instance_id, r.revision, coalesce(nullif(r.epoch, ''), present) as epoch, r.health, r.message, r.metrics,
        herald_at(r."reportedAt") as reported_at
      from jsonb_to_recordset(batch->'health') as r(environment text, service text, instance text, epoch text, revision bigint, health text,
        message text, metrics jsonb, "reportedAt" double precision, owner text)
      join instances i on i.environment = r.environment and i.service = r.service and i.instance = r.instance
        and herald_may_hold(i.owner, coalesce(r.owner, ''))
    ), logged as (
      insert into health_reports as held (instance_id, revision, epoch, health, message, metrics, reported_at)
        select distinct on (instance_id, revision) instance_id, revision, epoch, health, message, metrics, reported_at
        from batch_rows where revision > kept.horizon and revision < kept.made_to order by instance_id, revision, reported_at desc
      on conflict (instance_id, revision) do update set
        epoch = excluded.epoch, health = excluded.health, message = excluded.message, metrics = excluded.metrics,
        reported_at = excluded.reported_at
        where excluded.reported_at >= held.reported_at
    )
    insert into instance_health as held (instance_id, revision, epoch, health, message, metrics, reported_at)
      select distinct on (instance_id) instance_id, revision, epoch, health, message, metrics, reported_at
      from batch_rows order by instance_id, reported_at desc
    on conflict (instance_id) do update set
      revision = excluded.revision, epoch = excluded.epoch, health = excluded.health, message = excluded.message, metrics = excluded.metrics,
      reported_at = excluded.reported_at
      where excluded.reported_at >= held.reported_at;

    -- What an instance says of its health is kept of its newest 100 revisions, however many it names.
    delete from health_reports h using (
      select o.instance_id, o.revision from (
        select distinct i.id from jsonb_to_recordset(batch->'health') as r(environment text, service text, instance text)
        join instances i on i.environment = r.environment and i.service = r.service and i.instance = r.instance
      ) spoke, lateral (
        select instance_id, revision from health_reports where instance_id = spoke.id order by revision desc offset 100 limit 1
      ) o
    ) old where h.instance_id = old.instance_id and h.revision <= old.revision;
  end if;
  return refused;
end $$;

-- A node's sign of life. Servers of 0.1.0 call it without `step`, and were dead to the others otherwise.
--   out: {taken: sessions of this run that lost their instance to another run, owners: who has each of those instances now,
--         doubted: at most `step` of those that were taken for lost}
drop function herald_node_seen(text, text, interval);
create function herald_node_seen(this_run text, this_node text, time_out interval, step integer default 10000) returns jsonb language plpgsql as $$
declare
  before timestamptz;
begin
  select seen_at into before from nodes where run = this_run;
  insert into nodes as held (run, node, since, seen_at) values (this_run, this_node, clock_timestamp(), clock_timestamp())
  on conflict (run) do update set
    since = case when held.seen_at < excluded.seen_at - time_out then excluded.since else held.since end, seen_at = excluded.seen_at;
  return (select jsonb_build_object('taken', coalesce(jsonb_agg(i.former order by i.id), '[]'), 'owners', coalesce(jsonb_agg(i.owner order by i.id), '[]'))
      from instances i
      -- A take-over that began before the last sign of life may have been committed after it.
      where i.former_run = this_run and i.former <> '' and i.run <> this_run and i.taken_at > coalesce(before, '-infinity') - interval '10 seconds')
    || jsonb_build_object('doubted', (select coalesce(jsonb_agg(session), '[]') from (
      select session from instances where run = this_run and ending = 'NodeLost' limit step) of_them));
end $$;
