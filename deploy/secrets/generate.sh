#!/bin/sh
# Makes every secret of docker-compose.yml on the first run, and leaves them alone afterwards. Each reader has a folder that only its user
# can read, so that a container which mounts the volume sees nothing that is not its own. $1: the volume.
set -eu
umask 077
volume=${1:-/secrets}
own=$volume/.generated
mkdir -p "$own"
chmod 0755 "$volume"

# 32 random bytes as hex: also safe within a URL.
secret() {
  if [ ! -s "$own/$1" ]; then
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$own/$1.part"
    [ "$(wc -c <"$own/$1.part")" -eq 64 ]
    mv "$own/$1.part" "$own/$1"
  fi
  cat "$own/$1"
}

# write <reader> <file> <text>; whole or not at all.
write() {
  mkdir -p "$volume/$1"
  printf %s "$3" >"$volume/$1/$2.part"
  mv "$volume/$1/$2.part" "$volume/$1/$2"
}

superuser=$(secret superuser)
database=$(secret database)
replication=$(secret replication)
redis=$(secret redis)
pepper=$(secret pepper)
grafana=$(secret grafana)

write postgres superuser "$superuser"
write postgres herald "$database"
write postgres replication "$replication"
write redis password "$redis"
write grafana admin "$grafana"
write herald pepper "$pepper"
# Both servers: Herald uses the one that is not in recovery, so a promotion needs no new setting.
write herald database-url "postgres://herald:$database@postgres:5432,postgres-replica:5432/herald"
write herald replica-url "postgres://herald:$database@postgres-replica:5432/herald"
write herald redis-url "redis://:$redis@redis:6379/0"

# The users of the images. Elsewhere than as root, as in the tests, everything stays its maker's.
if [ "$(id -u)" -eq 0 ]; then
  chown -R "${POSTGRES_UID:-999}" "$volume/postgres"
  chown -R "${REDIS_UID:-999}" "$volume/redis"
  chown -R "${GRAFANA_UID:-472}" "$volume/grafana"
  chown -R "${HERALD_UID:-1000}" "$volume/herald"
fi
