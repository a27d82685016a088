-- What one node at a time may do: docs/decisions/0014-leases.md.
-- Locks what this and the next migrations change, once and in the order in which Herald takes it, so that nodes that run wait and are not
-- caught in a deadlock.
perform herald_lock();
lock table instances, deliveries, instance_keys, health_reports, configurations, configuration_history, idempotency_keys, revisions, outbox
  in access exclusive mode;

create table leases (
  name text primary key,
  -- Whose it is: the run of a node, as in `nodes`; '' when it was given up.
  run text not null,
  -- Together they are never given twice: a promotion that lost the newest row began another epoch. Tokens grow, also over it, as they
  -- are never less than this server's clock in milliseconds.
  epoch text not null,
  token bigint not null,
  until timestamptz not null
) with (fillfactor = 50);

insert into leases select 'relay', holder, (select epoch from herald_epoch), token, leased_until from outbox where token > 0;
alter table outbox drop column token, drop column holder, drop column leased_until;

-- Takes a lease that has passed, was given up or is this run's already, under a new token; null when it is another's.
create function herald_claim(lease_name text, this_run text, lasts interval) returns jsonb language sql as $$
  insert into leases as held
    values (lease_name, this_run, (select epoch from herald_epoch), (herald_millis(clock_timestamp()))::bigint, clock_timestamp() + lasts)
  on conflict (name) do update set
    run = excluded.run, epoch = excluded.epoch, token = greatest(held.token + 1, excluded.token), until = clock_timestamp() + lasts
    where held.until <= clock_timestamp() or held.run = this_run
  returning jsonb_build_object('name', name, 'run', run, 'epoch', epoch, 'token', token::text)
$$;

-- True when nobody took the lease since; then nobody does before this transaction ends, and it lasts for as long again. To be called in
-- the transaction of each effect. One that has passed and that nobody took is still good.
create function herald_fence(lease jsonb, lasts interval) returns boolean language plpgsql as $$
begin
  update leases set until = greatest(until, clock_timestamp() + lasts)
    where name = lease->>'name' and run = lease->>'run' and epoch = lease->>'epoch' and token = (lease->>'token')::bigint;
  return found;
end $$;

-- Gives it up, so that nobody has to wait for its end. Nothing happens when it is another's by now.
create function herald_release(lease jsonb) returns void language sql as $$
  update leases set run = '', token = token + 1, until = clock_timestamp()
    where name = lease->>'name' and run = lease->>'run' and epoch = lease->>'epoch' and token = (lease->>'token')::bigint
$$;

-- Moves the outbox on for the holder of the lease; false, and nothing happens, for any other.
create function herald_advance(lease jsonb, lasts interval, to_epoch text, to_revision bigint) returns boolean language plpgsql as $$
begin
  if not herald_fence(lease, lasts) then return false; end if;
  update outbox set epoch = to_epoch, revision = to_revision;
  return true;
end $$;
