-- A second person: docs/decisions/0041-access.md, point 4. Two kinds of changes, as those of 0020_kinds.sql say: protections, and change requests
-- ("approval"), each of which is a commit that waits. The rules are those of src/approvals/Limits.ts.
insert into herald_kinds values ('protection'), ('approval');

-- Does an entry tell of a version, or of another change of the log?
create or replace function herald_tells_version(action text) returns boolean language sql immutable as $$
  select action in ('publish', 'delete', 'rollback', 'release', 'schedule', 'cancel', 'rollout', 'experiment', 'protect', 'request', 'approve', 'reject',
    'withdraw', 'review')
$$;

-- The newest version of each.
create table protections (
  environment text not null,
  protection_name text not null check (length(protection_name) between 1 and 100),
  version integer not null,
  revision bigint not null,
  deleted boolean not null,
  -- Patterns of keys, and their kinds; null: every kind.
  patterns text[] not null,
  kinds text[],
  -- How many persons have to approve, of which roles, and for how long a request waits.
  approvals integer not null check (approvals between 1 and 5),
  roles text[] not null,
  lasts bigint not null,
  updated_at timestamptz not null,
  updated_by text not null,
  message text not null,
  primary key (environment, protection_name)
);
create table protection_history (
  environment text not null,
  protection_name text not null,
  revision bigint not null,
  stated jsonb not null,
  primary key (environment, protection_name, revision)
);

-- Whether there are any: without one no commit looks for them. Set under the lock.
alter table herald_lineage add column protected boolean not null default false;

-- What waits, and what was done without: a review that is open.
create table change_requests (
  environment text not null,
  id text not null,
  version integer not null,
  -- Of its newest change, and of the commit that made it.
  revision bigint not null,
  made_revision bigint not null,
  state text not null check (state in ('open', 'applied', 'rejected', 'withdrawn', 'review', 'reviewed')),
  author text not null,
  -- Of the API key; null: it has none.
  key_id text,
  action text not null,
  -- What it changes, [{kind, key}].
  touches jsonb not null,
  -- What rights that is about, [{kind, key}].
  rights jsonb not null,
  -- Where that was, [{kind, key, revision}] of the epoch.
  epoch text not null,
  bases jsonb not null,
  -- What is asked for, as JSON with sorted names, and the SHA-256 of that text; '' of a review.
  body text not null,
  digest text not null,
  bytes integer not null,
  needed integer not null,
  made_at timestamptz not null,
  expires_at timestamptz,
  message text not null,
  ended_at timestamptz,
  ended_by text not null,
  reason text not null,
  -- The commit that did it.
  applied_revision bigint,
  primary key (environment, id)
);
create index change_requests_made on change_requests (environment, made_revision);
create index change_requests_open on change_requests (environment, expires_at) where state = 'open';
create index change_requests_authors on change_requests (author, expires_at) where state = 'open';
create index change_requests_reviews on change_requests (environment) where state = 'review';
create index change_requests_applied on change_requests (environment, applied_revision) where applied_revision is not null;

-- One a person: keys of one principal are one person.
create table change_approvals (
  environment text not null,
  id text not null,
  principal text not null,
  -- Of the API key; null: it has none.
  key_id text,
  -- By which it was approved.
  role text not null,
  digest text not null,
  at timestamptz not null,
  -- Until when it counts, where no API key says whether the right is still there.
  until timestamptz,
  -- Which of the persons it was, when the request was applied; null: it did not count.
  person text,
  primary key (environment, id, principal),
  foreign key (environment, id) references change_requests on delete cascade
);

create table approval_history (
  environment text not null,
  id text not null,
  revision bigint not null,
  stated jsonb not null,
  primary key (environment, id, revision)
);

create function herald_covers(patterns text[], key text) returns boolean language sql immutable as $$
  select exists (select from unnest(patterns) p where p = '*' or p = key or (right(p, 2) = '.*' and starts_with(key, left(p, -1))))
$$;

-- Protections of a key; null: of any key of the kind.
create function herald_protections_of(in_environment text, of_kind text, of_key text) returns setof protections language sql stable as $$
  select * from protections p where p.environment = in_environment and not p.deleted and (p.kinds is null or of_kind = any (p.kinds))
    and (of_key is null or herald_covers(p.patterns, of_key))
$$;

-- Variables are in all that is rendered with them.
create function herald_is_protected(in_environment text, of_kind text, of_key text) returns boolean language sql stable as $$
  select exists (select from herald_protections_of(in_environment, of_kind, case when of_kind = 'config' and of_key = 'herald.variables' then null else of_key end))
$$;

-- What a candidate of a flag stands on, as feature_flags has it of the flags that there are: segments that it names, and flags that it needs.
alter table rollout_candidates
  add column uses jsonb not null generated always as (
    case when kind = 'flag' and starts_with(wish, '{') then coalesce(wish::jsonb->'uses', '[]') else '[]' end) stored,
  add column prerequisites jsonb not null generated always as (
    case when kind = 'flag' and starts_with(wish, '{') then coalesce(wish::jsonb->'prerequisites', '[]') else '[]' end) stored;
create index rollout_candidates_standing on rollout_candidates (environment) where state = 'candidate' and (uses <> '[]' or prerequisites <> '[]');

-- Who needs a flag, and who names a segment, by their names. Each walk looks here many times, so nothing is left for later (fastupdate).
create function herald_needs(prerequisites jsonb) returns jsonb language sql immutable as $$ select jsonb_path_query_array(prerequisites, '$[*].flag') $$;
create index feature_flags_needs on feature_flags using gin (herald_needs(prerequisites)) with (fastupdate = off) where prerequisites <> '[]' and not deleted;
create index flag_segments_using on flag_segments using gin (uses) with (fastupdate = off)
  where uses <> '[]' and not deleted;
alter index feature_flags_using set (fastupdate = off);

-- Keys that changes are of, by the kinds that rights are given for, and all that hangs on them, however far: one walk for all changes. A key that is
-- null stands for all. `begins`: requests that began each change, in their order, '*' where it never waits. `direct`: a change names it.
create function herald_touched(changes jsonb, begins text[]) returns table (begun text, in_environment text, of_kind text, of_key text, direct boolean)
  language sql stable set enable_bitmapscan = on set enable_hashjoin = on as $$
  with recursive named(begun, environment, kind, key) as materialized (
    select distinct coalesce(begins[c.n], ''), c.value->>'environment', t.kind, t.key from jsonb_array_elements(changes) with ordinality c(value, n) cross join lateral (
      select c.value->>'kind' as kind, c.value->>'key' as key where c.value->>'kind' in ('configuration', 'flag', 'segment', 'flag_settings')
      union all
      select 'experiment', coalesce(c.value->>'flag', (select x.flag_name from experiments x
        where x.environment = c.value->>'environment' and x.experiment_name = c.value->>'key')) where c.value->>'kind' = 'experiment'
      union all
      select one->>'kind', one->>'key' from jsonb_array_elements(
        case when c.value->>'kind' = 'schedule' and c.value->>'state' = 'pending' then c.value->'touches' end) one
      union all
      select w.kind, one->>'key' from jsonb_array_elements(case when c.value->>'kind' = 'rollout' then case when c.value->>'op' = 'start' then c.value->'candidates'
          else (select r.stated->'targets' from rollouts r where r.environment = c.value->>'environment' and r.id = c.value->>'key') end end) one
        cross join lateral (values ('rollout'), (one->>'kind')) w(kind)
    ) t
  ), candidates(environment, kind, key, flag_name) as materialized (
    select k.environment, 'segment', name, k.key from rollout_candidates k cross join lateral jsonb_array_elements_text(k.uses) name
      where k.state = 'candidate' and (k.uses <> '[]' or k.prerequisites <> '[]')
    union all
    select k.environment, 'flag', one->>'flag', k.key from rollout_candidates k cross join lateral jsonb_array_elements(k.prerequisites) one
      where k.state = 'candidate' and (k.uses <> '[]' or k.prerequisites <> '[]')
  ), reached(begun, environment, kind, key) as (
    select n.begun, n.environment, n.kind, n.key from named n where n.kind in ('flag', 'segment')
    union
    select r.begun, r.environment, next.kind, next.key from reached r cross join lateral (
      select 'flag' as kind, f.flag_name as key from feature_flags f where r.kind = 'flag' and f.environment = r.environment and not f.deleted
        and f.prerequisites <> '[]' and herald_needs(f.prerequisites) ? r.key
      union all
      select 'flag', f.flag_name from feature_flags f where r.kind = 'segment' and f.environment = r.environment and not f.deleted and f.uses <> '[]' and f.uses ? r.key
      union all
      select 'segment', s.segment_name from flag_segments s where r.kind = 'segment' and s.environment = r.environment and not s.deleted and s.uses <> '[]' and s.uses ? r.key
      union all
      select 'flag', k.flag_name from candidates k where k.environment = r.environment and k.kind = r.kind and k.key = r.key
    ) next
  )
  select t.begun, t.environment, t.kind, t.key, n.key is not null from reached t left join named n using (begun, environment, kind, key)
  union all
  select n.begun, n.environment, case n.kind when 'configuration' then 'config' when 'flag_settings' then 'flag' else n.kind end,
      case when n.kind = 'flag_settings' or (n.kind = 'configuration' and n.key = 'herald.variables') then null else n.key end, true
    from named n where n.kind not in ('flag', 'segment')
