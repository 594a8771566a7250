#!/bin/sh
# Makes a PostgreSQL speak as Aurora DSQL does, at every start: nothing of it is kept in the data folder, so an
# interrupted first start leaves nothing undone.
set -eu

# A new data folder is made beside its place and becomes one last, with PG_VERSION: until then it is made anew.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA/.new"
    install -d -o postgres -g postgres -m 0700 "$PGDATA" "$PGDATA/.new"
    setpriv --reuid=postgres --regid=postgres --init-groups \
        initdb --pgdata="$PGDATA/.new" --username=admin --auth=trust
    mv "$PGDATA/.new/PG_VERSION" /tmp/PG_VERSION
    cp -a "$PGDATA/.new/." "$PGDATA"
    mv /tmp/PG_VERSION "$PGDATA/PG_VERSION"
fi
rm -rf "$PGDATA/.new"

mkdir -p /etc/dsql-stand-in
cd /etc/dsql-stand-in
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=dsql-stand-in" \
    -keyout server.key -out server.crt 2>/dev/null
# DSQL refuses a connection that is not encrypted.
printf '%s all all %s trust\n' local '' hostssl all >hba.conf
chown postgres:postgres server.key
chmod 600 server.key

# What DSQL does at its commits, here at once: a transaction sees what was committed before it began, and one that comes
# too late fails (40001). PostgreSQL 17 can also end one after DSQL's five minutes; the tests run on an older one.
set -- -c default_transaction_isolation='repeatable read'
if postgres --describe-config | grep -q '^transaction_timeout'; then
    set -- "$@" -c transaction_timeout=5min
fi

# The plugin's reservoir holds about 50 connections per Temporal process, also with a pool of 10.
exec docker-entrypoint.sh postgres -c listen_addresses='*' -c max_connections=500 -c ssl=on \
    -c ssl_cert_file="$PWD/server.crt" -c ssl_key_file="$PWD/server.key" -c hba_file="$PWD/hba.conf" "$@"
