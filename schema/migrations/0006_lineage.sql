-- Whose history this is: docs/decisions/0008-epoch-after-promotion.md.

-- One row. `synchronous`: the newest commit waited for a synchronous standby.
create table herald_lineage (
  only_one boolean primary key default true check (only_one),
  system text not null,
  timeline text not null,
  synchronous boolean not null
);

-- "" where the server does not tell.
create function herald_system() returns text language plpgsql as $$
begin
  return (select system_identifier::text from pg_control_system());
exception when insufficient_privilege or undefined_function or feature_not_supported then
  return '';
end $$;

-- Eight hexadecimal digits; they change with every promotion and every recovery to a point in time. "" where the server does not tell.
create function herald_timeline() returns text language plpgsql as $$
begin
  return substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
exception when insufficient_privilege or undefined_function or feature_not_supported then
  return '';
end $$;

create function herald_is_synchronous() returns boolean language sql stable as $$
  select current_setting('synchronous_standby_names') <> '' and current_setting('synchronous_commit') in ('on', 'remote_write', 'remote_apply')
$$;

insert into herald_lineage values (true, herald_system(), herald_timeline(), herald_is_synchronous());

create function herald_note_synchronous() returns trigger language plpgsql as $$
declare
  here boolean := herald_is_synchronous();
begin
  update herald_lineage set synchronous = here where synchronous <> here;
  return null;
end $$;

create trigger revisions_note_synchronous after insert on revisions for each statement execute function herald_note_synchronous();

-- Why history may have been lost, or null. What a node knows: the newest revision that it saw, null for none.
create function herald_lost(known_epoch text, known_revision bigint, known_millis double precision) returns text language plpgsql as $$
declare
  was herald_lineage;
  head bigint;
  millis double precision;
begin
  select * into was from herald_lineage;
  if was.system <> herald_system() then
    return 'the database was restored or moved';
  elsif was.timeline <> herald_timeline() and not was.synchronous then
    return 'a standby was promoted that commits did not wait for';
  elsif known_epoch = (select epoch from herald_epoch) then
    select coalesce(max(revision), 0) into head from revisions;
    select herald_millis(committed_at) into millis from revisions where revision = known_revision;
    if head < known_revision or millis <> known_millis then
      return format('revision %s is missing or another one', known_revision);
    end if;
  end if;
  return null;
end $$;

-- Gives history a new epoch when some of it may have been lost since a server was last used; says why, or null. Costs no lock when all is as it was.
create function herald_follow(known_epoch text, known_revision bigint, known_millis double precision) returns text language plpgsql as $$
declare
  reason text := herald_lost(known_epoch, known_revision, known_millis);
begin
  if reason is null and exists (select from herald_lineage where system = herald_system() and timeline = herald_timeline()) then
    return null;
  end if;
  perform herald_lock();
  reason := herald_lost(known_epoch, known_revision, known_millis); -- of now: another node may have been first
  if reason is not null then
    update herald_epoch set epoch = gen_random_uuid()::text;
  end if;
  update herald_lineage set system = herald_system(), timeline = herald_timeline();
  return reason;
end $$;
