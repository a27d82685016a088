-- Who acts is a principal: PN1 to PN4 of src/access/Principal.ts. Keys of one name were and are of one principal; a name that is reserved, or that
-- only differs from an older one in case or width, gets a number, and an entry of the audit log says so.

create table principals (
  name text primary key,
  -- As names are compared: herald_folded, and in JavaScript folded().
  folded text not null unique
);

-- NFKC, case folded by the rules of Unicode, whatever the locale of the database is: in the locale C lower() knows ASCII only.
do $$
declare
  rules text := (select collname from pg_collation where collname in ('und-x-icu', 'pg_c_utf8') order by collname desc limit 1);
begin
  execute format($q$create function herald_folded(name text) returns text language sql immutable as
    'select normalize(lower(upper(normalize(name, NFKC) collate %1$I)), NFKC) collate "default"'$q$, coalesce(rules, 'default'));
end $$;

do $$
declare
  held record;
  k api_keys;
  wanted text;
  n integer;
begin
  perform herald_lock();
  for held in select name from api_keys group by name order by min(created_at), name loop
    wanted := held.name;
    n := 1;
    while herald_folded(wanted) in ('herald', 'system', 'node')
        or exists (select from principals p where p.folded = herald_folded(wanted) or p.name = wanted)
        or (n > 1 and exists (select from api_keys a where a.name = wanted)) loop
      n := n + 1;
      wanted := held.name || '-' || n;
    end loop;
    insert into principals values (wanted, herald_folded(wanted));
    if wanted <> held.name then
      for k in update api_keys set name = wanted where name = held.name returning * loop
        perform herald_audit('', 'key.rename', 'herald', jsonb_build_object('id', k.id, 'name', wanted, 'former', held.name,
          'digest', herald_key_digest(k)));
      end loop;
    end if;
  end loop;
end $$;

-- The first admin's key, and what a server of before makes.
create function herald_principal() returns trigger language plpgsql as $$
begin
  insert into principals values (new.name, herald_folded(new.name)) on conflict do nothing;
  return new;
end $$;
create trigger principal before insert on api_keys for each row execute function herald_principal();
alter table api_keys add foreign key (name) references principals (name);

create function herald_is_good(k api_keys) returns boolean language sql volatile as $$
  select k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())
$$;

create function herald_key_insert(key jsonb, actor text, told jsonb) returns void language plpgsql as $$
declare
  made api_keys;
begin
  insert into api_keys values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments',
    herald_at((key->>'createdAt')::float8), key->>'createdBy', herald_at((key->>'expiresAt')::float8), null) returning * into made;
  perform herald_audit('', 'key.create', actor, jsonb_build_object('id', made.id, 'name', made.name, 'role', made.role,
    'environments', made.environments, 'expiresAt', key->'expiresAt', 'digest', herald_key_digest(made)) || told);
end $$;

-- Makes a key. Returns null, or the name of the principal that stands in its way: it has a good key already (`alone`), or is called nearly alike.
create function herald_key_create(key jsonb, folded_name text, alone boolean, told jsonb) returns text language plpgsql as $$
declare
  known text;
begin
  perform herald_lock();
  select p.name into known from principals p where p.folded = folded_name or p.name = key->>'name';
  if known <> key->>'name' or (alone and exists (select from api_keys k where k.name = known and herald_is_good(k))) then
    return known;
  end if;
  insert into principals values (key->>'name', folded_name) on conflict do nothing;
  perform herald_key_insert(key, key->>'createdBy', told);
  return null;
end $$;

-- Makes `successor`, and lets the key end at `until` if it does not end before. False when it is not good any more.
create function herald_key_rotate(key_id text, successor jsonb, until double precision, told jsonb) returns boolean language plpgsql as $$
declare
  k api_keys;
begin
  perform herald_lock();
  update api_keys a set expires_at = least(a.expires_at, herald_at(until)) where a.id = key_id and herald_is_good(a) returning * into k;
  if k.id is null then return false; end if;
  perform herald_audit('', 'key.rotate', successor->>'createdBy', jsonb_build_object('id', k.id, 'name', k.name, 'successor', successor->>'id',
    'expiresAt', herald_millis(k.expires_at)::bigint, 'digest', herald_key_digest(k)) || told);
  perform herald_key_insert(successor, successor->>'createdBy', told);
  return true;
end $$;
