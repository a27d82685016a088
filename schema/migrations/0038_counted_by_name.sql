-- A stage of so many instances takes them by name, and so does the one at least of a percentage (BJ3 of src/rollouts/Bound.ts): where few were connected,
-- the bucket of the last of them had let in a large part of those who came later.
create or replace function herald_rollout_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  was rollouts;
  made rollouts;
  one jsonb;
  stage jsonb;
  targets jsonb := '[]';
  number integer;
  since bigint;
  newest record;
begin
  made.environment := in_environment;
  made.revision := at_revision;
  if change->>'op' = 'start' then
    made.id := 'r' || at_revision;
    made.began := at_revision;
    made.version := 1;
    made.state := 'scheduled';
    made.stage := -1;
    made.until := coalesce(herald_at((change->>'at')::double precision), now);
    for one in select value from jsonb_array_elements(change->'candidates') loop
      number := case when one->>'wish' = '' then 0 else herald_next_version(one->>'kind', in_environment, one->>'key') end;
      insert into rollout_keys as k values (in_environment, one->>'kind', one->>'key', made.id, true, number, number)
        on conflict (environment, kind, key) do update set rollout = excluded.rollout, active = true, candidate = excluded.candidate,
          top = greatest(k.top, excluded.top)
        returning k.taken into since;
      targets := targets || jsonb_build_object('kind', one->'kind', 'key', one->'key',
        'base', herald_schedule_version(one->>'kind', in_environment, one->>'key'), 'version', number, 'digest', one->'digest', 'since', since::text,
        'strict', one->'strict', 'template', one->'template', 'wish', encode(sha256(convert_to(one->>'wish', 'UTF8')), 'hex'));
      continue when number = 0;
      insert into rollout_candidates values (in_environment, one->>'kind', one->>'key', number, made.id, at_revision, 'candidate', one->>'wish',
        one->>'digest', (one->>'bytes')::integer, now, release->>'actor', release->>'message');
    end loop;
    made.stated := jsonb_build_object('environment', in_environment, 'key', made.id, 'plan', change->'plan', 'salt', change->'salt', 'begun', '[]'::jsonb,
      'startedBy', release->'actor', 'startedAt', herald_millis(now), 'message', release->'message');
    insert into rollout_marks values (in_environment, made.id);
    update herald_lineage set rollouts = true where not rollouts;
  else
    select * into was from rollouts r where r.environment = in_environment and r.id = change->>'key';
    made.id := was.id;
    made.began := was.began;
    made.version := was.version + 1;
    made.state := change->>'to';
    made.stage := (change->>'stage')::integer;
    made.until := date_trunc('milliseconds', now + (change->>'lasts')::double precision * interval '1 millisecond');
    made.stated := was.stated;
    if jsonb_typeof(change->'below') = 'number' then
      stage := jsonb_build_object('revision', at_revision::text, 'at', herald_millis(now), 'below', change->'below');
      if jsonb_typeof(change->'also') = 'array' then stage := stage || jsonb_build_object('also', change->'also'); end if;
      made.stated := made.stated || jsonb_build_object('begun', was.stated->'begun' || stage);
    end if;
    for one in select value from jsonb_array_elements(was.stated->'targets') loop
      -- A stage makes its own version: it is written by now, or will be in this commit.
      if one->'version' = '0' and exists (select from jsonb_array_elements(release->'changes') x
          where x->>'kind' = one->>'kind' and x->>'environment' = in_environment and x->>'key' = one->>'key') then
        newest := herald_newest_version(one->>'kind', in_environment, one->>'key');
        one := one || jsonb_build_object('base', case when newest.revision = at_revision then newest.version
          else herald_next_version(one->>'kind', in_environment, one->>'key') end);
      end if;
      targets := targets || one;
    end loop;
    if herald_is_over(made.state) then
      update rollout_keys k set active = false,
        taken = case when made.state = 'completed' or made.stage < 0 or k.candidate = 0 then k.taken else at_revision end
        where k.environment = in_environment and k.rollout = made.id;
      update rollout_candidates c set state = case made.state when 'completed' then 'promoted' else 'withdrawn' end, ended = at_revision
        where c.environment = in_environment and c.rollout = made.id;
    end if;
    delete from rollouts r where r.environment = in_environment and r.id = made.id;
  end if;
  made.stated := made.stated || jsonb_build_object('version', made.version, 'revision', at_revision::text, 'state', made.state, 'stage', made.stage,
    'targets', targets, 'until', herald_millis(made.until), 'why', change->'why', 'by', release->'actor', 'at', herald_millis(now));
  insert into rollouts values (made.*);
  insert into rollout_history values (in_environment, made.id, made.version, at_revision, made.stated);
  return made.stated;
end $$;

create or replace function herald_rollout_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  problem jsonb := herald_rollout_own_problem(change, release);
  one jsonb;
begin
  if jsonb_array_length(case when jsonb_typeof(change->'also') = 'array' then change->'also' else '[]' end) > 1000 then
    return herald_rollout_refused('a stage takes at most 1000 instances by name');
  end if;
  if problem is not null or change->>'op' <> 'start' then return problem; end if;
  for one in select value from jsonb_array_elements(change->'candidates') where value->>'kind' = 'flag' loop
    problem := herald_flag_held(change->>'environment', one->>'key', release);
    exit when problem is not null;
  end loop;
  return problem;
end $$;
