-- Which keys of which kinds an API key may touch: KO1 of src/access/KeyScope.ts. Null: all of them.

alter table api_keys add column keys jsonb;
alter table api_keys add column kinds jsonb;

-- SHA-256 over everything that a key is, but for its revocation. What is null is left out, so keys of before have the digest that they had.
-- Keys and kinds go over the digest of the rest: beside it, what one says could be moved to another.
create or replace function herald_key_digest(k api_keys) returns text language plpgsql immutable as $$
declare
  rest text := encode(sha256(convert_to(concat_ws('|', k.id, k.hash, k.role, k.environments, herald_millis(k.created_at)::bigint,
    coalesce(herald_millis(k.expires_at)::bigint, 0), k.topics, k.created_by, k.name), 'UTF8')), 'hex');
begin
  if k.keys is null and k.kinds is null then return rest; end if;
  return encode(sha256(convert_to(rest || jsonb_build_array(k.keys, k.kinds), 'UTF8')), 'hex');
end $$;

create or replace function herald_key_insert(key jsonb, actor text, told jsonb) returns void language plpgsql as $$
declare
  made api_keys;
begin
  insert into api_keys values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments',
    herald_at((key->>'createdAt')::float8), key->>'createdBy', herald_at((key->>'expiresAt')::float8), null, key->'topics', key->'keys',
    key->'kinds') returning * into made;
  perform herald_audit('', 'key.create', actor, jsonb_build_object('id', made.id, 'name', made.name, 'role', made.role,
    'environments', made.environments, 'expiresAt', key->'expiresAt', 'digest', herald_key_digest(made))
    || jsonb_strip_nulls(jsonb_build_object('topics', made.topics, 'keys', made.keys, 'kinds', made.kinds)) || told);
end $$;

-- What is wrong with the API key that an entry tells of, or null. Of several that tell what it is, the newest counts; what it may is compared with
-- what the first said, too, as no later one tells of it.
create or replace function herald_key_problem(e audit_log) returns text language plpgsql stable set plan_cache_mode = 'force_generic_plan' as $$
declare
  k api_keys;
begin
  select * into k from api_keys a where a.id = e.details->>'id';
  if k.id is null then
    return format('the API key %s is not there any more', e.details->>'id');
  elsif e.action = 'key.revoke' then
    return case when k.revoked_at is null then format('the API key %s is not revoked any more', k.id) end;
  elsif e.action = 'key.create' and (k.topics, k.keys, k.kinds) is distinct from (e.details->'topics', e.details->'keys', e.details->'kinds') then
    return format('the API key %s may something else than when it was created', k.id);
  elsif exists (select from audit_log a where a.action in ('key.rename', 'key.rotate') and a.details->>'id' = k.id and a.id > e.id) then
    return null;
  elsif (case when e.details ? 'digest' then herald_key_digest(k) <> e.details->>'digest'
      else k.role <> e.details->>'role' or k.environments <> e.details->'environments' or k.name <> e.details->>'name' end) then
    return format('the API key %s is not what was created', k.id);
  end if;
  return null;
end $$;

-- The first admin key, unless there is a good one: servers that start together on an empty database make one. One that is narrowed to keys or
-- kinds makes no others.
create or replace function herald_first_admin(key jsonb) returns boolean language plpgsql as $$
declare
  made api_keys;
begin
  perform herald_lock();
  if exists (select from api_keys k where k.role = 'admin' and k.environments ? '*' and k.kinds is null and (k.keys is null or k.keys ? '*')
      and herald_is_good(k)) then
    return false;
  end if;
  insert into api_keys (id, name, hash, role, environments, created_at, created_by)
    values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments', herald_at((key->>'createdAt')::float8), key->>'createdBy')
    returning * into made;
  perform herald_audit('', 'key.create', key->>'createdBy',
    key - 'hash' - 'createdAt' - 'createdBy' - 'revokedAt' || jsonb_build_object('digest', herald_key_digest(made)));
  return true;
end $$;