$$;

-- What changes stand on, before and with them, however far, without what they change themselves; a thousand and one of them at most. `named`: what they
-- name; `touched`: what they change, of which rollouts stand on what their candidates name.
create function herald_stands_on(in_environment text, named jsonb, touched jsonb) returns table (kind text, key text)
  language sql stable set enable_hashjoin = on as $$
  with recursive own(kind, key) as materialized (
    select one->>'kind', one->>'key' from jsonb_array_elements(touched) one
  ), standing(kind, key) as (
    select one->>'kind', one->>'key' from jsonb_array_elements(named || touched) one
    union
    select next.kind, next.key from standing s cross join lateral (
      select 'flag' as kind, one->>'flag' as key from feature_flags f cross join lateral jsonb_array_elements(f.prerequisites) one
        where s.kind = 'flag' and f.environment = in_environment and f.flag_name = s.key and not f.deleted
      union all
      select 'segment', name from feature_flags f cross join lateral jsonb_array_elements_text(f.uses) name
        where s.kind = 'flag' and f.environment = in_environment and f.flag_name = s.key and not f.deleted
      union all
      select 'segment', name from flag_segments g cross join lateral jsonb_array_elements_text(g.uses) name
        where s.kind = 'segment' and g.environment = in_environment and g.segment_name = s.key and not g.deleted
      union all
      select 'flag', one->>'flag' from rollout_candidates k cross join lateral jsonb_array_elements(k.prerequisites) one
        where s.kind in ('flag', 'rollout') and k.environment = in_environment and k.kind = 'flag' and k.state = 'candidate'
          and s.key = case s.kind when 'flag' then k.key else k.rollout end
      union all
      select 'segment', name from rollout_candidates k cross join lateral jsonb_array_elements_text(k.uses) name
        where s.kind in ('flag', 'rollout') and k.environment = in_environment and k.kind = 'flag' and k.state = 'candidate'
          and s.key = case s.kind when 'flag' then k.key else k.rollout end
    ) next
  )
  select t.kind, t.key from (select s.kind, s.key from standing s where not exists (select from own o where o.kind = s.kind and o.key = s.key) limit 1001) t
    order by t.kind collate "C", t.key collate "C"
$$;

-- Where each of these is: the commit of its newest version, or of its newest candidate; 0: it was never there. `was`: where it is said to be.
create function herald_bases(in_environment text, named jsonb) returns table (n bigint, kind text, key text, was text, at bigint) language sql stable as $$
  select b.n, b.value->>'kind', b.value->>'key', b.value->>'revision', coalesce(case b.value->>'kind'
    when 'configuration' then greatest(
      (select c.revision from configurations c where c.environment = in_environment and c.key = b.value->>'key'),
      (select max(k.revision) from rollout_candidates k where k.environment = in_environment and k.kind = 'configuration' and k.key = b.value->>'key'))
    when 'flag' then greatest(
      (select f.revision from feature_flag_history f where f.environment = in_environment and f.flag_name = b.value->>'key' order by f.version desc limit 1),
      (select max(k.revision) from rollout_candidates k where k.environment = in_environment and k.kind = 'flag' and k.key = b.value->>'key'))
    when 'segment' then
      (select s.revision from flag_segment_history s where s.environment = in_environment and s.segment_name = b.value->>'key' order by s.version desc limit 1)
    when 'flag_settings' then (select s.revision from flag_settings s where s.environment = in_environment and s.settings_name = b.value->>'key')
    when 'experiment' then (select x.revision from experiments x where x.environment = in_environment and x.experiment_name = b.value->>'key')
    when 'rollout' then (select r.revision from rollouts r where r.environment = in_environment and r.id = b.value->>'key')
    when 'schedule' then (select s.revision from schedules s where s.environment = in_environment and s.id = b.value->>'key')
    when 'protection' then (select p.revision from protections p where p.environment = in_environment and p.protection_name = b.value->>'key')
  end, 0) from jsonb_array_elements(named) with ordinality b(value, n)
$$;

-- What was there as an approver is shown it; null: nothing was.
create function herald_was(in_environment text, of_kind text, named text, at_revision bigint) returns jsonb language sql stable as $$
  select case of_kind
    when 'configuration' then (select to_jsonb(c) from (select h.value, h.value_type as "valueType", h.schema_definition as schema, h."strict", h.template,
        h.version, h.deleted from configuration_history h where h.environment = in_environment and h.key = named and h.revision <= at_revision
        order by h.version desc limit 1) c)
    when 'flag' then (select herald_flag_json(f) from feature_flag_history f where f.environment = in_environment and f.flag_name = named
      and f.revision <= at_revision order by f.version desc limit 1)
    else herald_stated_at(of_kind, in_environment, named, at_revision) end
$$;

-- Why what was approved is no longer what would be done; null: it still is.
create function herald_change_void(r change_requests) returns text language plpgsql stable as $$
declare
  changed record;
begin
  if r.state <> 'open' then return null; end if;
  if r.epoch <> (select e.epoch from herald_epoch e) then return 'history has another epoch since'; end if;
  select b.kind, b.key, b.at into changed from herald_bases(r.environment, r.bases) b
    where b.at::text <> b.was order by b.n limit 1;
  return case when changed.kind is not null then format('the %s %s was changed since, in revision %s', changed.kind, changed.key, changed.at) end;
end $$;

-- Makers are looked for by whom keys are of.
create index api_keys_names on api_keys (name);

-- Whether all that it stands on, and does not change itself, is as it was when it was asked for.
create function herald_still_stands(r change_requests) returns boolean language sql stable as $$
  select r.epoch = (select e.epoch from herald_epoch e) and not exists (select from herald_bases(r.environment, r.bases) b where b.at::text <> b.was
    and not exists (select from jsonb_array_elements(r.touches) t where t->>'kind' = b.kind and t->>'key' = b.key))
$$;

-- Principals who can act with an API key: its own, who made it and so saw its token, and who made one of theirs, however far (AQ10). Where it is no key
-- that is known, by all of the principal's.
create function herald_holders(of_principal text, of_key text) returns setof text language sql stable as $$
  with recursive makers(name) as (
    select k.created_by from api_keys k where k.name = of_principal
      and (k.id = of_key or not exists (select from api_keys x where x.id = of_key and x.name = of_principal))
    union select k.created_by from makers m join api_keys k on k.name = m.name)
  select of_principal union select m.name from makers m where m.name <> 'herald'
$$;

-- Whom the server itself let in, and who has no good key any more: what they handed out is with those who have it. AQ15
create function herald_is_retired(principal text) returns boolean language sql volatile as $$
  select count(*) > 0 and bool_and(k.created_by in ('herald', k.name)) and not bool_or(herald_is_good(k)) from api_keys k where k.name = principal
$$;

-- Who can act as both, so that they are one person; null: nobody, they are two.
create function herald_meeting(a text, a_key text, b text, b_key text) returns text language sql volatile as $$
  select h from (select herald_holders(a, a_key) as h intersect select herald_holders(b, b_key)) both_hold
    where h in (a, b) or not herald_is_retired(h) order by h in (a, b) desc, h limit 1
