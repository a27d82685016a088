-- Whether commits wait for a standby is noted once a call, not once a revision: a trigger on revisions cost a fifth of the time under the lock.

drop trigger revisions_note_synchronous on revisions;
drop function herald_note_synchronous();

alter function herald_commit(jsonb, bigint) rename to herald_commit_releases;

-- Commits releases (see herald_commit_releases), and notes in the same transaction whether it waits for a synchronous standby.
create function herald_commit(releases jsonb, since bigint default null) returns jsonb language plpgsql as $$
declare
  answers jsonb := herald_commit_releases(releases, since);
  here boolean := herald_is_synchronous();
begin
  -- After the commit's lock, as herald_follow does it: never the other way round.
  update herald_lineage set synchronous = here where synchronous <> here;
  return answers;
end $$;
