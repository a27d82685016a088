-- Configurations, their history, the revision log, and who may do what. Times are kept in whole milliseconds.

create function herald_millis(at timestamptz) returns double precision language sql immutable as
  $$ select floor(extract(epoch from at) * 1000)::double precision $$;

create function herald_at(millis double precision) returns timestamptz language sql immutable as
  $$ select to_timestamp(millis / 1000.0) $$;

-- One row. Revisions of different epochs can't be compared: give a new one after history was lost (a restored backup).
create table herald_epoch (
  only_one boolean primary key default true check (only_one),
  epoch text not null default gen_random_uuid()::text
);
insert into herald_epoch default values;

-- The current version of every key, tombstones included.
create table configurations (
  key varchar(256) not null,
  environment varchar(50) not null,
  version integer not null check (version > 0),
  revision bigint not null,
  value text not null,
  value_type text not null check (value_type in ('string', 'json', 'number', 'boolean', 'yaml')),
  deleted boolean not null,
  schema_definition jsonb,
  strict boolean not null,
  template boolean not null,
  digest text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null,
  change_log text not null,
  primary key (environment, key)
) partition by hash (key);

for i in 0..9 loop
  execute format('create table configurations_%s partition of configurations for values with (modulus 10, remainder %s) with (fillfactor = 80)', i, i);
end loop;

-- Every version of every key, for ever.
create table configuration_history (
  like configurations including constraints,
  primary key (environment, key, version)
);

-- The log that is the truth. Numbers have no gaps and are in commit order: herald_commit gives them under a lock.
create table revisions (
  revision bigint primary key,
  epoch text not null,
  -- Every configuration that the commit changed, as it is afterwards.
  payload jsonb not null,
  bytes integer not null,
  traceparent text not null,
  actor text not null,
  message text not null,
  committed_at timestamptz not null,
  -- The last audit entry of this commit.
  audit_id bigint not null,
  -- What the writer called it, to find it again when the answer to a commit was lost.
  commit_id text not null
);

create table audit_log (
  id bigint primary key,
  config_id text not null,
  action text not null,
  performed_by text not null,
  details jsonb not null,
  created_at timestamptz not null,
  prev_hash text not null,
  hash text not null
);

create table api_keys (
  id text primary key,
  name text not null,
  hash text not null,
  role text not null check (role in ('admin', 'publisher', 'viewer', 'subscriber')),
  environments jsonb not null,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz
);

create table idempotency_keys (
  actor text not null,
  key text not null,
  digest text not null,
  revision bigint not null,
  primary key (actor, key)
);
create index idempotency_keys_revision on idempotency_keys using brin (revision);

create function herald_immutable() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger immutable before update or delete or truncate on configuration_history execute function herald_immutable();
create trigger immutable before update or delete or truncate on audit_log execute function herald_immutable();
