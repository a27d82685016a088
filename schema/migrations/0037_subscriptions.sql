-- Subscriptions on topics, how far each has come, and what came to nothing: docs/decisions/0035-subscriptions.md.
create table subscriptions (
  id bigint generated always as identity primary key,
  topic_id bigint not null,
  topic_name text collate "C" not null,
  subscription_name text collate "C" not null,
  subscription_type text not null,
  consumer_group text not null,
  filter text not null,
  -- Where it began, as it was said; where that was is in its cursors.
  start_position jsonb not null,
  -- Into how many parts each partition is cut; fixed, as each has a position of its own.
  slices integer not null,
  max_attempts integer not null check (max_attempts >= 1),
  dead_letter_topic text not null,
  ack_timeout_millis bigint not null,
  backoff_millis jsonb not null,
  max_in_flight integer not null,
  status text not null default 'active',
  reason text not null default '',
  paused_until timestamptz,
  -- Grows whenever its position is set anew.
  epoch bigint not null default 1,
  -- Counts changes of what is said of it.
  version bigint not null default 1,
  -- Counts changes of which run has which of its shares.
  hands bigint not null default 0,
  -- How many it has.
  shares integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  last_activity timestamptz not null default clock_timestamp(),
  unique (topic_name, subscription_name)
) with (fillfactor = 80);

create index subscriptions_dead_letter_topic on subscriptions (dead_letter_topic) where dead_letter_topic <> '';

-- The lease of a node's life: what it has of any subscription it has until then, without anything of that being written again and again.
create table subscription_runs (
  run text collate "C" primary key,
  until timestamptz not null
) with (fillfactor = 50);

-- What of it one node at a time hands out. A token is never given twice.
create table subscription_shares (
  subscription_id bigint not null references subscriptions on delete cascade,
  share integer not null,
  -- '': nobody's.
  run text collate "C" not null default '',
  token bigint not null default 0,
  -- It is the run's while its lease lasts, and no longer than that: infinity, but for what it doesn't say that it serves.
  until timestamptz not null default 'infinity',
  primary key (subscription_id, share)
) with (fillfactor = 50);

create index subscription_shares_run on subscription_shares (run) where run <> '';
create index subscription_shares_ending on subscription_shares (subscription_id) where until < 'infinity';
create index subscription_shares_run_ending on subscription_shares (run) where until < 'infinity';

-- Which runs serve it, while their leases last.
create table subscription_nodes (
  subscription_id bigint not null references subscriptions on delete cascade,
  run text collate "C" not null,
  consumers integer not null,
  -- Which consumers these are, over all of their connections.
  lives jsonb not null default '[]',
  -- It can't follow the topic's log.
  behind boolean not null default false,
  -- It has consumers of it.
  since timestamptz not null,
  primary key (subscription_id, run)
) with (fillfactor = 50);

create index subscription_nodes_run on subscription_nodes (run);

-- One row a partition or slice of it. The token is that of its share: whoever writes compares it in the row that he writes, so nobody writes who
-- has it no longer.
create table subscription_cursors (
  subscription_id bigint not null references subscriptions on delete cascade,
  partition integer not null,
  slice_from integer not null,
  slice_to integer not null,
  share integer not null,
  token bigint not null default 0,
  -- Of the state: the newest that was written stays.
  version bigint not null default 0,
  log_epoch bigint not null,
  floor bigint not null,
  ranges bytea not null default '',
  failed text not null default '[]',
  mark bigint not null,
  clean boolean not null default true,
  primary key (subscription_id, partition, slice_from)
) with (fillfactor = 30);

alter table subscription_cursors alter column ranges set storage external;

