# An access token whose subject may manage stores (role `policy_manager`).
# shellcheck shell=bash

# need_token: unless TESSERA_TOKEN is set, gets one by client credentials as TESSERA_CLIENT_ID (default `openfga`) with
# TESSERA_CLIENT_SECRET.
need_token() {
    [ -z "${TESSERA_TOKEN-}" ] || return 0
    local answer
    answer=$(curl -sS "$TESSERA_URL/token" --data-urlencode grant_type=client_credentials \
        -u "${TESSERA_CLIENT_ID:-openfga}:${TESSERA_CLIENT_SECRET:-openfga-secret-of-the-tests}") || return 1
    TESSERA_TOKEN=$(printf '%s' "$answer" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("access_token", ""))')
    [ -n "$TESSERA_TOKEN" ] || { echo "no access token: $answer" >&2; return 1; }
    export TESSERA_TOKEN
}
