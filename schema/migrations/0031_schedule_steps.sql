-- What is made moves the schedules of after it on in one step for all that it changes: with one for each, hundreds of steps of hundreds of
-- flags held the writers' lock for minutes.
create or replace function herald_schedule_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  made schedules;
  touch jsonb;
  steps jsonb;
  later schedules;
  moved jsonb;
  stated jsonb;
begin
  if change->>'state' = 'pending' then
    made.environment := in_environment;
    made.id := 's' || at_revision;
    made.revision := at_revision;
    made.made_revision := at_revision;
    made.state := 'pending';
    made.due_at := date_trunc('milliseconds', herald_schedule_due(change, now));
    made.made_at := now;
    made.made_by := release->>'actor';
    made.key_id := release->>'keyId';
    made.message := release->>'message';
    made.touches := '[]';
    made.expected := '{}';
    for touch in select value from jsonb_array_elements(change->'touches') loop
      if touch->'expected' = '"current"' then
        touch := touch || jsonb_build_object('expected', herald_schedule_version(touch->>'kind', in_environment, touch->>'key'));
      end if;
      made.touches := made.touches || touch;
      if touch->'expected' <> 'null' then
        made.expected := made.expected || jsonb_build_object(concat(touch->>'kind', '/', touch->>'key'), touch->'expected');
      end if;
    end loop;
    made.body := change->>'body';
    made.digest := change->>'digest';
    made.bytes := (change->>'bytes')::integer;
    made.ended_by := '';
    made.reason := '';
    insert into schedules values (made.*);
  else
    update schedules s set revision = at_revision, state = change->>'state', ended_at = now, ended_by = release->>'actor', reason = change->>'reason'
      where s.environment = in_environment and s.id = change->>'key' returning * into made;
    if made.state = 'committed' and made.expected <> '{}' then
      select coalesce(jsonb_object_agg(name, jsonb_build_object('before', before, 'after', case
          when before > 0 then before + 1
          -- Flags and segments are written already; configurations at the end of the call.
          when kind <> 'configuration' then herald_schedule_version(kind, in_environment, key)
          else coalesce((select max(h.version) from configuration_history h where h.environment = in_environment and h.key = named.key), 0) + 1
        end)), '{}') into steps
        from (
          select t->>'kind' as kind, t->>'key' as key, concat(t->>'kind', '/', t->>'key') as name,
            (made.expected->>concat(t->>'kind', '/', t->>'key'))::integer as before
          from jsonb_array_elements(made.touches) t
        ) named where before is not null;
      for later in select * from schedules s
        where s.environment = in_environment and s.state = 'pending' and s.made_revision > made.made_revision
      loop
        select jsonb_object_agg(e.key, steps->e.key->'after') into moved from jsonb_each(later.expected) e where steps->e.key->'before' = e.value;
        continue when moved is null;
        update schedules s set expected = later.expected || moved where s.environment = in_environment and s.id = later.id;
      end loop;
    end if;
  end if;
  stated := herald_schedule_json(made);
  insert into schedule_history values (made.environment, made.id, at_revision, stated);
  return stated;
end $$;
