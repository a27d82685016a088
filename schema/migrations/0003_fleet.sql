-- Instances, what was delivered to them and how they are. Written behind, in batches.

create table instances (
  id bigint generated always as identity primary key,
  environment varchar(50) not null,
  service varchar(128) not null,
  instance varchar(128) not null,
  state text not null,
  labels jsonb not null,
  patterns jsonb not null,
  connected_at timestamptz not null,
  last_seen timestamptz not null,
  ending text not null,
  node text not null,
  unique (environment, service, instance)
);

-- Every revision of every key that an instance was sent, and what it answered.
create table deliveries (
  instance_id bigint not null,
  key varchar(256) not null,
  revision bigint not null,
  version integer not null,
  state text not null,
  reason text not null,
  sent_at timestamptz,
  answered_at timestamptz,
  primary key (instance_id, key, revision)
) with (fillfactor = 90);

create index deliveries_revision on deliveries using brin (revision);

-- The newest delivery of every key to an instance: what `clients` shows. It outlives the retention of `deliveries`.
create table instance_keys (
  like deliveries,
  primary key (instance_id, key)
) with (fillfactor = 70);

create table health_reports (
  instance_id bigint not null,
  revision bigint not null,
  health text not null,
  message text not null,
  metrics jsonb not null,
  reported_at timestamptz not null,
  primary key (instance_id, revision)
);

-- Is the second of two notes on the same delivery the later one? An answer is never overwritten by "sent".
create function herald_later(held_state text, held_at timestamptz, state text, at timestamptz) returns boolean language sql immutable as
  $$ select case when state = 'sent' then held_state = 'sent' else held_at is null or at >= held_at end $$;

-- Writes a batch. Later states win, so a batch may be written twice.
--   in: {instances: [InstanceRow], deliveries: [DeliveryRow], health: [HealthRow]}, rows name their instance by its three names
create function herald_record(batch jsonb) returns void language plpgsql as $$
begin
  insert into instances as held (environment, service, instance, state, labels, patterns, connected_at, last_seen, ending, node)
    select r.environment, r.service, r.instance, r.state, r.labels, r.patterns, herald_at(r."connectedAt"), herald_at(r."lastSeen"), r.ending, r.node
    from jsonb_to_recordset(batch->'instances') as r(environment text, service text, instance text, state text, labels jsonb,
      patterns jsonb, "connectedAt" double precision, "lastSeen" double precision, ending text, node text)
    order by 1, 2, 3
  on conflict (environment, service, instance) do update set
    state = excluded.state, labels = excluded.labels, patterns = excluded.patterns, connected_at = excluded.connected_at,
    last_seen = excluded.last_seen, ending = excluded.ending, node = excluded.node
    where excluded.last_seen >= held.last_seen;

  with batch_rows as materialized (
    select i.id as instance_id, r.key, r.revision, r.version, r.state, r.reason,
      herald_at(nullif(r."sentAt", 0)) as sent_at, herald_at(nullif(r."answeredAt", 0)) as answered_at
    from jsonb_to_recordset(batch->'deliveries') as r(environment text, service text, instance text, key text, revision bigint,
      version integer, state text, reason text, "sentAt" double precision, "answeredAt" double precision)
    join instances i on i.environment = r.environment and i.service = r.service and i.instance = r.instance
  ), logged as (
    insert into deliveries as held select * from batch_rows order by instance_id, key, revision
    on conflict (instance_id, key, revision) do update set
      version = excluded.version, state = excluded.state, reason = excluded.reason,
      sent_at = greatest(held.sent_at, excluded.sent_at), answered_at = excluded.answered_at
      where herald_later(held.state, held.answered_at, excluded.state, excluded.answered_at)
  )
  insert into instance_keys as held
    select distinct on (instance_id, key) * from batch_rows order by instance_id, key, revision desc
  on conflict (instance_id, key) do update set
    revision = excluded.revision, version = excluded.version, state = excluded.state, reason = excluded.reason,
    sent_at = case when excluded.revision = held.revision then greatest(held.sent_at, excluded.sent_at) else excluded.sent_at end,
    answered_at = excluded.answered_at
    where excluded.revision > held.revision
      or (excluded.revision = held.revision and herald_later(held.state, held.answered_at, excluded.state, excluded.answered_at));

  insert into health_reports as held
    select i.id, r.revision, r.health, r.message, r.metrics, herald_at(r."reportedAt")
    from jsonb_to_recordset(batch->'health') as r(environment text, service text, instance text, revision bigint, health text,
      message text, metrics jsonb, "reportedAt" double precision)
    join instances i on i.environment = r.environment and i.service = r.service and i.instance = r.instance
  on conflict (instance_id, revision) do update set
    health = excluded.health, message = excluded.message, metrics = excluded.metrics, reported_at = excluded.reported_at
    where excluded.reported_at >= held.reported_at;
end $$;

-- Removes at most `step` revisions and what belongs to them; returns how many revisions went. The newest `keep_at_least` always stay.
create function herald_sweep(keep interval, keep_at_least bigint, step integer) returns bigint language plpgsql as $$
declare
  horizon bigint;
  gone bigint;
begin
  select least(
    coalesce((select max(revision) from revisions where committed_at < clock_timestamp() - keep), 0),
    (select coalesce(max(revision), 0) from revisions) - greatest(keep_at_least, 1),
    (select coalesce(min(revision), 0) - 1 from revisions) + step
  ) into horizon;
  delete from idempotency_keys where revision <= horizon;
  delete from revisions where revision <= horizon;
  get diagnostics gone = row_count;
  delete from deliveries where revision <= horizon;
  delete from health_reports where ctid = any (array(
    select ctid from health_reports where reported_at < clock_timestamp() - keep limit step));
  return gone;
end $$;