create table dead_letters (
  id bigint generated always as identity primary key,
  subscription_id bigint not null references subscriptions on delete cascade,
  epoch bigint not null,
  partition integer not null,
  log_epoch bigint not null,
  "offset" bigint not null,
  -- As it is in the log, with its key and its headers: they may be what no text of a database is.
  event bytea not null,
  published_at timestamptz,
  attempts integer not null,
  -- rejected, attempts
  reason text not null,
  cause text not null,
  dead_letter_topic text not null,
  at timestamptz not null default clock_timestamp(),
  -- Where it is in its topic, or is about to be: the topic's id, and its place among the events of the producer that appends it.
  target bigint,
  part integer,
  sequence bigint,
  -- It is there.
  posted boolean not null default false,
  -- Why it never will be; '' where it may be.
  refused text not null default '',
  unique (subscription_id, epoch, partition, log_epoch, "offset")
);

create index dead_letters_page on dead_letters (subscription_id, id);
create index dead_letters_waiting on dead_letters (subscription_id, dead_letter_topic, id) where not posted and refused = '';

-- Writes down where dead letters are about to be appended. False, and nothing, when another claim took the lease. Others of the same subscription that
-- have one of these places, or a later one of that partition, are not there, and lose theirs: letters of several nodes come in any order.
--   in: [{id, target, partition, sequence}]
create function herald_letters_number(lease jsonb, lasts interval, numbered jsonb) returns boolean language plpgsql as $$
begin
  if not herald_fence(lease, lasts) then return false; end if;
  update dead_letters d set target = (n->>'target')::bigint, part = (n->>'partition')::integer, sequence = (n->>'sequence')::bigint
    from jsonb_array_elements(numbered) n where d.id = (n->>'id')::bigint and not d.posted;
  update dead_letters d set target = null, part = null, sequence = null
    from (select l.subscription_id, (n->>'target')::bigint as target, (n->>'partition')::integer as part, min((n->>'sequence')::bigint) as first
        from jsonb_array_elements(numbered) n join dead_letters l on l.id = (n->>'id')::bigint group by 1, 2, 3) given
    where d.subscription_id = given.subscription_id and not d.posted and d.target = given.target and d.part = given.part
      and d.sequence >= given.first and d.id not in (select (n->>'id')::bigint from jsonb_array_elements(numbered) n);
  return true;
end $$;

create function herald_subscription_json(s subscriptions) returns jsonb language sql stable as $$
  select jsonb_build_object('id', s.id::text, 'epoch', s.epoch, 'version', s.version, 'topicId', s.topic_id, 'topicName', s.topic_name,
    'subscriptionName', s.subscription_name, 'type', s.subscription_type, 'consumerGroup', s.consumer_group, 'filter', s.filter,
    'startPosition', s.start_position, 'slices', s.slices, 'maxAttempts', s.max_attempts, 'deadLetterTopic', s.dead_letter_topic,
    'ackTimeoutMillis', s.ack_timeout_millis, 'backoffMillis', s.backoff_millis, 'maxInFlight', s.max_in_flight, 'status', s.status,
    'reason', s.reason, 'pausedUntil', herald_millis(s.paused_until), 'createdAt', herald_millis(s.created_at), 'createdBy', s.created_by,
    'lastActivity', herald_millis(s.last_activity))
$$;

-- Places its cursors: those that are there are left as they are.
--   in: [{partition, from, to, share, logEpoch, offset}]
create function herald_cursors_place(this_id bigint, places jsonb) returns void language sql as $$
  update subscriptions set hands = hands + 1,
    shares = greatest(shares, (select max((p->>'share')::integer) + 1 from jsonb_array_elements(places) p)) where id = this_id;
  insert into subscription_shares (subscription_id, share)
    select distinct this_id, (p->>'share')::integer from jsonb_array_elements(places) p order by 2
    on conflict do nothing;
  insert into subscription_cursors (subscription_id, partition, slice_from, slice_to, share, token, log_epoch, floor, mark)
    select this_id, (p->>'partition')::integer, (p->>'from')::integer, (p->>'to')::integer, (p->>'share')::integer,
      -- Until its share is claimed anew nobody writes it.
      0, (p->>'logEpoch')::bigint, (p->>'offset')::bigint, (p->>'offset')::bigint
    from jsonb_array_elements(places) p order by 2, 3
    on conflict do nothing
