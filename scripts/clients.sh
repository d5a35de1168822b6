# shellcheck shell=bash
# What the programs of `tests/clients` and `tests/oracles` are made of, from their languages'
# registries.
#
# Sourced, not run. The versions and their hashes are in the tree; everything lands under
# `target/components`, and nothing is installed. Needs `root`, and `components.sh`.

# client NAME: makes the modules of `python`, `node` or `oracles`, or the program `prometheus`,
# available in `client_modules NAME`; false, and `component_reason` set, if they cannot be had.
client() {
    local name=$1 of=tests/clients/$1 to="${components:?}/sdk-$1" wanted staging log lock
    [[ $name != oracles ]] || of=tests/oracles
    wanted="${root:?}/$of"
    case "$name" in
        python | oracles) lock=requirements.txt ;;
        node) lock=package-lock.json ;;
        prometheus) lock=main.go ;;
    esac
    cmp -s "$wanted/$lock" "$to/$lock" && return 0
    say "fetching what $of wants"
    staging="$components/.sdk-$name.$$"
    log="$components/sdk-$name.log"
    rm -rf "$staging" && mkdir -p "$staging"
    if ! "fetch_$name" "$wanted" "$staging" >"$log" 2>&1; then
        rm -rf "$staging"
        component_reason="could not fetch what $of wants: $(tail -n 1 "$log")"
        return 1
    fi
    # The last, as it says that all the others are there.
    cp "$wanted/$lock" "$staging/"
    rm -rf "${to:?}" && mv "$staging" "$to"
}

client_modules() {
    case "$1" in
        python | oracles) echo "${components:?}/sdk-$1" ;;
        node) echo "${components:?}/sdk-node/node_modules" ;;
        prometheus) echo "${components:?}/sdk-prometheus/receiver" ;;
    esac
}

# shellcheck disable=SC2329 # called by name
fetch_python() {
    python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$2" \
        --require-hashes --no-deps --only-binary :all: --requirement "$1/requirements.txt"
}

# shellcheck disable=SC2329 # called by name
fetch_oracles() { fetch_python "$@"; }

# shellcheck disable=SC2329 # called by name
fetch_node() {
    cp "$1/package.json" "$1/package-lock.json" "$2/"
    npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --loglevel=error
}

# What it is built from is kept only until it is.
# shellcheck disable=SC2329 # called by name
fetch_prometheus() {
    local built
    built=$(cd "$1" && GOFLAGS=-modcacherw GOMODCACHE="$2/modules" GOCACHE="$2/objects" \
        go build -mod=readonly -trimpath -o "$2/receiver" . 2>&1) || { echo "$built"; return 1; }
    rm -rf "$2/modules" "$2/objects"
}
