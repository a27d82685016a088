-- How far the event log has the revisions, and which node may publish the next. One row: one relay over all nodes.

create table outbox (
  only_one boolean primary key default true check (only_one),
  -- The last published position; '' before the first.
  epoch text not null default '',
  revision bigint not null default 0,
  -- Counts claims: a relay that was overtaken holds an old one.
  token bigint not null default 0,
  holder text not null default '',
  leased_until timestamptz not null default '-infinity'
);
insert into outbox default values;

-- As before, but revisions that a relay still has to publish stay for seven days longer. A relay counts when it held its lease within
-- the last hour: without an event log nothing is kept.
create or replace function herald_sweep(keep interval, keep_at_least bigint, step integer) returns bigint language plpgsql as $$
declare
  horizon bigint;
  gone bigint;
begin
  select least(
    coalesce((select max(revision) from revisions where committed_at < clock_timestamp() - keep), 0),
    (select coalesce(max(revision), 0) from revisions) - greatest(keep_at_least, 1),
    (select coalesce(min(revision), 0) - 1 from revisions) + step,
    (select greatest(case when o.epoch in ('', e.epoch) then o.revision else 0 end,
        coalesce((select max(revision) from revisions where committed_at < clock_timestamp() - keep - interval '7 days'), 0))
      from outbox o, herald_epoch e where o.leased_until > clock_timestamp() - interval '1 hour')
  ) into horizon;
  delete from idempotency_keys where revision <= horizon;
  delete from revisions where revision <= horizon;
  get diagnostics gone = row_count;
  delete from deliveries where revision <= horizon;
  delete from health_reports where ctid = any (array(
    select ctid from health_reports where reported_at < clock_timestamp() - keep limit step));
  return gone;
end $$;
