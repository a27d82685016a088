-- Routing rules: docs/decisions/0037-routes.md. A step appends to the targets and moves the rules' positions in one transaction, under the rules' lock.

create table routing_rules (
  id integer primary key generated always as identity,
  name varchar(100) collate "C" not null unique,
  -- A topic's name, or a name and /* for all below it.
  source_pattern varchar(202) collate "C" not null,
  -- In CEL; '': all events.
  conditions text not null,
  -- '': events keep their keys.
  routing_key text not null,
  target_topic varchar(200) collate "C" not null,
  priority integer not null,
  final boolean not null,
  enabled boolean not null,
  -- Why nothing is routed by it; '': nothing is wrong.
  error text not null default '',
  description text not null,
  version integer not null default 1,
  -- Milliseconds since 1970, as all times here.
  created_at bigint not null,
  created_by text not null,
  updated_at bigint not null
);

-- Counts changes of the rules.
create table routing_revision (
  only_one boolean primary key default true check (only_one),
  revision bigint not null
);
insert into routing_revision values (true, 0);

-- How far a rule is in a partition of a topic that it routes, and what became of its events.
create table routing_positions (
  rule_id integer not null references routing_rules on delete cascade,
  topic_id integer not null,
  part smallint not null,
  epoch bigint not null,
  off bigint not null,
  routed bigint not null default 0,
  skipped bigint not null default 0,
  refused bigint not null default 0,
  missed bigint not null default 0,
  primary key (rule_id, topic_id, part)
) with (fillfactor = 50);
create index routing_positions_topic on routing_positions (topic_id);

-- The newest events of each rule that can't be routed.
create table routing_refusals (
  id bigint primary key generated always as identity,
  rule_id integer not null references routing_rules on delete cascade,
  topic_id integer not null,
  part smallint not null,
  epoch bigint not null,
  off bigint not null,
  why text not null,
  refused_at bigint not null
);
create index routing_refusals_rule on routing_refusals (rule_id, id);

create function herald_route_json(r routing_rules) returns jsonb language sql immutable as $$
  select jsonb_build_object('id', r.id, 'name', r.name, 'source', r.source_pattern, 'condition', r.conditions, 'key', r.routing_key,
    'target', r.target_topic, 'priority', r.priority, 'final', r.final, 'enabled', r.enabled, 'error', r.error, 'description', r.description,
    'version', r.version, 'createdAt', r.created_at, 'createdBy', r.created_by, 'updatedAt', r.updated_at)
$$;

create function herald_route_note(action text, route jsonb, note jsonb, more jsonb) returns void language plpgsql as $$
begin
  if note is null then return; end if;
  perform herald_audit('', action, note->>'by', jsonb_build_object('route', route->>'name', 'id', route->'id', 'version', route->'version',
    'source', route->'source', 'target', route->'target', 'keyId', note->'keyId')
    || (case when note->>'message' = '' then '{}'::jsonb else jsonb_build_object('message', note->'message') end) || more);
end $$;

-- Whoever changes rules waits for the steps that are under way, and they for it. False: they are of another revision by now.
create function herald_routes_lock(expected bigint) returns boolean language plpgsql as $$
declare
  held bigint;
begin
  perform pg_advisory_xact_lock(7234743);
  select revision into held from routing_revision;
  if held is distinct from coalesce(expected, held) then return false; end if;
  update routing_revision set revision = revision + 1;
  return true;
end $$;

-- Positions that are not there, of rules that are; false: there is no room for them. Whoever asks has the rules' lock, or a share of it.
create function herald_route_places(places jsonb, most integer) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7234744);
  if (select count(*) from routing_positions) + jsonb_array_length(places) > most then return false; end if;
  insert into routing_positions (rule_id, topic_id, part, epoch, off)
    select p.route, p.topic, p.partition, p.epoch, p.offset
    from jsonb_to_recordset(places) as p (route integer, topic integer, partition smallint, epoch bigint, "offset" bigint)
    where exists (select from routing_rules r where r.id = p.route)
    on conflict do nothing;
  return true;
