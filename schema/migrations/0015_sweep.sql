-- One bounded step of the retention, for the holder of its lease; null when that is another's by now.
--   keep, keep_at_least: of revisions; keep also of instances that are gone. step: rows of each kind.
--   out: {revisions, idempotencyKeys, tombstones, instances, instanceKeys: how many went, more: whether there are more to go}
create function herald_sweep(lease jsonb, lasts interval, keep interval, keep_at_least bigint, step integer) returns jsonb language plpgsql as $$
declare
  -- Found once: a volatile function is no condition of an index.
  now timestamptz := clock_timestamp();
  behind bigint;
  moved bigint;
  keys integer;
  stones integer;
  gone bigint[];
  ended bigint[];
  of_gone integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  moved := herald_move_horizon(keep, keep_at_least);
  select horizon into behind from herald_log;

  -- What a commit holds is left for the next step: it may hold several, in an order of its own.
  delete from idempotency_keys where ctid = any (array(
    select ctid from idempotency_keys where revision <= behind order by revision limit step for update skip locked));
  get diagnostics keys = row_count;

  delete from tombstones where ctid = any (array(
    select ctid from tombstones where revision <= behind order by revision limit step for update skip locked));
  get diagnostics stones = row_count;

  with old as (
    delete from instances where id = any (array(
      select id from instances where gone_at < now - keep order by gone_at limit step for update skip locked))
    returning id
  ), noted as (
    insert into instances_ended (id) select id from old
  ) select coalesce(array_agg(id), '{}') into gone from old;

  -- A minute later nothing that was on its way can add to them.
  select coalesce(array_agg(id), '{}') into ended
    from (select id from instances_ended where ended_at < now - interval '1 minute' order by ended_at, id limit 1000) of_them;
  delete from instance_keys where ctid = any (array(select ctid from instance_keys where instance_id = any (ended) limit step));
  get diagnostics of_gone = row_count;
  if of_gone < step then
    delete from instance_health where instance_id = any (ended);
    delete from instances_ended where id = any (ended);
  end if;

  return jsonb_build_object('revisions', moved::text, 'idempotencyKeys', keys, 'tombstones', stones, 'instances', cardinality(gone),
    'instanceKeys', of_gone,
    'more', keys = step or stones = step or cardinality(gone) = step or of_gone = step or cardinality(ended) = 1000);
end $$;

-- Ranges for revisions to come, each for an eighth of what is kept; returns how many lie ahead of the newest revision.
create function herald_make_ahead(keep_at_least bigint) returns integer language plpgsql as $$
declare
  head bigint := herald_head();
  width bigint;
begin
  select greatest(1000, keep_at_least / 8, (head - horizon) / 8) into width from herald_log;
  perform herald_make_room(head + 2 * width, width);
  return (select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'revisions'::regclass
      and (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''?(\d+)''?\)'))[1]::bigint > head);
end $$;

create index webhooks_open on webhooks (created_at) where settled_at is null;

-- Removes webhooks that were settled more than eight days ago, and those that nobody sent for as long, which it counts; at most `step` of each.
-- Null when the lease is another's.
create function herald_sweep_webhooks(lease jsonb, lasts interval, step integer) returns jsonb language plpgsql as $$
declare
  old timestamptz := clock_timestamp() - interval '8 days';
  settled integer;
  abandoned integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  delete from webhooks where ctid = any (array(
    select ctid from webhooks where settled_at < old order by settled_at limit step));
  get diagnostics settled = row_count;
  delete from webhooks where ctid = any (array(
    select ctid from webhooks where settled_at is null and created_at < old order by created_at limit step));
  get diagnostics abandoned = row_count;
  return jsonb_build_object('abandoned', abandoned, 'more', settled = step or abandoned = step);
end $$;
