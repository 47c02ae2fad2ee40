# The go command, and modules of others as directories to run our own code in. Only the Go that is here is used, and none of the
# caller's settings. Needs `$work`, and install.sh.
# shellcheck shell=bash

export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off

# go_since VERSION GO: whether that go command is of the version or a later one.
go_since() {
    local found
    found=$("$2" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$1" "${found#go}" | sort -V | head -1)" = "$1" ]
}

# need_go VERSION: a go command of at least that version, printed. Debian's may be too old; PyPI has it as a package too.
need_go() {
    local python
    if go_since "$1" go; then command -v go; return; fi
    python=$(python_packages tests/conformance) || return 1
    go_since "$1" "$(dirname "$python")/go" && echo "$(dirname "$python")/go"
}

# go_module GO MODULE VERSION CHECKSUM: fetches a module, compares its checksum, and lays it beside the build; prints the place.
go_module() {
    local told copy
    copy="$work/$(basename "$2")-$3"
    told=$("$1" mod download -json "$2@$3") || { echo "$told" >&2; return 1; }
    [ "$(jq -r .Sum <<<"$told")" = "$4" ] || { echo "$2@$3 is not what it was: $told" >&2; return 1; }
    if [ ! -d "$copy" ]; then
        cp -r "$(jq -r .Dir <<<"$told")" "$copy.new" && chmod -R u+w "$copy.new" && mv "$copy.new" "$copy" || return 1
    fi
    echo "$copy"
}
