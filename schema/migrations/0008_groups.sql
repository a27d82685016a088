-- What the consumer groups keep: docs/decisions/0009-consumer-groups.md.

-- An event of a client is in the audit log once, however often it is read.
create unique index audit_log_event on audit_log ((details->>'event')) where details ? 'event';

-- Which of these events are in the audit log: one walk through the index.
create function herald_audited(ids text[]) returns text[] language sql as $$
  select coalesce(array_agg(details->>'event'), '{}') from audit_log where details ? 'event' and details->>'event' = any (ids)
$$;

-- Appends what happened to clients to the hash chain; those that are there already are left out. Returns how many were new.
--   events: [{id, action, environment, service, instance, node, reason, at}]
create function herald_audit_clients(events jsonb) returns integer language plpgsql set plan_cache_mode = 'force_generic_plan' as $$
declare
  ids text[] := array(select value->>'id' from jsonb_array_elements(events));
  held text[] := herald_audited(ids);
  event jsonb;
  last record;
  config_id text;
  performed_by text;
  details jsonb;
  current_hash text;
  fresh integer := 0;
  now timestamptz;
begin
  -- Events that come again need no lock: a rebalance costs publishers nothing.
  if ids <@ held then
    return 0;
  end if;
  perform herald_lock();
  held := herald_audited(ids); -- as the holder before us left it
  select * into last from herald_last_audit();
  now := date_trunc('milliseconds', clock_timestamp());
  for event in select value from jsonb_array_elements(events) loop
    continue when event->>'id' = any (held);
    held := held || (event->>'id');
    config_id := (event->>'environment') || '/' || (event->>'service');
    performed_by := 'client:' || (event->>'service') || '/' || (event->>'instance');
    details := jsonb_build_object('event', event->'id', 'node', event->'node', 'reason', event->'reason', 'at', event->'at');
    current_hash := herald_audit_hash(last.hash, last.id + 1, config_id, event->>'action', performed_by, details, now);
    insert into audit_log values (last.id + 1, config_id, event->>'action', performed_by, details, now, last.hash, current_hash);
    last.id := last.id + 1;
    last.hash := current_hash;
    fresh := fresh + 1;
  end loop;
  return fresh;
end $$;

-- Who gets webhooks, by a digest of the URL, which may be a secret: what was committed before `since` is not sent there.
create table webhook_targets (
  target text primary key,
  since timestamptz not null default clock_timestamp()
);

-- One row for each event and target, kept for as long as the topic may bring the event again.
create table webhooks (
  event_id text not null,
  target text not null references webhook_targets,
  -- failed: given up, and not yet among the dead letters.
  state text not null check (state in ('waiting', 'failed', 'delivered', 'dead')),
  -- Counts claims: who claimed it earlier can't settle it.
  attempts integer not null default 0,
  due_at timestamptz not null,
  -- The message as it came from the topic, as JSON.
  record text not null,
  problem text not null default '',
  created_at timestamptz not null,
  settled_at timestamptz,
  primary key (event_id, target)
) with (fillfactor = 80);
create index webhooks_due on webhooks (target, due_at) where settled_at is null;
create index webhooks_settled on webhooks (settled_at) where settled_at is not null;

-- Queues webhooks, each once for each target. What is older than a week or than the target is left out; `again` revives one that is dead.
--   events: [{id, millis, record, again}], `again`: null or a target
create function herald_webhooks_add(events jsonb, targets jsonb) returns integer language plpgsql as $$
declare
  fresh integer;
begin
  insert into webhooks as held (event_id, target, state, due_at, record, created_at)
    select distinct on (1, 2) e->>'id', t.target, 'waiting', clock_timestamp(), e->>'record', clock_timestamp()
    from jsonb_array_elements(events) e
      join webhook_targets t on targets ? t.target and case when e->>'again' is null
        then herald_at((e->>'millis')::float8) > greatest(t.since, clock_timestamp() - interval '7 days')
        else e->>'again' = t.target end
    order by 1, 2
  on conflict (event_id, target) do update set
    state = 'waiting', attempts = 0, due_at = excluded.due_at, problem = '', created_at = excluded.created_at, settled_at = null
    where held.state = 'dead'
      and exists (select from jsonb_array_elements(events) e where e->>'id' = held.event_id and e->>'again' = held.target);
  get diagnostics fresh = row_count;
  return fresh;
end $$;
