-- What was published to topics and distributed of them, minute by minute: src/distribution. Written in rounds by every node, never for each event.

-- In all, since the topic was first heard of.
create table distribution_stats (
  topic integer primary key,
  since timestamptz not null,
  changed_at timestamptz not null,
  published bigint not null,
  -- Publishes that were refused or failed.
  refused bigint not null,
  -- To readers.
  sent bigint not null,
  -- To consumers, who accepted it; and what failed there.
  delivered bigint not null,
  failed bigint not null
) with (fillfactor = 50);

-- One row a topic, node and minute in which there was anything; and of no node what is left to do of it, of topics whose log is here.
create temporary table distribution_points (
  at timestamptz not null,
  topic integer not null,
  -- The run of the node; '': of none.
  run text not null,
  throughput_per_second double precision not null,
  -- From when Herald had the first event of a batch until its last live reader had it; null: nobody read.
  latency_p50_ms double precision,
  latency_p99_ms double precision,
  -- Of publishes and deliveries.
  error_rate double precision not null,
  -- Of all subscriptions of the topic, whoever serves them, when the minute was over; null: a node's, which knows its own only.
  backlog_size bigint,
  consumer_count integer not null,
  -- Of the topic, whichever node they are at.
  producer_count integer not null
);

-- What became of deliveries: those that failed, and of the others a sample or all.
create temporary table distribution_deliveries (
  at timestamptz not null,
  topic integer not null,
  subscription text not null,
  message_id text not null,
  offset_position bigint not null,
  -- From when it was handed out, or its time was extended last, until it was answered.
  delivery_latency_ms double precision not null,
  retry_count integer not null,
  status text not null check (status in ('delivered', 'failed', 'retrying')),
  error_message text not null
);

-- Hypertables where this database has TimescaleDB, otherwise ranges of a day that end by DROP: the statement that makes the table is all that differs. Whoever
-- reads holds a lock on each range that may have what is asked for, and on its index: so there are few, and only those of the time that is asked for are locked.
create table distribution_ranges (of_table text not null, lower timestamptz not null, primary key (of_table, lower));
if exists (select from pg_extension where extname = 'timescaledb') then
  create table distribution_metrics_ts (like distribution_points including defaults including constraints, primary key (topic, at, run));
  create table message_delivery_log (like distribution_deliveries including defaults including constraints);
  perform create_hypertable('distribution_metrics_ts', 'at', chunk_time_interval => interval '1 hour', create_default_indexes => false);
  perform create_hypertable('message_delivery_log', 'at', chunk_time_interval => interval '1 day', create_default_indexes => false);
else
  create table distribution_metrics_ts (like distribution_points including defaults including constraints, primary key (topic, at, run))
    partition by range (at);
  create table message_delivery_log (like distribution_deliveries including defaults including constraints) partition by range (at);
end if;
drop table distribution_points, distribution_deliveries;
create index message_delivery_log_newest on message_delivery_log (topic, at desc);

-- A range for the day of that moment, where there is none: made apart and attached, which holds up neither readers nor writers. At most 400.
create function herald_distribution_room(of_table text, moment timestamptz) returns void language plpgsql as $$
declare
  lo constant timestamptz := date_bin('1 day', moment, '2000-01-01 00:00:00+00');
  hi constant timestamptz := lo + interval '24 hours';
  part constant text := of_table || '_' || to_char(lo at time zone 'UTC', 'YYYYMMDD');
begin
  if exists (select from distribution_ranges r where r.of_table = herald_distribution_room.of_table and r.lower = lo) then return; end if;
  if (select relkind from pg_class where oid = of_table::regclass) <> 'p' then return; end if;
  perform pg_advisory_xact_lock(7234740);
  if exists (select from distribution_ranges r where r.of_table = herald_distribution_room.of_table and r.lower = lo) then return; end if;
  if (select count(*) from distribution_ranges r where r.of_table = herald_distribution_room.of_table) >= 400 then
    raise exception '% has 400 ranges', of_table using errcode = '54000';
  end if;
  execute format('create table %I (like %I including defaults including constraints, constraint range check (at >= %L and at < %L))',
    part, of_table, lo, hi);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', of_table, part, lo, hi);
  execute format('alter table %I drop constraint range', part);
  insert into distribution_ranges values (of_table, lo);
