#!/bin/sh
# Runs Redis with redis.conf and the password from its file, so that the password is in no argument of a process.
set -eu
here=$(dirname "$0")
exec redis-server - "$@" <<CONF
$(cat "$here/redis.conf")
requirepass $(cat "${SECRETS:-/secrets/redis}/password")
CONF