$$;

-- Null: there is one of that name; "full": the topic has as many as may be.
create function herald_subscription_create(made jsonb, places jsonb, by text, most integer) returns jsonb language plpgsql as $$
declare
  this subscriptions;
begin
  perform pg_advisory_xact_lock(7234737, hashtext(made->>'topicName'));
  if exists (select from subscriptions where topic_name = made->>'topicName' and subscription_name = made->>'subscriptionName') then
    return null;
  end if;
  if (select count(*) from subscriptions where topic_name = made->>'topicName') >= most then return '"full"'; end if;
  insert into subscriptions (topic_id, topic_name, subscription_name, subscription_type, consumer_group, filter, start_position, slices, max_attempts,
      dead_letter_topic, ack_timeout_millis, backoff_millis, max_in_flight, created_by)
    values ((made->>'topicId')::bigint, made->>'topicName', made->>'subscriptionName', made->>'type', made->>'consumerGroup', made->>'filter',
      made->'startPosition', (made->>'slices')::integer, (made->>'maxAttempts')::integer, made->>'deadLetterTopic',
      (made->>'ackTimeoutMillis')::bigint, made->'backoffMillis', (made->>'maxInFlight')::integer, by)
    returning * into this;
  perform herald_cursors_place(this.id, places);
  return herald_subscription_json(this);
end $$;

-- Sets its position anew: whoever hands it out has lost all shares, and what is written of before is refused.
create function herald_subscription_seek(this_id bigint, places jsonb) returns jsonb language plpgsql as $$
declare
  this subscriptions;
begin
  update subscriptions set epoch = epoch + 1, hands = hands + 1, last_activity = clock_timestamp()
    where id = this_id returning * into this;
  if not found then return null; end if;
  perform from subscription_shares where subscription_id = this.id order by share for update;
  update subscription_shares set run = '', token = token + 1, until = 'infinity' where subscription_id = this.id;
  perform herald_cursors_place(this.id, places);
  perform from subscription_cursors where subscription_id = this.id order by partition, slice_from for update;
  update subscription_cursors c set token = 0, version = 0, log_epoch = (p->>'logEpoch')::bigint, floor = (p->>'offset')::bigint,
      mark = (p->>'offset')::bigint, ranges = '', failed = '[]', clean = true
    from jsonb_array_elements(places) p
    where c.subscription_id = this.id and c.partition = (p->>'partition')::integer and c.slice_from = (p->>'from')::integer;
  -- Of partitions that were left out, too.
  update subscription_cursors c set token = 0 where c.subscription_id = this.id and c.token <> 0;
  return herald_subscription_json(this);
end $$;

-- This run has so many consumers of each; it goes on holding the shares that it has of them. `alone`: nothing is said of others. Returns how each stands:
-- its definition, who has consumers of it, and, where that is another than at `stamp`, its shares, who has each, and their tokens: of about so many
-- shares (`most`), of what is named first; the others are cut.
-- It waits for nobody but who is just taking shares of this run, as its lease was over: what is locked is left for the next time.
--   in: [[id, consumers, lives, behind, stamp]]
create function herald_subscriptions_attend(this_run text, attended jsonb, lasts interval, alone boolean, most integer)
  returns jsonb language plpgsql as $$
declare
  moment constant timestamptz := clock_timestamp();
  named constant bigint[] := array(select (a->>0)::bigint from jsonb_array_elements(attended) a);
  lapsed boolean;
  ended bigint[];
  gone text;
