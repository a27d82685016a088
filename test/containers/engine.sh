#!/usr/bin/env bash
# Runs a command with a Docker engine:   bash test/containers/engine.sh <command…>
#
# Where an engine answers, the command is run as it is, and Docker fetches the public images. Elsewhere, as root on Debian, this brings an
# engine of its own from Debian's packages, makes stand-ins for the public images under their names (images/), and ends the engine again
# after the command. Whatever it lacks ends it with an error that says what: nothing is ever skipped.
#
# The engine, its images and its build cache are kept in ~/.cache/herald/engine; deleting that folder loses nothing but time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
began=$SECONDS

say() { echo "engine: $* ($((SECONDS - began)) s)" >&2; }
fail() {
  echo "engine: $*" >&2
  exit 1
}

export DOCKER_BUILDKIT=1
if docker info >/dev/null 2>&1; then
  docker compose version >/dev/null || fail "a Docker engine answers, but 'docker compose' does not: install Docker's compose plugin"
  exec "$@"
fi

[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
  fail "no Docker engine answers. Start one, or run this as root on Debian: it then gets an engine from Debian's packages"

for program in dockerd debootstrap; do
  command -v "$program" >/dev/null && continue
  apt-get -qq update
  # The package must not start an engine: this one is the script's own.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends docker.io debootstrap ca-certificates >/dev/null
  say "Debian's docker.io and debootstrap are installed"
done

home=$HOME/.cache/herald/engine
rules=$(iptables-save 2>/dev/null | grep -c '^-A' || true)
forward=$(cat /proc/sys/net/ipv4/ip_forward)
run=$(mktemp -d /tmp/herald-engine.XXXXXX)
mkdir -p "$home/bin" "$home/config/cli-plugins"
exec 9>"$home/lock"
flock 9 # one at a time

# The client that came with the engine, should there be another one.
[ ! -x /usr/bin/docker ] || ln -sf /usr/bin/docker "$home/bin/docker"
export PATH=$home/bin:$PATH DOCKER_CONFIG=$home/config DOCKER_HOST=unix://$run/docker.sock

dockerd --data-root "$home/data" --ip 127.0.0.1 --exec-root "$run/exec" --host "$DOCKER_HOST" --pidfile "$run/pid" >"$run/log" 2>&1 9>&- &
dockerd=$!
end() {
  set +e # one thing that can't be cleared away keeps nothing else
  docker ps --all --quiet 2>/dev/null | xargs -r docker rm --force --volumes >/dev/null 2>&1
  docker volume prune --force >/dev/null 2>&1
  docker image prune --force >/dev/null 2>&1
  docker builder prune --force --keep-storage 8gb >/dev/null 2>&1
  kill "$dockerd" 2>/dev/null && wait "$dockerd"
  umount "$run"/exec/netns/* 2>/dev/null # a container in this machine's network leaves one
  rm -rf "$run"
  # Docker leaves its rules behind, which cost every packet of this machine a little.
  if [ "$rules" = 0 ]; then
    for table in nat filter; do
      iptables --table "$table" --flush
      iptables --table "$table" --delete-chain
      for chain in PREROUTING INPUT FORWARD OUTPUT POSTROUTING; do
        iptables --table "$table" --policy "$chain" ACCEPT
        iptables --table "$table" --delete-chain "$chain"
      done
    done
    ! command -v ip >/dev/null || ip link delete docker0
    echo "$forward" >/proc/sys/net/ipv4/ip_forward
  fi 2>/dev/null
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
for ((tries = 0; ; tries++)); do
  docker info >/dev/null 2>&1 && break
  if [ "$tries" = 120 ] || ! kill -0 "$dockerd" 2>/dev/null; then
    tail -n 20 "$run/log" >&2
    fail "Debian's dockerd does not run here: see its last lines above"
  fi
  sleep 0.5
done
say "an engine answers"

# Where APT gets Debian from on this machine, and by which proxy.
mirrors() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian'; }
[ -n "$(mirrors)" ] || apt-get -qq update
mirror=$(mirrors | sed -n 1p)
[ -n "$mirror" ] || fail "APT knows no mirror of Debian's"
eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
[ -z "${http_proxy:-}" ] || export http_proxy
if ! docker image inspect debian:trixie-slim >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=ca-certificates,libatomic1 trixie "$run/root" "$mirror" >"$run/debootstrap" ||
    { tail -n 20 "$run/debootstrap" >&2; fail "debootstrap could not make a Debian"; }
  tar -C "$run/root" -c . | docker import - debian:trixie-slim >/dev/null
  rm -rf "$run/root"
  say "debian:trixie-slim is made"
fi

# What goes into the images besides Debian's packages: the pinned Node, this machine's npm with its registry, Kafka's artifacts.
context=$run/context
node=$root/node_modules/.bin/node
[ -x "$node" ] || fail "run npm ci first"
mkdir -p "$context/kafka"
cp "$here"/images/* "$context/"
cp -L "$(readlink -f "$node")" "$context/node"
cp -RL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$context/npm"
echo "registry=$(npm config get registry)" >"$context/npmrc"
cp /etc/ssl/certs/ca-certificates.crt "$context/"
cp "$(cd "$root" && "$node" -p 'require("./test/support/kafkaLibs.ts").kafkaLibs()')"/*.jar "$context/kafka/"

images=$(sed -nE 's/^(FROM|  image:|    image:) ([^ ]+:[^ ]+).*/\2/p' "$root/Dockerfile" "$root/docker-compose.yml" | sort -u)
builds=()
for target in node postgres redis kafka prometheus alpine tools; do
  name=$(grep -E "(^|/)$target:" <<<"$images" || echo herald/tools)
  docker build --quiet --target "$target" --tag "$name" "$context" >"$run/build.$target" 2>&1 9>&- &
  builds+=("$! $target $name")
done
for build in "${builds[@]}"; do
  read -r pid target name <<<"$build"
  wait "$pid" || { cat "$run/build.$target" >&2; fail "what stands in for $name could not be made"; }
done
tools=$(docker create herald/tools true)
docker cp "$tools:/usr/libexec/docker/cli-plugins/docker-compose" "$home/config/cli-plugins/"
docker rm "$tools" >/dev/null
rm -rf "$context"
say "stand-ins for public images are made"

# The reaper that testcontainers would fetch; end() above does its work.
export TESTCONTAINERS_RYUK_DISABLED=true
# Of these no package exists.
export HERALD_COMPOSE_OVERRIDE=$here/stand-ins.yml
"$@" 9>&-
