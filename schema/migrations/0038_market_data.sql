-- Bars and what is newest of market data: docs/decisions/0036-market-data.md. Times of venues are nanoseconds since 1970; prices and sizes are exact.

-- By which trade a bar was opened or closed, or what is newest. Compared from left to right: the venue's time and number, then the place in the topic.
create type market_mark as (ts bigint, seq bigint, epoch bigint, off bigint, price numeric);

-- How far each partition of a topic is in the bars. What a batch changes is written in the transaction that moves it.
create table market_cursors (
  topic bigint not null,
  part integer not null,
  -- The topic's name, by which it is said who may see what is of it.
  name text collate "C" not null,
  epoch bigint not null,
  next_off bigint not null,
  -- The newest time of the feed that is known, in nanoseconds: what is older may be late.
  watermark bigint not null,
  -- How many there are of it.
  instruments integer not null default 0,
  -- Where it was begun: bars have nothing of before.
  began_epoch bigint not null,
  began_off bigint not null,
  primary key (topic, part)
) with (fillfactor = 50);
create index market_cursors_name on market_cursors (name, topic);

-- What is traded, as one partition of a topic tells it: what another one tells of the same symbol is another instrument, and they are put together when
-- somebody asks who may read both. So nobody changes what others told, and all rows of a partition are written by whoever moves its cursor.
create table market_instruments (
  id integer generated always as identity primary key,
  topic bigint not null,
  part integer not null,
  symbol text collate "C" not null check (length(symbol) between 1 and 64),
  exchange text collate "C" not null check (length(exchange) between 1 and 32),
  unique (symbol, topic, part, exchange)
);