end $$;

-- A rule as it is then; {"problem": "stale" | "exists" | "full"}.
create function herald_route_create(rule jsonb, places jsonb, expected bigint, actor text, note jsonb, most integer, most_places integer) returns jsonb
  language plpgsql as $$
declare
  made routing_rules;
  now constant bigint := herald_now();
begin
  if not herald_routes_lock(expected) then return '{"problem": "stale"}'; end if;
  if exists (select from routing_rules where name = rule->>'name') then return '{"problem": "exists"}'; end if;
  if (select count(*) >= most from routing_rules) then return '{"problem": "full"}'; end if;
  insert into routing_rules (name, source_pattern, conditions, routing_key, target_topic, priority, final, enabled, description, created_at, created_by,
      updated_at)
    values (rule->>'name', rule->>'source', rule->>'condition', rule->>'key', rule->>'target', (rule->>'priority')::integer, (rule->>'final')::boolean,
      (rule->>'enabled')::boolean, rule->>'description', now, actor, now)
    returning * into made;
  if not herald_route_places((select coalesce(jsonb_agg(p || jsonb_build_object('route', made.id)), '[]') from jsonb_array_elements(places) p), most_places) then
    delete from routing_rules where id = made.id;
    return '{"problem": "full"}';
  end if;
  perform herald_route_note('route.create', herald_route_json(made), note, jsonb_build_object('enabled', made.enabled));
  return herald_route_json(made);
end $$;

-- A rule as it is then; null: there is none; {"problem": "stale"}. `places`: where it goes on; null: where it is.
create function herald_route_update(of_id integer, change jsonb, places jsonb, expected bigint, note jsonb) returns jsonb language plpgsql as $$
declare
  made routing_rules;
begin
  if not herald_routes_lock(expected) then return '{"problem": "stale"}'; end if;
  update routing_rules set version = version + 1, updated_at = greatest(updated_at, herald_now()), error = '',
      conditions = coalesce(change->>'condition', conditions),
      routing_key = coalesce(change->>'key', routing_key),
      target_topic = coalesce(change->>'target', target_topic),
      priority = coalesce((change->>'priority')::integer, priority),
      final = coalesce((change->>'final')::boolean, final),
      enabled = coalesce((change->>'enabled')::boolean, enabled),
      description = coalesce(change->>'description', description)
    where id = of_id returning * into made;
  if not found then return null; end if;
  update routing_positions c set epoch = p.epoch, off = p.offset
    from jsonb_to_recordset(places) as p (topic integer, partition smallint, epoch bigint, "offset" bigint)
    where c.rule_id = of_id and c.topic_id = p.topic and c.part = p.partition;
  perform herald_route_note('route.update', herald_route_json(made), note, jsonb_build_object('changed', change)
    || (case when places is null then '{}'::jsonb else '{"skipped": true}'::jsonb end));
  return herald_route_json(made);
end $$;

create function herald_route_remove(of_id integer, note jsonb) returns boolean language plpgsql as $$
declare
  held routing_rules;
begin
  perform herald_routes_lock(null);
  delete from routing_rules where id = of_id returning * into held;
  if not found then return false; end if;
  perform herald_route_note('route.delete', herald_route_json(held), note, '{}');
  return true;
end $$;

create function herald_route_fail(of_id integer, of_version integer, why text) returns boolean language plpgsql as $$
begin
  perform herald_routes_lock(null);
  update routing_rules set error = why, version = version + 1, updated_at = greatest(updated_at, herald_now())
    where id = of_id and version = of_version and enabled and error = '';
  return found;
end $$;

create function herald_routes_begin(places jsonb, most integer) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(7234743);
  return herald_route_places(places, most);
end $$;

