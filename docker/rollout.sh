#!/usr/bin/env bash
# Brings what runs to the sources of this checkout, without a pause:
#
#   SOURCE_VERSION=$(git rev-parse --short HEAD) docker/rollout.sh [SERVICE…]
#
# Builds, migrates (ingest accepts meanwhile), and replaces worker, stats and ingest: new containers
# beside the old ones, then the old ones stopped one by one. A stopped ingest answers what it has, and
# the gateway asks the others; a stopped worker stores what it holds. Redis, Postgres and the gateway are
# left alone: when they change, `docker compose up -d` replaces them, with a pause of seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
services=("$@")
[ ${#services[@]} -gt 0 ] || services=(worker stats ingest)

docker compose build migrate "${services[@]}"
docker compose run --rm -T --no-deps migrate

for service in "${services[@]}"; do
  mapfile -t old < <(docker compose ps --quiet "$service")
  echo "$service: ${#old[@]} to replace"
  docker compose up --detach --wait --no-deps --no-recreate --no-build --scale "$service=$((2 * ${#old[@]}))" "$service"
  for id in "${old[@]}"; do
    docker stop "$id" >/dev/null
    docker rm "$id" >/dev/null
  done
done
