-- Tombstones of the last revisions, apart: heads are what lives and these. An old one is forgotten; versions and history go on.
-- What it costs: `configurations` is read twice.

create table tombstones (
  environment varchar(50) not null,
  key varchar(256) not null,
  version integer not null,
  revision bigint not null,
  digest text not null,
  strict boolean not null,
  template boolean not null,
  primary key (environment, key)
);
insert into tombstones select environment, key, version, revision, digest, "strict", template from configurations where deleted;
create index tombstones_revision on tombstones (revision);

-- Holds no column that a publish changes: those stay cheap.
create index configurations_live on configurations (environment, key) where not deleted;

create function herald_tombstone() returns trigger language plpgsql as $$
begin
  delete from tombstones t where t.environment = new.environment and t.key = new.key;
  if new.deleted then
    insert into tombstones values (new.environment, new.key, new.version, new.revision, new.digest, new."strict", new.template);
  end if;
  return null;
end $$;

create trigger tombstones after update on configurations for each row when (old.deleted or new.deleted) execute function herald_tombstone();

-- Heads behind (after_environment, after_key) in that order, at most `most`: what lives, and the tombstones that are not forgotten.
-- Planned each time: for places that it does not know, the planner sorts what an index has in order.
create function herald_heads(after_environment text, after_key text, most integer)
  returns table (environment text, key text, version integer, revision text, digest text, deleted boolean, strict boolean, template boolean)
  language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
begin
  return query
    select b.environment::text, b.key::text, b.version, b.revision::text, b.digest, b.deleted, b.is_strict, b.template from (
      (select c.environment, c.key, c.version, c.revision, c.digest, c.deleted, c.strict as is_strict, c.template from configurations c
        where not c.deleted and (c.environment, c.key) > (after_environment, after_key) order by c.environment, c.key limit most)
      union all
      (select t.environment, t.key, t.version, t.revision, t.digest, true, t.strict, t.template from tombstones t
        where (t.environment, t.key) > (after_environment, after_key) order by t.environment, t.key limit most)
    ) b order by b.environment, b.key limit most;
end $$;
