# An access token whose subject may manage stores (role `policy_manager`), and an API key of the same subject.
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

# need_key: unless TESSERA_API_KEY is set, makes one for TESSERA_CLIENT_ID (default `openfga`) through the admin API, as
# TESSERA_ADMIN_ID (default `keymaker`) with TESSERA_ADMIN_SECRET.
need_key() {
    [ -z "${TESSERA_API_KEY-}" ] || return 0
    local answer admin
    answer=$(curl -sS "$TESSERA_URL/token" --data-urlencode grant_type=client_credentials \
        -u "${TESSERA_ADMIN_ID:-keymaker}:${TESSERA_ADMIN_SECRET:-keymaker-secret-of-the-tests}") || return 1
    admin=$(printf '%s' "$answer" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("access_token", ""))')
    answer=$(curl -sS "$TESSERA_URL/admin/api/api-keys" -H "Authorization: Bearer $admin" --json \
        "{\"name\": \"sdk\", \"owner\": \"client:${TESSERA_CLIENT_ID:-openfga}\"}") || return 1
    TESSERA_API_KEY=$(printf '%s' "$answer" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("secret", ""))')
    [ -n "$TESSERA_API_KEY" ] || { echo "no API key: $answer" >&2; return 1; }
    export TESSERA_API_KEY
}
