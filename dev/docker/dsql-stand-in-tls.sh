#!/bin/sh
# Runs once, when a stand-in's data folder is new: makes it speak as Aurora DSQL does.
set -eu

openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=dsql-stand-in" \
    -keyout "$PGDATA/server.key" -out "$PGDATA/server.crt" 2>/dev/null
chmod 600 "$PGDATA/server.key"

cat >>"$PGDATA/postgresql.conf" <<'CONF'
ssl = on
# The plugin's reservoir holds about 50 connections per Temporal process, also with a pool of 10.
max_connections = 500
CONF

# DSQL refuses a connection that is not encrypted.
sed -i 's/^host  *all  *all  *all /hostssl all all all /' "$PGDATA/pg_hba.conf"
