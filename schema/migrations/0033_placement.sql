-- Which nodes take part in placement, and which shards each has: docs/decisions/0029-placement.md.
-- A shard is a lease without an end of its own: its holder's life, as `nodes` has it, says how long it lasts, so that one row a second and
-- node is written, not one a shard.
alter table nodes
  -- It holds what it has until then, unless it says so again before.
  add column placed_until timestamptz not null default '-infinity',
  -- It gives up what it has, and takes nothing more.
  add column leaving boolean not null default true;

-- Whether the node lives at that moment, or gave a sign while a claim of that moment waited for it. A time that no living node can have
-- written is of a clock that was set back since.
create function herald_placed(node nodes, at timestamptz, lasts interval) returns boolean language sql immutable as $$
  select node.placed_until > at and node.placed_until <= at + 3 * lasts
$$;

-- Takes part from now on.
create function herald_place(this_run text, this_node text, lasts interval) returns void language sql as $$
  insert into nodes (run, node, since, seen_at, placed_until, leaving)
    values (this_run, this_node, clock_timestamp(), clock_timestamp(), clock_timestamp() + lasts, false)
  on conflict (run) do update set placed_until = excluded.placed_until, leaving = false
$$;

-- Gets no shard any more; what it has it keeps until it gives it up, or dies.
create function herald_leave(this_run text) returns void language sql as $$
  update nodes set leaving = true where run = this_run
$$;

-- Who takes part, by the run of each.
create function herald_members(lasts interval) returns setof text language sql stable as $$
  select run from nodes n where not leaving and herald_placed(n, clock_timestamp(), lasts) order by run
$$;

-- Takes those shards that nobody has who lives, or that are this run's already, each under a new token.
--   out: [{name, run, epoch, token}]
create function herald_shards_claim(this_run text, names text[], lasts interval) returns jsonb language plpgsql as $$
declare
  moment timestamptz;
  claimed jsonb;
begin
  -- One claim at a time, so that each sees what the last one took.
  perform pg_advisory_xact_lock(7234736);
  moment := clock_timestamp();
  -- Of who is taken for dead, the next sign of life comes after this claim, and finds what it took.
  perform from nodes n where run <> this_run and not herald_placed(n, moment, lasts)
    and run in (select run from leases where name = any (names)) order by run for update;
  update nodes set placed_until = clock_timestamp() + lasts where run = this_run and not leaving;
  if not found then return '[]'; end if;
  with taken as (
    insert into leases as held
      select name, this_run, (select epoch from herald_epoch), herald_millis(moment)::bigint, 'infinity'
      from unnest(names) as name order by name
    on conflict (name) do update set run = excluded.run, epoch = excluded.epoch, token = greatest(held.token + 1, excluded.token), until = 'infinity'
      where held.run = this_run or not exists (select from nodes n where n.run = held.run and herald_placed(n, moment, lasts))
    returning name, run, epoch, token
  )
  select coalesce(jsonb_agg(jsonb_build_object('name', name, 'run', run, 'epoch', epoch, 'token', token::text)), '[]') into claimed from taken;
  return claimed;
end $$;

-- A sign of life. Returns what this run has, as `herald_shards_claim` does: nobody takes it before the life that begins now is over.
create function herald_shards_keep(this_run text, lasts interval) returns jsonb language plpgsql as $$
begin
  -- First, as it waits for a claim that takes this run for dead; then what that took is seen.
  update nodes set placed_until = clock_timestamp() + lasts where run = this_run;
  if not found then return '[]'; end if;
  return (select coalesce(jsonb_agg(jsonb_build_object('name', name, 'run', run, 'epoch', epoch, 'token', token::text)), '[]')
    from leases where run = this_run and until = 'infinity');
end $$;

-- Gives them up. Nothing happens to what is another's by now.
create function herald_shards_release(this_run text, held jsonb) returns void language sql as $$
  update leases l set run = '', token = l.token + 1, until = clock_timestamp()
    from jsonb_to_recordset(held) as h(name text, epoch text, token bigint)
    where l.name = h.name and l.run = this_run and l.epoch = h.epoch and l.token = h.token
$$;

-- Who has which shard.
create function herald_shards(names text[], lasts interval) returns table (name text, node text, run text) language sql stable as $$
  select l.name, n.node, n.run from leases l join nodes n on n.run = l.run
    where l.name = any (names) and herald_placed(n, clock_timestamp(), lasts)
$$;