begin
  -- Before anything is read: whoever takes shares of a run whose lease is over has this row until that is done.
  select r.until <= moment into lapsed from subscription_runs r where r.run = this_run for update;
  insert into subscription_runs as r (run, until) values (this_run, moment + lasts)
    on conflict (run) do update set until = case when alone then greatest(r.until, excluded.until) else excluded.until end;
  if lapsed then
    update subscription_nodes n set since = moment
      from (select subscription_id from subscription_nodes where run = this_run for no key update skip locked) its
      where n.run = this_run and n.subscription_id = its.subscription_id;
  end if;

  insert into subscription_nodes as n (subscription_id, run, consumers, lives, behind, since)
    select id, this_run, consumers, lives, behind, moment from (
      select s.id, a.consumers, a.lives, a.behind
      from (select (a->>0)::bigint as id, (a->>1)::integer as consumers, a->2 as lives, (a->>3)::boolean as behind
        from jsonb_array_elements(attended) a) a
      join subscriptions s on s.id = a.id
      where not exists (select from subscription_nodes n where n.subscription_id = a.id and n.run = this_run
        and (n.consumers, n.lives, n.behind) = (a.consumers, a.lives, a.behind))
      order by s.id for key share of s skip locked) changed
    on conflict (subscription_id, run) do update set consumers = excluded.consumers, lives = excluded.lives, behind = excluded.behind,
      since = case when n.consumers > 0 then n.since else excluded.since end;
  if not alone then
    -- Of one that it does not name it serves none. Who claims some of it for this run just now has the row of it. (What is named is looked up by its
    -- hash: an array is gone through for each row.)
    ended := array(select n.subscription_id from subscription_nodes n where n.run = this_run and n.subscription_id not in (select unnest(named))
      for update skip locked);
    if ended <> '{}' then
      update subscription_shares h set until = least(h.until, moment + lasts) from (
          select subscription_id, share from subscription_shares where run = this_run and subscription_id in (select unnest(ended))
          for update skip locked) its
        where h.subscription_id = its.subscription_id and h.share = its.share;
      delete from subscription_nodes n where n.run = this_run and n.subscription_id in (select unnest(ended)) and not exists (
        select from subscription_shares h where h.subscription_id = n.subscription_id and h.run = this_run and h.until > moment + lasts);
      update subscription_nodes n set consumers = 0 where n.run = this_run and n.subscription_id in (select unnest(ended));
    end if;
    update subscription_shares h set until = moment + lasts from (
        select subscription_id, share from subscription_shares where run = this_run and until < 'infinity' and until > moment + lasts
          and subscription_id not in (select unnest(named)) for update skip locked) its
      where h.subscription_id = its.subscription_id and h.share = its.share;
  end if;
  update subscription_shares h set until = 'infinity' from (
      select c.subscription_id, c.share from subscription_shares c where c.run = this_run and c.until < 'infinity' for update skip locked) its
    where h.subscription_id = its.subscription_id and h.share = its.share and its.subscription_id in (select unnest(named))
      and exists (select from subscription_nodes n where n.subscription_id = its.subscription_id and n.run = this_run);

  -- Of runs that are no more, one after the other.
  select r.run into gone from subscription_runs r where r.until < moment - interval '1 minute' order by r.run limit 1 for update skip locked;
  if found then
    delete from subscription_nodes n using (select subscription_id from subscription_nodes where run = gone for update skip locked) its
      where n.run = gone and n.subscription_id = its.subscription_id;
    update subscription_shares h set run = '', until = 'infinity' from (
        select subscription_id, share from subscription_shares where run = gone order by subscription_id, share limit 1000 for update skip locked) its
      where h.subscription_id = its.subscription_id and h.share = its.share;
    delete from subscription_runs where run = gone and not exists (select from subscription_shares where run = gone)
      and not exists (select from subscription_nodes where run = gone);
  end if;
  update subscriptions set last_activity = moment where id in (
    select s.id from subscriptions s where s.last_activity < moment - interval '1 minute'
      and s.id in (select (a->>0)::bigint from jsonb_array_elements(attended) a where (a->>1)::integer > 0)
      order by s.id for no key update skip locked);

  -- One statement: what a stamp is of and what comes with it are of one moment.
  return coalesce((
    with living as materialized (select coalesce(array_agg(r.run), '{}') as alive from subscription_runs r where r.until > moment),
    of_each as materialized (
      select s as it, s.shares as many, a.place, coalesce(a.seen, '') as seen,
        -- Whatever of who has its shares can change: what is written, what ends by itself, and whose lease ends.
        concat_ws('/', s.hands,
          (select count(*) from subscription_shares h where h.subscription_id = s.id and h.until < 'infinity' and h.until <= moment),
          (select hashtextextended(string_agg(n.run, ',' order by n.run), 0) from subscription_nodes n
            where n.subscription_id = s.id and n.run = any (alive))) as stamp
      from living cross join (select (a->>0)::bigint as id, max(a->>4) as seen, min(place) as place
        from jsonb_array_elements(attended) with ordinality e (a, place) group by 1) a
      join subscriptions s on s.id = a.id),
    told as (
      select *, stamp <> seen and coalesce(sum(many) filter (where stamp <> seen)
        over (order by place rows between unbounded preceding and 1 preceding), 0) >= most as cut from of_each)
    select jsonb_agg(jsonb_build_object('subscription', herald_subscription_json(it), 'now', herald_millis(moment),
        'stamp', case when cut then seen else stamp end,
        'nodes', coalesce((select jsonb_agg(jsonb_build_object('run', n.run, 'consumers', n.consumers, 'lives', n.lives)
            || case when n.behind then '{"isBehind": true}' else '{}'::jsonb end order by n.since, n.run)
          from subscription_nodes n where n.subscription_id = (it).id and n.consumers > 0 and n.run = any (alive)), '[]'))
      || case when cut then '{"isCut": true}' when stamp = seen then '{}' else (
        select jsonb_build_object('shares', coalesce(array_agg(h.share), '{}'), 'tokens', coalesce(array_agg(h.token), '{}'),
          'runs', coalesce(array_agg(h.run), '{}'))
        from (select h.share, h.token::text, case when h.until > moment and h.run = any (alive) then h.run else '' end as run
          from subscription_shares h where h.subscription_id = (it).id order by h.share) h) end order by (it).id)
    from living cross join told), '[]');
