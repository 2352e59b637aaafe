#!/bin/sh
# Starts PostgreSQL on the container's volume; makes its files there the first time.
set -eu
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$data/PG_VERSION" ]; then
  # Under another name until it is complete: a crash on the way leaves nothing that looks like a database.
  rm -rf "$data.new"
  "$bin/initdb" --pgdata="$data.new" --username=postgres --pwfile=/run/secrets/password --auth=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C
  echo "host all all all scram-sha-256" >>"$data.new/pg_hba.conf"
  sync
  mv "$data.new" "$data"
  sync
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off "$@"
