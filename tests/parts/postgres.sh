# A PostgreSQL cluster of our own on a free loopback port, thrown away at the end.
# shellcheck shell=bash

postgres_data="$scratch/postgres"

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

postgres_start() {
    local programs port
    programs=$(postgres_programs) && need python3 python3 && port=$(free_port) || return 1
    mkdir "$postgres_data"
    [ "$(id -u)" -ne 0 ] || chown postgres "$postgres_data" || return 1
    (
        cd "$postgres_data" || exit 1
        as_postgres "$programs/initdb" --pgdata="$postgres_data" --auth=trust --username=postgres --no-sync >/dev/null || exit 1
        as_postgres "$programs/postgres" -D "$postgres_data" -p "$port" -c listen_addresses=127.0.0.1 \
            -c unix_socket_directories="$postgres_data" -c max_connections=400 -c fsync=off -c full_page_writes=off \
            >"$work/postgres.log" 2>&1 &
    ) || return 1
    local tries
    for tries in $(seq 100); do
        if "$programs/pg_isready" -q -h 127.0.0.1 -p "$port"; then
            export TESSERA_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
            return 0
        fi
        sleep 0.1
    done
    echo "PostgreSQL did not start after $tries tries:" >&2
    tail -5 "$work/postgres.log" >&2
    return 1
}

postgres_stop() {
    local pid
    pid=$(head -1 "$postgres_data/postmaster.pid" 2>/dev/null) || return 0
    kill -INT "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