-- Topics that these patterns cover, of which anything is in bars: names, names with /* for all below them, or * for all.
-- Each is found by the index of names: 0 is what comes behind a slash.
create function herald_market_topics(patterns jsonb) returns bigint[] language sql stable as $$
  select coalesce(array_agg(distinct c.topic), '{}') from jsonb_array_elements_text(patterns) p(pattern) cross join lateral (
    select topic from market_cursors where name = p.pattern
    union all
    select topic from market_cursors where right(p.pattern, 2) = '/*' and name >= left(p.pattern, -1) and name < left(p.pattern, -2) || '0'
    union all
    select topic from market_cursors where p.pattern = '*') c
$$;

create function herald_market_covers(pattern text, name text) returns boolean language sql immutable as $$
  select pattern = '*' or pattern = name or (right(pattern, 2) = '/*' and starts_with(name, left(pattern, -1)))
$$;

-- What topics that the patterns cover tell of a symbol, on one exchange or (null) on all: in the order in which they are trusted, those first that the first
-- patterns of `trust` cover, and among them by their names, whoever told of it first. At most so many, and of each so many exchanges. It steps from topic
-- to topic, however many others there are.
create function herald_market_told(of_symbol text, on_exchange text, patterns jsonb, trust jsonb, most integer, most_exchanges integer)
  returns table (topic text, exchanges text[], watermark bigint) language sql stable as $$
  with recursive telling as (
    (select i.topic from market_instruments i where i.symbol = of_symbol order by i.topic limit 1)
    union all
    select (select i.topic from market_instruments i where i.symbol = of_symbol and i.topic > t.topic order by i.topic limit 1)
    from telling t where t.topic is not null
  ), named as (
    select t.topic, c.name, coalesce((select min(p.place) from jsonb_array_elements_text(trust) with ordinality p(pattern, place)
      where herald_market_covers(p.pattern, c.name)), jsonb_array_length(trust) + 1) as rank
    from telling t cross join lateral (select m.name from market_cursors m where m.topic = t.topic limit 1) c
    where exists (select from jsonb_array_elements_text(patterns) p(pattern) where herald_market_covers(p.pattern, c.name))
  )
  select n.name, h.exchanges, h.watermark
  from named n cross join lateral (
    select (array_agg(distinct r.exchange order by r.exchange))[:most_exchanges] as exchanges, min(r.watermark) as watermark
    from (select i.exchange, c.watermark from market_instruments i join market_cursors c on c.topic = i.topic and c.part = i.part
      where i.symbol = of_symbol and i.topic = n.topic and (on_exchange is null or i.exchange = on_exchange)
      order by i.part, i.exchange limit 1000) r) h
  where h.exchanges is not null order by n.rank, n.name collate "C" limit most
$$;

create table market_latest (
  instrument integer not null,
  -- 0 pre, 1 regular, 2 post, 3 closed
  session smallint not null,
  mark market_mark not null,
  recv bigint not null,
  size numeric not null,
  currency text not null,
  trade text not null,
  conditions jsonb not null,
  primary key (instrument, session)
) with (fillfactor = 50);

create table market_quotes (
  instrument integer primary key,
  -- Without a price.
  mark market_mark not null,
  recv bigint not null,
  currency text not null,
  -- null: nobody is there.
  bid numeric,
  bid_size numeric,
  ask numeric,
  ask_size numeric
) with (fillfactor = 50);

-- Days of the venues; few enough to be one table.
create table market_days (
  instrument integer not null,
  -- Seconds: 86400, whatever the clocks do.
  every integer not null,
  session smallint not null,
  start_at timestamptz not null,
  -- null: nothing counted for it.
  open market_mark,
  close market_mark,
  high numeric,
  low numeric,
  volume numeric not null,
  notional numeric not null,
  trades bigint not null,
  -- Grows with each change.
  revision integer not null,
  primary key (instrument, every, session, start_at)
) with (fillfactor = 70);
create index market_days_old on market_days (start_at);

-- Bars of minutes and hours: of TimescaleDB, where this database has it, otherwise in ranges of a week that end by DROP. The statement that makes the
-- table is all that differs.
create table market_ranges (lower timestamptz primary key);
if exists (select from pg_extension where extname = 'timescaledb') then
  create table market_bars (like market_days including defaults including constraints, primary key (instrument, every, session, start_at));
  perform create_hypertable('market_bars', 'start_at', chunk_time_interval => interval '7 days', create_default_indexes => false);
else
  create table market_bars (like market_days including defaults including constraints, primary key (instrument, every, session, start_at))
    partition by range (start_at);
end if;

create function herald_market_week(at timestamptz) returns timestamptz language sql immutable as $$
  select date_bin('7 days', at, '2000-01-03 00:00:00+00')
$$;

-- A range for the week of that moment, where there is none: made apart and attached, which holds up neither readers nor writers. At most 1,500.
create function herald_market_room(at timestamptz) returns void language plpgsql as $$
declare
  week constant timestamptz := herald_market_week(at);
  ends constant timestamptz := week + interval '7 days';
  part constant text := 'market_bars_' || to_char(week at time zone 'UTC', 'YYYYMMDD');
begin
  if exists (select from market_ranges r where r.lower = week) then return; end if;
  if (select relkind from pg_class where oid = 'market_bars'::regclass) <> 'p' then return; end if;
  perform pg_advisory_xact_lock(7234738);
  if exists (select from market_ranges r where r.lower = week) then return; end if;
  if (select count(*) from market_ranges) >= 1500 then raise exception 'market_bars has 1500 ranges' using errcode = '54000'; end if;
  execute format('create table %I (like market_bars including defaults including constraints,
    constraint range check (start_at >= %L and start_at < %L)) with (fillfactor = 70)', part, week, ends);
  execute format('alter table market_bars attach partition %I for values from (%L) to (%L)', part, week, ends);
  execute format('alter table %I drop constraint range', part);
  insert into market_ranges values (week);
end $$;

-- Ranges that are over since before that moment, and what was detached and not yet dropped. `pending`: detaching was begun.
create function herald_market_expired(before timestamptz) returns table (parent text, part text, attached boolean, pending boolean) language sql stable as $$
  select p.relname::text, c.relname::text, i.inhrelid is not null, coalesce(i.inhdetachpending, false)
  from pg_class p
    join pg_class c on c.relnamespace = p.relnamespace and c.relkind = 'r' and c.relname ~ '^market_bars_[0-9]{8}$'
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = p.oid
  where p.oid = 'market_bars'::regclass and p.relkind = 'p'
    and (i.inhrelid is null or (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= before)
  order by 2
$$;

create function herald_mark(ts bigint, seq bigint, epoch bigint, off bigint, price numeric) returns market_mark language sql immutable as $$
  select case when ts is not null then row(ts, seq, epoch, off, price)::market_mark end
$$;

-- Bars as they are sent. start in milliseconds since 1970.
create type market_part as (
  symbol text, exchange text, every integer, session smallint, start bigint,
  open_ts bigint, open_seq bigint, open_epoch bigint, open_off bigint, open_price numeric,
  close_ts bigint, close_seq bigint, close_epoch bigint, close_off bigint, close_price numeric,
  high numeric, low numeric, volume numeric, notional numeric, trades bigint
);

-- Puts parts of bars of a partition to what is there (`instead`: in its place).
create function herald_market_merge(of_topic bigint, of_part integer, parts jsonb, days boolean, instead boolean) returns void language plpgsql as $$
begin
  execute format($sql$
    insert into %I as b (instrument, every, session, start_at, open, close, high, low, volume, notional, trades, revision)
      select i.id, p.every, p.session, herald_at(p.start::float8), herald_mark(p.open_ts, p.open_seq, p.open_epoch, p.open_off, p.open_price),
        herald_mark(p.close_ts, p.close_seq, p.close_epoch, p.close_off, p.close_price), p.high, p.low, p.volume, p.notional, p.trades, 1
      from jsonb_populate_recordset(null::market_part, $1) p
        join market_instruments i on i.symbol = p.symbol and i.topic = $4 and i.part = $5 and i.exchange = p.exchange
      where (p.every = 86400) = $2
      order by 1, 2, 3, 4
    on conflict (instrument, every, session, start_at) do update set
      open = case when $3 then excluded.open else least(b.open, excluded.open) end,
      close = case when $3 then excluded.close else greatest(b.close, excluded.close) end,
      high = case when $3 then excluded.high else greatest(b.high, excluded.high) end,
      low = case when $3 then excluded.low else least(b.low, excluded.low) end,
      volume = case when $3 then 0 else b.volume end + excluded.volume,
      notional = case when $3 then 0 else b.notional end + excluded.notional,
      trades = case when $3 then 0 else b.trades end + excluded.trades,
      revision = b.revision + 1
    $sql$, case when days then 'market_days' else 'market_bars' end) using parts, days, instead, of_topic, of_part;
end $$;

-- Bars of five minutes, hours and days of a partition, put together again from its minutes.
--   in: [{symbol, exchange, every, session, start, end}], times in milliseconds
create function herald_market_again(of_topic bigint, of_part integer, bars jsonb) returns void language plpgsql as $$
declare
  one record;
begin
  for one in
    select i.id, b.every, b.session, herald_at(b.start::float8) as start_at, herald_at(b."end"::float8) as end_at
      from jsonb_to_recordset(bars) as b(symbol text, exchange text, every integer, session smallint, start bigint, "end" bigint)
        join market_instruments i on i.symbol = b.symbol and i.topic = of_topic and i.part = of_part and i.exchange = b.exchange
      order by 1, 2, 3, 4
  loop
    -- Where all minutes of a bar come with what is put in their place, nothing of it was there before.
    execute format($sql$
      insert into %I as b (instrument, every, session, start_at, open, close, high, low, volume, notional, trades, revision)
        select $1, $2, $3, $4, (array_agg(open order by open) filter (where open is not null))[1],
          (array_agg(close order by close desc) filter (where close is not null))[1], max(high), min(low), coalesce(sum(volume), 0),
          coalesce(sum(notional), 0), coalesce(sum(trades), 0)::bigint, 1
        from market_bars where instrument = $1 and every = 60 and session = $3 and start_at >= $4 and start_at < $5
      on conflict (instrument, every, session, start_at) do update set open = excluded.open, close = excluded.close, high = excluded.high,
        low = excluded.low, volume = excluded.volume, notional = excluded.notional, trades = excluded.trades, revision = b.revision + 1
      $sql$, case when one.every = 86400 then 'market_days' else 'market_bars' end) using one.id, one.every, one.session, one.start_at, one.end_at;
  end loop;
end $$;

-- Writes what was made of events of one partition, where they follow what is written of it already; otherwise nothing. Instruments are at most so many in
-- all, and `share` of one topic.
--   in: {topic, part, name, from: [epoch, offset] or null, to: [epoch, offset], watermark, bars, instead, again, latest, forgotten, quotes}
--   out: {left: instruments that there was no room for}, or {epoch, offset}: how far it is; {epoch: null}: it was not begun
create function herald_market_write(batch jsonb, most integer, share integer) returns jsonb language plpgsql as $$
declare
  of_topic constant bigint := (batch->>'topic')::bigint;
  of_part constant integer := (batch->>'part')::integer;
  heard jsonb;
  room bigint;
  came integer;
  left_out integer := 0;
  week timestamptz;
begin
  if jsonb_typeof(batch->'from') = 'null' then
    insert into market_cursors (topic, part, name, epoch, next_off, watermark, began_epoch, began_off)
      values (of_topic, of_part, batch->>'name', (batch->'to'->>0)::bigint, (batch->'to'->>1)::bigint, (batch->>'watermark')::bigint,
        (batch->'to'->>0)::bigint, (batch->'to'->>1)::bigint)
      on conflict do nothing;
  else
    update market_cursors set epoch = (batch->'to'->>0)::bigint, next_off = (batch->'to'->>1)::bigint,
        watermark = greatest(watermark, (batch->>'watermark')::bigint)
      where topic = of_topic and part = of_part and epoch = (batch->'from'->>0)::bigint and next_off = (batch->'from'->>1)::bigint;
  end if;
  if not found then
    return coalesce((select jsonb_build_object('epoch', epoch, 'offset', next_off) from market_cursors where topic = of_topic and part = of_part),
      '{"epoch": null}');
  end if;
  -- From here on the cursor is locked, and so is all that is of this partition.

  select coalesce(jsonb_agg(distinct jsonb_build_object('symbol', x->>'symbol', 'exchange', x->>'exchange')), '[]') into heard
    from jsonb_array_elements(batch->'bars' || (batch->'instead') || (batch->'latest') || (batch->'quotes')) x
    where not exists (select from market_instruments i
      where i.symbol = x->>'symbol' and i.topic = of_topic and i.part = of_part and i.exchange = x->>'exchange');
  if heard <> '[]' then
    perform pg_advisory_xact_lock(7234739); -- so that they are counted rightly
    select greatest(0, least(most - sum(c.instruments), share - coalesce(sum(c.instruments) filter (where c.topic = of_topic), 0))) into room
      from market_cursors c;
    insert into market_instruments (symbol, exchange, topic, part)
      select h.symbol, h.exchange, of_topic, of_part from jsonb_to_recordset(heard) as h(symbol text, exchange text)
      order by h.symbol collate "C", h.exchange collate "C" limit room;
    get diagnostics came = row_count;
    left_out := jsonb_array_length(heard) - came;
    update market_cursors set instruments = instruments + came where topic = of_topic and part = of_part;
  end if;

  for week in
    select distinct herald_market_week(herald_at((x->>'start')::float8))
        from jsonb_array_elements(batch->'bars' || (batch->'instead') || (batch->'again')) x
      where (x->>'every')::integer < 86400 order by 1
  loop
    perform herald_market_room(week);
  end loop;
  perform herald_market_merge(of_topic, of_part, batch->'bars', false, false);
  perform herald_market_merge(of_topic, of_part, batch->'bars', true, false);
  perform herald_market_merge(of_topic, of_part, batch->'instead', false, true);
  perform herald_market_again(of_topic, of_part, batch->'again');

  delete from market_latest l using jsonb_to_recordset(batch->'forgotten') as f(symbol text, exchange text, session smallint), market_instruments i
    where i.symbol = f.symbol and i.topic = of_topic and i.part = of_part and i.exchange = f.exchange and l.instrument = i.id and l.session = f.session
      -- What is newest as before keeps what is known of it.
      and not exists (select from jsonb_to_recordset(batch->'latest') as n(symbol text, exchange text, session smallint, ts bigint, seq bigint, epoch bigint,
          off bigint)
        where n.symbol = f.symbol and n.exchange = f.exchange and n.session = f.session and n.ts = (l.mark).ts and n.seq = (l.mark).seq
          and n.epoch = (l.mark).epoch and n.off = (l.mark).off);
  insert into market_latest as l
    select i.id, n.session, herald_mark(n.ts, n.seq, n.epoch, n.off, n.price), n.recv, n.size, n.currency, n.trade, n.conditions
      from jsonb_to_recordset(batch->'latest') as n(symbol text, exchange text, session smallint, ts bigint, seq bigint, epoch bigint, off bigint,
          price numeric, recv bigint, size numeric, currency text, trade text, conditions jsonb)
        join market_instruments i on i.symbol = n.symbol and i.topic = of_topic and i.part = of_part and i.exchange = n.exchange
  on conflict (instrument, session) do update set mark = excluded.mark, recv = excluded.recv, size = excluded.size, currency = excluded.currency,
      trade = excluded.trade, conditions = excluded.conditions
    where l.mark < excluded.mark;
  insert into market_quotes as q
    select i.id, herald_mark(n.ts, n.seq, n.epoch, n.off, null), n.recv, n.currency, n.bid, n.bid_size, n.ask, n.ask_size
      from jsonb_to_recordset(batch->'quotes') as n(symbol text, exchange text, ts bigint, seq bigint, epoch bigint, off bigint, recv bigint,
          currency text, bid numeric, bid_size numeric, ask numeric, ask_size numeric)
        join market_instruments i on i.symbol = n.symbol and i.topic = of_topic and i.part = of_part and i.exchange = n.exchange
  on conflict (instrument) do update set mark = excluded.mark, recv = excluded.recv, currency = excluded.currency, bid = excluded.bid,
      bid_size = excluded.bid_size, ask = excluded.ask, ask_size = excluded.ask_size
    where q.mark < excluded.mark;
  return jsonb_build_object('left', left_out);
end $$;

-- Instruments of which nothing is left: no days, and nothing newer than that moment, in nanoseconds; or they were of a topic that is no more. Of these, or of
-- all where that is null.
create function herald_market_over(oldest bigint, among integer[]) returns table (id integer, topic bigint, part integer) language sql stable as $$
  with quiet as materialized (
    select i.id, i.topic, i.part from market_instruments i
    where i.id = any (coalesce(among, array(select all_of.id from market_instruments all_of))) -- by the index, however many are asked for
      and (not exists (select from topics t where t.id = i.topic)
        or (coalesce((select max((l.mark).ts) from market_latest l where l.instrument = i.id), 0) < oldest
          and coalesce((select (q.mark).ts from market_quotes q where q.instrument = i.id), 0) < oldest))
  )
  select q.id, q.topic, q.part from quiet q where not exists (select from market_days d where d.instrument = q.id limit 1)
$$;

-- One bounded step: days that are as old as they are kept or were made of topics that are no more, instruments of which nothing is left, and how far such
-- topics were. Ranges of weeks are dropped from outside.
create function herald_market_sweep(lease jsonb, lasts interval, keep interval, keep_days interval, step integer) returns jsonb language plpgsql as $$
declare
  now constant timestamptz := clock_timestamp();
  oldest constant bigint := herald_millis(now - keep_days) * 1000000;
  days integer;
  orphans integer;
  ended integer[];
  its integer[];
  feed record;
  removed integer;
  gone integer := 0;
begin
  if not herald_fence(lease, lasts) then return null; end if;
  -- Rows that a projector holds are left for the next step.
  delete from market_days where ctid = any (array(
    select ctid from market_days where start_at < now - keep_days order by start_at limit step for update skip locked));
  get diagnostics days = row_count;
  delete from market_days where ctid = any (array(
    select d.ctid from market_days d where d.instrument = any (array(
      select i.id from market_instruments i where not exists (select from topics t where t.id = i.topic))) limit step for update skip locked));
  get diagnostics orphans = row_count;
  if (select relkind from pg_class where oid = 'market_bars'::regclass) <> 'p' then
    perform drop_chunks('market_bars', older_than => now - keep);
  end if;
  delete from market_ranges where lower + interval '7 days' <= now - keep
    and not exists (select from pg_class where relname = 'market_bars_' || to_char(lower at time zone 'UTC', 'YYYYMMDD'));

  ended := array(select o.id from herald_market_over(oldest, null) o limit step);
  for feed in select distinct i.topic, i.part from market_instruments i where i.id = any (ended) order by 1, 2 loop
    -- As a writer does: the cursor first, then what is of it.
    perform 1 from market_cursors c where c.topic = feed.topic and c.part = feed.part for update skip locked;
    continue when not found and exists (select from market_cursors c where c.topic = feed.topic and c.part = feed.part);
    its := array(select i.id from market_instruments i where i.id = any (ended) and i.topic = feed.topic and i.part = feed.part);
    its := array(select o.id from herald_market_over(oldest, its) o);
    delete from market_latest where instrument = any (its);
    delete from market_quotes where instrument = any (its);
    delete from market_instruments where id = any (its);
    get diagnostics removed = row_count;
    update market_cursors set instruments = instruments - removed where topic = feed.topic and part = feed.part;
    gone := gone + removed;
  end loop;
  delete from market_cursors c where not exists (select from topics t where t.id = c.topic)
    and not exists (select from market_instruments i where i.topic = c.topic and i.part = c.part);
  return jsonb_build_object('days', days + orphans, 'instruments', gone, 'more', days = step or orphans = step or gone = step);
end $$;
