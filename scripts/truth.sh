# shellcheck shell=bash
# Stages of `./test` that hold what is reported against the truth: on this machine's kernel, and
# on cgroup v2 in an emulated machine. Sourced, not run; the caller has sourced components.sh.

# shellcheck disable=SC2154 # `root` is the caller's
tables="$root/target/truth"

# Builds the load program, linked statically so that it runs in any container.
prepare_load() {
    local target="$root/target/load"
    if RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$target \
        cargo build --quiet --release --package load >"$root/target/load.log" 2>&1; then
        export DOCKMETER_TEST_LOAD="$target/release/load"
    else
        export DOCKMETER_TEST_LOAD_MISSING="the load program could not be linked statically; $(tail -n 1 "$root/target/load.log")"
        say "no load program: $DOCKMETER_TEST_LOAD_MISSING"
    fi
}

# Runs the truth tests on this machine, all at once: each waits most of its time.
run_truth() {
    local version=v1 status=0
    [[ -e /sys/fs/cgroup/cgroup.controllers ]] && version=v2
    mkdir -p "$tables"
    rm -f "$tables/here"
    say "holding reports against the truth"
    DOCKMETER_TEST_ROWS="$tables/here" cargo test --all-features --test it -- truth:: --test-threads=16 "$@" || status=$?
    about_engine=$([[ -z ${DOCKMETER_TEST_DOCKER:-} || -z ${DOCKMETER_TEST_ENGINE:-} ]] ||
        DOCKER_HOST="unix://$DOCKMETER_TEST_ENGINE/docker.sock" "$DOCKMETER_TEST_DOCKER" version -f '{{.Server.Version}}' 2>/dev/null) || about_engine=
    echo "Linux $(uname -r | cut -d- -f1), cgroup $version, Docker Engine $about_engine" >"$tables/here.about"
    show_table here
    return "$status"
}

# Why the emulated machine cannot run here; empty if it can.
machine_missing() {
    local name
    [[ $(uname -m) == x86_64 ]] || { echo "the emulated machine is for x86-64"; return; }
    [[ -n ${DOCKMETER_TEST_LOAD:-} ]] || { echo "$DOCKMETER_TEST_LOAD_MISSING"; return; }
    for name in qemu kernel e2fsprogs docker busybox; do
        component "$name" || { echo "$component_reason"; return; }
    done
}

# Runs the truth tests in the emulated machine.
run_machine() {
    local reason tests status=0
    reason=$(machine_missing)
    if [[ -n $reason ]]; then
        echo "skipped: the emulated machine: $reason" | tee -a "$DOCKMETER_TEST_SKIPPED" >&2
        return 0
    fi
    tests=$(cargo test --all-features --no-run --test it 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
    [[ -n $tests ]] || { echo "test: no test binary for the emulated machine" >&2; return 1; }
    say "holding reports against the truth on cgroup v2, in an emulated machine; this takes some minutes"
    mkdir -p "$tables"
    rm -f "$tables"/machine*
    scripts/machine.sh "$root/target/machine" "$tests" "${CARGO_TARGET_DIR:-$root/target}/debug/dockmeter" \
        "$DOCKMETER_TEST_LOAD" truth:: --test-threads=6 || status=$?
    [[ -e "$root/target/machine/rows" ]] && cp "$root/target/machine/rows" "$tables/machine"
    sed -n 's/^machine: about //p' "$root/target/machine/console" >"$tables/machine.about" 2>/dev/null || true
    show_table machine
    return "$status"
}

# show_table NAME: prints what one run has compared.
show_table() {
    [[ -s "$tables/$1" ]] || return 0
    say "$(cat "$tables/$1.about")"
    { echo "| what | truth | reported | relative error |"; LC_ALL=C sort "$tables/$1"; } |
        { column -t -s '|' -o '|' 2>/dev/null || cat; } >&2
}

# Puts the tables of the last runs into docs/accuracy.md, each between its marks.
write_accuracy() {
    local name page="$root/docs/accuracy.md"
    for name in here machine; do
        [[ -s "$tables/$name" ]] || continue
        {
            printf '%s:\n\n| what | truth | reported | relative error |\n|---|--:|--:|--:|\n' "$(cat "$tables/$name.about")"
            LC_ALL=C sort "$tables/$name"
        } >"$tables/$name.md"
        awk -v name="$name" -v table="$tables/$name.md" '
            $0 == "<!-- " name " -->" { print; while ((getline line <table) > 0) print line; inside = 1; next }
            $0 == "<!-- end of " name " -->" { inside = 0 }
            !inside' "$page" >"$page.new" && mv "$page.new" "$page"
    done
}
