-- What was sent to an instance, what it applied and what it rejected are separate facts of a key, each with its epoch:
-- src/fleet/Facts.ts has the table of rules.

alter table instances
  -- Counts the sessions that took the instance.
  add column life bigint not null default 0,
  -- The life that began without anything: what was applied in earlier ones was left.
  add column emptied bigint not null default 0;

alter table deliveries add column epoch text not null default '';
alter table health_reports add column epoch text not null default '';
alter table instance_health add column epoch text not null default '';

create table instance_facts (
  instance_id bigint not null,
  -- In the order of bytes, as nodes have their keys: pages go on where the one before ended.
  key varchar(256) collate "C" not null,
  sent_epoch text, sent_revision bigint, sent_version integer, sent_at timestamptz,
  applied_epoch text, applied_revision bigint, applied_version integer, applied_at timestamptz,
  rejected_epoch text, rejected_revision bigint, rejected_version integer, rejected_at timestamptz, rejected_reason text,
  problem_epoch text, problem_revision bigint, problem_at timestamptz, problem_reason text,
  -- Lives of the instance: in which it was applied, and in which the client last came without the key.
  applied_life bigint not null default 0,
  lacked_life bigint not null default 0,
  -- It may be that something was rejected or can't be sent: few, and what an operator asks for first.
  troubled boolean not null generated always as (
    case when rejected_epoch is null then false
      when applied_epoch is null or applied_epoch <> rejected_epoch then true
      else (rejected_revision, rejected_at) > (applied_revision, applied_at) end
    or case when problem_epoch is null then false
      when sent_epoch is null or sent_epoch <> problem_epoch then true
      else (problem_revision, problem_at) > (sent_revision, sent_at) end) stored
) with (fillfactor = 70);

-- Rows of before knew one revision and no epoch: one that the log does not have is of a lost history.
insert into instance_facts (instance_id, key, sent_epoch, sent_revision, sent_version, sent_at, applied_epoch, applied_revision, applied_version,
    applied_at, rejected_epoch, rejected_revision, rejected_version, rejected_at, rejected_reason, problem_epoch, problem_revision, problem_at,
    problem_reason)
  select k.instance_id, k.key,
    case when k.state <> 'problem' then e.epoch end, case when k.state <> 'problem' then k.revision end,
    case when k.state <> 'problem' then k.version end, case when k.state <> 'problem' then coalesce(k.sent_at, k.answered_at) end,
    case when k.state = 'applied' then e.epoch end, case when k.state = 'applied' then k.revision end,
    case when k.state = 'applied' then k.version end, case when k.state = 'applied' then k.answered_at end,
    case when k.state = 'rejected' then e.epoch end, case when k.state = 'rejected' then k.revision end,
    case when k.state = 'rejected' then k.version end, case when k.state = 'rejected' then k.answered_at end,
    case when k.state = 'rejected' then k.reason end,
    case when k.state = 'problem' then e.epoch end, case when k.state = 'problem' then k.revision end,
    case when k.state = 'problem' then k.answered_at end, case when k.state = 'problem' then k.reason end
  from instance_keys k
  cross join lateral (select case when k.revision <= herald_head()
    then (select epoch from herald_epoch) else '' end as epoch) e;

drop table instance_keys;
alter table instance_facts rename to instance_keys;
alter table instance_keys add primary key (instance_id, key);
create index instance_keys_troubled on instance_keys (instance_id, key) where troubled;

-- Does the first of two facts count beside or after the second? FC1 of Facts.ts.
create function herald_outranks(epoch text, revision bigint, at timestamptz, held_epoch text, held_revision bigint, held_at timestamptz, present text)
  returns boolean language sql immutable as $$
  select case
    when epoch is null or held_epoch is null then epoch is not null
    when epoch = held_epoch then revision > held_revision or (revision = held_revision and at >= held_at)
    when epoch = present or held_epoch = present then epoch = present
    else at >= held_at end
$$;
