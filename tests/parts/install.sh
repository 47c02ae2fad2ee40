# Installs what is missing, by the names of Debian's and Ubuntu's packages.
# shellcheck shell=bash

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_updated=false
# apt_install PACKAGE...
apt_install() {
    command -v apt-get >/dev/null || return 1
    if ! $apt_updated; then
        as_root apt-get update -qq || return 1
        apt_updated=true
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# have COMMAND
have() { command -v "$1" >/dev/null; }

# need COMMAND PACKAGE...
need() {
    have "$1" || apt_install "${@:2}"
    have "$1" || { echo "$1 is missing and could not be installed (package ${*:2})" >&2; return 1; }
}

need_build_tools() {
    need cc build-essential
    need curl curl ca-certificates
    # The linker is most of an incremental build's time; without mold everything works, only later.
    if [ -z "${RUSTFLAGS-}" ] && { have mold || apt_install mold; } && have mold; then
        export RUSTFLAGS="-C link-arg=-fuse-ld=mold"
    fi
    have cargo || { echo "cargo is missing: install Rust first" >&2; return 1; }
}

# The newest server's directory of programs, printed.
postgres_programs() {
    local initdb
    initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1)
    [ -x "$initdb" ] || initdb=$(command -v initdb) || return 1
    dirname "$(readlink -f "$initdb")"
}

need_postgres() {
    postgres_programs >/dev/null || apt_install postgresql
    postgres_programs >/dev/null
}

need_clients() {
    need jq jq && need python3 python3 && { have node || apt_install nodejs npm; } && { have npm || apt_install npm; } && have node && have npm
}

# node_packages DIRECTORY: copies a client's directory beside the build and installs its packages there; prints the copy.
node_packages() {
    local copy
    copy="$work/$(basename "$1")"
    mkdir -p "$copy"
    cp -a "$1/." "$copy/"
    (cd "$copy" && npm install --no-audit --no-fund --no-package-lock --silent >&2) || return 1
    echo "$copy"
}

# python_packages DIRECTORY: a virtual environment with the packages of its requirements.txt; prints its python.
python_packages() {
    local venv
    venv="$work/venv-$(basename "$1")"
    if [ ! -x "$venv/bin/pip" ]; then
        python3 -m venv "$venv" >/dev/null 2>&1 || { apt_install python3-venv && python3 -m venv "$venv" >&2; } || return 1
    fi
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$1/requirements.txt" >&2 || return 1
    echo "$venv/bin/python"
}
