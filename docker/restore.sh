#!/usr/bin/env bash
# Starts a project from a folder that docker/backup.sh made, on a machine that has none yet:
#
#   docker/restore.sh FOLDER
#
# Events that were waiting in Redis are stored when the workers start.
set -euo pipefail
dir=${1:?say from where: docker/restore.sh FOLDER}
dir=$(cd "$dir" && pwd)
cd "$(dirname "$0")/.."

if [ -n "$(docker compose ps --all --quiet)" ]; then
  echo 'there is a project already; it would be mixed with what is restored' >&2
  exit 1
fi
docker compose up --detach --wait postgres
# The owner is there already, and saying so is no error.
docker compose exec -T postgres psql -U sluice -d sluice --quiet <"$dir/roles.sql"
docker compose exec -T postgres pg_restore -U sluice -d sluice --exit-on-error <"$dir/sluice.dump"
docker compose run --rm -T --no-deps --entrypoint tar redis -C /data -xf - <"$dir/redis.tar"
docker compose up --detach --wait
