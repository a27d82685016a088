#!/bin/bash
# The replica's start: copies the primary when the data folder is empty, then runs the server as the image does.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$(dirname "$PGDATA")"
  chown -R postgres:postgres /var/lib/postgresql
  exec gosu postgres "$BASH_SOURCE" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA" "$PGDATA.part"
  PGPASSWORD=$(cat "${SECRETS:-/secrets/postgres}/replication")
  export PGPASSWORD
  # -R writes standby.signal and the connection to the primary.
  pg_basebackup --host="${PRIMARY_HOST:-postgres}" --port="${PRIMARY_PORT:-5432}" --username=replication --slot=replica \
    --pgdata="$PGDATA.part" --wal-method=stream --checkpoint=fast --write-recovery-conf --no-password
  unset PGPASSWORD
  mv "$PGDATA.part" "$PGDATA" # whole or not at all
fi
exec "$@"
