#!/usr/bin/env bash
# A Docker engine of its own: own data, socket, pid file, containerd and bridge.
#
#   engine.sh start DIR [FLAG…]   start one in DIR and wait until it answers; FLAGs go to dockerd
#   engine.sh again DIR           start dockerd again in DIR, after it was killed
#   engine.sh stop DIR            stop it and remove every trace: containers, mounts, bridge, DIR
#
# Needs root and the components `docker`, `busybox` and `ip` (scripts/components.sh); with
# ENGINE_COMPONENT=docker28 at the start the engine is that component's, which needs `docker`
# beside it, and with ENGINE_COMPONENT=podman it is Podman's service (scripts/podman.sh). The
# socket is DIR/docker.sock; the image `dockmeter-test` is static busybox. Another engine's
# containers, networks and files are never touched.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd -P)
# shellcheck source=scripts/components.sh
. "$root/scripts/components.sh"

# A Unix socket's path has at most 107 characters; containerd's is this much longer than DIR.
longest_directory=66

command=${1:?start, again or stop}
dir=${2:?a directory}
shift 2

# The engine that was started in DIR, else the one that is asked for.
component=$(cat "$dir/component" 2>/dev/null) || component=${ENGINE_COMPONENT:-docker}
[[ $component != podman ]] || exec "$root/scripts/podman.sh" "$command" "$dir"
PATH="$(component_path "$component" docker busybox ip)$PATH"
libraries=$(component_libraries "$component")
export PATH
[[ -z $libraries ]] || export LD_LIBRARY_PATH=$libraries
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS_VERIFY

fail() { echo "engine: $*" >&2; exit 1; }

client() { DOCKER_CONFIG="$dir/client" timeout 30 docker -H "unix://$dir/docker.sock" "$@"; }

# Makes a bridge with a name and a subnet that nothing else on this machine has. The engine is
# given this bridge, since it would otherwise take `docker0` and change the firewall.
make_bridge() {
    local third name
    for third in $(shuf -i 64-254); do
        ip -4 route show | grep -q "172\.31\.$third\." && continue
        name="dmt$third"
        ip link add "$name" type bridge 2>/dev/null || continue
        echo "$name" >"$dir/bridge"
        ip addr add "172.31.$third.1/24" dev "$name"
        ip link set "$name" up
        return
    done
    fail "could not make a bridge with \`ip link add\`"
}

# Starts dockerd in the background and waits until it answers.
serve() {
    local flags=()
    mapfile -t flags <"$dir/flags"
    setsid dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/x" \
        -p "$dir/pid" -H "unix://$dir/docker.sock" -b "$(cat "$dir/bridge")" \
        --iptables=false --ip6tables=false "${flags[@]}" >>"$dir/log" 2>&1 </dev/null &
    for _ in $(seq 150); do
        client version >/dev/null 2>&1 && return
        kill -0 $! 2>/dev/null || fail "dockerd stopped at once; $(tail -n 3 "$dir/log")"
        sleep 0.2
    done
    fail "dockerd did not answer within 30 s; $(tail -n 3 "$dir/log")"
}

# Starts dockerd where one was killed: it may not have been reaped yet, and its pid file would
# stop the new one, so both files are removed once nothing runs any more.
again() {
    local file process
    for file in "$dir/pid" "$dir/x/containerd/containerd.pid"; do
        process=$(cat "$file" 2>/dev/null) || continue
        for _ in $(seq 50); do
            ours "$process" || break
            sleep 0.1
        done
        ours "$process" || rm -f "$file"
    done
    serve
}

# The image that the tests run: static busybox, a name for each of its programs.
import_image() {
    local tree="$dir/image"
    mkdir -p "$tree/bin" "$tree/tmp" "$tree/etc"
    chmod 1777 "$tree/tmp"
    cp "$(component_program busybox busybox)" "$tree/bin/busybox"
    "$tree/bin/busybox" --list | while read -r program; do
        [[ $program == busybox ]] || ln -s busybox "$tree/bin/$program"
    done
    tar -C "$tree" -c . | client import -c 'CMD ["/bin/sh"]' - dockmeter-test >/dev/null
    rm -rf "$tree"
}

start() {
    ((${#dir} <= longest_directory)) || fail "\`$dir\` is longer than $longest_directory characters, too long for sockets"
    [[ $(id -u) == 0 ]] || fail "an engine of its own needs root"
    if [[ -e $dir ]]; then
        stop
        # It may have been another component's.
        exec "$0" start "$dir" "$@"
    fi
    mkdir -p "$dir"
    echo "$component" >"$dir/component"
    if [[ $(dockerd --version) == *\ version\ 1* || $(dockerd --version) == *\ version\ 20* ]]; then
        # Engines of that age otherwise leave a key in /etc/docker.
        printf '{"deprecated-key-path": "%s/key.json"}\n' "$dir" >"$dir/daemon.json"
    else
        echo '{}' >"$dir/daemon.json"
    fi
    printf '%s\n' --shutdown-timeout=1 "$@" >"$dir/flags"
    make_bridge
    serve
    import_image
}

# Whether a process belongs to the engine in DIR.
ours() { { tr "\0" " " <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF -- "$dir/"; }

# Ends a process that is ours: politely, and after 15 s not so.
end() {
    ours "$1" || return 0
    kill -CONT "$1" 2>/dev/null || return 0
    kill -TERM "$1" 2>/dev/null || return 0
    for _ in $(seq 150); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || return 0
}

# Kills what is left in the cgroups of the engine's containers, then removes these.
end_containers() {
    local id group
    for id in "$dir"/data/containers/*/; do
        [[ -d $id ]] || continue
        id=$(basename "$id")
        while read -r group; do
            { xargs -r kill -KILL <"$group/cgroup.procs"; } 2>/dev/null || true
            rmdir "$group" 2>/dev/null || true
        done < <(find /sys/fs/cgroup -depth -type d -name "*$id*" 2>/dev/null)
    done
}

stop() {
    local process mount networks
    process=$(cat "$dir/pid" 2>/dev/null) || process=
    # A test may have frozen it.
    [[ -n $process ]] && ours "$process" && kill -CONT "$process"
    if client version >/dev/null 2>&1; then
        client ps -aq | xargs -r -n 50 env DOCKER_CONFIG="$dir/client" docker -H "unix://$dir/docker.sock" rm -f >/dev/null 2>&1 || true
        networks=$(client network ls -q --filter type=custom) || networks=
        [[ -z $networks ]] || xargs -n 1 <<<"$networks" env DOCKER_CONFIG="$dir/client" docker -H "unix://$dir/docker.sock" network rm >/dev/null 2>&1 || true
    fi
    for process in "$(cat "$dir/pid" 2>/dev/null)" "$(cat "$dir/x/containerd/containerd.pid" 2>/dev/null)"; do
        [[ -z $process ]] || end "$process"
    done
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        [[ $process != "$$" && $(readlink "/proc/$process/exe") == */containerd-shim* ]] 2>/dev/null &&
            ours "$process" && kill -KILL "$process" 2>/dev/null
    done
    end_containers
    # The deepest mounts first.
    awk -v under="$dir/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
        umount -l "$mount" 2>/dev/null || true
    done
    [[ ! -e "$dir/bridge" ]] || ip link del "$(cat "$dir/bridge")" 2>/dev/null || true
    rm -rf "$dir"
}

case "$command" in
    start) start "$@" ;;
    again) again ;;
    stop) stop ;;
    *) fail "\`$command\` is none of start, again, stop" ;;
esac