$$;

-- Approvals that count now: of another person than the author, of a right that still is there. By the very key that approved, or, where that ended by
-- itself, by another of its principal: of the role that approved, either way.
create function herald_approvers(r change_requests, of_roles text[]) returns setof change_approvals language sql volatile as $$
  select a.* from change_approvals a where a.environment = r.environment and a.id = r.id and a.digest = r.digest and a.role = any (of_roles)
    and case when a.until is not null then a.until > clock_timestamp() else
      not exists (select from api_keys k where k.id = a.key_id and k.revoked_at is not null)
      and exists (select from api_keys k where k.name = a.principal and herald_is_good(k) and k.role = any (of_roles)
        and (k.environments ? '*' or k.environments ? r.environment)
        and (k.id = a.key_id or not exists (select from api_keys x where x.id = a.key_id and herald_is_good(x)))) end
    and herald_meeting(r.author, r.key_id, a.principal, a.key_id) is null
$$;

-- The same, each with the person that it is of: those who meet are one, also through somebody else. `looked_at`: principals that count; null: all.
create function herald_persons(r change_requests, of_roles text[], looked_at jsonb) returns table (approver text, person text) language sql volatile as $$
  with recursive counting as materialized (
    select a.principal, a.key_id from herald_approvers(r, of_roles) a where looked_at is null or looked_at ? a.principal),
  holding as materialized (select c.principal, h.name from counting c cross join lateral herald_holders(c.principal, c.key_id) h(name)),
  apart as materialized (select d.name from (select distinct h.name from holding h) d where herald_is_retired(d.name)),
  meeting as materialized (
    select distinct a.principal as one, b.principal as other from holding a join holding b on a.name = b.name
      where a.name in (a.principal, b.principal) or a.name not in (select p.name from apart p)),
  same(one, other) as (select m.one, m.other from meeting m union select s.one, m.other from same s join meeting m on m.one = s.other)
  select s.one, min(s.other collate "C") from same s group by s.one
$$;

-- For how many approvals of these roles it counts since it was applied; of a broken glass for any number. AQ6
create function herald_counted(in_environment text, of_id text, of_roles text[]) returns bigint language sql stable as $$
  select case when r.state in ('review', 'reviewed') then 6
    else (select count(distinct a.person) from change_approvals a where a.environment = r.environment and a.id = r.id and a.role = any (of_roles)) end
  from change_requests r where r.environment = in_environment and r.id = of_id
$$;

-- Whether one of the requests that began it (ids with a space between, '*': whatever) had so many approvals of these roles.
create function herald_counts(in_environment text, begun text, of_roles text[], needed integer) returns boolean language sql stable as $$
  select exists (select from unnest(string_to_array(begun, ' ')) one where one = '*' or herald_counted(in_environment, one, of_roles) >= needed)
$$;

-- open, approved, applied, rejected, withdrawn, review, reviewed; expired and void are what has become of an open one.
create function herald_change_state(r change_requests) returns text language sql volatile as $$
  select case when r.state <> 'open' then r.state when r.expires_at <= clock_timestamp() then 'expired' when herald_change_void(r) is not null then 'void'
    when (select count(distinct p.person) from herald_persons(r, '{admin,publisher}', null) p) >= r.needed then 'approved' else 'open' end
$$;

-- A change request as nodes are told of it.
create function herald_approval_json(r change_requests) returns jsonb language sql volatile as $$
  select jsonb_build_object('environment', r.environment, 'key', r.id, 'revision', r.revision::text, 'version', r.version, 'state', herald_change_state(r),
    'author', r.author, 'action', r.action, 'touches', r.touches, 'rights', r.rights, 'digest', r.digest, 'bytes', r.bytes, 'needed', r.needed,
    'approvals', coalesce((select jsonb_agg(jsonb_build_object('by', a.principal, 'at', herald_millis(a.at)) order by a.at, a.principal)
      from change_approvals a where a.environment = r.environment and a.id = r.id), '[]'),
    'madeAt', herald_millis(r.made_at), 'expiresAt', herald_millis(r.expires_at), 'message', r.message, 'endedAt', herald_millis(r.ended_at),
    'endedBy', r.ended_by, 'reason', coalesce(nullif(r.reason, ''), herald_change_void(r), ''), 'applied', r.applied_revision::text)
$$;

create function herald_refusal(name text, message text, details jsonb) returns jsonb language sql immutable as $$
  select jsonb_build_object('name', name, 'message', message, 'details', details)
$$;

-- Nobody approves or looks at their own; null: it is another person who acts.
create function herald_own_change(r change_requests, actor text, actor_key text) returns jsonb language plpgsql as $$
declare
  by_both constant text := herald_meeting(r.author, r.key_id, actor, actor_key);
begin
  return case when by_both is not null then herald_refusal('OwnChange', case
    when r.author = actor then format('%s is of %s, so somebody else looks at it', r.id, actor)
    when by_both = actor then format('%s is of %s, whose API key %s made, or one that it comes from', r.id, r.author, actor)
    when by_both = r.author then format('%s is of %s, who made this API key of %s, or one that it comes from', r.id, r.author, actor)
    else format('%s is of %s, and %s made the API keys of both %s and %s, or those that they come from', r.id, r.author, by_both, r.author, actor) end,
    jsonb_build_object('key', r.id, 'environment', r.environment, 'by', by_both)) end;
end $$;

create function herald_approval_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_id constant text := change->>'key';
  op constant text := change->>'op';
  actor constant text := release->>'actor';
  details constant jsonb := jsonb_build_object('key', of_id, 'environment', in_environment);
  held change_requests;
  stale record;
  of_request text;
  is_now text;
  open_ones bigint;
  total bigint;
  problem jsonb;
begin
  if op = 'glass' and (select count(*) from change_requests r where r.environment = in_environment and r.state = 'review') >= 500 then
    return herald_refusal('ChangesFull', format('%s has 500 open reviews of broken glass: somebody else closes one first', in_environment), '{}');
  end if;
  if op = 'glass' then return null; end if;
  if op = 'open' then
    select b.kind, b.key into stale from herald_bases(in_environment, coalesce(change->'bases', '[]')) b
      where change->>'epoch' <> (select e.epoch from herald_epoch e) or b.at::text <> b.was order by b.n limit 1;
    if stale.kind is not null then
      return herald_refusal('VersionConflict', format('the %s %s in %s was changed while this was checked', stale.kind, stale.key, in_environment),
        jsonb_build_object('key', stale.key, 'environment', in_environment, 'changed', 'rules'));
    end if;
    -- Who asks for the same again has asked already: it stands on what it stood on.
    select r.id into of_request from change_requests r where r.author = actor and r.state = 'open' and r.environment = in_environment
      and r.digest = change->>'digest' and r.expires_at > clock_timestamp() order by r.made_revision limit 1;
    if of_request is not null then
      return herald_refusal('ChangeWaits', format('it waits as the change request %s in %s', of_request, in_environment),
        jsonb_build_object('change', of_request, 'environment', in_environment));
    end if;
    select count(*), coalesce(sum(r.bytes), 0) into open_ones, total from change_requests r
      where r.environment = in_environment and r.state = 'open' and r.expires_at > clock_timestamp();
    if open_ones >= 500 then
      return herald_refusal('ChangesFull', format('%s has 500 open change requests already', in_environment), '{}');
    end if;
    if total + (change->>'bytes')::bigint > 67108864 then
      return herald_refusal('ChangesFull', format('the open change requests of %s would have more than 67108864 bytes', in_environment), '{}');
    end if;
    if (select count(*) from change_requests r where r.author = actor and r.state = 'open' and r.expires_at > clock_timestamp()) >= 100 then
      return herald_refusal('ChangesFull', format('%s has 100 open change requests already', actor), '{}');
    end if;
    return null;
  end if;

  select * into held from change_requests r where r.environment = in_environment and r.id = of_id;
  if held.id is null then
    return herald_refusal('NotFound', format('there is no change request %s in %s', of_id, in_environment), details);
  end if;
  if op = 'review' then
    if held.state <> 'review' then
      return herald_refusal('ChangeOver', format('%s in %s has no open review: it is %s', of_id, in_environment, held.state), details);
    end if;
    return herald_own_change(held, actor, release->>'keyId');
  end if;
  is_now := herald_change_state(held);
  if is_now = 'void' and op <> 'withdraw' and op <> 'reject' then
    return herald_refusal('ChangeVoid', format('the change request %s in %s is void: %s', of_id, in_environment, herald_change_void(held)), details);
  end if;
  if is_now not in ('open', 'approved', 'void') then
    return herald_refusal('ChangeOver', format('the change request %s in %s is %s', of_id, in_environment, is_now), details || jsonb_build_object('state', is_now));
  end if;
  if op = 'approve' then
    problem := herald_own_change(held, actor, release->>'keyId');
    if problem is not null then return problem; end if;
    if (select count(*) from change_approvals a where a.environment = in_environment and a.id = of_id and a.principal <> actor) >= 20 then
      return herald_refusal('ChangesFull', format('%s has 20 approvals already', of_id), details);
    end if;
  end if;
  if op in ('approve', 'apply') and (change->>'digest' <> held.digest or encode(sha256(convert_to(held.body, 'UTF8')), 'hex') <> held.digest) then
    return herald_refusal('ChangeDiffers', format('the digest of %s is %s, not %s', of_id, held.digest, change->>'digest'), details);
  end if;
  return null;
