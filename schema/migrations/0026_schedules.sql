-- Changes that are to be made at a time: a kind beside configurations and flags, so that what becomes of one is in the log with what it
-- changes. What a kind needs beside its own tables is named in 0020_kinds.sql. The rules are those of src/schedules/Schedule.ts.
insert into herald_kinds values ('schedule');

-- Does an entry tell of a version, or of another change of the log?
create or replace function herald_tells_version(action text) returns boolean language sql immutable as $$
  select action in ('publish', 'delete', 'rollback', 'release', 'schedule', 'cancel')
$$;

create table schedules (
  environment text not null,
  id text not null,
  -- Of its newest change, and of the commit that made it.
  revision bigint not null,
  made_revision bigint not null,
  state text not null check (state in ('pending', 'committed', 'cancelled', 'refused', 'missed')),
  due_at timestamptz not null,
  made_at timestamptz not null,
  made_by text not null,
  -- Of the API key; null: it has none.
  key_id text,
  message text not null,
  -- What it changes, [{kind, key, expected}]: at which version, 0 where it must not be there, null where any will do.
  touches jsonb not null,
  -- The versions by now, {"<kind>/<key>": version}: what schedules of before have changed since is no surprise to this one.
  expected jsonb not null,
  -- The changes as they were asked for, as JSON.
  body text not null,
  digest text not null,
  bytes integer not null,
  ended_at timestamptz,
  ended_by text not null,
  reason text not null,
  primary key (environment, id)
);
create index schedules_due on schedules (due_at, made_revision) where state = 'pending';
create index schedules_pending on schedules (environment, made_revision) where state = 'pending';
create index schedules_made on schedules (environment, made_revision);
create index schedules_makers on schedules (made_by) where state = 'pending';
create index schedules_over on schedules (revision) where state <> 'pending';

-- What the log told of each, for as long as the audit log tells of it.
create table schedule_history (
  environment text not null,
  id text not null,
  revision bigint not null,
  stated jsonb not null,
  primary key (environment, id, revision)
);

-- A schedule as nodes are told of it.
create function herald_schedule_json(s schedules) returns jsonb language sql stable as $$
  select jsonb_build_object('environment', s.environment, 'key', s.id, 'revision', s.revision::text, 'state', s.state,
    'dueAt', herald_millis(s.due_at), 'madeAt', herald_millis(s.made_at), 'madeBy', s.made_by, 'message', s.message, 'touches', s.touches,
    'digest', s.digest, 'bytes', s.bytes, 'endedAt', herald_millis(s.ended_at), 'endedBy', s.ended_by, 'reason', s.reason)
$$;

-- The current version of what a schedule changes; 0: it is not there.
create function herald_schedule_version(of_kind text, in_environment text, of_key text) returns integer language sql stable as $$
  select coalesce(case of_kind
    when 'flag' then (select f.version from feature_flags f where f.environment = in_environment and f.flag_name = of_key and not f.deleted)
    when 'segment' then (select s.version from flag_segments s where s.environment = in_environment and s.segment_name = of_key and not s.deleted)
    else (select c.version from configurations c where c.environment = in_environment and c.key = of_key and not c.deleted)
  end, 0)
$$;

create function herald_schedule_due(change jsonb, now timestamptz) returns timestamptz language sql stable as $$
  select coalesce(herald_at((change->>'dueAt')::double precision), now + (change->>'afterMillis')::double precision * interval '1 millisecond')
$$;

-- What src/schedules/Limits.ts says, under the lock: whoever acts on a schedule finds here whether it is still to be done.
create function herald_schedule_problem(change jsonb, release jsonb) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  of_id constant text := change->>'key';
  becomes constant text := change->>'state';
  now constant timestamptz := clock_timestamp();
  details constant jsonb := jsonb_build_object('key', of_id, 'environment', in_environment);
  held schedules;
  due timestamptz;
  touch jsonb;
  version integer;
  pending bigint;
  total bigint;
