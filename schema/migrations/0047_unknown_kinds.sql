-- What a change of a kind that is not known touches is everything in its environment: with any protection there it waits for a second person. AQ1
-- Herald adds a kind here when it teaches what that touches.

-- As in 0045_approvals.sql, but that a kind touches nothing only where it is said to.
-- Keys that changes are of, by the kinds that rights are given for, and all that hangs on them, however far: one walk for all changes. A key that is
-- null stands for all, and the kind '*' for every kind. `begins`: requests that began each change, in their order, '*' where it never waits. `direct`: a
-- change names it.
create or replace function herald_touched(changes jsonb, begins text[]) returns table (begun text, in_environment text, of_kind text, of_key text, direct boolean)
  language sql stable set enable_bitmapscan = on set enable_hashjoin = on as $$
  with recursive named(begun, environment, kind, key) as materialized (
    select distinct coalesce(begins[c.n], ''), c.value->>'environment', t.kind, t.key from jsonb_array_elements(changes) with ordinality c(value, n) cross join lateral (
      select c.value->>'kind' as kind, c.value->>'key' as key
        where coalesce(c.value->>'kind', '') not in ('experiment', 'schedule', 'rollout', 'protection', 'approval')
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
  select n.begun, n.environment, case when n.kind = 'configuration' then 'config' when n.kind = 'flag_settings' then 'flag'
        when n.kind in ('experiment', 'rollout') then n.kind else '*' end,
      case when n.kind in ('experiment', 'rollout') or (n.kind = 'configuration' and n.key <> 'herald.variables') then n.key end, true
    from named n where coalesce(n.kind, '') not in ('flag', 'segment', 'schedule', 'protection', 'approval')
$$;

-- As in 0045_approvals.sql; of the kind '*': all.
create or replace function herald_protections_of(in_environment text, of_kind text, of_key text) returns setof protections language sql stable as $$
  select * from protections p where p.environment = in_environment and not p.deleted and (p.kinds is null or of_kind = '*' or of_kind = any (p.kinds))
    and (of_key is null or herald_covers(p.patterns, of_key))
$$;

-- As in 0045_approvals.sql, but for the kind '*'.
create or replace function herald_approval_lack(p protections, of_kind text, of_key text, held change_requests, asked jsonb) returns jsonb language plpgsql as $$
declare
  have bigint := 0;
begin
  if held.id is not null then
    select count(distinct x.person) into have from herald_persons(held, p.roles, asked->'approvers') x;
  end if;
  if have >= p.approvals then return null; end if;
  return herald_refusal('ApprovalRequired', format('%s in %s is protected by %s: %s of %s approvals count',
      case of_kind when '*' then 'whatever a change of a kind that is not known may touch' else format('the %s %s', of_kind, coalesce(of_key, '*')) end,
      p.environment, p.protection_name, have, p.approvals),
    jsonb_strip_nulls(jsonb_build_object('kind', of_kind, 'key', of_key, 'environment', p.environment, 'protection', p.protection_name, 'needed', p.approvals,
      'have', have, 'change', held.id)));
end $$;

-- As in 0045_approvals.sql, but that what waits by a revoked key is no answer. AQ16
create or replace function herald_approval_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
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
    -- Who asks for the same again has asked already: it stands on what it stood on. What was asked by a key that was revoked since, nobody else can
    -- have done: then it is asked anew.
    select r.id into of_request from change_requests r where r.author = actor and r.state = 'open' and r.environment = in_environment
      and r.digest = change->>'digest' and r.expires_at > clock_timestamp()
      and not exists (select from api_keys k where k.id = r.key_id and k.revoked_at is not null) order by r.made_revision limit 1;
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
