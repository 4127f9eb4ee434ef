#!/usr/bin/env bash
# Runs a command where there is a Docker engine:
#
#   docker/engine.sh pnpm test:compose
#
# Takes the engine that answers. Where none does, starts the one of ../shared/offline-docker, if that
# stands beside this repository, with stand-ins for the images that can't be pulled; it is left running
# for the next time. Without either it says so and fails.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
offline=$root/../shared/offline-docker

if ! docker info >/dev/null 2>&1 && [ -x "$offline/start-docker.sh" ]; then
  # Its last line is the PATH that leads to it.
  eval "$("$offline/start-docker.sh" | grep '^export PATH=')"
  if ! docker image inspect node:26-slim redis:8 postgres:18 caddy:2 prom/prometheus:v3 >/dev/null 2>&1; then
    "$offline/make-standin-images.sh"
  fi
fi
if ! docker info >/dev/null 2>&1; then
  echo 'no Docker engine answers: install Docker Engine 26 or later with Compose 2.26 or later, and start it' >&2
  exit 1
fi
exec "$@"