end $$;

-- Ranges that are over since before that moment, and what was detached and not yet dropped. `pending`: detaching was begun.
create function herald_distribution_expired(before timestamptz) returns table (parent text, part text, attached boolean, pending boolean) language sql stable as $$
  select p.relname::text, c.relname::text, i.inhrelid is not null, coalesce(i.inhdetachpending, false)
  from pg_class p
    join pg_class c on c.relnamespace = p.relnamespace and c.relkind = 'r' and c.relname ~ ('^' || p.relname || '_[0-9]{8}$')
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = p.oid
  where p.oid in ('distribution_metrics_ts'::regclass, 'message_delivery_log'::regclass) and p.relkind = 'p'
    and (i.inhrelid is null or (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= before)
  order by 1, 2
$$;

-- Writes what a node counted since it wrote last. Nothing is written of topics that are no more.
-- It is of when it was: a sample of the middle of its seconds, a delivery of so many milliseconds ago, both by this clock; of the last hour at most.
--   in: {run, samples: [{topic, seconds, published, refused, sent, delivered, failed, p50, p99, consumers}],
--     deliveries: [{topic, subscription, id, offset, latency, retries, status, error, ago}]}
create function herald_distribution_write(batch jsonb) returns void language plpgsql as $$
declare
  now constant timestamptz := clock_timestamp();
begin
  perform herald_distribution_room(of_table, moment) from unnest(array['distribution_metrics_ts', 'message_delivery_log']) of_table,
    unnest(array[now - interval '1 hour', now]) moment;
  insert into distribution_stats as d
    select s.topic, greatest(herald_at(t.created_at), now - least(greatest(s.seconds, 0), 3600) * interval '1 second'), now, s.published, s.refused, s.sent,
        s.delivered, s.failed
      from jsonb_to_recordset(batch->'samples') as s(topic integer, seconds float8, published bigint, refused bigint, sent bigint, delivered bigint, failed bigint)
        join topics t on t.id = s.topic
      order by 1 -- so that two writers wait for each other and no more
  on conflict (topic) do update set changed_at = excluded.changed_at, published = d.published + excluded.published, refused = d.refused + excluded.refused,
    sent = d.sent + excluded.sent, delivered = d.delivered + excluded.delivered, failed = d.failed + excluded.failed;
  insert into distribution_metrics_ts
    select now - least(greatest(s.seconds, 0), 3600) / 2 * interval '1 second', s.topic, batch->>'run', s.published / greatest(s.seconds, 0.001), s.p50, s.p99,
        coalesce((s.refused + s.failed) / nullif((s.published + s.refused + s.delivered + s.failed)::float8, 0), 0), null, s.consumers,
        (select count(*) from topic_producers p where p.topic_id = s.topic)
      from jsonb_to_recordset(batch->'samples') as s(topic integer, seconds float8, published bigint, refused bigint, sent bigint, delivered bigint,
          failed bigint, p50 float8, p99 float8, consumers integer)
        join topics t on t.id = s.topic
  on conflict do nothing;
  insert into message_delivery_log
    select now - least(greatest(d.ago, 0), 3600000) * interval '1 millisecond', d.topic, d.subscription, d.id, d."offset", d.latency, d.retries, d.status, d.error
      from jsonb_to_recordset(batch->'deliveries') as d(topic integer, subscription text, id text, "offset" bigint, latency float8, retries integer,
          status text, error text, ago float8)
        join topics t on t.id = d.topic;
end $$;

-- Writes what was left to do of each topic whose log is here, for the minute that is over and once for it: from where each of its subscriptions is up to the
-- end, of a slice its part. What is done ahead of that counts, so it is never too few. Where nothing is left and nothing was counted there is nothing to say.
create function herald_distribution_backlogs() returns void language plpgsql as $$
declare
  minute constant timestamptz := date_bin('1 minute', clock_timestamp(), '2000-01-01 00:00:00+00') - interval '1 minute';
begin
  perform herald_distribution_room('distribution_metrics_ts', minute);
  if exists (select from distribution_metrics_ts where at = minute and run = '') then return; end if;
  insert into distribution_metrics_ts
    select minute, t.id, '', 0, null, null, 0, coalesce(b.backlog, 0), 0, (select count(*) from topic_producers p where p.topic_id = t.id)
      from topics t
        left join (
          select s.topic_id, ceil(sum(greatest(p.next_off - greatest(p.first_off, case when c.log_epoch = p.epoch then c.floor else 0 end), 0)
              / s.slices::float8)) as backlog
            from subscriptions s
              join subscription_cursors c on c.subscription_id = s.id
              join topic_partitions p on p.topic_id = s.topic_id and p.part = c.partition
            group by 1
        ) b on b.topic_id = t.id
        left join distribution_stats d on d.topic = t.id
      where t.log = 'postgres' and (b.backlog > 0 or d.changed_at > minute)
  on conflict do nothing;
end $$;

-- How a topic was, in steps of `width` from a moment on: of nodes together, and of a step the average, the slowest and the most. It is planned each time, with
-- that moment known: a plan that is kept for all of them locks all ranges.
create function herald_distribution_points(of_topic integer, since timestamptz, width interval) returns table (start timestamptz, throughput float8, sent_p50 float8,
    sent_p99 float8, errors float8, backlog float8, consumers float8, producers float8) language plpgsql stable as $body$
begin
  return query execute $$
    with nodes as (
      select date_bin('1 minute', at, '2000-01-01 00:00:00+00') as minute, run, avg(throughput_per_second) as throughput, max(latency_p50_ms) as p50,
        max(latency_p99_ms) as p99, max(error_rate) as errors, max(backlog_size) as backlog, max(consumer_count) as consumers, max(producer_count) as producers
      from distribution_metrics_ts where topic = $1 and at >= $2 group by 1, 2
    ), minutes as (
      select minute, sum(throughput) as throughput, max(p50) as p50, max(p99) as p99, max(errors) as errors, max(backlog) as backlog,
        sum(consumers) as consumers, max(producers) as producers
      from nodes group by 1
    )
    select date_bin($3, minute, '1970-01-01 00:00:00+00'), avg(throughput), max(p50), max(p99), max(errors), max(backlog)::float8, max(consumers)::float8,
      max(producers)::float8
    from minutes group by 1 order by 1
  $$ using of_topic, since, width;
end $body$;

-- The newest deliveries of a topic, from a moment on; planned as the points are.
create function herald_distribution_deliveries(of_topic integer, since timestamptz, most integer) returns setof message_delivery_log language plpgsql stable as $body$
begin
  return query execute $$
    select * from message_delivery_log where topic = $1 and at >= $2 order by at desc, offset_position desc limit $3
  $$ using of_topic, since, most;
end $body$;

-- What is of topics that are no more; ranges are dropped from outside. And what is left to do of those that there are.
create function herald_distribution_sweep(lease jsonb, lasts interval, keep interval) returns jsonb language plpgsql as $$
declare
  gone integer;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  delete from distribution_stats d where not exists (select from topics t where t.id = d.topic);
  get diagnostics gone = row_count;
  if (select relkind from pg_class where oid = 'message_delivery_log'::regclass) <> 'p' then
    perform drop_chunks('distribution_metrics_ts', older_than => clock_timestamp() - keep);
    perform drop_chunks('message_delivery_log', older_than => clock_timestamp() - keep);
  end if;
  delete from distribution_ranges r where r.lower + interval '1 day' <= clock_timestamp() - keep
    and not exists (select from pg_class where relname = r.of_table || '_' || to_char(r.lower at time zone 'UTC', 'YYYYMMDD'));
  perform herald_distribution_backlogs();
  return jsonb_build_object('topics', gone);
end $$;
