-- Which topics an API key may use: KX1 of src/access/TopicRights.ts. Null: as its environments say.

alter table api_keys add column topics jsonb;

-- SHA-256 over everything that a key is, but for its revocation. What is null is left out, so keys of before have the digest that they had.
create or replace function herald_key_digest(k api_keys) returns text language plpgsql immutable as $$
begin
  return encode(sha256(convert_to(concat_ws('|', k.id, k.hash, k.role, k.environments, herald_millis(k.created_at)::bigint,
    coalesce(herald_millis(k.expires_at)::bigint, 0), k.topics, k.created_by, k.name), 'UTF8')), 'hex');
end $$;

create or replace function herald_key_insert(key jsonb, actor text, told jsonb) returns void language plpgsql as $$
declare
  made api_keys;
begin
  insert into api_keys values (key->>'id', key->>'name', key->>'hash', key->>'role', key->'environments',
    herald_at((key->>'createdAt')::float8), key->>'createdBy', herald_at((key->>'expiresAt')::float8), null, key->'topics') returning * into made;
  perform herald_audit('', 'key.create', actor, jsonb_build_object('id', made.id, 'name', made.name, 'role', made.role,
    'environments', made.environments, 'expiresAt', key->'expiresAt', 'digest', herald_key_digest(made))
    || (case when made.topics is null then '{}'::jsonb else jsonb_build_object('topics', made.topics) end) || told);
end $$;
