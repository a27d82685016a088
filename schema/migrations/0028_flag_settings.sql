-- What an environment says of all its flags, such as how people are put into buckets. A kind as those of 0020_kinds.sql says.
insert into herald_kinds values ('flag_settings');

create table flag_settings (
  environment text not null,
  -- 'flags': there is one of them.
  settings_name text not null,
  version integer not null,
  revision bigint not null,
  -- As it was written.
  definition text not null,
  digest text not null,
  bytes integer not null,
  deleted boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null,
  message text not null,
  primary key (environment, settings_name)
);

create table flag_settings_history (like flag_settings, primary key (environment, settings_name, version));
create unique index flag_settings_history_revision on flag_settings_history (environment, settings_name, revision);

-- As nodes are told of it; of a row of either table.
create function herald_flag_settings_json(s anyelement) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object('environment', s.environment, 'key', s.settings_name, 'revision', s.revision::text, 'version', s.version,
    'definition', s.definition, 'deleted', s.deleted, 'digest', s.digest, 'createdAt', herald_millis(s.created_at),
    'updatedAt', herald_millis(s.updated_at), 'updatedBy', s.updated_by, 'message', s.message);
end $$;

-- What src/flags/Needs.ts says of versions. Nothing names them, and they are never taken away.
create function herald_flag_settings_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  expected constant integer := (change->>'expectedVersion')::integer;
  found integer;
begin
  select s.version into found from flag_settings s where s.environment = in_environment and s.settings_name = of_key;
  found := coalesce(found, 0);
  if expected <> found then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the settings of %s in %s is at version %s, not %s', of_key, in_environment, found, expected),
      'details', details || jsonb_build_object('expected', expected, 'current', found));
  end if;
  return null;
end $$;

create function herald_flag_settings_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  last flag_settings;
  made flag_settings;
begin
  select * into last from flag_settings s where s.environment = change->>'environment' and s.settings_name = change->>'key';
  made.environment := change->>'environment';
  made.settings_name := change->>'key';
  made.version := coalesce(last.version, 0) + 1;
  made.revision := at_revision;
  made.definition := change->>'definition';
  made.digest := change->>'digest';
  made.bytes := (change->>'bytes')::integer;
  made.deleted := false;
  made.created_at := coalesce(last.created_at, now);
  made.updated_at := now;
  made.updated_by := release->>'actor';
  made.message := release->>'message';
  delete from flag_settings s where s.environment = made.environment and s.settings_name = made.settings_name;
  insert into flag_settings values (made.*);
  insert into flag_settings_history values (made.*);
  return herald_flag_settings_json(made);
end $$;

create function herald_flag_settings_at(in_environment text, of_key text, at_revision bigint) returns jsonb language sql stable as $$
  select herald_flag_settings_json(h) from flag_settings_history h
  where h.environment = in_environment and h.settings_name = of_key and h.revision = at_revision
$$;

-- Nothing of it is ever behind the horizon.
create function herald_flag_settings_sweep(horizon bigint, step integer) returns integer language sql as $$
  select 0
$$;