end $$;

-- Who has to approve a release, and has not; null: nothing stands in its way. Asked under the lock, of every release that may touch something protected.
create function herald_approval_missing(release jsonb) returns jsonb language plpgsql as $$
declare
  asked constant jsonb := jsonb_path_query_first(release, '$.changes[*] ? (@.kind == "approval" && @.op == "apply")');
  -- Environments whose glass is broken: each is of its own alone. AQ8
  free constant jsonb := jsonb_path_query_array(release, '$.changes[*] ? (@.kind == "approval" && @.op == "glass").environment');
  held change_requests;
  change jsonb;
  moved rollouts;
  -- What each change may by itself: requests that began it, '*': anything.
  allowed jsonb := '[]';
  begun text;
  begins text[] := '{}';
  touch record;
  p protections;
  problem jsonb;
begin
  -- What a commit opens, approves or ends waits or waited by itself.
  if jsonb_path_exists(release, '$.changes[*] ? (@.kind == "approval" && @.op != "apply" && @.op != "glass")') then return null; end if;
  if asked is not null then
    problem := herald_approval_problem(asked, release);
    if problem is not null then return problem; end if;
    select * into held from change_requests r where r.environment = asked->>'environment' and r.id = asked->>'key';
    if (select coalesce(jsonb_agg(c.value order by c.n), '[]') from jsonb_array_elements(release->'changes') with ordinality c(value, n)
        where c.value->>'kind' <> 'approval') <> held.body::jsonb->'changes' or release->>'action' <> held.action or release->>'actor' <> held.author then
      return herald_refusal('ChangeDiffers', format('what would be done is not what %s asks for', held.id),
        jsonb_build_object('key', held.id, 'environment', held.environment));
    end if;
    if not exists (select from herald_persons(held, '{admin,publisher}', asked->'approvers')) then
      return herald_refusal('ApprovalRequired', format('%s in %s has no approval that counts', held.id, held.environment),
        jsonb_build_object('change', held.id, 'environment', held.environment, 'needed', greatest(held.needed, 1), 'have', 0));
    end if;
  end if;
  if not exists (select from protections x where not x.deleted and not free ? x.environment and x.environment in (
      select c->>'environment' from jsonb_array_elements(release->'changes') c)) then
    return null;
  end if;
  for change in select value from jsonb_array_elements(release->'changes') loop
    -- The way back never waits; the way on is what was approved with the plan. AQ6
    if change->>'kind' = 'rollout' and change->>'op' = 'move' then
      select * into moved from rollouts r where r.environment = change->>'environment' and r.id = change->>'key';
      begun := null;
      if change->>'to' in ('paused', 'rolled_back', 'aborted') then
        begun := '*';
      elsif change->'fence' <> 'null' or (change->>'stage')::integer = moved.stage and change->>'to' <> 'completed' then
        select r.id into begun from change_requests r where r.environment = moved.environment and r.applied_revision = moved.began;
      end if;
      allowed := allowed || jsonb_build_object('environment', change->'environment', 'kind', 'rollout', 'key', change->'key', 'begun', begun);
      if release->>'action' = 'rollout' and moved.id is not null then
        allowed := allowed || coalesce((select jsonb_agg(jsonb_build_object('environment', moved.environment, 'kind', t->'kind', 'key', t->'key', 'begun', begun))
          from jsonb_array_elements(moved.stated->'targets') t), '[]');
      end if;
    elsif change->>'kind' = 'schedule' and change->>'state' = 'committed' then
      allowed := allowed || coalesce((select jsonb_agg(jsonb_build_object('environment', s.environment, 'kind', t->'kind', 'key', t->'key', 'begun', r.id))
        from schedules s join change_requests r on r.environment = s.environment and r.applied_revision = s.made_revision
          cross join lateral jsonb_array_elements(s.touches) t
        where s.environment = change->>'environment' and s.id = change->>'key' and herald_still_stands(r)), '[]');
    end if;
  end loop;
  if allowed <> '[]' then
    select array_agg(coalesce((select string_agg(distinct a->>'begun', ' ') from jsonb_array_elements(allowed) a
        where a->'environment' = c.value->'environment' and a->'kind' = c.value->'kind' and a->'key' = c.value->'key'), '') order by c.n)
      into begins from jsonb_array_elements(release->'changes') with ordinality c(value, n);
  end if;
  -- What a change names is told of before what hangs on it.
  for touch in
    select distinct on (o.environment collate "C", o.protection_name collate "C") t.of_kind, t.of_key, o.protection_name as protection, o.environment
      from herald_touched(release->'changes', begins) t cross join lateral herald_protections_of(t.in_environment, t.of_kind, t.of_key) o
      where not free ? t.in_environment and not herald_counts(t.in_environment, t.begun, o.roles, o.approvals)
      order by o.environment collate "C", o.protection_name collate "C", t.direct desc, t.of_kind collate "C", t.of_key collate "C" nulls first
  loop
    select * into p from protections x where x.environment = touch.environment and x.protection_name = touch.protection;
    problem := herald_approval_lack(p, touch.of_kind, touch.of_key, held, asked);
    if problem is not null then return problem; end if;
  end loop;
  -- A protection protects itself. AQ7
  for p in
    select x.* from jsonb_array_elements(release->'changes') c join protections x
      on x.environment = c->>'environment' and x.protection_name = c->>'key' and not x.deleted where c->>'kind' = 'protection' and not free ? x.environment
  loop
    problem := herald_approval_lack(p, 'protection', p.protection_name, held, asked);
    if problem is not null then return problem; end if;
  end loop;
  return null;
end $$;

create function herald_approval_lack(p protections, of_kind text, of_key text, held change_requests, asked jsonb) returns jsonb language plpgsql as $$
declare
  have bigint := 0;
begin
  if held.id is not null then
    select count(distinct x.person) into have from herald_persons(held, p.roles, asked->'approvers') x;
  end if;
  if have >= p.approvals then return null; end if;
  return herald_refusal('ApprovalRequired', format('the %s %s in %s is protected by %s: %s of %s approvals count', of_kind, coalesce(of_key, '*'), p.environment,
      p.protection_name, have, p.approvals),
    jsonb_strip_nulls(jsonb_build_object('kind', of_kind, 'key', of_key, 'environment', p.environment, 'protection', p.protection_name, 'needed', p.approvals,
      'have', have, 'change', held.id)));
end $$;

create function herald_approval_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  op constant text := change->>'op';
  actor constant text := release->>'actor';
  made change_requests;
  stated jsonb;
