-- XE1 from the other side: a flag in a running experiment is in no rollout that begins. Asked under the lock, as the experiment may have begun meanwhile.
alter function herald_rollout_problem(jsonb, jsonb) rename to herald_rollout_own_problem;

create function herald_rollout_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  problem jsonb := herald_rollout_own_problem(change, release);
  one jsonb;
begin
  if problem is not null or change->>'op' <> 'start' then return problem; end if;
  for one in select value from jsonb_array_elements(change->'candidates') where value->>'kind' = 'flag' loop
    problem := herald_flag_held(change->>'environment', one->>'key', release);
    exit when problem is not null;
  end loop;
  return problem;
end $$;
