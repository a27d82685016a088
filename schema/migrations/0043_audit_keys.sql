-- Public keys with which nodes sign checkpoints of the audit log: AC6 of src/access/CheckpointKey.ts. The private ones never come here.
create table audit_keys (
  id text primary key check (id ~ '^[0-9a-f]{16}$'),
  -- Sealed with the pepper, which is not in the database: what somebody writes here past Herald is believed by no node.
  line text not null check (octet_length(line) <= 512),
  number bigint generated always as identity unique
);
