-- Topics and their log: docs/decisions/0033-topic-log.md. Nobody owns a partition: its row gives the offsets, and whoever holds that row's lock appends.

create table topics (
  id integer primary key generated always as identity,
  name varchar(200) collate "C" not null unique,
  partitions integer not null check (partitions between 1 and 256),
  -- Null: no bound of this sort.
  retention_millis bigint,
  retention_bytes bigint,
  log text not null,
  compression text not null,
  -- As it was written.
  schema text,
  -- How many it had; below 0: it has none now.
  schema_version integer not null,
  enabled boolean not null,
  description text not null,
  version integer not null default 1,
  created_at bigint not null,
  created_by text not null,
  updated_at bigint not null,
  -- How Kafka knows the topic that it made for this one; null: the log is here, or the topic is still being made there and nobody sees it.
  made text,
  -- By it nodes know what one of them wrote into the log where others can write, too. Shown to nobody.
  seal_key bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
  check (retention_millis is not null or retention_bytes is not null)
);
-- Names in Kafka have no slashes.
create unique index topics_in_kafka on topics (replace(name, '/', '.')) where log = 'kafka';

-- Of topics whose log is here. Times are milliseconds since 1970.
create table topic_partitions (
  topic_id integer not null,
  part smallint not null,
  epoch bigint not null,
  -- What is stored goes from first_off up to, and without, next_off.
  next_off bigint not null default 0,
  first_off bigint not null default 0,
  -- When what is at first_off came; when the newest came.
  first_at bigint not null default 0,
  last_at bigint not null default 0,
  -- As stored, of what there is.
  bytes bigint not null default 0,
  -- Where the oldest segment begins that counts in bytes; `due`: older ones than first_off do.
  kept_off bigint not null default 0,
  due boolean not null default false,
  -- Epochs and the offsets that they began with: epoch, offset, epoch, offset … in their order, the newest 64.
  begun bigint[] not null,
  primary key (topic_id, part)
) with (fillfactor = 50);

-- A row holds events that came together, as bytes of a repeated field of protobuf. By the day on which they came.
create table topic_segments (
  topic_id integer not null,
  part smallint not null,
  base_off bigint not null,
  n integer not null,
  at bigint not null,
  -- 0: as they are, 1: zstd
  codec smallint not null,
  -- Of data as it is stored.
  crc bigint not null,
  size integer not null,
  -- Two bytes an event, the first in the lowest bits: the hash of its key; null: no event has a key.
  hashes bytea,
  data bytea not null,
  primary key (topic_id, part, base_off, at)
) partition by range (at);
alter table topic_segments alter column data set storage external, alter column hashes set storage main;

-- The offset with which a partition began a day: where to look for one.
create table topic_days (
  topic_id integer not null,
  part smallint not null,
  base_off bigint not null,
  day integer not null,
  primary key (topic_id, part, base_off)
);

-- Days before it have a range of topic_segments.
create table topic_ranges (
  only_one boolean primary key default true check (only_one),
  made_to integer not null,
  -- The newest that a partition got.
  epoch bigint not null default 0
);
insert into topic_ranges values (true, floor(extract(epoch from clock_timestamp()) / 86400)::integer - 1);

create table topic_producers (
  topic_id integer not null,
  producer varchar(257) collate "C" not null,
  epoch bigint not null,
  opened_at bigint not null,
  primary key (topic_id, producer)
) with (fillfactor = 70);

-- How far a producer has come in a partition.
create table topic_sequences (
  topic_id integer not null,
  part smallint not null,
  producer varchar(257) collate "C" not null,
  epoch bigint not null,
  sequence bigint not null,
  at bigint not null,
  -- Where the newest ones are: sequence, how many, offset, sequence …; at most 16 of them.
  runs bigint[] not null,
  primary key (topic_id, producer, part)
) with (fillfactor = 50);

-- The newest round of each lane of a node, and what it was answered: it may be asked again when the answer was lost.
create table topic_lanes (
  lane text collate "C" primary key,
  round bigint not null,
  answer jsonb not null,
  at bigint not null
) with (fillfactor = 30);

-- Topics that were deleted, and are removed bit by bit.
create table topic_remains (
  topic_id integer primary key
);

