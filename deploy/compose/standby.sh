#!/bin/sh
# A standby in the image of PostgreSQL: copies the primary into an empty volume, then follows it. Once promoted, it starts as what it is.
set -eu
: "${PRIMARY_HOST:?}" "${PRIMARY_PORT:=5432}" "${PGDATA:?}" "${PASSFILE:=/tmp/.pgpass}"

# Beside the data and not in it: a copy of the volume holds no password.
umask 077
printf '*:*:*:token_broker_replication:%s\n' "$(cat "$REPLICATION_PASSWORD_FILE")" > "$PASSFILE"
if [ "$(id -u)" = 0 ]; then chown postgres "$PASSFILE"; fi

# Written last by a copy: without it, one was interrupted.
if [ ! -s "$PGDATA/global/pg_control" ]; then
  # Beside the data, on the same volume: it becomes the data when it is whole, and begins again until then.
  copy=$PGDATA.copy
  rm -rf "$copy" "$PGDATA"
  # The server's own user goes through the folders above.
  (umask 022 && mkdir -p "$(dirname "$PGDATA")")
  from="host=$PRIMARY_HOST port=$PRIMARY_PORT user=token_broker_replication passfile=$PASSFILE application_name=standby"
  # The slot keeps what the standby has not read; one of the same name is left from an earlier copy.
  slot=--create-slot
  if psql "$from dbname=postgres" --quiet --no-psqlrc --tuples-only --no-align \
    --command "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'standby'" | grep -q standby; then slot=; fi
  pg_basebackup --dbname="$from" --pgdata="$copy" --write-recovery-conf --checkpoint=fast $slot --slot=standby
  # The primary's own: once promoted, this server would wait for a standby that it does not have.
  sed -i '/^synchronous_standby_names/d' "$copy/postgresql.auto.conf"
  mv "$copy" "$PGDATA"
fi
exec ${SERVER:-docker-entrypoint.sh postgres -c hba_file=/etc/postgresql/pg_hba.conf}