begin
  if op = 'open' or op = 'glass' then
    made.environment := in_environment;
    made.id := 'c' || at_revision;
    made.version := 1;
    made.revision := at_revision;
    made.made_revision := at_revision;
    made.state := case op when 'open' then 'open' else 'review' end;
    made.author := actor;
    made.key_id := release->>'keyId';
    made.action := coalesce(change->>'action', release->>'action');
    made.touches := change->'touches';
    made.rights := coalesce(change->'rights', '[{"kind": "*", "key": "*"}]');
    made.epoch := coalesce(change->>'epoch', '');
    made.bases := coalesce(change->'bases', '[]');
    made.body := coalesce(change->>'body', '');
    made.digest := coalesce(change->>'digest', '');
    made.bytes := coalesce((change->>'bytes')::integer, 0);
    made.needed := coalesce((change->>'needed')::integer, 0);
    made.made_at := now;
    made.expires_at := now + (change->>'lasts')::double precision * interval '1 millisecond';
    made.message := release->>'message';
    made.ended_by := '';
    made.reason := coalesce(change->>'reason', '');
    made.applied_revision := case op when 'glass' then at_revision end;
    insert into change_requests values (made.*);
  else
    if op = 'apply' then
      update change_approvals a set person = p.person from change_requests r
          cross join lateral herald_persons(r, '{admin,publisher}', change->'approvers') p
        where r.environment = in_environment and r.id = change->>'key' and a.environment = r.environment and a.id = r.id and a.principal = p.approver;
    end if;
    if op = 'approve' then
      insert into change_approvals values (in_environment, change->>'key', actor, release->>'keyId', change->>'role', change->>'digest', now,
          herald_at((change->>'until')::double precision))
        on conflict (environment, id, principal) do update set key_id = excluded.key_id, role = excluded.role, digest = excluded.digest, at = excluded.at,
          until = excluded.until;
    end if;
    update change_requests r set revision = at_revision, version = r.version + 1,
        state = case op when 'apply' then 'applied' when 'reject' then 'rejected' when 'withdraw' then 'withdrawn' when 'review' then 'reviewed' else r.state end,
        ended_at = case when op <> 'approve' then now end, ended_by = case when op = 'approve' then '' else coalesce(change->>'by', actor) end,
        reason = coalesce(change->>'reason', r.reason), applied_revision = case op when 'apply' then at_revision else r.applied_revision end
      where r.environment = in_environment and r.id = change->>'key' returning * into made;
  end if;
  stated := herald_approval_json(made);
  insert into approval_history values (made.environment, made.id, at_revision, stated);
  return stated;
end $$;

create function herald_approval_at(in_environment text, of_id text, at_revision bigint) returns jsonb language sql stable as $$
  select h.stated from approval_history h where h.environment = in_environment and h.id = of_id and h.revision = at_revision
$$;

-- What is over; what was applied stays as long as what it began goes on.
create function herald_approval_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from change_requests where ctid = any (array(
    select r.ctid from change_requests r where r.revision <= horizon and r.state <> 'review'
      and (r.state <> 'open' or r.expires_at < clock_timestamp())
      and not exists (select from schedules s where s.environment = r.environment and s.made_revision = r.applied_revision and s.state = 'pending')
      and not exists (select from rollouts o where o.environment = r.environment and o.began = r.applied_revision and not herald_is_over(o.state))
      limit step for update skip locked));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- As in 0030_ids.sql, but that lists stay which something names that waits: a change request, or a change that is to be made at a time.
create or replace function herald_sweep_ids(step integer) returns integer language plpgsql as $$
declare
  ended text[];
  pieces text[];
  gone integer;
begin
  if not exists (select from flag_id_lists l where l.touched_at < now() - interval '1 day'
    and not exists (select from flag_segment_history h where h.list = l.digest) and not herald_list_waits(l.digest)) then
    return 0;
  end if;
  if not pg_try_advisory_xact_lock(7234733) or not pg_try_advisory_xact_lock(hashtext('herald_ids')) then -- the first is herald_lock()
    return 0;
  end if;
  select array_agg(l.digest) into ended from (
    select digest from flag_id_lists l where l.touched_at < now() - interval '1 day'
      and not exists (select from flag_segment_history h where h.list = l.digest) and not herald_list_waits(l.digest) limit least(step, 10)) l;
  select array_agg(distinct p) into pieces from flag_id_lists l cross join lateral unnest(l.pieces) p where l.digest = any (ended);
  delete from flag_id_lists l where l.digest = any (ended);
  delete from flag_id_pieces p where p.digest = any (pieces) and p.touched_at < now() - interval '1 day'
    and not exists (select from flag_id_lists l where l.pieces @> array[p.digest]);
  get diagnostics gone = row_count;
  return gone + coalesce(cardinality(ended), 0);
end $$;

create function herald_list_waits(of_digest text) returns boolean language sql volatile as $$
  select exists (select from change_requests r where r.state = 'open' and r.expires_at > clock_timestamp() and r.touches @> '[{"kind": "segment"}]'
      and position(of_digest in r.body) > 0)
    or exists (select from schedules s where s.state = 'pending' and s.touches @> '[{"kind": "segment"}]' and position(of_digest in s.body) > 0)
$$;

-- As in 0030_ids.sql, but that how many ids a list has is not its author's word: an approver reads it.
create or replace function herald_segment_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_key constant text := change->>'key';
  details constant jsonb := jsonb_build_object('key', of_key, 'environment', in_environment);
  archives constant boolean := change->>'definition' is null;
  expected constant integer := (change->>'expectedVersion')::integer;
  current flag_segments;
  version integer;
  problem jsonb;
  used_by text;
  segments bigint;
  total bigint;
  listed integer;
  told text;
begin
  select * into current from flag_segments s where s.environment = in_environment and s.segment_name = of_key;
  version := case when current.version is null or (current.deleted and expected = 0) then 0 else current.version end;
  if expected <> version then
    return jsonb_build_object('name', 'VersionConflict',
      'message', format('the segment %s in %s is at version %s, not %s', of_key, in_environment, version, expected),
      'details', details || jsonb_build_object('expected', expected, 'current', version));
  end if;
  if archives then
    if current.version is null or current.deleted then
      return jsonb_build_object('name', 'NotFound', 'details', details,
        'message', format('there is no segment %s in %s to archive', of_key, in_environment));
    end if;
    used_by := herald_segment_user(in_environment, of_key, release);
    return case when used_by is not null then jsonb_build_object('name', 'SegmentUsed',
      'message', format('%s in %s names the segment %s', used_by, in_environment, of_key), 'details', details || jsonb_build_object('by', used_by)) end;
  end if;

  if change->>'list' is not null then
    select l.count into listed from flag_id_lists l where l.digest = change->>'list';
    told := (change->>'definition')::jsonb#>>'{ids,count}';
    if listed is null or listed::text is distinct from told then
      return jsonb_build_object('name', 'InvalidSegment', 'details', details, 'message', case when listed is null
        then format('%s names a list of ids that is not there', of_key) else format('%s says of its list that it has %s ids; it has %s', of_key, told, listed) end);
    end if;
  end if;
  problem := herald_uses_problem(change, release);
  if problem is not null then return problem; end if;
  select count(*), sum(s.bytes) into segments, total from flag_segments s where s.environment = in_environment and not s.deleted;
  if (current.version is null or current.deleted) and segments >= 1000 then
    return jsonb_build_object('name', 'SegmentsFull', 'message', format('%s has 1000 segments already', in_environment), 'details', details);
  end if;
  if total + (change->>'bytes')::bigint > 16777216 then
    return jsonb_build_object('name', 'SegmentsFull', 'details', details,
      'message', format('the definitions of segments in %s would have more than 16777216 bytes', in_environment));
  end if;
  return null;
end $$;

create function herald_protection_json(p protections) returns jsonb language sql stable as $$
  select jsonb_build_object('environment', p.environment, 'key', p.protection_name, 'revision', p.revision::text, 'version', p.version, 'deleted', p.deleted,
    'patterns', to_jsonb(p.patterns), 'kinds', to_jsonb(p.kinds), 'approvals', p.approvals, 'roles', to_jsonb(p.roles), 'lasts', p.lasts,
    'updatedAt', herald_millis(p.updated_at), 'updatedBy', p.updated_by, 'message', p.message)
$$;

