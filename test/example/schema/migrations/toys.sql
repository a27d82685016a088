-- Counts. What a kind of change needs beside its own tables is named in 0020_kinds.sql.
insert into herald_kinds values ('toy');

create table toys (
  environment text not null,
  key text not null,
  revision bigint not null,
  count integer not null,
  primary key (environment, key, revision)
);

create function herald_toy_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
begin
  if exists (select from toys t where t.environment = change->>'environment' and t.key = change->>'key' and t.count >= (change->>'count')::integer) then
    return jsonb_build_object('name', 'VersionConflict', 'message', format('the count of %s only grows', change->>'key'), 'details', '{}'::jsonb);
  end if;
  return null;
end $$;

create function herald_toy_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
begin
  insert into toys values (change->>'environment', change->>'key', at_revision, (change->>'count')::integer);
  return herald_toy_at(change->>'environment', change->>'key', at_revision);
end $$;

create function herald_toy_at(in_environment text, of_key text, at_revision bigint) returns jsonb language sql stable as $$
  select jsonb_build_object('environment', t.environment, 'key', t.key, 'revision', t.revision::text, 'count', t.count)
  from toys t where t.environment = in_environment and t.key = of_key and t.revision = at_revision
$$;

-- The audit log tells of every count, so all stay: only how many are behind the horizon is told.
create function herald_toy_sweep(horizon bigint, step integer) returns integer language sql stable as $$
  select count(*)::integer from toys t where t.revision <= horizon
$$;
