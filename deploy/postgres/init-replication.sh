#!/bin/bash
# Run once by the image, when the primary's data folder is made: Herald's own database and role, which is no superuser, and what a
# replica needs.
set -euo pipefail
secrets=${SECRETS:-/secrets/postgres}
psql -v ON_ERROR_STOP=1 --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  -v herald="$(cat "$secrets/herald")" -v replication="$(cat "$secrets/replication")" <<'SQL'
create role herald login password :'herald';
create database herald owner herald;
create role replication login replication password :'replication';
-- The slot keeps what the replica still needs, up to max_slot_wal_keep_size.
select pg_create_physical_replication_slot('replica');
SQL
# "all" in pg_hba.conf does not mean replication.
echo "host replication replication all scram-sha-256" >>"$PGDATA/pg_hba.conf"