create function herald_protection_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  held protections;
begin
  select * into held from protections p where p.environment = in_environment and p.protection_name = change->>'key' and not p.deleted;
  if (change->>'deleted')::boolean and held.environment is null then
    return herald_refusal('NotFound', format('there is no protection %s in %s', change->>'key', in_environment),
      jsonb_build_object('key', change->'key', 'environment', in_environment));
  end if;
  if held.environment is null and (select count(*) from protections p where p.environment = in_environment and not p.deleted) >= 100 then
    return herald_refusal('ChangesFull', format('%s has 100 protections already', in_environment), '{}');
  end if;
  return null;
end $$;

create function herald_protection_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  last protections;
  made protections;
  stated jsonb;
begin
  select * into last from protections p where p.environment = change->>'environment' and p.protection_name = change->>'key';
  made.environment := change->>'environment';
  made.protection_name := change->>'key';
  made.version := coalesce(last.version, 0) + 1;
  made.revision := at_revision;
  made.deleted := (change->>'deleted')::boolean;
  made.patterns := array(select jsonb_array_elements_text(change->'patterns'));
  made.kinds := case when jsonb_typeof(change->'kinds') = 'array' then array(select jsonb_array_elements_text(change->'kinds')) end;
  made.approvals := (change->>'approvals')::integer;
  made.roles := array(select jsonb_array_elements_text(change->'roles'));
  made.lasts := (change->>'lasts')::bigint;
  made.updated_at := now;
  made.updated_by := release->>'actor';
  made.message := release->>'message';
  delete from protections p where p.environment = made.environment and p.protection_name = made.protection_name;
  insert into protections values (made.*);
  stated := herald_protection_json(made);
  insert into protection_history values (made.environment, made.protection_name, at_revision, stated);
  update herald_lineage set protected = exists (select from protections p where not p.deleted)
    where protected <> exists (select from protections p where not p.deleted);
  return stated;
end $$;

create function herald_protection_at(in_environment text, of_key text, at_revision bigint) returns jsonb language sql stable as $$
  select h.stated from protection_history h where h.environment = in_environment and h.protection_name = of_key and h.revision = at_revision
$$;

-- What is there is never behind the horizon.
create function herald_protection_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from protections where ctid = any (array(
    select p.ctid from protections p where p.deleted and p.revision <= horizon limit step for update skip locked));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- As in 0032_rollouts.sql, but that a protected configuration is left to herald_commit.
create or replace function herald_publish(releases json, terms jsonb) returns json language plpgsql
  set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_bitmapscan = off set enable_material = off set jit = off as $$
declare
  w record;
  written configurations;
  history configurations[];
  entries audit_log[];
  log revisions[];
  payload text;
  commits text;
  room bigint;
  before bigint;
  head bigint;
  last_id bigint;
  last_hash text;
  current_hash text;
  current_epoch text;
  was_synchronous boolean;
  any_rollouts boolean;
  any_protected boolean;
  config_id text;
  details text;
  now timestamptz;
  millis bigint;
  made bigint;
begin
  if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
  perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.made_to, l.tail, e.epoch, h.synchronous, h.rollouts, h.protected into room, before, current_epoch, was_synchronous, any_rollouts, any_protected
    from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= before order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);

  for w in
    select r.*, coalesce(h.version, 0) + 1 as version, h.created_at,
        r.live is distinct from coalesce(h.deleted, true) and (r."expectedVersion" is null or r."expectedVersion" = coalesce(h.version, 0))
          and (not r."keepsSchema" or h.schema_definition is not distinct from r.schema)
          and (not r."keepsStrict" or h."strict" = r."strict") and (not r."keepsType" or h.value_type = r."valueType") as fits
      from json_to_recordset(releases) as r(action text, actor text, "keyId" text, message text, traceparent text, "commitId" text,
          "notAfter" double precision, key text, environment text, value text, "valueType" text, schema jsonb, "strict" boolean, template boolean,
          digest text, "changeLog" text, "expectedVersion" integer, live boolean, "keepsSchema" boolean, "keepsStrict" boolean, "keepsType" boolean)
        left join lateral (select * from configurations c where c.environment = r.environment and c.key = r.key offset 0) h on true
  loop
    now := date_trunc('milliseconds', clock_timestamp());
    millis := date_part('epoch', now) * 1000;
    head := head + 1;
    if not w.fits or millis > w."notAfter" or head >= room then return null; end if;
    written := row(w.key, w.environment, w.version, head, w.value, w."valueType", false, w.schema, w."strict", w.template, w.digest,
      coalesce(w.created_at, now), now, w.actor, w."changeLog");
    history := history || written;
    made := date_part('epoch', written.created_at) * 1000;
    config_id := w.environment || '/' || w.key;
    -- As herald_change_digest has it, and as jsonb is written.
    details := concat('{', '"keyId": ' || to_json(w."keyId") || ', ', '"digest": "', encode(sha256(convert_to(concat_ws('|', w.environment, w.key,
      w.version, head, w."valueType", false, coalesce(w.schema::text, 'null'), w."strict", w.template, w.digest,
      encode(sha256(convert_to(w.value, 'UTF8')), 'hex'), made, millis, w.actor, w."changeLog"), 'UTF8')), 'hex'),
      '", "message": ', to_json(w."changeLog"), ', "version": ', w.version, ', "revision": "', head, '"}');
    last_id := last_id + 1;
    -- As herald_audit_hash has it; before the first entry there is an empty hash.
    current_hash := encode(sha256(convert_to(concat_ws('|', coalesce(last_hash, ''), last_id, config_id, w.action, w.actor, details, millis), 'UTF8')), 'hex');
    entries := entries || row(last_id, config_id, w.action, w.actor, details, now, coalesce(last_hash, ''), current_hash)::audit_log;
    last_hash := current_hash;
    payload := concat('[{"key":', to_json(w.key), ',"environment":', to_json(w.environment), ',"version":', w.version, ',"revision":"', head,
      '","value":', to_json(w.value), ',"valueType":"', w."valueType", '","deleted":false,"schema":', coalesce(w.schema::text, 'null'),
      ',"strict":', to_json(w."strict"), ',"template":', to_json(w.template), ',"digest":"', w.digest, '","createdAt":', made, ',"updatedAt":', millis,
      ',"updatedBy":', to_json(w.actor), ',"changeLog":', to_json(w."changeLog"), '}]');
    log := log || row(head, current_epoch, payload, octet_length(payload), w.traceparent, w.actor, w.message, now, last_id, w."commitId")::revisions;
    commits := concat(commits || ',', '[', millis, ',', w.version, ',', made, ']');
  end loop;

  if any_rollouts and exists (select from unnest(history) h join rollout_keys k on k.environment = h.environment and k.kind = 'configuration' and k.key = h.key) then
    return null;
  end if;
  if any_protected and exists (select from unnest(history) h where herald_is_protected(h.environment, 'config', h.key)) then return null; end if;
  insert into configurations as c select * from unnest(history)
    on conflict (environment, key) do update set version = excluded.version, revision = excluded.revision, value = excluded.value,
      value_type = excluded.value_type, deleted = excluded.deleted, schema_definition = excluded.schema_definition, "strict" = excluded."strict",
      template = excluded.template, digest = excluded.digest, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
      change_log = excluded.change_log;
  insert into configuration_history select * from unnest(history);
  insert into audit_log select * from unnest(entries);
  insert into revisions select * from unnest(log);
  -- Does it wait for a standby? As herald_commit notes it.
  if was_synchronous <> herald_is_synchronous() then update herald_lineage set synchronous = not was_synchronous; end if;
  return concat('{"epoch":', to_json(current_epoch), ',"before":"', before, '","commits":[', commits, ']}');
end $$;