begin
  if becomes = 'pending' then
    due := herald_schedule_due(change, now);
    if due <= now then
      return jsonb_build_object('name', 'ScheduleTime', 'details', '{}'::jsonb,
        'message', format('%s is over by the clock of the database, where it is %s', herald_utc(due), herald_utc(now)));
    end if;
    if due > now + interval '400 days' then
      return jsonb_build_object('name', 'ScheduleTime', 'details', '{}'::jsonb,
        'message', format('%s is more than 400 days ahead', herald_utc(due)));
    end if;
    select count(*), coalesce(sum(s.bytes), 0) into pending, total from schedules s where s.environment = in_environment and s.state = 'pending';
    if pending >= 1000 then
      return jsonb_build_object('name', 'SchedulesFull', 'details', '{}'::jsonb,
        'message', format('%s has 1000 scheduled changes already', in_environment));
    end if;
    if total + (change->>'bytes')::bigint > 67108864 then
      return jsonb_build_object('name', 'SchedulesFull', 'details', '{}'::jsonb,
        'message', format('the scheduled changes of %s would have more than 67108864 bytes', in_environment));
    end if;
    if (select count(*) from schedules s where s.made_by = release->>'actor' and s.state = 'pending') >= 500 then
      return jsonb_build_object('name', 'SchedulesFull', 'details', '{}'::jsonb,
        'message', format('%s has 500 scheduled changes already', release->>'actor'));
    end if;
    for touch in select value from jsonb_array_elements(change->'touches') loop
      continue when jsonb_typeof(touch->'expected') <> 'number';
      version := herald_schedule_version(touch->>'kind', in_environment, touch->>'key');
      if version <> (touch->>'expected')::integer then
        return jsonb_build_object('name', 'VersionConflict',
          'message', format('the %s %s in %s is at version %s, not %s', touch->>'kind', touch->>'key', in_environment, version, touch->>'expected'),
          'details', jsonb_build_object('key', touch->'key', 'environment', in_environment, 'expected', touch->'expected', 'current', version));
      end if;
    end loop;
    return null;
  end if;

  select * into held from schedules s where s.environment = in_environment and s.id = of_id;
  if held.id is null then
    return jsonb_build_object('name', 'NotFound', 'message', format('there is no scheduled change %s in %s', of_id, in_environment), 'details', details);
  end if;
  if held.state <> 'pending' then
    return jsonb_build_object('name', 'ScheduleOver', 'message', format('the scheduled change %s in %s is over: it was %s', of_id, in_environment, held.state),
      'details', details || jsonb_build_object('state', held.state));
  end if;
  due := held.due_at + (change->>'graceMillis')::double precision * interval '1 millisecond';
  if (becomes = 'committed' and (now < held.due_at or now > due)) or (becomes = 'missed' and now <= due)
    or (change->'expected' <> held.expected)
  then
    return jsonb_build_object('name', 'ScheduleOver', 'details', details || jsonb_build_object('state', held.state),
      'message', format('the scheduled change %s in %s can''t be %s at %s', of_id, in_environment, becomes, herald_utc(now)));
  end if;
  return null;
end $$;

create function herald_utc(at timestamptz) returns text language sql immutable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

create function herald_schedule_write(change jsonb, release jsonb, at_revision bigint, now timestamptz) returns jsonb language plpgsql as $$
declare
  in_environment constant text := change->>'environment';
  made schedules;
  touch jsonb;
  name text;
  before integer;
  after integer;
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
    if made.state = 'committed' then
      for touch in select value from jsonb_array_elements(made.touches) loop
        name := concat(touch->>'kind', '/', touch->>'key');
        before := (made.expected->>name)::integer;
        continue when before is null;
        -- Flags and segments are written already; configurations at the end of the call.
        after := case
          when before > 0 then before + 1
          when touch->>'kind' <> 'configuration' then herald_schedule_version(touch->>'kind', in_environment, touch->>'key')
          else coalesce((select max(h.version) from configuration_history h where h.environment = in_environment and h.key = touch->>'key'), 0) + 1
        end;
        update schedules s set expected = s.expected || jsonb_build_object(name, after)
          where s.environment = in_environment and s.state = 'pending' and s.made_revision > made.made_revision
            and (s.expected->>name)::integer = before;
      end loop;
    end if;
  end if;
  stated := herald_schedule_json(made);
  insert into schedule_history values (made.environment, made.id, at_revision, stated);
  return stated;
end $$;

create function herald_schedule_at(in_environment text, of_id text, at_revision bigint) returns jsonb language sql stable as $$
  select h.stated from schedule_history h where h.environment = in_environment and h.id = of_id and h.revision = at_revision
$$;

create function herald_schedule_sweep(horizon bigint, step integer) returns integer language plpgsql as $$
declare
  gone integer;
begin
  delete from schedules where ctid = any (array(
    select s.ctid from schedules s where s.state <> 'pending' and s.revision <= horizon limit step for update skip locked));
  get diagnostics gone = row_count;
  return gone;
end $$;
