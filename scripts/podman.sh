#!/usr/bin/env bash
# Podman's Docker-compatible service with data, settings and socket of its own. Called by
# engine.sh for ENGINE_COMPONENT=podman, with the same commands and the same things in DIR:
# `docker.sock`, the image `dockmeter-test`, `pid`, `log`.
#
# Needs root and the components `podman` and `busybox`. Containers need `--network=none`: the
# plugins for other networks are not unpacked. Raised limits, Podman's own defaults, are not
# permitted on every machine and are left out.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/components.sh
. "$root/scripts/components.sh"

command=${1:?start or stop}
dir=${2:?a directory}

PATH="$(component_path podman busybox)$PATH"
LD_LIBRARY_PATH=$(component_libraries podman)
export PATH LD_LIBRARY_PATH HOME="$dir/home" CONTAINERS_CONF="$dir/containers.conf"
unset XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_DATA_HOME CONTAINER_HOST

fail() { echo "podman: $*" >&2; exit 1; }

# Where root's Podman remembers blobs, whatever its settings are.
cache=/var/lib/containers/cache

own=(--root "$dir/data" --runroot "$dir/run")

podman() { command podman "${own[@]}" "$@"; }

# Everything that would otherwise be looked for in /etc and /usr.
write_settings() {
    local policy
    policy=$(find "$components/podman" -name policy.json | head -n 1)
    mkdir -p "$dir/home/.config/containers"
    cp "$policy" "$dir/home/.config/containers/policy.json"
    cat >"$dir/containers.conf" <<TEXT
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
seccomp_profile = "$(find "$components/podman" -name seccomp.json | head -n 1)"
[network]
network_config_dir = "$dir/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
conmon_path = ["$(component_program podman conmon)"]
runtime = "runc"
tmp_dir = "$dir/tmp"
static_dir = "$dir/static"
volume_path = "$dir/volumes"
[engine.runtimes]
runc = ["$(component_program podman runc)"]
TEXT
}

import_image() {
    local tree="$dir/image" program
    mkdir -p "$tree/bin" "$tree/tmp" "$tree/etc"
    cp "$(component_program busybox busybox)" "$tree/bin/busybox"
    "$tree/bin/busybox" --list | while read -r program; do
        [[ $program == busybox ]] || ln -s busybox "$tree/bin/$program"
    done
    tar -C "$tree" -c . | podman import -q -c 'CMD ["/bin/sh"]' - dockmeter-test >>"$dir/log" 2>&1
    rm -rf "$tree"
}

start() {
    [[ $(id -u) == 0 ]] || fail "an engine of its own needs root"
    [[ -e $dir ]] && stop
    mkdir -p "$dir"
    echo podman >"$dir/component"
    [[ -e $cache ]] || touch "$dir/cache-is-ours"
    write_settings
    import_image || fail "the image could not be made; $(tail -n 3 "$dir/log")"
    setsid podman "${own[@]}" system service --time=0 "unix://$dir/docker.sock" >>"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    for _ in $(seq 150); do
        [[ -S $dir/docker.sock ]] && return
        kill -0 $! 2>/dev/null || fail "the service stopped at once; $(tail -n 3 "$dir/log")"
        sleep 0.2
    done
    fail "the service did not open its socket within 30 s; $(tail -n 3 "$dir/log")"
}

# Whether a process belongs to DIR.
ours() { { tr "\0" " " <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF -- "$dir/"; }

stop() {
    local process mount
    [[ ! -e $dir/containers.conf ]] || podman rm --force --all --time 0 >/dev/null 2>&1 || true
    process=$(cat "$dir/pid" 2>/dev/null) || process=
    if [[ -n $process ]] && ours "$process"; then
        kill -TERM "$process" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$process" 2>/dev/null || break
            sleep 0.1
        done
    fi
    # The deepest mounts first.
    awk -v under="$dir/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
        umount -l "$mount" 2>/dev/null || true
    done
    # Empty ones only; another service's are not.
    find /sys/fs/cgroup -mindepth 2 -depth -type d -path '*/libpod_parent*' -exec rmdir {} \; 2>/dev/null || true
    if [[ -e $dir/cache-is-ours ]]; then
        rm -f "$cache/blob-info-cache-v1.boltdb"
        rmdir -p "$cache" 2>/dev/null || true
    fi
    rm -rf "$dir"
}

case "$command" in
    start) start ;;
    stop) stop ;;
    *) fail "\`$command\` is none of start, stop" ;;
esac