-- As in 0032_rollouts.sql, but that it asks for approvals.
create or replace function herald_commit(releases jsonb, since bigint default null, terms jsonb default null) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_bitmapscan = off set enable_material = off set jit = off as $$
declare
  many constant integer := jsonb_array_length(releases);
  release jsonb;
  changes jsonb;
  change jsonb;
  name text;
  actor text;
  action text;
  kind text;
  stated jsonb;
  -- Of the release: kinds that are asked by sets, the changes of one, and what was written, by place in the release.
  in_sets text[];
  asked text[];
  its jsonb;
  places integer[];
  written_set jsonb[];
  stateds jsonb[];
  -- By place, and `held` by slot.
  environments text[];
  keys text[];
  supposed text[];
  slots integer[];
  shared boolean[];
  held herald_held[];
  size integer;
  place integer;
  next_place integer := 0;
  basis_place integer;
  next_basis integer;
  slot integer;
  number integer;
  now_held herald_held;
  any_values boolean;
  any_templates boolean;
  any_strange boolean;
  any_shared boolean;
  any_candidates boolean;
  -- Some key is in a rollout, or has candidates; then by slot the highest number of a candidate.
  any_rollouts boolean;
  any_protected boolean;
  tops integer[];
  results text[];
  replays bigint[];
  payload text[];
  versions text[];
  problem jsonb;
  earlier_revision bigint;
  earlier_digest text;
  written configurations;
  -- What is decided and not yet written. Of `history` by slot: the newest of a configuration.
  history configurations[];
  history_slots integer[];
  newest integer[];
  entries audit_log[];
  log revisions[];
  last_id bigint;
  last_hash text;
  current_hash text;
  config_id text;
  details text;
  acting text;
  value_text text;
  now timestamptz;
  millis bigint;
  made bigint;
  current_epoch text;
  epoch_json text;
  was_synchronous boolean;
  behind bigint;
  known bigint;
  room bigint;
  head bigint;
  before bigint;