end $$;

-- Takes those shares that nobody has, or that this run has already, each under a new token; none when its lease is over, which is not prolonged.
--   in: [[id, share]]; out: [{id, epoch, share, token, cursors: [{partition, from, to, logEpoch, floor, ranges: base64, failed, mark, clean}]}]
create function herald_cursors_claim(this_run text, wanted jsonb, lasts interval) returns jsonb language plpgsql as $$
declare
  ends constant timestamptz := (select r.until from subscription_runs r where r.run = this_run and r.until > clock_timestamp());
  lapsed text[];
  ids bigint[];
  shares integer[];
  tokens bigint[];
  claimed jsonb;
begin
  if ends is null then return '[]'; end if;
  perform from subscriptions s where s.id in (select (w->>0)::bigint from jsonb_array_elements(wanted) w) order by s.id for no key update;
  -- What it serves it goes on to serve until this is done.
  perform from subscription_nodes n where n.run = this_run and n.subscription_id in (select (w->>0)::bigint from jsonb_array_elements(wanted) w)
    order by n.subscription_id for key share;
  perform from subscription_shares h
    where (h.subscription_id, h.share) in (select (w->>0)::bigint, (w->>1)::integer from jsonb_array_elements(wanted) w)
    order by h.subscription_id, h.share for update;
  perform from subscription_cursors c
    where (c.subscription_id, c.share) in (select (w->>0)::bigint, (w->>1)::integer from jsonb_array_elements(wanted) w)
    order by c.subscription_id, c.partition, c.slice_from for update;
  -- Whose lease is over does not go on from here: its row is locked. Last of all, so that it is held up by nothing that this waits for; and who is
  -- about to go on is not taken for over.
  lapsed := array(select r.run from subscription_runs r where r.until <= clock_timestamp() and r.run in (select h.run from subscription_shares h
    where (h.subscription_id, h.share) in (select (w->>0)::bigint, (w->>1)::integer from jsonb_array_elements(wanted) w))
    for share of r skip locked);
  with taken as (
    update subscription_shares h set run = this_run, token = greatest(h.token + 1, herald_millis(clock_timestamp())::bigint), until = case
        when exists (select from subscription_nodes n where n.subscription_id = h.subscription_id and n.run = this_run) then 'infinity'
        else least(ends, clock_timestamp() + lasts) end
      where (h.subscription_id, h.share) in (select (w->>0)::bigint, (w->>1)::integer from jsonb_array_elements(wanted) w)
        and (h.run in ('', this_run) or h.until <= clock_timestamp() or h.run = any (lapsed))
      returning h.subscription_id, h.share, h.token
  )
  select array_agg(subscription_id), array_agg(share), array_agg(token) into ids, shares, tokens from taken;
  update subscriptions set hands = hands + 1 where id = any (ids);
  -- What their last holders have written until now is what it goes on from.
  with held as (
    update subscription_cursors c set token = t.token, version = 0 from unnest(ids, shares, tokens) t (id, share, token)
      where c.subscription_id = t.id and c.share = t.share returning c.*
  ), of_each as (
    select subscription_id, share, jsonb_agg(jsonb_build_object('partition', partition, 'from', slice_from, 'to', slice_to, 'logEpoch', log_epoch,
      'floor', floor, 'ranges', translate(encode(ranges, 'base64'), E'\n', ''), 'failed', failed, 'mark', mark, 'clean', clean)
      order by partition, slice_from) as cursors from held group by 1, 2
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id::text, 'epoch', s.epoch, 'share', t.share, 'token', t.token::text,
      'cursors', coalesce(e.cursors, '[]')) order by t.id, t.share), '[]') into claimed
    from unnest(ids, shares, tokens) t (id, share, token) join subscriptions s on s.id = t.id
      left join of_each e on e.subscription_id = t.id and e.share = t.share;
  return claimed;
