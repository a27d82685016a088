#!/bin/bash
# What the entry point of the public PostgreSQL image does, as far as it is used here.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres /var/lib/postgresql
  exec gosu postgres "$BASH_SOURCE" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
  initdb --pgdata="$PGDATA" --username="$user" --pwfile=<(echo "$password") --auth-local=trust --auth-host=trust
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  echo "unix_socket_directories = '/tmp'" >>"$PGDATA/postgresql.conf"
  export PGHOST=/tmp
  pg_ctl --pgdata="$PGDATA" --wait -o "-c listen_addresses=" start
  for script in /docker-entrypoint-initdb.d/*.sh; do
    [ ! -f "$script" ] || . "$script"
  done
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
  unset PGHOST
fi
exec "$@"
