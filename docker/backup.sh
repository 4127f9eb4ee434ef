#!/usr/bin/env bash
# Copies all data of a project that runs, and goes on running, into a folder:
#
#   docker/backup.sh FOLDER
#
# Redis first, then Postgres: an event that is stored in between is in both copies, and storing it again
# changes nothing. The other way round it would be in neither.
set -euo pipefail
dir=${1:?say where: docker/backup.sh FOLDER}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cd "$(dirname "$0")/.."

redis() {
  # shellcheck disable=SC2016 # the container's shell reads its own secret
  docker compose exec -T redis sh -c \
    'REDISCLI_AUTH=$(cat /run/sluice/operator-password) exec redis-cli -e --user operator --no-auth-warning "$@"' sh "$@"
}

# While the append-only file is rewritten, its parts change names.
redis CONFIG SET auto-aof-rewrite-percentage 0 >/dev/null
trap 'redis CONFIG SET auto-aof-rewrite-percentage 100 >/dev/null' EXIT
while redis INFO persistence | grep -q '^aof_rewrite_\(in_progress\|scheduled\):1'; do sleep 1; done
# 1 says that the file grew meanwhile. What is behind the cut was accepted after this began.
docker compose exec -T redis tar -C /data -cf - appendonlydir >"$dir/redis.tar" || [ $? = 1 ]

# The roles with their settings, which belong to the server and not to the database; no passwords, since
# every project has its own.
docker compose exec -T postgres pg_dumpall -U sluice --roles-only --no-role-passwords >"$dir/roles.sql"
docker compose exec -T postgres pg_dump -U sluice --format=custom sluice >"$dir/sluice.dump"
ls -l "$dir"