begin
  if terms is not null then
    if terms->>'clock' is distinct from pg_postmaster_start_time()::text then return null; end if;
    perform set_config('lock_timeout', greatest((terms->>'wait')::integer, 1)::text, true);
  end if;
  -- Before the lock.
  select array_agg(case when c->>'kind' <> 'configuration' then null else c->>'environment' end), array_agg(c->>'key'),
      coalesce(bool_or(c->>'kind' <> 'configuration'), false), jsonb_path_exists(releases, '$[*].basis.values[*]'),
      jsonb_path_exists(releases, '$[*].basis.templates[*]'), coalesce(bool_or(c->>'candidate' is not null), false)
    into environments, keys, any_strange, any_values, any_templates, any_candidates from jsonb_array_elements(releases) r, jsonb_array_elements(r->'changes') c;
  next_basis := coalesce(cardinality(keys), 0);
  if any_values then
    select environments || array_agg(v->>'environment'), keys || array_agg(v->>'key'), array_fill(null::text, array[next_basis]) || array_agg(v->>'digest')
      into environments, keys, supposed from jsonb_array_elements(releases) r, jsonb_array_elements(r->'basis'->'values') v;
  end if;
  if cardinality(keys) = 1 then
    slots := '{1}';
    shared := '{false}';
    any_shared := false;
  else
    select array_agg(p.slot order by p.place), array_agg(p.shared order by p.place), bool_or(p.shared) into slots, shared, any_shared from (
      select w.place, min(w.place) over its as slot, count(*) over its > 1 and w.environment is not null as shared
        from unnest(environments, keys) with ordinality w(environment, key, place) window its as (partition by w.environment, w.key)) p;
  end if;

  perform herald_lock();
  -- Statements of their own: their snapshots are taken after the lock, and see what the holder before us committed.
  select l.horizon, l.tail, l.made_to, e.epoch, h.synchronous, any_candidates or h.rollouts, h.protected
    into behind, known, room, current_epoch, was_synchronous, any_rollouts, any_protected from herald_log l, herald_epoch e, herald_lineage h;
  select r.revision into before from revisions r where r.revision >= known order by r.revision desc limit 1; -- as herald_head
  select l.id, l.hash into last_id, last_hash from audit_log l order by l.id desc limit 1; -- as herald_last_audit
  before := coalesce(before, 0);
  head := before;
  last_id := coalesce(last_id, 0);
  last_hash := coalesce(last_hash, '');
  epoch_json := to_json(current_epoch);
  if head + many >= room then -- made ahead, as a rule
    perform herald_make_room(head + many, greatest(1000, (head - behind) / 8));
  end if;
  if jsonb_typeof(terms->'since') = 'object' then
    since := case when terms->'since'->>'epoch' = current_epoch then (terms->'since'->>'revision')::bigint else 0 end;
  end if;
  since := case when since is not null then greatest(since, head - 100000) end;
  select array_agg(row(coalesce(c.version, 0), coalesce(c.deleted, true), c.created_at, c.value_type, c."strict", c.schema_definition, c.digest)::herald_held
      order by w.place) into held
    from unnest(environments, keys, slots) with ordinality w(environment, key, slot, place) left join lateral (
      select * from configurations c where c.environment = w.environment and c.key = w.key offset 0) c on w.slot = w.place;

  for i in 0 .. many loop
    release := releases->i;
    changes := release->'changes';
    -- Rules that look at tables see what was decided before.
    if log is not null and (release is null or (any_templates and jsonb_path_exists(release, '$.basis.templates[*]'))
        or (any_strange and jsonb_path_exists(changes, '$[*].kind ? (@ != "configuration")'))) then
      if history is not null then
        insert into configurations as c select w.key, w.environment, w.version, w.revision, w.value, w.value_type, w.deleted, w.schema_definition, w."strict",
            w.template, w.digest, w.created_at, w.updated_at, w.updated_by, w.change_log
          from unnest(history) with ordinality w(key, environment, version, revision, value, value_type, deleted, schema_definition, "strict", template, digest,
            created_at, updated_at, updated_by, change_log, n)
          where not any_shared or newest[history_slots[w.n]] = w.n
          on conflict (environment, key) do update set version = excluded.version, revision = excluded.revision, value = excluded.value,
            value_type = excluded.value_type, deleted = excluded.deleted, schema_definition = excluded.schema_definition, "strict" = excluded."strict",
            template = excluded.template, digest = excluded.digest, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
            change_log = excluded.change_log;
        if any_shared then -- what was made and deleted in here: no trigger saw it alive
          insert into tombstones select w.environment, w.key, w.version, w.revision, w.digest, w."strict", w.template
            from unnest(history) with ordinality w(key, environment, version, revision, value, value_type, deleted, schema_definition, "strict", template, digest,
              created_at, updated_at, updated_by, change_log, n)
            where w.deleted and newest[history_slots[w.n]] = w.n on conflict do nothing;
        end if;
        insert into configuration_history select * from unnest(history);
      end if;
      insert into audit_log select * from unnest(entries);
      insert into revisions select * from unnest(log);
      history := null;
      history_slots := null;
      newest := null;
      entries := null;
      log := null;
    end if;
    exit when release is null;
    -- A release before this one may have begun a rollout.
    if any_strange and i > 0 and not any_rollouts then select h.rollouts into any_rollouts from herald_lineage h; end if;
    if any_strange and i > 0 and not any_protected then select h.protected into any_protected from herald_lineage h; end if;
    if any_rollouts and (any_strange or i = 0) then
      if i = 0 then update herald_lineage h set rollouts = false where h.rollouts and not exists (select from rollout_keys); end if;
      select array_agg((select k.top from rollout_keys k where k.kind = 'configuration' and k.environment = w.environment and k.key = w.key) order by w.place)
        into tops from unnest(environments, keys) with ordinality w(environment, key, place);
    end if;
    place := next_place;
    size := jsonb_array_length(changes);
    next_place := place + size;
    if any_values then
      basis_place := next_basis;
      next_basis := basis_place + coalesce(jsonb_array_length(release->'basis'->'values'), 0);
    end if;

    name := release->>'commitId';
    if since is not null or starts_with(name, '=') then
      earlier_revision := null;
      select of_revision, of_digest into earlier_revision, earlier_digest
        from herald_earlier(name, coalesce(release->>'owner', release->>'actor'), since);
      if earlier_revision is not null then
        if earlier_digest = release->>'digest' then replays := replays || array[i + 1, earlier_revision]; end if;
        results := results || jsonb_build_object('ok', false, 'name', 'IdempotencyConflict', 'message',
          format(case when earlier_digest = release->>'digest' then 'the idempotency key %s was used for a commit that is behind the retention'
            else 'the idempotency key %s was used for another request' end, substr(name, 2)), 'details', '{}'::jsonb)::text;
        continue;
      end if;
    end if;

    -- Under the lock: whoever finds it too late here, and nothing committed, knows that it never will be.
    if clock_timestamp() > herald_at((release->>'notAfter')::double precision) then
      results := results || jsonb_build_object('ok', false, 'name', 'Timeout', 'details', '{}'::jsonb,
        'message', 'its turn came after its time limit: nothing was written, and nothing of it ever will be')::text;
      continue;
    end if;

    problem := case when any_rollouts then herald_rollout_locks(release) end;
    -- A second person: before anything else is told of what is asked for.
    -- What a change touches is looked for only where something is protected: it is a walk through all that stands on it.
    if problem is null and (any_protected or (any_strange and jsonb_path_exists(release, '$.changes[*] ? (@.kind == "approval")'))) then
      problem := herald_approval_missing(release);
    end if;
    if problem is not null then
      results := results || (problem || '{"ok": false}')::text;
      continue;
    end if;
    in_sets := null;
    asked := null;
    if any_strange and size >= 8 then
      select array_agg(k.name) into in_sets from herald_kinds k where k.by_sets and exists (
        select from jsonb_array_elements(changes) c where c->>'kind' = k.name);
    end if;
    for n in 0 .. size - 1 loop
      change := changes->n;
      kind := change->>'kind';
      if kind <> 'configuration' then
        if kind = any (in_sets) then
          continue when kind = any (asked);
          asked := asked || kind;
          its := jsonb_path_query_array(changes, '$[*] ? (@.kind == $kind)', jsonb_build_object('kind', kind));
          execute format('select %I($1, $2)', 'herald_' || kind || '_problems') into problem using its, release;
          exit when problem is not null;
          continue;
        end if;
        execute format('select %I($1, $2)', 'herald_' || kind || '_problem') into problem using change, release;
        exit when problem is not null;
        continue;
      end if;
      -- Nothing can stand in the way of the others.
      continue when change->>'value' is not null and change->>'expectedVersion' is null and change->'kept' is null;
      now_held := held[slots[place + n + 1]];
      -- As a rule there is a live version, and all is as it was.
      continue when not now_held.deleted and now_held.version = coalesce((change->>'expectedVersion')::integer, now_held.version)
        and herald_kept(change, true, now_held.schema_definition, now_held."strict", now_held.value_type);
      problem := herald_problem(change, now_held);
      exit when problem is not null;
    end loop;
    if problem is null and release ? 'basis' then
      if any_templates and jsonb_path_exists(release, '$.basis.templates[*]') then
        problem := herald_basis_problem(release->'basis', changes, current_epoch);
      else
        for n in basis_place + 1 .. next_basis loop
          now_held := held[slots[n]];
          continue when supposed[n] = case when now_held.deleted then '' else now_held.digest end;
          problem := herald_outdated(environments[n], keys[n]);
          exit;
        end loop;
      end if;
    end if;
    if problem is not null then
      results := results || (problem || '{"ok": false}')::text;
      continue;
    end if;

    head := head + 1;
    now := date_trunc('milliseconds', clock_timestamp());
    millis := herald_millis(now);
    actor := release->>'actor';
    action := release->>'action';
    acting := '{' || coalesce('"keyId": ' || (release->'keyId')::text || ', ', '');
    payload := null;
    versions := null;
    stateds := null;
    foreach kind in array coalesce(in_sets, '{}') loop
      select jsonb_agg(c.value order by c.n), array_agg(c.n order by c.n) into its, places
        from jsonb_array_elements(changes) with ordinality c(value, n) where c.value->>'kind' = kind;
      execute format('select %I($1, $2, $3, $4)', 'herald_' || kind || '_writes') into written_set using its, release, head, now;
      for n in 1 .. cardinality(places) loop
        stateds[places[n]] := written_set[n];
      end loop;
    end loop;
    for n in 0 .. size - 1 loop
      change := changes->n;
      kind := change->>'kind';
      place := place + 1;
      if kind <> 'configuration' then
        if kind = any (in_sets) then
          stated := stateds[n + 1];
        else
          execute format('select %I($1, $2, $3, $4)', 'herald_' || kind || '_write') into stated using change, release, head, now;
        end if;
        stated := stated || jsonb_build_object('kind', kind);
        payload := payload || stated::text;
        versions := versions || concat('{"change":', stated, '}');
        config_id := herald_entry_name(stated);
        -- As jsonb is written: shorter names first.
        details := concat('{"kind": ', change->'kind', ', ', substr(acting, 2), '"digest": "', herald_stated_digest(stated), '", "message": ',
          release->'message', ', "revision": "', head, '"}');
      else
        slot := slots[place];
        value_text := coalesce(change->>'value', '');
        number := case when any_rollouts then coalesce((change->>'candidate')::integer, greatest((held[slot]).version, tops[place]) + 1)
          else (held[slot]).version + 1 end;
        written := row(change->>'key', change->>'environment', number, head, value_text, change->>'valueType', change->>'value' is null,
          nullif(change->'schema', 'null'), (change->>'strict')::boolean, (change->>'template')::boolean, change->>'digest',
          coalesce((held[slot]).created_at, now), now, actor, change->>'changeLog');
        made := herald_millis(written.created_at);
        payload := payload || concat('{"key":', change->'key', ',"environment":', change->'environment', ',"version":', written.version,
          ',"revision":"', head, '","value":', to_json(value_text), ',"valueType":', change->'valueType', ',"deleted":', written.deleted::text,
          ',"schema":', coalesce(written.schema_definition::text, 'null'), ',"strict":', change->'strict', ',"template":', change->'template',
          ',"digest":', change->'digest', ',"createdAt":', made, ',"updatedAt":', millis, ',"updatedBy":', release->'actor',
          ',"changeLog":', change->'changeLog', '}');
        versions := versions || concat('{"version":', written.version, ',"createdAt":', made, '}');
        config_id := concat(written.environment, '/', written.key);
        -- As herald_change_digest has it, and as jsonb is written.
        details := concat(acting, '"digest": "', encode(sha256(convert_to(concat_ws('|', written.environment, written.key, written.version, head,
          written.value_type, written.deleted, coalesce(written.schema_definition::text, 'null'), written."strict", written.template, written.digest,
          encode(sha256(convert_to(value_text, 'UTF8')), 'hex'), made, millis, actor, written.change_log), 'UTF8')), 'hex'),
          '", "message": ', change->'changeLog', ', "version": ', written.version, ', "revision": "', head, '"}');
        history := history || written;
        if any_shared then
          history_slots := history_slots || slot;
          newest[slot] := cardinality(history);
          if shared[slot] then
            held[slot] := row(written.version, written.deleted, written.created_at, written.value_type, written."strict", written.schema_definition,
              written.digest)::herald_held;
          end if;
        end if;
      end if;
      last_id := last_id + 1;
      -- As herald_audit_hash has it.
      current_hash := encode(sha256(convert_to(concat_ws('|', last_hash, last_id, config_id, action, actor, details, millis), 'UTF8')), 'hex');
      entries := entries || row(last_id, config_id, action, actor, details, now, last_hash, current_hash)::audit_log;
      last_hash := current_hash;
    end loop;
    log := log || row(head, current_epoch, concat('[', array_to_string(payload, ','), ']'), pg_column_size(release), release->>'traceparent', actor,
      release->>'message', now, last_id, name)::revisions;
    if starts_with(name, '=') then
      insert into idempotency_keys values (coalesce(release->>'owner', actor), name, release->>'digest', head);
    end if;
    results := results || concat('{"ok":true,"replayed":false,"revision":"', head, '","epoch":', epoch_json, ',"committedAt":', millis,
      ',"versions":[', array_to_string(versions, ','), ']}');
  end loop;

  -- Of this call, too, as it may hold a release twice.
  for i in 1 .. coalesce(cardinality(replays), 0) by 2 loop
    results[replays[i]] := coalesce(herald_replayed(replays[i + 1])::text, results[replays[i]]);
  end loop;
  -- Does it wait for a standby? Noted after the commit's lock, as herald_follow does it: never the other way round.
  if was_synchronous <> herald_is_synchronous() then
    update herald_lineage set synchronous = not was_synchronous;
  end if;
  return ('[' || array_to_string(results, ',') || ']')::jsonb;
end $$;
