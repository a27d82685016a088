-- Where source code names flags, as scans of checkouts tell it: no part of the log, nothing depends on it.
create table flag_scans (
  id bigint primary key generated always as identity,
  environment text not null,
  repository text not null,
  branch text not null,
  commit_id text not null,
  told_by text not null,
  told_at timestamptz not null,
  refs integer not null,
  unique (environment, repository, branch)
);
create index flag_scans_told on flag_scans (told_at);

create table flag_refs (
  scan bigint not null references flag_scans on delete cascade,
  environment text not null,
  flag text not null,
  file text not null,
  line integer not null
);
create index flag_refs_of_flag on flag_refs (environment, flag);
create index flag_refs_of_scan on flag_refs (scan);

-- In the place of what the branch told before; null, and nothing happens, where the environment has `most` others already.
--   places: [[flag, file, line]]
create function herald_refs_replace(in_environment text, of_repository text, of_branch text, at_commit text, by_principal text, places jsonb,
  most integer, kept interval) returns timestamptz language plpgsql as $$
declare
  now constant timestamptz := date_trunc('milliseconds', clock_timestamp());
  replaced bigint;
begin
  -- One at a time in an environment, so that the bound holds.
  perform pg_advisory_xact_lock(hashtextextended('herald_refs_replace ' || in_environment, 0));
  delete from flag_scans where told_at <= now - kept;
  delete from flag_scans s where s.environment = in_environment and s.repository = of_repository and s.branch = of_branch;
  if (select count(*) from flag_scans s where s.environment = in_environment) >= most then return null; end if;
  insert into flag_scans (environment, repository, branch, commit_id, told_by, told_at, refs)
    values (in_environment, of_repository, of_branch, at_commit, by_principal, now, jsonb_array_length(places)) returning id into replaced;
  insert into flag_refs select replaced, in_environment, p->>0, p->>1, (p->>2)::integer from jsonb_array_elements(places) p;
  return now;
end $$;
