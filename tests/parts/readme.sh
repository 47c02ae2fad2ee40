# The README, as a reader follows it: files that it shows are written, commands fenced as `sh test` are run in their order, and
# the snippets are run against the server that they speak of.
# shellcheck shell=bash

# A fence `LANGUAGE NAME.EXT` is a file; a fence `sh test` is a block of commands.
readme_extract() {
    awk -v to="$1" '
        /^```sh test$/ { file = sprintf("%s/block-%02d.sh", to, ++n); next }
        /^```[a-z]+ [a-z]+\.[a-z]+$/ { file = to "/" $2; next }
        /^```/ { file = "" }
        file { print > file }
    ' README.md
}

# readme_try NAME COMMAND...: one result.
readme_try() {
    local name=$1
    shift
    if "$@" >"$place/$name.out" 2>&1; then
        good=$((good + 1))
    else
        bad=$((bad + 1))
        echo "README.md: $name failed:"
    fi
    cat "$place/$name.out"
}

readme() {
    local place="$scratch/readme" good=0 bad=0 port server block
    local ISSUER TOKEN
    mkdir -p "$place"
    readme_extract "$place" || return 1
    port=$(free_port) || return 1
    # `cargo run --release` of a reader, in an empty directory but for the files above.
    (cd "$place" && TESSERA_LISTEN="127.0.0.1:$port" exec "$repository/target/debug/tessera" >"$work/readme-server.log" 2>&1) &
    server=$!
    export ISSUER="http://127.0.0.1:$port"
    for _ in $(seq 100); do curl -fsS -o /dev/null "$ISSUER/readyz" 2>/dev/null && break; sleep 0.1; done
    for block in "$place"/block-*.sh; do
        readme_try "$(basename "$block")" \
            env -C "$place" PATH="$repository/target/debug:$PATH" bash -euo pipefail "$block"
    done
    readme_try the-check-is-allowed grep -F '"allowed":true' "$place"/block-*.sh.out
    TOKEN=$(curl -s -u web:change-me-to-32-random-characters -d grant_type=client_credentials "$ISSUER/token" | jq -r .access_token)
    export TOKEN
    local node python
    node=$(node_packages tests/clients/oidc) && python=$(python_packages tests/clients/oidc) || return 1
    cp "$place"/*.mjs "$node/"
    for block in "$place"/*.mjs; do readme_try "$(basename "$block")" node "$node/$(basename "$block")"; done
    for block in "$place"/*.py; do readme_try "$(basename "$block")" "$python" "$block"; done
    kill -TERM "$server" && wait "$server"
    echo "$good passed, $bad failed"
    [ "$bad" -eq 0 ]
}
