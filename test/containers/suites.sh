#!/usr/bin/env bash
# What only containers can show, where a Docker engine answers: suites of the services against containers, the image, docker-compose.yml.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH

export HERALD_TEST_SERVICES=containers
vitest run --project real --no-file-parallelism test/contracts/Postgres.test.ts test/contracts/Redis.test.ts \
  test/end-to-end/Forged.test.ts test/end-to-end/Prometheus.test.ts
# Kafka takes minutes to give up a broker that was killed: that is left to the native run, and to whoever runs these suites by hand.
vitest run --project real test/end-to-end/Kafka.test.ts --testNamePattern KF1
vitest run --project containers