-- One step: what rules made of a bite of a partition. See Step of src/routes/RouteStore.ts.
--   rules:   [{route, from: {epoch, offset}, to, routed, skipped, refused, missed, refusals: [{topic, partition, epoch, offset, why}]}]
--   keep:    refusals of a rule
--   in_*:    what is appended, as herald_topic_append has it, in the order of topic and partition, one of each
--   returns: done | stale | elsewhere | unavailable; but for done nothing happened
create function herald_route_step(expected bigint, of_topic integer, of_part integer, rules jsonb, keep integer, in_topics integer[], in_parts integer[],
    in_counts integer[], in_codecs integer[], in_crcs bigint[], in_data bytea[], in_hashes bytea[]) returns text language plpgsql as $$
declare
  one record;
  lane_name constant text := 'routes/' || of_topic || '/' || of_part;
  newest bigint;
  answer jsonb;
  now constant bigint := herald_now();
begin
  perform set_config('lock_timeout', '2s', true);
  perform pg_advisory_xact_lock_shared(7234743);
  if (select revision from routing_revision) <> expected then return 'stale'; end if;
  for one in select r.route, r.at as at, c.epoch, c.off from (select (value->>'route')::integer as route, value->'from' as at
        from jsonb_array_elements(rules)) r
      left join routing_positions c on c.rule_id = r.route and c.topic_id = of_topic and c.part = of_part order by r.route
  loop
    perform from routing_positions c where c.rule_id = one.route and c.topic_id = of_topic and c.part = of_part
      and c.epoch = (one.at->>'epoch')::bigint and c.off = (one.at->>'offset')::bigint for update;
    if not found then return 'elsewhere'; end if;
  end loop;

  if cardinality(in_topics) > 0 then
    if exists (select from unnest(in_topics) i where not exists (select from topics t where t.id = i and t.enabled and t.log = 'postgres')) then
      return 'unavailable';
    end if;
    insert into topic_lanes values (lane_name, 0, '[]', now) on conflict do nothing;
    select l.round into newest from topic_lanes l where l.lane = lane_name for update;
    answer := herald_topic_append(pg_postmaster_start_time()::text, lane_name, newest + 1, 2000, in_topics, in_parts, in_counts, in_codecs, in_crcs, in_data,
      in_hashes, (select jsonb_agg('[]'::jsonb) from unnest(in_topics)), array_fill(9000000000000000::bigint, array[cardinality(in_topics)]));
    -- All or nothing: a partition that went since takes the others' events back.
    if exists (select from jsonb_array_elements(answer) a where a->>0 <> 'placed') then
      raise exception 'a target of a route is gone' using errcode = 'HR069';
    end if;
  end if;

  update routing_positions c set epoch = (r.value#>>'{to,epoch}')::bigint, off = (r.value#>>'{to,offset}')::bigint,
      routed = c.routed + (r.value->>'routed')::bigint, skipped = c.skipped + (r.value->>'skipped')::bigint,
      refused = c.refused + (r.value->>'refused')::bigint, missed = c.missed + (r.value->>'missed')::bigint
    from jsonb_array_elements(rules) r
    where c.rule_id = (r.value->>'route')::integer and c.topic_id = of_topic and c.part = of_part;
  for one in select (r.value->>'route')::integer as route, r.value->'refusals' as refusals from jsonb_array_elements(rules) r
      where jsonb_array_length(r.value->'refusals') > 0
  loop
    insert into routing_refusals (rule_id, topic_id, part, epoch, off, why, refused_at)
      select one.route, of_topic, of_part, (v->>'epoch')::bigint, (v->>'offset')::bigint, v->>'why', now
      from jsonb_array_elements(one.refusals) with ordinality as a (v, n) order by n;
    delete from routing_refusals f where f.rule_id = one.route and f.id <= (
      select g.id from routing_refusals g where g.rule_id = one.route order by g.id desc offset keep limit 1);
  end loop;
  return 'done';
exception when sqlstate 'HR069' then return 'unavailable';
end $$;
