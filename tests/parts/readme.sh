# The README's commands, run as they stand there: every block that is fenced as `sh test`.
# shellcheck shell=bash

# A block runs in an empty directory with the binary on its PATH and the server under test at $TESSERA_URL.
readme() {
    local blocks="$scratch/readme" good=0 bad=0 block
    mkdir -p "$blocks"
    awk -v to="$blocks" '
        /^```sh test$/ { file = sprintf("%s/%02d.sh", to, ++n); next }
        /^```/ { file = "" }
        file { print > file }
    ' README.md || return 1
    for block in "$blocks"/*.sh; do
        [ -e "$block" ] || break
        mkdir -p "${block%.sh}"
        if (cd "${block%.sh}" && PATH="$repository/target/debug:$PATH" bash -euo pipefail "$block"); then
            good=$((good + 1))
        else
            echo "this block of README.md failed:"
            cat "$block"
            bad=$((bad + 1))
        fi
    done
    echo "$good passed, $bad failed"
    [ "$bad" -eq 0 ]
}
