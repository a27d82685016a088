#!/bin/sh
# Runs a command with settings that are secrets, read from files: X_FILE=/path gives X the content of that file.
set -eu
for name in DATABASE_URL DATABASE_REPLICA_URL HERALD_AUDIT_KEY HERALD_PEPPER KAFKA_PASSWORD REDIS_URL WEBHOOK_PREVIOUS_SECRET WEBHOOK_SECRET WEBHOOK_URLS; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  if ! value=$(cat "$file") || [ -z "$value" ]; then
    echo "${name}_FILE names $file, which can't be read or is empty" >&2
    exit 1
  fi
  export "$name=$value"
  unset "${name}_FILE"
done
unset name file value
exec "$@"
