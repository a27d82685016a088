-- Several nodes on one database: which session holds an instance, and which nodes live.
-- A session is named <run>/<number>; a run is one life of one server process.

create table nodes (
  run text primary key,
  node text not null,
  -- Seen without a break since then.
  since timestamptz not null,
  seen_at timestamptz not null
);

alter table instances
  add column session text not null default '',
  -- The session that lost the instance to this one, and when this one took it.
  add column former text not null default '',
  add column taken_at timestamptz,
  add column run text not null generated always as (split_part(session, '/', 1)) stored,
  add column former_run text not null generated always as (split_part(former, '/', 1)) stored;

create index instances_run on instances (run);
create index instances_taken on instances (former_run, taken_at) where former <> '';

alter function herald_record(jsonb) rename to herald_record_answers;

-- Writes a batch. Instances belong to the session that took them last, in the order of this database and of no node's clock; the rest as before.
create function herald_record(batch jsonb) returns void language plpgsql as $$
begin
  insert into instances as held (environment, service, instance, state, labels, patterns, connected_at, last_seen, ending, node, session, taken_at)
    select r.environment, r.service, r.instance, r.state, r.labels, r.patterns, herald_at(r."connectedAt"), herald_at(r."lastSeen"), r.ending, r.node,
      coalesce(r.session, ''), case when r.opening then clock_timestamp() end
    from jsonb_to_recordset(batch->'instances') as r(environment text, service text, instance text, state text, labels jsonb,
      patterns jsonb, "connectedAt" double precision, "lastSeen" double precision, ending text, node text, session text, opening boolean)
    order by 1, 2, 3
  on conflict (environment, service, instance) do update set
    state = excluded.state, labels = excluded.labels, patterns = excluded.patterns, connected_at = excluded.connected_at,
    last_seen = excluded.last_seen, ending = excluded.ending, node = excluded.node, session = excluded.session,
    former = case when excluded.session = held.session then held.former else held.session end,
    taken_at = case when excluded.session = held.session then held.taken_at else clock_timestamp() end
    where case
      when excluded.session = held.session then held.state = 'connected' or held.ending = 'NodeLost' or excluded.state <> 'connected'
      when excluded.session = held.former then false
      when held.state = 'connected' then excluded.taken_at is not null and excluded.state = 'connected'
      else excluded.taken_at is not null or excluded.state = 'connected'
    end;
  perform herald_record_answers(batch - 'instances');
end $$;

-- A node's sign of life.
--   out: {taken: sessions of this run that lost their instance to another run, doubted: those that were taken for lost}
create function herald_node_seen(this_run text, this_node text, time_out interval) returns jsonb language plpgsql as $$
declare
  before timestamptz;
begin
  select seen_at into before from nodes where run = this_run;
  insert into nodes as held (run, node, since, seen_at) values (this_run, this_node, clock_timestamp(), clock_timestamp())
  on conflict (run) do update set
    since = case when held.seen_at < excluded.seen_at - time_out then excluded.since else held.since end, seen_at = excluded.seen_at;
  return jsonb_build_object(
    'taken', (select coalesce(jsonb_agg(former), '[]') from instances
      -- A take-over that began before the last sign of life may have been committed after it.
      where former_run = this_run and former <> '' and run <> this_run and taken_at > coalesce(before, '-infinity') - interval '10 seconds'),
    'doubted', (select coalesce(jsonb_agg(session), '[]') from instances where run = this_run and ending = 'NodeLost'));
end $$;

-- Instances of nodes that gave no sign of life for `time_out`; returns how many are now taken for lost, at most `step`.
-- Only a node that was itself seen without a break for so long may judge: after an outage of the database all look dead at first.
create function herald_lose(this_run text, time_out interval, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  if not exists (select from nodes where run = this_run and since < clock_timestamp() - time_out) then return 0; end if;
  update instances set state = 'timed_out', ending = 'NodeLost' where id = any (array(
    select id from instances i
    where i.state = 'connected' and case when i.run = ''
      then i.last_seen < clock_timestamp() - time_out
      else not exists (select from nodes n where n.run = i.run and n.seen_at >= clock_timestamp() - time_out) end
    limit step for update skip locked));
  get diagnostics gone = row_count;
  delete from nodes where seen_at < clock_timestamp() - greatest(interval '1 day', 10 * time_out);
  return gone;
end $$;

-- The first admin key, unless there is a good one: servers that start together on an empty database make one.
create function herald_first_admin(key jsonb) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7234733);
  if exists (select from api_keys where role = 'admin' and environments ? '*' and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())) then
    return false;
  end if;
  insert into api_keys (id, name, hash, role, environments, created_at, created_by)
    values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments', herald_at((key->>'createdAt')::float8), key->>'createdBy');
  perform herald_audit('', 'key.create', key->>'createdBy', key - 'hash' - 'createdAt' - 'createdBy' - 'revokedAt');
  return true;
end $$;
