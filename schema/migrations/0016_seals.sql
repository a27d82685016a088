-- The keys by which nodes know each other's messages, cache entries and events: docs/decisions/0013-seals.md.
create table seal_keys (
  id bigint generated always as identity primary key,
  key bytea not null check (octet_length(key) = 32),
  made_at timestamptz not null default clock_timestamp()
);

-- The keys that are believed, the newest last. One is made when there is none of the last 30 days, by the server's strong randomness
-- (366 bits of it), so that no statement carries it. Keys are believed for 90 days: longer than any event waits for a reader.
create function herald_seal_keys() returns setof seal_keys language plpgsql as $$
begin
  if not exists (select from seal_keys where made_at > clock_timestamp() - interval '30 days') then
    perform pg_advisory_xact_lock(7234734);
    if not exists (select from seal_keys where made_at > clock_timestamp() - interval '30 days') then
      insert into seal_keys (key)
        values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
      delete from seal_keys where made_at < clock_timestamp() - interval '90 days';
    end if;
  end if;
  return query select * from seal_keys order by id;
end $$;
