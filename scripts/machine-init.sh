#!/bin/sh
# The first process of the emulated machine (scripts/machine.sh): makes a host of it, starts an
# engine, runs the tests, says how they ended, and turns the machine off.
export PATH=/bin:/usr/bin HOME=/ TMPDIR=/tmp

say() { echo "machine: $*"; }

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
ln -s /proc/self/fd /dev/fd
hostname machine
ip link set lo up
# Counters of interfaces are compared exactly; nothing else shall speak on them.
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
say "kernel $(uname -r), up for $(cut -d' ' -f1 /proc/uptime) s, clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"

# Controllers reach children of the root only once no process is in their way.
mkdir /sys/fs/cgroup/init
for process in $(cat /sys/fs/cgroup/cgroup.procs); do
    echo "$process" >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null
done
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done

# containerd on its own: dockerd would give it 15 s to start, which is little here.
mkdir -p /engine /run/containerd
containerd >/engine/containerd.log 2>&1 &
until [ -S /run/containerd/containerd.sock ] || ! kill -0 $!; do sleep 1; done
dockerd --containerd /run/containerd/containerd.sock --data-root /engine/data --exec-root /run/docker \
    -p /engine/pid -H unix:///engine/docker.sock --exec-opt native.cgroupdriver=cgroupfs \
    --iptables=false --ip6tables=false --userland-proxy=false --bip 172.31.0.1/24 >/engine/log 2>&1 &
export DOCKER_HOST=unix:///engine/docker.sock
until docker version >/dev/null 2>&1; do
    if ! kill -0 $!; then
        tail -n 20 /engine/containerd.log /engine/log
        say "dockerd has ended"
        poweroff -f
    fi
    sleep 1
done
say "engine $(docker version -f '{{.Server.Version}}'), up for $(cut -d' ' -f1 /proc/uptime) s"
tar -C / -cf - bin tmp | docker import -c 'CMD ["/bin/sh"]' - dockmeter-test >/dev/null
say "about Linux $(uname -r), cgroup v2, Docker Engine $(docker version -f '{{.Server.Version}}'), under qemu's software emulation"
say "image, up for $(cut -d' ' -f1 /proc/uptime) s"

export DOCKMETER_TEST_ENGINE=/engine DOCKMETER_TEST_DOCKER=/usr/bin/docker DOCKMETER_TEST_LOAD=/truth/load
export DOCKMETER_TEST_ROWS=/truth/rows DOCKMETER_TEST_PATIENCE=10 DOCKMETER_TEST_EMULATED=1 RUST_BACKTRACE=1
set --
while read -r argument; do set -- "$@" "$argument"; done </truth/arguments
cd /truth || exit
say "tests"
/truth/tests "$@" 2>&1
status=$?
say "end of tests"
say "rows"
cat /truth/rows 2>/dev/null
say "end of rows"
say "up for $(cut -d' ' -f1 /proc/uptime) s"
say "exit status $status"
sync
poweroff -f
