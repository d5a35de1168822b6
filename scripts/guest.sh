#!/usr/bin/env bash
# A throwaway copy of this machine with a systemd of its own: packages are installed, services
# run, and nothing of it is left.
#
#   guest.sh start DIR [SHARED…]   boot one whose state is in DIR; SHARED is PATH or PATH:THERE, a
#                                  file or folder that is seen in it
#   guest.sh run DIR COMMAND…      run a command in it, as root
#   guest.sh written DIR           the files that differ from this machine's, one a line
#   guest.sh stop DIR              end it and remove DIR
#
# The files are an overlay over this machine's `/`; processes, mounts, network, names and
# cgroups are namespaces of its own, and `/sys` and `/proc/sys` are read-only, so that its systemd
# finds nothing of this machine to set. It has no way out of its network. Needs root, overlayfs
# and systemd.
set -euo pipefail

fail() { echo "guest: $*" >&2; exit 1; }

command=${1:?start, run, written or stop}
dir=$(realpath -m "${2:?a directory}")
shift 2

# How long it may take to boot.
boot_seconds=120
# The cgroup below which its systemd makes its own.
group="dockmeter-guest-$(basename "$dir")"

# What would reach out of it, or empty a folder that is shared with it.
masked=(systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-sysctl.service
    systemd-tmpfiles-setup.service systemd-tmpfiles-clean.timer systemd-remount-fs.service systemd-random-seed.service
    docker.service docker.socket containerd.service)

# The hierarchy that systemd names its services in: its own on v1, the only one on v2.
systemd_hierarchy() {
    [[ -e /sys/fs/cgroup/cgroup.controllers ]] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/systemd
}

# The process outside whose children are the guest, and the guest's first process as seen here.
keeper() { cat "$dir/keeper" 2>/dev/null; }
first() { pgrep -P "$(keeper)" 2>/dev/null; }

# share PATH THERE: shows a file or folder at another place.
share() {
    if [[ -d $1 ]]; then
        mkdir -p "$2"
    else
        mkdir -p "$(dirname "$2")"
        : >"$2"
    fi
    mount --rbind "$1" "$2"
}

# Runs in the namespaces of the guest, before its systemd: makes its file systems.
boot() {
    local new="$dir/root" shared name
    mount -t tmpfs guest "$dir/layers"
    mkdir -p "$dir/layers"/{upper,work} "$new"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/layers/upper,workdir=$dir/layers/work" "$new"
    cd "$new"
    # Machines made from images have one that forbids packages to start services.
    rm -f usr/sbin/policy-rc.d
    for name in proc sys dev run tmp; do
        [[ -d $name ]] || mkdir "$name"
    done
    mount -t proc proc proc
    mount --bind -o ro proc/sys proc/sys && mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
    else
        mount -t tmpfs cgroup sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
        mount -o remount,ro sys/fs/cgroup
    fi
    mount -t tmpfs dev dev
    for name in null zero full random urandom tty; do
        : >"dev/$name" && mount --bind "/dev/$name" "dev/$name"
    done
    ln -s /proc/self/fd dev/fd
    mkdir dev/shm dev/pts
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs run run
    mount -t tmpfs tmp tmp
    mkdir -p run/systemd/system.control run/guest
    mount --bind "$dir/layers" run/guest
    for name in "${masked[@]}"; do
        ln -s /dev/null "run/systemd/system.control/$name"
    done
    for shared; do
        share "${shared%%:*}" ".${shared##*:}"
    done
    ip link set lo up
    hostname guest
    pivot_root . mnt
    umount -l /mnt
    exec env -i container=dockmeter-guest PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=0
}

start() {
    [[ $(id -u) == 0 ]] || fail "needs root"
    [[ -x /lib/systemd/systemd ]] || fail "this machine has no systemd"
    [[ ! -e $dir ]] || stop
    mkdir -p "$dir/layers"
    local hierarchy
    hierarchy=$(systemd_hierarchy)
    mkdir -p "$hierarchy/$group"
    (
        # Its cgroup namespace begins where it is.
        echo "$BASHPID" >"$hierarchy/$group/cgroup.procs"
        exec setsid unshare --mount --propagation private --pid --fork --kill-child --net --uts --ipc --cgroup \
            "$0" boot "$dir" "$@" >"$dir/log" 2>&1 </dev/null
    ) &
    echo $! >"$dir/keeper"
    local state
    for ((i = 0; i < boot_seconds * 5; i++)); do
        kill -0 "$(keeper)" 2>/dev/null || fail "it ended at once: $(tail -n 5 "$dir/log")"
        state=$(run systemctl is-system-running 2>/dev/null) || true
        [[ $state == running || $state == degraded ]] && return
        sleep 0.2
    done
    fail "it has not booted within $boot_seconds s; it is \`$state\`"
}

run() {
    local process
    process=$(first) || fail "nothing runs in \`$dir\`"
    nsenter --target "$process" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

# A file that was removed is a character device in the upper layer.
written() { run find /run/guest/upper -mindepth 1 ! -type c -printf '/%P\n' | sort; }

stop() {
    local process hierarchy folder
    if process=$(first); then
        # The first process of a namespace takes all others along.
        kill -KILL "$process" 2>/dev/null || true
    fi
    process=$(keeper) || process=
    for ((i = 0; i < 100; i++)); do
        [[ -n $process ]] && kill -0 "$process" 2>/dev/null || break
        sleep 0.1
    done
    hierarchy=$(systemd_hierarchy)
    if [[ -d "$hierarchy/$group" ]]; then
        find "$hierarchy/$group" -depth -type d | while read -r folder; do
            rmdir "$folder" 2>/dev/null || true
        done
    fi
    rm -rf "$dir"
}

case "$command" in
    boot) boot "$@" ;;
    start) start "$@" ;;
    run) run "$@" ;;
    written) written ;;
    stop) stop ;;
    *) fail "\`$command\` is none of start, run, written, stop" ;;
esac
