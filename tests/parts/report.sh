# Runs parts, keeps their logs, adds up what they say.
# shellcheck shell=bash

passed=0
failed=0
summary=()

# note NAME PASSED FAILED, with the seconds since the note before
noted_at=0
note() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    summary+=("$(printf '%-24s %5d passed %5d failed %5d s' "$1" "$2" "$3" $((SECONDS - noted_at)))")
    noted_at=$SECONDS
}

# A part that could not run counts as failed.
left_out() {
    echo "== $1: left out: $2" >&2
    note "$1" 0 1
}

# run_logged NAME COMMAND...: shows the output and keeps it in a log; the command's own exit status.
run_logged() {
    local name=$1
    shift
    echo "== $name: $*"
    "$@" 2>&1 | tee "$work/$name.log"
    return "${PIPESTATUS[0]}"
}

# check NAME COMMAND...: one result, by exit status.
check() {
    if run_logged "$@"; then note "$1" 1 0; else note "$1" 0 1; fi
}

# counted NAME COMMAND...: adds up cargo's `test result` lines, or the command's own last `N passed, N failed`. A command that
# fails without saying so, or that says nothing, counts as one failure.
counted() {
    local name=$1 status=0 good=0 bad=0
    run_logged "$@" || status=$?
    read -r good bad < <(awk '
        /^test result: / { good += $4; bad += $6; cargo = 1 }
        /^[0-9]+ passed, [0-9]+ failed/ { last_good = $1; last_bad = $3 }
        END { if (cargo) print good + 0, bad + 0; else print last_good + 0, last_bad + 0 }
    ' "$work/$name.log")
    if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
    note "$name" "$good" "$bad"
}

report() {
    echo
    printf '%s\n' "${summary[@]}"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
