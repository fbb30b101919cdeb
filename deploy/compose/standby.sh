#!/bin/sh
# A standby in the image of PostgreSQL: copies the primary into an empty volume, then follows it. Once promoted, it starts as what it is.
set -eu
: "${PRIMARY_HOST:?}" "${PRIMARY_PORT:=5432}" "${PGDATA:?}" "${PASSFILE:=/tmp/.pgpass}"

# Beside the data and not in it: a copy of the volume holds no password.
umask 077
printf '*:*:*:token_broker_replication:%s\n' "$(cat "$REPLICATION_PASSWORD_FILE")" > "$PASSFILE"
if [ "$(id -u)" = 0 ]; then chown postgres "$PASSFILE"; fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # A copy that was interrupted begins again.
  mkdir -p "$PGDATA"
  find "$PGDATA" -mindepth 1 -delete
  from="host=$PRIMARY_HOST port=$PRIMARY_PORT user=token_broker_replication passfile=$PASSFILE application_name=standby"
  # The slot keeps what the standby has not read; one of the same name is left from an earlier copy.
  slot=--create-slot
  if psql "$from dbname=postgres" --quiet --no-psqlrc --tuples-only --no-align \
    --command "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'standby'" | grep -q standby; then slot=; fi
  pg_basebackup --dbname="$from" --pgdata="$PGDATA" --write-recovery-conf --checkpoint=fast $slot --slot=standby
  # The primary's own: once promoted, this server would wait for a standby that it does not have.
  sed -i '/^synchronous_standby_names/d' "$PGDATA/postgresql.auto.conf"
fi
exec ${SERVER:-docker-entrypoint.sh postgres -c hba_file=/etc/postgresql/pg_hba.conf}
