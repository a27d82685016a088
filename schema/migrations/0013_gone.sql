-- Instances that are gone end, and looking for those that matter costs nothing for the others.
-- What it costs: four indexes over `instances` (500,000 rows in about 2 s). Instances that are gone count as gone from now on.

-- When it ceased to be connected, by the database's clock; null while it is.
alter table instances add column gone_at timestamptz default clock_timestamp();
alter table instances alter column gone_at drop default;
update instances set gone_at = null where state = 'connected';

create function herald_gone() returns trigger language plpgsql as $$
begin
  new.gone_at := case when new.state <> 'connected' then clock_timestamp() end;
  return new;
end $$;

-- Only as it comes and goes: a sign of life of a connected instance costs nothing and changes no index.
create trigger gone before insert or update on instances for each row
  when ((new.state = 'connected') = (new.gone_at is not null)) execute function herald_gone();

drop index instances_run;
create index instances_connected on instances (run) where state = 'connected';
create index instances_doubted on instances (run) where ending = 'NodeLost';
create index instances_shown on instances (environment, service, instance) where state = 'connected';
create index instances_gone on instances (gone_at) where gone_at is not null;

-- Instances that ended, and whose keys are still to be removed. A batch that was on its way may add some for a moment.
create table instances_ended (
  id bigint primary key,
  ended_at timestamptz not null default clock_timestamp()
);

-- Runs that have connected instances: a look at the index for each, however many those are.
create function herald_runs() returns setof text language sql stable as $$
  with recursive found as (
    select (select min(run) from instances where state = 'connected') as run
    union all
    select (select min(i.run) from instances i where i.state = 'connected' and i.run > f.run) from found f where f.run is not null
  ) select run from found where run is not null
$$;

-- Instances of nodes that gave no sign of life for `time_out`; returns how many are now taken for lost, at most `step`, or null when the lease
-- is another's. Only a node that was itself seen without a break for so long may judge: after an outage of the database all look dead at first.
drop function herald_lose(text, interval, integer);
create function herald_lose(lease jsonb, lasts interval, time_out interval, step integer) returns integer language plpgsql as $$
declare
  gone integer := 0;
  now_gone integer;
  one text;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  if not exists (select from nodes where run = lease->>'run' and since < clock_timestamp() - time_out) then return 0; end if;
  for one in select r from herald_runs() r
    where not exists (select from nodes n where n.run = r and n.seen_at >= clock_timestamp() - time_out)
  loop
    update instances set state = 'timed_out', ending = 'NodeLost' where id = any (array(
      select id from instances i
      where i.state = 'connected' and i.run = one and (one <> '' or i.last_seen < clock_timestamp() - time_out)
      limit step - gone for update skip locked));
    get diagnostics now_gone = row_count;
    gone := gone + now_gone;
    exit when gone >= step;
  end loop;
  delete from nodes where seen_at < clock_timestamp() - greatest(interval '1 day', 10 * time_out);
  return gone;
end $$;