end $$;

-- Gives them up. Nothing happens to what is another's by now.
--   in: [[id, share, token]]
create function herald_cursors_give(this_run text, held jsonb) returns void language plpgsql as $$
begin
  perform from subscriptions s where s.id in (select (h->>0)::bigint from jsonb_array_elements(held) h) order by s.id for no key update;
  perform from subscription_shares s where s.run = this_run
    and (s.subscription_id, s.share) in (select (h->>0)::bigint, (h->>1)::integer from jsonb_array_elements(held) h)
    order by s.subscription_id, s.share for update;
  with given as (
    update subscription_shares s set run = '', token = s.token + 1, until = 'infinity'
      from jsonb_array_elements(held) h
      where s.subscription_id = (h->>0)::bigint and s.share = (h->>1)::integer and s.token = (h->>2)::bigint and s.run = this_run
      returning s.subscription_id
  )
  update subscriptions s set hands = hands + 1 where s.id in (select subscription_id from given);
end $$;

-- Writes how far cursors are, and what of them came to nothing, in one transaction: a dead letter with the state in which it is done. It may be
-- written twice. Returns those of which this run is no longer the holder: nothing of them was written; which subscriptions have too many dead letters:
-- of those neither; and of which others have something locked, for which it does not wait: of those neither.
--   in: cursors: [{id, partition, from, token, version, logEpoch, floor, ranges: base64, failed, mark, clean}]
--     letters: [{id, partition, from, token, epoch, logEpoch, offset, event: base64, publishedAt, attempts, reason, cause, topic}]
create function herald_cursors_flush(cursors jsonb, letters jsonb, most integer) returns jsonb language plpgsql as $$
declare
  lost jsonb;
  full_ones bigint[];
  kept bigint[];
  held bigint[];
  left_out bigint[];
