# The server under test for the clients that nobody here wrote: set up from tests/clients/setup.toml, on a free port.
# shellcheck shell=bash

server_pid=

# A certificate for 127.0.0.1, and the authority that the server under test trusts for it: tests/clients/mcp keeps a document there.
mcp_certificate() {
    local place="$work/mcp-site"
    mkdir -p "$place"
    need openssl openssl || return 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=tests' \
        -keyout "$place/ca.key" -out "$place/ca.pem" 2>/dev/null &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=site' \
            -keyout "$place/site.key" -out "$place/site.csr" 2>/dev/null &&
        openssl x509 -req -in "$place/site.csr" -CA "$place/ca.pem" -CAkey "$place/ca.key" -days 2 \
            -extfile <(echo 'subjectAltName=IP:127.0.0.1') -out "$place/site.pem" 2>/dev/null
}

# server_start ENGINE: exports TESSERA_URL.
server_start() {
    local engine=$1 place port
    place="$scratch/server-$1"
    port=$(free_port) || return 1
    export TESSERA_URL="http://127.0.0.1:$port"
    local settings=(TESSERA_LISTEN="127.0.0.1:$port" TESSERA_DATA="$place" TESSERA_APPLY=tests/clients/setup.toml TESSERA_POLICY_INLINE_EXPRESSIONS=true)
    # Applications on this machine are told of sign-outs, and every DPoP proof needs a nonce.
    settings+=(TESSERA_OUTBOUND_ALLOWED=127.0.0.1/32 TESSERA_DPOP_REQUIRE_NONCE=true)
    if [ "$engine" = postgres ]; then
        local database="clients_$$"
        "$(postgres_programs)/createdb" --maintenance-db="$TESSERA_TEST_POSTGRES_URL" "$database" || return 1
        settings+=(TESSERA_DATABASE_URL="${TESSERA_TEST_POSTGRES_URL%/*}/$database")
        settings+=(TESSERA_MASTER_KEY="$(target/debug/tessera keys generate-master)")
    fi
    # For tests/clients/mcp: clients that nobody registered by hand, and the service that they ask tokens for.
    mcp_certificate || return 1
    settings+=(TESSERA_OUTBOUND_ALLOWED=127.0.0.1/32 SSL_CERT_FILE="$work/mcp-site/ca.pem" TESSERA_REGISTRATION_POLICY=open
        TESSERA_REGISTRATION_CLIENT_ID_METADATA_DOCUMENTS=true TESSERA_REGISTRATION_SCOPES="openid offline_access mcp:tools"
        TESSERA_REGISTRATION_RESOURCES=http://127.0.0.1:9321/mcp)
    env "${settings[@]}" target/debug/tessera serve >"$work/server-$engine.log" 2>&1 &
    server_pid=$!
    local tries
    for tries in $(seq 100); do
        curl -fsS -o "$work/readyz.json" "$TESSERA_URL/readyz" 2>/dev/null && return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server on $engine is not ready after $tries tries:" >&2
    tail -5 "$work/server-$engine.log" >&2
    server_stop
    return 1
}

server_stop() {
    [ -n "$server_pid" ] || return 0
    kill -TERM "$server_pid" 2>/dev/null
    wait "$server_pid" 2>/dev/null
    server_pid=
}