create function herald_now() returns bigint language sql volatile as $$
  select (extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

-- A number for an epoch: larger than every one before, in a history that was lost as well.
create function herald_topic_epoch() returns bigint language sql volatile as $$
  update topic_ranges set epoch = greatest(epoch + 1, extract(epoch from clock_timestamp())::bigint) returning epoch
$$;

-- Ranges for the days up to `upto`; returns how many were made. Each is made apart and attached, which holds up nobody.
create function herald_topic_days(upto integer) returns integer language plpgsql as $$
declare
  made integer := 0;
  day integer;
  part text;
begin
  if upto < (select made_to from topic_ranges) then return 0; end if;
  perform pg_advisory_xact_lock(7234736);
  select made_to into day from topic_ranges; -- as the holder before us left it
  day := greatest(day, upto - 400); -- a clock that was years behind makes no days for each of them
  while day <= upto loop
    part := 'topic_segments_' || day;
    execute format('create table %I (like topic_segments including defaults including storage including compression,
      constraint range check (at >= %s and at < %s))', part, day * 86400000::bigint, (day + 1) * 86400000::bigint);
    execute format('alter table topic_segments attach partition %I for values from (%s) to (%s)', part, day * 86400000::bigint, (day + 1) * 86400000::bigint);
    execute format('alter table %I drop constraint range', part);
    made := made + 1;
    day := day + 1;
  end loop;
  update topic_ranges set made_to = day;
  return made;
end $$;
perform herald_topic_days((herald_now() / 86400000)::integer + 3);

-- Days that have a range and lie ahead of today.
create function herald_topic_ahead() returns integer language plpgsql as $$
declare
  today constant integer := herald_now() / 86400000;
begin
  perform herald_topic_days(today + 3);
  return (select made_to - 1 - today from topic_ranges);
end $$;

-- History was lost: what readers had beyond it is not here.
create function herald_topics_follow() returns trigger language plpgsql as $$
declare
  next constant bigint := herald_topic_epoch();
begin
  perform from topic_partitions order by topic_id, part for update;
  update topic_partitions p set epoch = next, begun = p.begun[greatest(1, cardinality(p.begun) - 125):] || array[next, p.next_off];
  return null;
end $$;
create trigger topics after update on herald_epoch for each row when (old.epoch is distinct from new.epoch) execute function herald_topics_follow();

-- Partitions of a topic up to `upto`.
create function herald_topic_parts(of_topic integer, upto integer) returns void language plpgsql as $$
declare
  next constant bigint := herald_topic_epoch();
begin
  insert into topic_partitions (topic_id, part, epoch, first_at, begun)
    select of_topic, n, next, herald_now(), array[next, 0] from generate_series(0, upto - 1) n
    on conflict do nothing;
end $$;

create function herald_topic_json(t topics) returns jsonb language sql immutable as $$
  select jsonb_build_object('id', t.id, 'name', t.name, 'partitions', t.partitions,
    'retention', jsonb_build_object('millis', t.retention_millis, 'bytes', t.retention_bytes), 'log', t.log, 'compression', t.compression,
    'schema', t.schema, 'schemaVersion', greatest(0, t.schema_version), 'enabled', t.enabled, 'description', t.description, 'version', t.version,
    'createdAt', t.created_at, 'createdBy', t.created_by, 'updatedAt', t.updated_at)
    || case when t.made is null then '{}' else jsonb_build_object('madeAs', t.made) end
$$;

-- Whether it is to be seen. TS6
create function herald_topic_is_made(t topics) returns boolean language sql immutable as $$
  select t.log <> 'kafka' or t.made is not null
$$;

-- Whether so many more fit. Whoever asks is alone until the transaction ends.
create function herald_topic_fits(of_topics integer, of_partitions integer) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(7234737);
  return (select count(*) + of_topics <= 10000 and coalesce(sum(partitions), 0) + of_partitions <= 50000 from topics);
end $$;

-- A topic as it is then; or {"problem": "exists" | "full"}.
create function herald_topic_create(definition jsonb, actor text) returns jsonb language plpgsql as $$
declare
  made topics;
  now constant bigint := herald_now();
  one text;
begin
  -- TS6: nobody makes them any more.
  for one in select name from topics t where not herald_topic_is_made(t) and created_at < now - 60000 and (name = definition->>'name'
      or definition->>'log' = 'kafka' and replace(name, '/', '.') = replace(definition->>'name', '/', '.')) loop
    perform herald_topic_remove(one);
  end loop;
  if not herald_topic_fits(1, (definition->>'partitions')::integer) then return '{"problem": "full"}'; end if;
  insert into topics (name, partitions, retention_millis, retention_bytes, log, compression, schema, schema_version, enabled, description, created_at,
      created_by, updated_at)
    values (definition->>'name', (definition->>'partitions')::integer, (definition#>>'{retention,millis}')::bigint,
      (definition#>>'{retention,bytes}')::bigint, definition->>'log', definition->>'compression', definition->>'schema',
      (definition->>'schema' is not null)::integer, (definition->>'enabled')::boolean, definition->>'description', now, actor, now)
    on conflict do nothing returning * into made;
  if not found then return '{"problem": "exists"}'; end if;
  if made.log = 'postgres' then perform herald_topic_parts(made.id, made.partitions); end if;
  return herald_topic_json(made);
end $$;

-- What Kafka made for a topic, which is seen from now on. Null: there is no such topic.
create function herald_topic_made(of_topic integer, made_as text) returns jsonb language sql as $$
  update topics t set made = made_as where id = of_topic and log = 'kafka' returning herald_topic_json(t)
$$;

-- A topic as it is then; null: there is none of that name; or {"problem": "conflict" | "fewer" | "full", "version"}.
create function herald_topic_update(of_name text, change jsonb, expected bigint) returns jsonb language plpgsql as $$
declare
  held topics;
begin
  if change ? 'partitions' then perform pg_advisory_xact_lock(7234737); end if;
  select * into held from topics t where name = of_name and herald_topic_is_made(t) for update;
  if not found then return null; end if;
  if expected is not null and expected <> held.version then
    return jsonb_build_object('problem', 'conflict', 'version', held.version);
  end if;
  if (change->>'partitions')::integer < held.partitions then return jsonb_build_object('problem', 'fewer', 'partitions', held.partitions); end if;
  if (change->>'partitions')::integer > held.partitions and not herald_topic_fits(0, (change->>'partitions')::integer - held.partitions) then
    return '{"problem": "full"}';
  end if;
  update topics set version = version + 1, updated_at = greatest(updated_at, herald_now()),
      partitions = coalesce((change->>'partitions')::integer, partitions),
      retention_millis = case when change ? 'retention' then (change#>>'{retention,millis}')::bigint else retention_millis end,
      retention_bytes = case when change ? 'retention' then (change#>>'{retention,bytes}')::bigint else retention_bytes end,
      schema = case when change ? 'schema' then change->>'schema' else schema end,
      schema_version = case when change ? 'schema' and change->>'schema' is distinct from schema then
        -- One that has none counts on when it gets another.
        case when change->>'schema' is null then -abs(schema_version) else abs(schema_version) + 1 end else schema_version end,
      enabled = coalesce((change->>'enabled')::boolean, enabled),
      description = coalesce(change->>'description', description)
    where id = held.id returning * into held;
  if held.log = 'postgres' and change ? 'partitions' then perform herald_topic_parts(held.id, held.partitions); end if;
  return herald_topic_json(held);
end $$;

-- TS1. Whoever appends waits for it, and finds no partition then.
create function herald_topic_remove(of_name text) returns boolean language plpgsql as $$
declare
  went integer;
begin
  delete from topics where name = of_name returning id into went;
  if not found then return false; end if;
  perform from topic_partitions where topic_id = went order by part for update;
  delete from topic_partitions where topic_id = went;
  insert into topic_remains values (went);
  return true;
end $$;

-- TS2. {epoch, sequences: [{partition, sequence}]}; null: there is no such topic; {"problem": "full"}
create function herald_topic_open(of_topic integer, of_producer text, most integer) returns jsonb language plpgsql as $$
declare
  now constant bigint := herald_now();
  opened bigint;
begin
  perform from topics where id = of_topic for key share;
  if not found then return null; end if;
  if not exists (select from topic_producers where topic_id = of_topic and producer = of_producer)
      and (select count(*) >= most from topic_producers where topic_id = of_topic) then
    return '{"problem": "full"}';
  end if;
  -- A principal's begin with its name and a colon: of one there are less than of all.
  if not exists (select from topic_producers where topic_id = of_topic and producer = of_producer)
      and (select count(*) >= most * 4 / 5 from topic_producers
        where topic_id = of_topic and starts_with(producer, left(of_producer, position(':' in of_producer)))) then
    return '{"problem": "share"}';
  end if;
  insert into topic_producers as p values (of_topic, of_producer, now / 1000, now)
    on conflict (topic_id, producer) do update set epoch = greatest(p.epoch + 1, excluded.epoch), opened_at = excluded.opened_at
    returning epoch into opened;
  -- Waits for whoever appends of it: what that has appended is seen by then.
  perform from topic_sequences where topic_id = of_topic and producer = of_producer order by part for update;
  update topic_sequences set epoch = opened where topic_id = of_topic and producer = of_producer;
  return jsonb_build_object('epoch', opened, 'sequences', (select coalesce(jsonb_agg(
    jsonb_build_object('partition', part, 'sequence', sequence) order by part), '[]')
    from topic_sequences where topic_id = of_topic and producer = of_producer));
end $$;

-- A producer's newest runs with one more, which goes with the last one where it follows it in sequences and in offsets; at most 16 of them.
create function herald_topic_runs(runs bigint[], first bigint, count bigint, off bigint) returns bigint[] language sql immutable as $$
  select case when runs[cardinality(runs) - 2] + runs[cardinality(runs) - 1] = first and runs[cardinality(runs)] + runs[cardinality(runs) - 1] = off
    then runs[:cardinality(runs) - 2] || array[runs[cardinality(runs) - 1] + count, runs[cardinality(runs)]]
    else runs[greatest(1, cardinality(runs) - 44):] || array[first, count, off] end
$$;

-- Appends a round: at most one segment a partition, each with its producers' sequences, all or nothing of each segment. Entries are in the order of
-- topic and partition, so that rounds wait for each other and never in a circle.
--   clock:     of which server the times are (herald_clock); null is returned, and nothing happens, on another
--   of_lane, of_round: a round that is asked again is answered as before; one that was overtaken has no answer ([])
--   wait:      milliseconds for a lock
--   not_after: by entry, milliseconds since 1970: under the lock, later is too late
--   producers: by entry [[producer, epoch, first sequence, how many, place in the segment]]
--   returns, by entry:
--     ["placed", base, epoch, at] | ["gone"] | ["late"]
--     ["look", {producer: [epoch, sequence, runs] | null}, epoch, newest at]: nothing was appended, as not every sequence is the next
create function herald_topic_append(clock text, of_lane text, of_round bigint, wait integer, in_topics integer[], in_parts integer[], in_counts integer[],
    in_codecs integer[], in_crcs bigint[], in_data bytea[], in_hashes bytea[], in_producers jsonb, not_after bigint[]) returns jsonb language plpgsql
  set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off set jit = off as $$
declare
  answers text := '';
  answer text;
  lane topic_lanes;
  held topic_partitions;
  known topic_sequences;
  one jsonb;
  now bigint;
  today integer;
  made integer := (select made_to from topic_ranges);
  fits boolean;
  looked jsonb;
  size integer;
  sent jsonb;
  known_ones integer;
begin
  if clock is distinct from pg_postmaster_start_time()::text then return null; end if;
  perform set_config('lock_timeout', greatest(wait, 1)::text, true);
  select * into lane from topic_lanes l where l.lane = of_lane for update;
  if not found then
    insert into topic_lanes values (of_lane, 0, '[]', herald_now()) on conflict do nothing;
    select * into lane from topic_lanes l where l.lane = of_lane for update;
  end if;
  if lane.round >= of_round then return case when lane.round = of_round then lane.answer else '[]' end; end if;

  for i in 1 .. cardinality(in_topics) loop
    answer := null;
    select * into held from topic_partitions where topic_id = in_topics[i] and part = in_parts[i] for update;
    if not found then
      answer := '["gone"]';
    else
      now := extract(epoch from clock_timestamp()) * 1000;
      if now > not_after[i] then answer := '["late"]'; end if;
    end if;
    sent := in_producers->(i - 1);
    if answer is null and jsonb_array_length(sent) > 0 then
      -- One statement for all of which the next sequence came, as nearly always; each is looked up by itself, whatever the planner thinks of the table.
      select count(*) into known_ones from jsonb_array_elements(sent) s cross join lateral (
        select from topic_sequences k where k.topic_id = in_topics[i] and k.producer = s->>0 and k.part = in_parts[i]
          and k.epoch = (s->>1)::bigint and k.sequence + 1 = (s->>2)::bigint for update) k;
      if known_ones < jsonb_array_length(sent) then
        fits := true;
        looked := '{}';
        for one in select value from jsonb_array_elements(sent) loop
          select * into known from topic_sequences where topic_id = in_topics[i] and producer = one->>0 and part = in_parts[i] for update;
          if not found then
            -- Whoever opens the producer waits for us, or we for them.
            select in_topics[i], in_parts[i], producer, epoch, 0, 0, '{}' into known
              from topic_producers where topic_id = in_topics[i] and producer = one->>0 for share;
          end if;
          fits := fits and known.epoch is not distinct from (one->>1)::bigint and known.sequence + 1 = (one->>2)::bigint;
          looked := looked || jsonb_build_object(one->>0,
            case when known.epoch is not null then jsonb_build_array(known.epoch, known.sequence, to_jsonb(known.runs)) end);
        end loop;
        if not fits then answer := jsonb_build_array('look', looked, held.epoch, held.last_at)::text; end if;
      end if;
    end if;
    if answer is null then
      now := greatest(now, held.last_at);
      today := now / 86400000;
      if today >= made then
        perform herald_topic_days(today);
        made := today + 1;
      end if;
      size := octet_length(in_data[i]);
      insert into topic_segments values (in_topics[i], in_parts[i], held.next_off, in_counts[i], now, in_codecs[i], in_crcs[i], size,
        nullif(in_hashes[i], ''), in_data[i]);
      if held.next_off = 0 or today <> held.last_at / 86400000 then
        insert into topic_days values (in_topics[i], in_parts[i], held.next_off, today);
      end if;
      update topic_partitions set next_off = held.next_off + in_counts[i], bytes = bytes + size, last_at = now,
          first_at = case when held.first_off = held.next_off then now else held.first_at end
        where topic_id = in_topics[i] and part = in_parts[i];
      insert into topic_sequences as s
        select in_topics[i], in_parts[i], p->>0, (p->>1)::bigint, (p->>2)::bigint + (p->>3)::bigint - 1, now,
          array[(p->>2)::bigint, (p->>3)::bigint, held.next_off + (p->>4)::bigint]
        from jsonb_array_elements(sent) p
        on conflict (topic_id, producer, part) do update set sequence = excluded.sequence, at = excluded.at,
          runs = herald_topic_runs(s.runs, excluded.runs[1], excluded.runs[2], excluded.runs[3]);
      answer := concat('["placed",', held.next_off, ',', held.epoch, ',', now, ']');
    end if;
    answers := answers || case when i > 1 then ',' else '' end || answer;
  end loop;
  answers := '[' || answers || ']';
  update topic_lanes l set round = of_round, answer = answers::jsonb, at = herald_now() where l.lane = of_lane;
  return answers::jsonb;
end $$;

-- What a partition has from an offset on, at most so many bytes and the segment with which they are reached. The first row says how the partition is;
-- `start`: from where it is read, when history ended since. No row: there is no such partition.
create function herald_topic_read(of_topic integer, of_part integer, of_epoch bigint, from_off bigint, most bigint)
  returns table (epoch bigint, first_off bigint, next_off bigint, start bigint, base_off bigint, n integer, at bigint, codec smallint, crc bigint,
    hashes bytea, data bytea) language plpgsql stable as $$
declare
  held topic_partitions;
  one record;
  day integer;
  total bigint := 0;
  place integer;
begin
  select * into held from topic_partitions p where p.topic_id = of_topic and p.part = of_part;
  if not found then return; end if;
  epoch := held.epoch;
  first_off := held.first_off;
  next_off := held.next_off;
  start := least(from_off, held.next_off);
  if of_epoch <> held.epoch then
    select min(k) into place from generate_series(1, cardinality(held.begun), 2) k where held.begun[k] = of_epoch;
    if place is null then start := 0;
    else select least(start, min(held.begun[k + 1])) into start from generate_series(place + 2, cardinality(held.begun), 2) k;
    end if;
  end if;
  return next;
  epoch := null;
  if start >= held.next_off then return; end if;
  from_off := greatest(start, held.first_off);
  for day in select d.day from topic_days d where d.topic_id = of_topic and d.part = of_part
      and d.base_off >= coalesce((select max(b.base_off) from topic_days b where b.topic_id = of_topic and b.part = of_part and b.base_off <= from_off), 0)
      order by d.base_off
  loop
    for one in execute format('select s.* from topic_segments_%1$s s where topic_id = $1 and part = $2 and base_off >= coalesce(
        (select base_off from topic_segments_%1$s where topic_id = $1 and part = $2 and base_off <= $3 order by base_off desc limit 1), $3)
      order by base_off limit %2$s', day, case when most <= 0 then 1 else 2000 end) using of_topic, of_part, from_off
    loop
      continue when one.base_off + one.n <= from_off; -- rows are missing
      base_off := one.base_off;
      n := one.n;
      at := one.at;
      codec := one.codec;
      crc := one.crc;
      hashes := one.hashes;
      data := one.data;
      return next;
      total := total + one.size;
      if total >= most then return; end if;
    end loop;
    if total > 0 then return; end if; -- the next day at the next call, which knows where it begins
  end loop;
end $$;

-- The first offset that came at `time` or later, and the epoch. Offsets are in the order of time: halved.
create function herald_topic_find(of_topic integer, of_part integer, "time" bigint) returns table (epoch bigint, off bigint) language plpgsql stable as $$
declare
  held topic_partitions;
  low bigint;
  high bigint;
  middle bigint;
  wanted integer;
  one record;
begin
  select * into held from topic_partitions p where p.topic_id = of_topic and p.part = of_part;
  if not found then return; end if;
  epoch := held.epoch;
  off := held.next_off;
  -- In the last day that is not after that time; where it has none, what is wanted is what the next one begins with.
  select d.base_off, d.day into one from topic_days d where d.topic_id = of_topic and d.part = of_part and d.day <= "time" / 86400000
    order by d.base_off desc limit 1;
  if not found or "time" <= held.first_at then
    off := held.first_off;
    return next;
    return;
  end if;
  wanted := one.day;
  low := greatest(one.base_off, held.first_off);
  select coalesce(min(d.base_off), held.next_off) into high from topic_days d where d.topic_id = of_topic and d.part = of_part and d.base_off > one.base_off;
  -- The smallest offset in [low, high] whose segment came at that time or later; segments begin where they begin.
  while low < high loop
    middle := (low + high) / 2;
    execute format('select base_off, n, at from topic_segments_%s where topic_id = $1 and part = $2 and base_off <= $3 order by base_off desc limit 1', wanted)
      into one using of_topic, of_part, middle;
    if one.base_off is null then low := middle + 1;
    elsif one.at >= "time" then high := one.base_off;
    else low := one.base_off + one.n;
    end if;
  end loop;
  off := greatest(high, held.first_off);
  return next;
end $$;

-- Ends what is before an offset, in a partition that the caller has locked, and counts out at most `step` segments that go with it. A segment whose end is
-- still there stays. `gone`: they are deleted; otherwise they wait for their range to be dropped.
create function herald_topic_cut(held topic_partitions, before bigint, gone boolean, step integer) returns topic_partitions language plpgsql as $$
declare
  day integer;
  begun bigint;
  came bigint;
  counted bigint;
  freed bigint;
  upto bigint;
begin
  before := greatest(least(before, held.next_off), held.first_off);
  for day, begun in select d.day, d.base_off from topic_days d where d.topic_id = held.topic_id and d.part = held.part and d.base_off < before
      and d.base_off >= coalesce((select max(b.base_off) from topic_days b where b.topic_id = held.topic_id and b.part = held.part
        and b.base_off <= held.kept_off), 0) order by d.base_off
  loop
    execute format('with them as (select base_off, n, size from topic_segments_%1$s where topic_id = $1 and part = $2 and base_off >= $3 and base_off < $4
        and base_off + n <= $4 order by base_off limit $5)'
      || case when gone then ', went as (delete from topic_segments_%1$s s using them t where s.topic_id = $1 and s.part = $2 and s.base_off = t.base_off)' else '' end
      || ' select count(*), coalesce(sum(size), 0), max(base_off + n) from them', day)
      into counted, freed, upto using held.topic_id, held.part, held.kept_off, before, step;
    step := step - counted;
    held.bytes := greatest(0, held.bytes - freed);
    held.kept_off := greatest(held.kept_off, coalesce(upto, 0));
    exit when step <= 0;
  end loop;
  held.due := step <= 0;
  if before > held.first_off then
    held.first_off := before;
    held.first_at := held.last_at;
    if before < held.next_off then
      select d.day into day from topic_days d where d.topic_id = held.topic_id and d.part = held.part and d.base_off <= before order by d.base_off desc limit 1;
      execute format('select at from topic_segments_%s where topic_id = $1 and part = $2 and base_off <= $3 order by base_off desc limit 1', day)
        into came using held.topic_id, held.part, before;
      held.first_at := coalesce(came, held.last_at);
    end if;
  end if;
  delete from topic_days d where d.topic_id = held.topic_id and d.part = held.part and d.base_off < (
    select max(b.base_off) from topic_days b where b.topic_id = held.topic_id and b.part = held.part and b.base_off <= held.kept_off);
  update topic_partitions p set first_off = held.first_off, first_at = held.first_at, bytes = held.bytes, kept_off = held.kept_off, due = held.due
    where p.topic_id = held.topic_id and p.part = held.part;
  return held;
end $$;

create function herald_topic_trim(of_topic integer, of_part integer, before bigint) returns setof topic_partitions language plpgsql as $$
declare
  held topic_partitions;
begin
  select * into held from topic_partitions p where p.topic_id = of_topic and p.part = of_part for update;
  if found then return next herald_topic_cut(held, before, true, 1000); end if;
end $$;

-- Behind the segment with which the oldest ones come to `over` bytes, at most `step` of them.
create function herald_topic_over(held topic_partitions, over bigint, step integer) returns bigint language plpgsql stable as $$
declare
  day integer;
  found_off bigint := held.first_off;
  one record;
begin
  for day in select d.day from topic_days d where d.topic_id = held.topic_id and d.part = held.part order by d.base_off loop
    for one in execute format('select base_off + n as upto, size from topic_segments_%s where topic_id = $1 and part = $2 and base_off >= $3
        order by base_off limit $4', day) using held.topic_id, held.part, held.kept_off, step
    loop
      found_off := greatest(found_off, one.upto);
      over := over - one.size;
      step := step - 1;
      if over <= 0 or step <= 0 then return found_off; end if;
    end loop;
  end loop;
  return found_off;
end $$;

-- One bounded step of the topics' retention, for the holder of the lease, which it extends; null when that is another's by now.
-- {partitions, topics, producers, more}: of how many partitions something ended; how many topics that were deleted are removed; producers forgotten
create function herald_topic_sweep(lease jsonb, lasts interval, step integer) returns jsonb language plpgsql as $$
declare
  now bigint;
  longest bigint;
  held topic_partitions;
  of topics;
  before bigint;
  one record;
  partitions integer := 0;
  removed integer := 0;
  forgotten integer := 0;
  more boolean := false;
  went integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  now := herald_now();
  select max(coalesce(retention_millis, 9e15::bigint)) into longest from topics where log = 'postgres';

  for one in select p.topic_id, p.part from topic_partitions p join topics t on t.id = p.topic_id
      where p.due or p.first_off < p.next_off and (p.bytes > t.retention_bytes
        -- Not for each that is a moment too old.
        or p.first_at < now - t.retention_millis - least(t.retention_millis / 20, 3600000))
      order by p.topic_id, p.part limit 50
  loop
    select p.* into held from topic_partitions p where p.topic_id = one.topic_id and p.part = one.part for update;
    continue when not found;
    select t.* into of from topics t where t.id = one.topic_id;
    before := held.first_off;
    if of.retention_millis is not null and held.first_at < now - of.retention_millis then
      select f.off into before from herald_topic_find(held.topic_id, held.part, now - of.retention_millis) f;
    end if;
    if held.bytes > of.retention_bytes then before := greatest(before, herald_topic_over(held, held.bytes - of.retention_bytes, step)); end if;
    held := herald_topic_cut(held, before, of.retention_bytes is not null or of.retention_millis < longest or of.retention_millis < 172800000, step);
    partitions := partitions + 1;
    more := true;
  end loop;

  for one in select topic_id from topic_remains order by topic_id limit 1 loop
    delete from topic_segments s using (select topic_id, part, base_off, at from topic_segments where topic_id = one.topic_id limit step) d
      where s.topic_id = d.topic_id and s.part = d.part and s.base_off = d.base_off and s.at = d.at;
    get diagnostics went = row_count;
    more := true;
    continue when went = step;
    delete from topic_sequences where ctid = any (array(select ctid from topic_sequences where topic_id = one.topic_id limit step));
    get diagnostics went = row_count;
    continue when went = step;
    delete from topic_producers where topic_id = one.topic_id;
    delete from topic_days where topic_id = one.topic_id;
    delete from topic_histories where topic_id = one.topic_id;
    delete from topic_remains where topic_id = one.topic_id;
    removed := removed + 1;
  end loop;

  -- TS3
  for one in select p.topic_id, p.producer, least(now - 604800000, kept.first_at) as since from topic_producers p
      left join lateral (select min(case when k.first_off < k.next_off then k.first_at else now end) as first_at from topic_partitions k
        where k.topic_id = p.topic_id) kept on true
      where p.opened_at < least(now - 604800000, kept.first_at) and not exists (select from topic_sequences s
        where s.topic_id = p.topic_id and s.producer = p.producer and s.at >= least(now - 604800000, kept.first_at)) limit 100
  loop
    perform from topic_producers p where p.topic_id = one.topic_id and p.producer = one.producer and p.opened_at < one.since for update;
    continue when not found;
    perform from topic_sequences s where s.topic_id = one.topic_id and s.producer = one.producer order by s.part for update;
    continue when exists (select from topic_sequences s where s.topic_id = one.topic_id and s.producer = one.producer and s.at >= one.since);
    delete from topic_sequences s where s.topic_id = one.topic_id and s.producer = one.producer;
    delete from topic_producers p where p.topic_id = one.topic_id and p.producer = one.producer;
    forgotten := forgotten + 1;
  end loop;
  more := more or forgotten = 100;

  delete from topic_lanes where at < now - 86400000;
  return jsonb_build_object('partitions', partitions, 'topics', removed, 'producers', forgotten, 'more', more);
end $$;

-- Days of which nobody reads anything any more, and what was detached and not yet dropped. `pending`: detaching was begun.
create function herald_topic_expired() returns table (parent text, part text, attached boolean, pending boolean) language sql stable as $$
  select 'topic_segments', c.relname::text, i.inhrelid is not null, coalesce(i.inhdetachpending, false)
  from pg_class p
    join pg_class c on c.relnamespace = p.relnamespace and c.relkind = 'r' and c.relname ~ '^topic_segments_[0-9]+$'
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = p.oid
  where p.oid = 'topic_segments'::regclass and (i.inhrelid is null or (
    substring(c.relname from '[0-9]+$')::bigint < herald_now() / 86400000 - 1
    and not exists (select from topic_partitions k where k.due or k.first_off < k.next_off
      and k.first_at < (substring(c.relname from '[0-9]+$')::bigint + 1) * 86400000)))
  order by 2
$$;

-- Topics whose log another system has (docs/decisions/0039-kafka-log.md): how far producers have come is noted behind what is there. `writer`: whose
-- events of the producer may be in the log and not noted, from the offset `settled` on.
alter table topic_sequences add column writer text, add column settled bigint not null default 0;

-- Histories of their partitions: epoch, offset with which it began, epoch …; and by what the newest one is known again: offset, time and leader of the
-- event before it, offset …
create table topic_histories (
  topic_id integer not null,
  part smallint not null,
  epoch bigint not null,
  begun bigint[] not null,
  marks bigint[] not null,
  primary key (topic_id, part)
) with (fillfactor = 50);

-- {epoch, sequence, runs, settled, writer} of a producer in a partition; null: nobody opened it.
create function herald_topic_held(of_topic integer, of_part integer, of_producer text) returns jsonb language plpgsql as $$
declare
  opened bigint;
begin
  -- Whoever opens the producer waits for us, or we for them.
  select epoch into opened from topic_producers where topic_id = of_topic and producer = of_producer for share;
  if not found then return null; end if;
  insert into topic_sequences (topic_id, part, producer, epoch, sequence, at, runs) values (of_topic, of_part, of_producer, opened, 0, herald_now(), '{}')
    on conflict do nothing;
  return (select jsonb_build_object('epoch', s.epoch, 'sequence', s.sequence, 'runs', s.runs, 'settled', s.settled, 'writer', s.writer)
    from topic_sequences s where s.topic_id = of_topic and s.part = of_part and s.producer = of_producer);
end $$;

-- The newest history of a partition, which begins here when `last` was the newest until now; where it has none, with those of all partitions that have none.
-- Null: there is no such partition.
create function herald_topic_begin(of_topic integer, of_part integer, last bigint, starts bigint, of_marks jsonb, most integer) returns jsonb
  language plpgsql as $$
declare
  held topic_histories;
  next bigint;
  many integer;
begin
  select partitions into many from topics where id = of_topic for key share;
  if not found or of_part >= many then return null; end if;
  perform pg_advisory_xact_lock(7234738, of_topic);
  select * into held from topic_histories where topic_id = of_topic and part = of_part for update;
  if held.epoch is not distinct from last then
    next := herald_topic_epoch();
    held.begun := coalesce(held.begun, '{}') || array[next, starts];
    held.begun := held.begun[greatest(1, cardinality(held.begun) - 2 * most + 1):];
    insert into topic_histories values (of_topic, of_part, next, held.begun, array(select jsonb_array_elements_text(of_marks)::bigint))
      on conflict (topic_id, part) do update set epoch = excluded.epoch, begun = excluded.begun, marks = excluded.marks
      returning * into held;
    if last is null then
      insert into topic_histories select of_topic, n, next, array[next, 0], '{}' from generate_series(0, many - 1) n on conflict do nothing;
    end if;
  end if;
  return jsonb_build_object('part', of_part, 'epoch', held.epoch, 'begun', held.begun, 'marks', held.marks);
end $$;