begin
  select coalesce(array_agg(id), '{}') into full_ones from (
    -- Those that are there already, as the answer to their write was lost, are no more of them.
    select (l->>'id')::bigint as id, count(*) as more from jsonb_array_elements(letters) l
      where not exists (select from dead_letters d where d.subscription_id = (l->>'id')::bigint and d.epoch = (l->>'epoch')::bigint
        and d.partition = (l->>'partition')::integer and d.log_epoch = (l->>'logEpoch')::bigint and d."offset" = (l->>'offset')::bigint)
      group by 1) of_each
    where more + (select count(*) from (select from dead_letters d where d.subscription_id = of_each.id limit most + 1) there) > most;
  -- A dead letter holds its subscription, and who deletes that has it before its cursors.
  kept := array(select s.id from subscriptions s where s.id in (select (l->>'id')::bigint from jsonb_array_elements(letters) l) for key share skip locked);
  held := array(select c.subscription_id from jsonb_array_elements(cursors) i
    join subscription_cursors c on c.subscription_id = (i->>'id')::bigint and c.partition = (i->>'partition')::integer
      and c.slice_from = (i->>'from')::integer and c.token = (i->>'token')::bigint
    for update of c skip locked);
  select coalesce(jsonb_agg(jsonb_build_object('id', i->>'id', 'partition', (i->>'partition')::integer, 'from', (i->>'from')::integer)), '[]')
    into lost from jsonb_array_elements(cursors) i
    where not exists (select from subscription_cursors c where c.subscription_id = (i->>'id')::bigint and c.partition = (i->>'partition')::integer
      and c.slice_from = (i->>'from')::integer and c.token = (i->>'token')::bigint);
  -- Of which there are more than are held here or lost, or that are there and were not to be had.
  left_out := array(
    select id from (select (i->>'id')::bigint as id, 1 as n from jsonb_array_elements(cursors) i
      union all select (l->>'id')::bigint, -1 from jsonb_array_elements(lost) l
      union all select id, -1 from unnest(held) id) them group by id having sum(n) > 0
    union select s.id from subscriptions s where s.id in (select (l->>'id')::bigint from jsonb_array_elements(letters) l) and s.id <> all (kept));
  insert into dead_letters (subscription_id, epoch, partition, log_epoch, "offset", event, published_at, attempts, reason, cause,
      dead_letter_topic)
    select c.subscription_id, (l->>'epoch')::bigint, c.partition, (l->>'logEpoch')::bigint, (l->>'offset')::bigint,
      decode(l->>'event', 'base64'), herald_at((l->>'publishedAt')::float8), (l->>'attempts')::integer, l->>'reason', l->>'cause', l->>'topic'
    from jsonb_array_elements(letters) l join subscription_cursors c on c.subscription_id = (l->>'id')::bigint
      and c.partition = (l->>'partition')::integer and c.slice_from = (l->>'from')::integer and c.token = (l->>'token')::bigint
    where c.subscription_id <> all (full_ones || left_out)
    on conflict do nothing;
  update subscription_cursors c set version = (i->>'version')::bigint, log_epoch = (i->>'logEpoch')::bigint, floor = (i->>'floor')::bigint,
      ranges = decode(i->>'ranges', 'base64'), failed = i->>'failed', mark = (i->>'mark')::bigint, clean = (i->>'clean')::boolean
    from jsonb_array_elements(cursors) i
    where c.subscription_id = (i->>'id')::bigint and c.partition = (i->>'partition')::integer and c.slice_from = (i->>'from')::integer
      and c.token = (i->>'token')::bigint and c.version < (i->>'version')::bigint and c.subscription_id <> all (full_ones || left_out);
  return jsonb_build_object('lost', lost, 'full', (select coalesce(jsonb_agg(id::text), '[]') from unnest(full_ones) id),
    'locked', (select coalesce(jsonb_agg(id::text), '[]') from unnest(left_out) id));
end $$;

-- What somebody did to one, in the audit log; nothing when no note says who.
create function herald_subscription_note(action text, it jsonb, note jsonb, more jsonb) returns void language plpgsql as $$
begin
  if note is null then return; end if;
  perform herald_audit('', action, note->>'by', jsonb_build_object('id', it->'id', 'topic', it->'topicName', 'subscription', it->'subscriptionName',
    'keyId', note->'keyId') || case when note->>'message' = '' then '{}' else jsonb_build_object('message', note->'message') end || more);
end $$;
